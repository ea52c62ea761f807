"""A GPU that fails, played on the stand-in for CuPy: one line, exit code 2, and the run goes on from its checkpoint.

A clean run lists every place of the program from which kernels are launched, memory is taken, kernels are compiled or
the driver is called; then the first call from each place fails, once per run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import contextlib, io, shutil, sys, traceback
from pathlib import Path
import cupy, h5py, numpy as np
from cupy import played
from kmc.backends import cuda_device
from kmc.run.engine import run
from lattices.errors import InputError
from runs.cli import main
from runs.config import load_config
from runs.prepare import prepare
KINDS, HERE, SETS = sys.argv[1].split(), Path(sys.argv[2]), sys.argv[3:]
(job,) = prepare(*load_config("smallest", SETS)).jobs

def started(**fail):
    played.mend()
    for cached in (cuda_device._compiler_problem, cuda_device._kernel_of, cuda_device._module_of):
        cached.cache_clear()  # as in a new process
    played.FAIL.update(fail)

def content(folder):
    found = {}
    def add(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]
    with h5py.File(folder / "trajectory.h5") as file:
        file["kmc"].visititems(add)
    return found

run(job.system, job.settings, HERE / "numpy", backend="numpy")
wanted = content(HERE / "numpy")
places, count = {}, played.call
def listed(kind):
    count(kind)
    stack = [(f.filename, f.lineno) for f in traceback.extract_stack() if "/kmc/" in f.filename]
    places.setdefault((kind, stack[-1]), played.CALLS[kind])
started()
cupy.call = played.call = listed
run(job.system, job.settings, HERE / "clean", backend="cuda")
cupy.call = played.call = count
for kind in KINDS:
    last, kept = played.CALLS[kind], 0
    for number in sorted({last, *(number for (k, _), number in places.items() if k == kind)}):
        folder = HERE / f"{kind}{number}"
        started(**{kind: number})
        try:
            run(job.system, job.settings, folder, backend="cuda")
            raise AssertionError((kind, number, "did not fail"))
        except InputError as error:
            said = str(error)
        assert "\\n" not in said, said
        if folder.exists():
            assert "device 0" in said and ("window" in said or "kernel" in said), said
            kept += "are kept" in said
        started()
        resume = (folder / "checkpoint.npz").exists()
        if (folder / "trajectory.h5").exists() and not resume:
            (folder / "trajectory.h5").unlink()  # as kmc run --resume does
        assert run(job.system, job.settings, folder, backend="cuda", resume=resume)
        found = content(folder)
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[name], value) for name, value in wanted.items()), (kind, number)
        shutil.rmtree(folder)
    print(kind, len(places), "places; the last line:", said, ";", kept, "with a checkpoint")
    assert kept or kind == "compile"
    (folder := HERE / kind)
    started(**{kind: last})
    command = ["run", "smallest", "--backend", "cuda", "--out", str(folder), *[p for s in SETS for p in ("--set", s)]]
    with contextlib.redirect_stderr(io.StringIO()) as line, contextlib.redirect_stdout(io.StringIO()):
        code = main(command)
    assert code == 2 and line.getvalue().count("\\n") == 1, (kind, code, line.getvalue())
"""
SETS = [
    "run.temperature_K=1300",
    "run.replicas=2",
    "run.frames=3",
    "run.equilibration={hops_per_carrier=1}",
    "run.duration={hops_per_carrier=2}",
    "run.checkpoint_every_s=1e-9",
]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
@pytest.mark.parametrize("kinds", ["launch compile", "memory", "driver"])
def test_a_failure_at_any_place_gives_one_line_and_the_run_can_be_resumed(kinds, tmp_path):
    path = os.pathsep.join([str(ROOT / "tests" / "stand_in"), str(ROOT)])
    command = [sys.executable, "-c", SCRIPT, kinds, str(tmp_path), *SETS]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
