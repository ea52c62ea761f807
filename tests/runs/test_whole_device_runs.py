"""Whole runs on the stand-in for CuPy: `kmc run --backend cuda` writes what the NumPy or the CPU backend writes.

Every dataset of every trajectory is compared bit for bit, also after a resumption on another backend and an extension.
Each test runs in its own process, because a real CuPy may be installed as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")]
HELPERS = """
import contextlib, io, json, sys
from pathlib import Path
import cupy, h5py, numpy as np
import runs.launch
from kmc.backends import available_backends
from kmc.run.engine import run
from runs.cli import main
HERE, EXAMPLE, SETS = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
HOST = "numpy" if available_backends()["cpu"] else "cpu"

def carried_out(name, *command):
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["run", *command]) == 0, name

def of_example(name, backend, *more):
    sets = [part for each in (*SETS, *more) for part in ("--set", each)]
    carried_out(name, EXAMPLE, "--out", str(HERE / name), "--backend", backend, *sets)

def content(folder):
    found = {}
    def add(name, item):
        if isinstance(item, h5py.Dataset):
            found[f"{where}/{name}"] = item[()]
    for path in sorted(folder.rglob("trajectory.h5")):
        where = path.parent.relative_to(folder)
        with h5py.File(path) as file:
            file.visititems(add)
    return found

def same(one, other):
    a, b = content(HERE / one), content(HERE / other)
    assert a and a.keys() == b.keys(), a.keys() ^ b.keys()
    differ = [name for name in a if not np.array_equal(a[name], b[name])]
    assert not differ, differ
    return a
"""
WHOLE = (
    HELPERS
    + """
of_example("host", HOST)
of_example("cuda", "cuda")
print(len(same("host", "cuda")), "datasets", sorted({name for name, *_ in getattr(cupy, "LAUNCHES", [])}))
one, other = (json.loads((HERE / name / "results.json").read_text()) for name in ("host", "cuda"))
def compare(a, b, where=""):
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a.keys() - {"backend", "wall_s", "accepted_per_s", "trials_per_s"}:
            compare(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), where
        for k, pair in enumerate(zip(a, b)):
            compare(*pair, f"{where}.{k}")
    else:
        assert a == b, (where, a, b)

compare(one, other)
"""
)
RUNS = {
    "smallest": ("smallest", ["run.temperature_K=1300", "run.frames=10", "run.duration={hops_per_carrier=5}"]),
    "domains": (
        "ideal-fluorite",
        [
            "crystal.repeats=[8, 8, 8]",
            "run.temperature_K=1000",
            "run.replicas=2",
            "run.frames=6",
            "run.equilibration={hops_per_carrier=1}",
            "run.duration={hops_per_carrier=2}",
            "run.parallel={domains={block=4, hops_per_visit=0.5, extrapolate=true}}",
            "run.profile={axis=0, bins=4}",
        ],
    ),
    "interacting domains": (
        "ceria-layers",
        [
            "crystal.repeats=[12, 12, 12]",
            "run.frames=5",
            "run.equilibration={hops_per_carrier=0.5}",
            "run.duration={hops_per_carrier=0.5}",
            "run.parallel={domains={block=6}}",
            "run.profile={axis=0, bins=4}",
        ],
    ),
    "mode auto": (
        "ceria-reduced",
        [
            'polarons.mode="auto"',
            "crystal.repeats=[3, 3, 3]",
            "run.temperature_K=1400",
            "run.replicas=2",
            "run.frames=6",
            "run.equilibration={hops_per_carrier=1}",
            "run.duration={hops_per_carrier=2}",
        ],
    ),
    "ceria-chemical": (
        "ceria-chemical",
        [
            "crystal.repeats=[4, 4, 4]",
            "run.replicas=2",
            "run.frames=16",
            "run.equilibration={hops_per_carrier=1}",
            "run.duration={hops_per_carrier=2}",
            "thermodynamics.points=2",
            "thermodynamics.trials_per_carrier=20",
            "thermodynamics.relaxation={waves=2}",
        ],
    ),
}
RESUMED = (
    HELPERS
    + """
from runs.config import load_config
from runs.prepare import prepare
(job,) = prepare(*load_config(EXAMPLE, SETS)).jobs
run(job.system, job.settings, HERE / "whole", backend=HOST)
backends, resume, done, stops = ("cuda", HOST, "cuda", "numpy", "cuda"), False, False, 0
for backend in backends * 20:
    asked = []
    def stop():
        asked.append(1)
        return len(asked) == 5  # in the middle of the equilibration, then of frames
    done = run(job.system, job.settings, HERE / "parts", backend=backend, resume=resume, stop=stop)
    resume, stops = True, stops + 1
    if done:
        break
assert done and stops > 5, stops
same("whole", "parts")
longer = job.settings.frames * 2
for name, first, second in (("whole", HOST, HOST), ("parts", "cuda", "cuda")):
    run(job.system, job.settings, HERE / name, backend=first, resume=True, extend_to_frames=longer - 3)
    run(job.system, job.settings, HERE / name, backend=second, resume=True, extend_to_frames=longer)
assert len(same("whole", "parts")["./kmc/time_s"]) == longer + 1
"""
)


def played(script: str, *arguments: str) -> None:
    """Run a script with the stand-in in place of CuPy."""
    stand_in = [] if os.environ.get("MIEC_KMC_REAL_GPU") else [str(ROOT / "tests" / "stand_in")]
    path = os.pathsep.join([*stand_in, str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]


@pytest.mark.parametrize("name", RUNS)
def test_a_whole_run_on_the_stand_in_equals_one_on_the_host(name, tmp_path):
    example, sets = RUNS[name]
    played(WHOLE, str(tmp_path), example, *sets)


@pytest.mark.parametrize("selection", ["rejection", "auto"])
def test_a_run_resumed_on_other_backends_and_extended_is_the_whole_run(selection, tmp_path):
    sets = ["run.temperature_K=1300", "run.frames=12", f'run.selection="{selection}"']
    sets += ["run.equilibration={hops_per_carrier=2}", "run.duration={hops_per_carrier=6}"]
    played(RESUMED, str(tmp_path), "smallest", *sets)
