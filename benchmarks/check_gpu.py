"""Check and time the kernels on a machine with an NVIDIA GPU, in one command of under eight minutes.

    python benchmarks/check_gpu.py --out h200.json

Correctness first: the kernels are built and their registers read, every walk is compared with NumPy's bit for bit (the
tests of the backend, and whole runs with resumptions), and the walks run under compute-sanitizer if it is installed.
Then come the cases of `kmc bench`, whole runs from the command line to the last picture, and where the time of a frame
goes. The steps have time limits, which add up to eight minutes; a step that exceeds its own counts as failed. Exit
code 0 if everything passed, 1 if a check failed (the JSON file says which), 2 if there is no usable GPU.

`--stand-in` takes the same steps, shortened, on the stand-in for CuPy of the tests; its times mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STAND_IN = ROOT / "tests" / "stand_in"
# Tests with a parameter for each backend are selected by its name; those below them compare the backends inside.
BY_NAME = (
    "kmc/backends/test_backends.py",
    "kmc/backends/test_rejection_free.py",
    "kmc/exact/test_oracle.py",
    "kmc/files/test_checkpoint.py",
    "kmc/tables/test_coulomb.py",
    "physics/test_domains.py",
    "physics/test_grand_canonical.py",
)
WHOLE = (
    "kmc/backends/test_cuda_compact.py",
    "kmc/backends/test_cuda_stand_in.py::test_every_walk_on_the_stand_in_equals_numpy",
    "kmc/run/test_device_frames.py::test_files_of_device_runs_equal_those_of_numpy",
    "kmc/run/test_device_frames.py::test_limits_of_displacements_are_checked_on_the_device",
    "runs/test_whole_device_runs.py",
)
SHORT = ("runs/test_whole_device_runs.py::test_a_whole_run_on_the_stand_in_equals_one_on_the_host[smallest]",)
LIMIT_S = {"registers": 60, "bit for bit": 110, "whole runs": 80, "sanitizer": 60}  # the rows below take 170
CASES = (
    "ideal-512",
    "ideal-8000",
    "ideal-512-carriers",
    "gdc-1000K",
    "gdc-673K",
    "ideal-1e4",
    "ideal-1e6",
    "ideal-1e8",
    "mixed",
    "mixed-vacancies",
    "mixed-electrons",
)
END_TO_END = {
    "ideal-512": ("ideal-fluorite", ["crystal.repeats=[4, 4, 4]", "run.replicas=65536", "run.temperature_K=1000"]),
    "gdc-1000K": ("gdc", ["run.replicas=4096", "run.temperature_K=1000"]),
    "ideal-1e6": (
        "ideal-fluorite",
        ["crystal.repeats=[50, 50, 50]", "run.replicas=1", 'run.parallel={domains={block="auto"}}'],
    ),
}
RUN = ['run.positions="none"', "run.frames=100", "run.equilibration={hops_per_carrier=2}"]


def main() -> int:
    """Run every step; the JSON file is written after each, so that an interrupted run keeps its results."""
    arguments = _arguments()
    sys.path[:0] = [str(STAND_IN), str(ROOT)] if arguments.stand_in else [str(ROOT)]
    from kmc.backends import choose_backend
    from lattices.errors import InputError
    from runs.bench import machine

    try:
        choose_backend("cuda")
    except InputError as error:
        print(f"check_gpu: {error}", file=sys.stderr)
        return 2
    played = bool(arguments.stand_in)
    found: dict[str, Any] = {"machine": machine(), "stand_in": played, "checks": {}, "rows": [], "end_to_end": {}}
    checks: dict[str, Callable[[float], dict[str, Any]]] = {
        "registers": lambda limit: _registers(),
        "bit for bit": lambda limit: _tests(() if played else BY_NAME, limit, played, "cuda or gpu"),
        "whole runs": lambda limit: _tests(SHORT if played else WHOLE, limit, played),
        "sanitizer": lambda limit: _sanitizer(limit, played),
    }
    for name, check in checks.items():
        start = time.monotonic()
        found["checks"][name] = check(LIMIT_S[name]) | {"seconds": round(time.monotonic() - start, 1)}
        print(f"{name}: {found['checks'][name]}", flush=True)
        _write(arguments.out, found)
    for case in CASES[:1] if played else CASES:
        found["rows"].append(_row(case, arguments.seconds, played))
        print(f"{case}: {found['rows'][-1]['accepted_per_s']:.3g} hops/s", flush=True)
        _write(arguments.out, found)
    for case in ["ideal-512"] if played else END_TO_END:
        found["end_to_end"][case] = _end_to_end(case, played)
        print(f"kmc run {case}: {found['end_to_end'][case]}", flush=True)
        _write(arguments.out, found)
    found["frame_s"] = _frame(played)
    print(f"a frame: {found['frame_s']}", flush=True)
    _write(arguments.out, found)
    return int(any(check.get("passed") is False for check in found["checks"].values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check and time the kernels on a GPU.")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--seconds", type=float, default=3.0, help="per timed row")
    parser.add_argument("--stand-in", action="store_true", help="the same steps, shortened, on the stand-in for CuPy")
    return parser.parse_args()


def _registers() -> dict[str, Any]:
    """Registers and spilled bytes of every kernel of walk.cu as compiled for this device."""
    from kmc.backends.cuda_device import kernel
    from kmc.backends.cuda_domains import KERNELS as VISITS
    from kmc.backends.cuda_frame import KERNELS as FRAMES
    from kmc.backends.cuda_grand import KERNEL as GRAND
    from kmc.backends.cuda_walk import DRAW, KERNELS

    kernels: dict[str, Any] = {name: kernel(name) for name in (*KERNELS, *VISITS, GRAND, *FRAMES, DRAW)}
    sizes = {n: {"registers": k.num_regs, "spilled_bytes": k.local_size_bytes} for n, k in kernels.items()}
    return {"passed": True, "kernels": sizes}


def _environment(played: bool) -> dict[str, str]:
    paths = [str(STAND_IN), str(ROOT)] if played else [str(ROOT)]
    more = {} if played else {"MIEC_KMC_REQUIRE_CUDA": "1", "MIEC_KMC_REAL_GPU": "1"}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg", **more}


def _tests(files: tuple[str, ...], limit: float, played: bool, select: str = "") -> dict[str, Any]:
    """The tests in these files, on the device. A file that is missing is a failure."""
    if not files:
        return {"left out": "on the stand-in these are part of the tests"}
    paths = [str(ROOT / "tests" / name) for name in files]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "4", *(["-k", select] if select else []), *paths]
    passed, lines = _carried_out(command, limit, played)
    kept = [line for line in lines if line.startswith(("FAILED", "ERROR"))] + lines[-1:]
    return {"passed": passed, "said": kept[:12]}


def _sanitizer(limit: float, played: bool) -> dict[str, Any]:
    """A small walk of every kernel under compute-sanitizer, with an allocation of its own for every array.

    racecheck sees shared memory only; memory of the device is compared with NumPy's.
    """
    sys.path.insert(0, str(ROOT))
    from tests.kmc.backends.test_cuda_stand_in import WALKS

    tool = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    script = "import cupy\ngetattr(cupy.cuda, 'set_allocator', lambda _: None)(None)\n" + WALKS
    if tool is None or played:
        passed, lines = _carried_out([sys.executable, "-c", script], limit, played)
        return {"passed": passed, "said": ["without compute-sanitizer, which is not installed", *lines[-1:]]}
    said, passed = {}, True
    for check in ("memcheck", "racecheck", "initcheck"):
        command = [tool, "--tool", check, "--error-exitcode", "9", sys.executable, "-c", script]
        good, lines = _carried_out(command, limit / 3, played)
        passed &= good
        said[check] = (lines or [""])[-1]
    return {"passed": passed, "said": said}


def _carried_out(command: list[str], limit: float, played: bool) -> tuple[bool, list[str]]:
    """(whether a command succeeded within its time, its lines)."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment(played),
            capture_output=True,
            text=True,
            timeout=10 * limit if played else limit,
        )
    except subprocess.TimeoutExpired:
        return False, [f"not finished after {limit:g} s"]
    return done.returncode == 0, (done.stdout.strip() or done.stderr.strip()).splitlines()


def _row(case: str, seconds: float, played: bool) -> dict[str, Any]:
    from runs import bench

    if played:
        bench.CASES[case] = replace(bench.CASES[case], lanes={"cuda": 3, "numpy": 3})
    (row,) = bench.bench(["cuda"], [case], seconds=0.05 if played else seconds).rows
    return asdict(row)


def _end_to_end(case: str, played: bool) -> dict[str, Any]:
    """Hops per second of `kmc run`, from the start of the program to the last picture."""
    example, sets = END_TO_END[case]
    sets = [*sets, *RUN, f"run.duration={{hops_per_carrier={4 if played else 2000}}}"]
    if played:
        sets += ["run.replicas=3", "run.frames=4"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "kmc", "run", example, "--backend", "cuda", "--out", f"{folder}/run"]
        start = time.monotonic()
        passed, lines = _carried_out([*command, *(p for key in sets for p in ("--set", key))], 40, played)
        wall = time.monotonic() - start
        if not passed:
            return {"passed": False, "said": lines[-1:]}
        results = json.loads((Path(folder) / "run" / "results.json").read_text(encoding="utf-8"))
    hops = sum(family["accepted"] for family in results["hops"]["families"].values())
    return {"hops": hops, "wall_s": round(wall, 2), "hops_per_s": hops / wall, "walk_s": results["hops"]["wall_s"]}


def _frame(played: bool) -> dict[str, float]:
    """Wall seconds of each part of a frame of many replicas of 512 sites, each waited for."""
    import cupy
    import numpy as np

    from kmc.backends import make_walker
    from kmc.run.observers import observers_of
    from kmc.run.settings import Settings
    from runs import bench

    case = bench.CASES["ideal-512"]
    system = bench._system(case, 3 if played else case.lanes["cuda"])
    walker = make_walker("cuda", system, system.initial_state())
    observers = observers_of(system, Settings(), walker.sums)
    observers.start(system.tables, walker.live())
    observers.record(0, walker.positions())
    trials, frames = np.full(system.replicas, 100, dtype=np.int64), 2 if played else 20
    spent = dict.fromkeys(("walk of 100 trials", "positions", "observers", "counters"), 0.0)

    def timed(name: str, call: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = call()
        cupy.cuda.Device().synchronize()
        spent[name] += (time.perf_counter() - start) / frames
        return result

    for frame in range(1, frames + 1):
        timed("walk of 100 trials", lambda: walker.advance(trials))
        positions: Any = timed("positions", walker.positions)
        timed("observers", lambda frame=frame, positions=positions: observers.record(frame, positions))  # type: ignore[misc]  # defaults bind
        timed("counters", walker.counters)
    return spent


def _write(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
