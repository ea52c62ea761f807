"""Check and time the kernels on a machine with an NVIDIA GPU, in one command of under eight minutes.

    python benchmarks/check_gpu.py --out h200.json

Builds the kernels and reads their registers, compares every walk with NumPy's bit for bit (the tests of the backend),
runs the walks under compute-sanitizer if it is installed, then measures the cases of `kmc bench`. Exit code 0 if
everything passed, 1 if a check failed (the JSON file says which), 2 if there is no usable GPU. `--backend cpu` does the
same on a machine without a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CORRECTNESS = (
    "kmc/backends/test_backends.py",
    "kmc/backends/test_rejection_free.py",
    "kmc/exact/test_oracle.py",
    "kmc/files/test_checkpoint.py",
    "kmc/tables/test_coulomb.py",
    "physics/test_domains.py",
    "physics/test_drift.py",
    "physics/test_grand_canonical.py",
    "physics/test_layers.py",
    "physics/test_polarons.py",
)
PHYSICS = ("physics/test_diffusion.py",)
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
WALK = """
from kmc.run.schedule import window_trials
from kmc.backends import make_grand_walker, make_walker
from kmc.carriers.neutral_component import neutral_component
from kmc.state.grand_state import grand_state
from tests.systems import NOTE, made_up_model, made_up_system, same, walked
polarons = {"barriers": [{"energy_eV": 0.3, **NOTE}]}
pairs = [("V_O", "V_O", 1, 0.1), ("V_O", "electron", 1, -0.1)]
model = made_up_model("perovskite", {("M",): 0.4, ("D",): 0.5, ("electron",): 0.45}, pairs, polarons=polarons)
system = made_up_system(model, (4, 4, 4), 5, dopants=4, electrons=4, replicas=3)
for selection in ("rejection", "rejection-free"):
    walks = [make_walker(name, system, system.initial_state(), selection) for name in ("numpy", "cuda")]
    for walk in walks:
        walk.advance(window_trials(system, 0, 200))
    assert same(walks[0].read(), walks[1].read())
component = neutral_component(system.tables, system.model.vacancies)
ends = [grand_state(system.tables, component, system.initial_state(), 100_000) for name in range(2)]
for end, name in zip(ends, ("numpy", "cuda")):
    walk = make_grand_walker(name, system, end)
    walk.advance(200, 0)
    walk.read()
assert (ends[0].histogram == ends[1].histogram).all() and (ends[0].ion_order == ends[1].ion_order).all()
"""


def main() -> int:
    """Run every step; the JSON file is written after each, so that an interrupted run keeps its results."""
    arguments = _arguments()
    sys.path.insert(0, str(ROOT))
    from kmc.backends import choose_backend
    from lattices.errors import InputError
    from runs.bench import bench, machine

    try:
        choose_backend(arguments.backend)
    except InputError as error:
        print(f"check_gpu: {error}", file=sys.stderr)
        return 2
    found: dict[str, Any] = {"machine": machine(), "rows": [], "checks": {}}
    steps = {"registers": lambda: _registers(arguments.backend)}
    steps["bit for bit"] = lambda: _tests(arguments.backend, CORRECTNESS)
    steps["sanitizer"] = lambda: _sanitizer(arguments.backend)
    steps["physics"] = lambda: _tests(arguments.backend, PHYSICS)
    for name, step in steps.items():
        start = time.monotonic()
        found["checks"][name] = step() | {"seconds": round(time.monotonic() - start, 1)}
        print(f"{name}: {found['checks'][name]}", flush=True)
        _write(arguments.out, found)
    for case in CASES:
        rows = bench([arguments.backend], [case], seconds=arguments.seconds).rows
        found["rows"] += [asdict(row) for row in rows]
        print(f"{case}: {rows[-1].accepted_per_s:.3g} hops/s", flush=True)
        _write(arguments.out, found)
    return int(any(check.get("passed") is False for check in found["checks"].values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check and time the kernels on a GPU.")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--backend", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=3.0, help="per timed row")
    return parser.parse_args()


def _registers(backend: str) -> dict[str, Any]:
    """Registers and spilled bytes of every kernel as compiled for this device."""
    if backend != "cuda":
        return {"left out": "no device kernels"}
    from kmc.backends.cuda_device import kernel
    from kmc.backends.cuda_domains import KERNELS as VISITS
    from kmc.backends.cuda_grand import KERNEL as GRAND
    from kmc.backends.cuda_walk import KERNELS

    kernels = {name: kernel(name) for name in (*KERNELS, *VISITS, GRAND)}
    return {
        "passed": True,
        "kernels": {n: {"registers": k.num_regs, "spilled_bytes": k.local_size_bytes} for n, k in kernels.items()},
    }


def _tests(backend: str, files: tuple[str, ...]) -> dict[str, Any]:
    """The tests of this backend. A file that is missing is a failure."""
    paths = [str(ROOT / "tests" / name) for name in files]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if backend == "cuda":
        environment["MIEC_KMC_REQUIRE_CUDA"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-k", f"{backend} or gpu", *paths]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    kept = [line for line in lines if line.startswith(("FAILED", "ERROR"))] + lines[-1:]
    return {"passed": done.returncode == 0, "said": kept[:12]}


def _sanitizer(backend: str) -> dict[str, Any]:
    """A small walk of every kernel under compute-sanitizer."""
    tool = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if backend != "cuda" or tool is None:
        return {"left out": "no device kernels" if backend != "cuda" else "compute-sanitizer is not installed"}
    said, passed = {}, True
    for check in ("memcheck", "racecheck", "initcheck"):
        command = [tool, "--tool", check, "--error-exitcode", "9", sys.executable, "-c", WALK]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        passed &= done.returncode == 0
        said[check] = (done.stdout.strip().splitlines() or [""])[-1]
    return {"passed": passed, "said": said}


def _write(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
