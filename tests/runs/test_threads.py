"""Runs in one process, one after another, at the same time and in forks, give what a run alone gives."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kmc.backends import available_backends
from kmc.backends.cpu_library import usable_threads
from kmc.files.trajectory import read_trajectory
from tests.runs.conftest import TINY, arguments

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(available_backends()["cpu"]), reason="the compiled backend is needed"),
]
ROOT = Path(__file__).parents[2]
PATIENCE_S = 300  # for a process that would otherwise wait for ever


def sums(folder: Path, seed: int, temperature_K: int = 1300) -> list[int]:
    """The summed displacements of a short run on the compiled backend, with two threads."""
    from runs.config import load_config
    from runs.launch import run_all

    changes = [*TINY, f"run.temperature_K={temperature_K}", f"run.seed={seed}", 'run.backend="cpu"']
    assert run_all(*load_config("smallest", changes), folder, quiet=True) == 0
    found: list[int] = read_trajectory(folder / "trajectory.h5").summed_displacement.ravel().tolist()
    return found


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with two cores or more; the analysis is left out."""
    monkeypatch.setattr("kmc.backends.cpu_walk.usable_threads", lambda: 2)
    monkeypatch.setattr("runs.launch._finish", lambda *_: None)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[int]]:
    """Summed displacements by seed, each from a run in a process of its own."""
    folder = tmp_path_factory.mktemp("alone")
    found = {}
    for seed in (1, 2):
        changes = [*TINY, "run.temperature_K=1300", f"run.seed={seed}", 'run.backend="cpu"']
        command = ["run", "smallest", "--out", str(folder / str(seed)), *arguments(changes)]
        subprocess.run([sys.executable, "-m", "kmc", *command], check=True, capture_output=True)
        found[seed] = read_trajectory(folder / str(seed) / "trajectory.h5").summed_displacement.ravel().tolist()
    return found


def test_two_runs_in_one_process(alone: dict[int, list[int]], tmp_path: Path) -> None:
    for seed in (1, 2):
        assert sums(tmp_path / str(seed), seed) == alone[seed]


def test_runs_from_several_threads_at_once(alone: dict[int, list[int]], tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        asked = [(seed, threads.submit(sums, tmp_path / f"{k}-{seed}", seed)) for k in range(2) for seed in (1, 2)]
        for seed, found in asked:
            assert found.result(PATIENCE_S) == alone[seed]


def test_two_runs_at_once_in_one_folder_of_one_process(tmp_path: Path) -> None:
    """One of them runs; the other is refused, or finds the finished run."""
    from lattices.errors import InputError

    outcomes: list[object] = []

    def attempt() -> None:
        try:
            outcomes.append(sums(tmp_path / "run", 1))
        except InputError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["list", "str"], outcomes


def test_forks_after_a_run_in_the_parent(alone: dict[int, list[int]], tmp_path: Path) -> None:
    """OpenMP's idle threads do not exist in a fork, which would wait for them for ever."""
    assert sums(tmp_path / "parent", 1) == alone[1]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as forks:
        asked = [(seed, forks.submit(sums, tmp_path / f"fork-{seed}", seed)) for seed in (1, 2)]
        for seed, found in asked:
            assert found.result(PATIENCE_S) == alone[seed]
    assert sums(tmp_path / "parent-again", 2) == alone[2]


@pytest.mark.parametrize("number", ["1", "8", "many"])
def test_the_number_of_threads_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, alone: dict[int, list[int]], tmp_path: Path, number: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", number)
    threads = usable_threads()
    assert 1 <= threads <= len(os.sched_getaffinity(0))
    monkeypatch.setattr("kmc.backends.cpu_walk.usable_threads", lambda: threads)
    assert sums(tmp_path / "run", 1) == alone[1]


# A thread sends Ctrl-C once or twice as soon as the n-th window of the compiled walk has begun, in which Python is not
# held. The script prints how `kmc.simulate` ended.
INTERRUPTED = """
import os, signal, sys, threading
import kmc
import runs.launch
from kmc.backends import cpu_walk
left, signals = [int(sys.argv[1])], int(sys.argv[2])
began, real = threading.Event(), cpu_walk.CpuWalker.advance

def send():
    began.wait()
    for _ in range(signals):
        os.kill(os.getpid(), signal.SIGINT)

def advance(self, *more):
    left[0] -= 1
    if left[0] == 0:
        began.set()
    real(self, *more)

cpu_walk.CpuWalker.advance = advance
threading.Thread(target=send, daemon=True).start()
system = kmc.System.build("ideal-fluorite", repeats=(3, 3, 3), temperature_K=1200.0, carriers={"V_O": 0.05},
                          replicas=2, **{"crystal.allow_net_charge": True})
runs.launch._finish = lambda *_: None
try:
    kmc.simulate(system, "run", duration=kmc.Hops(20), equilibration=kmc.Hops(2), frames=20, backend="cpu",
                 resume=len(sys.argv) > 3, quiet=True, options={"run.checkpoint_every_s": 1e-6})
except KeyboardInterrupt as stop:
    print("interrupted", str(stop))
else:
    print("finished")
"""


def simulate(folder: Path, *given: str) -> str:
    """The output of the script above in a folder."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", INTERRUPTED, *given]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of the script."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert simulate(folder.parent, "0", "0") == "finished\n"
    return folder


@pytest.mark.parametrize(("window", "signals"), [(2, 1), (15, 1), (15, 2)])
def test_an_interrupt_in_a_notebook_leaves_a_run_that_resumes(
    whole: Path, tmp_path: Path, window: int, signals: int
) -> None:
    """One Ctrl-C ends the run after the window, a second one at once; either way it continues as if never stopped."""
    assert simulate(tmp_path, str(window), str(signals)).startswith("interrupted")
    assert simulate(tmp_path, "0", "0", "resume") == "finished\n"
    one, other = (read_trajectory(folder / "trajectory.h5") for folder in (whole, tmp_path / "run"))
    assert np.array_equal(one.summed_displacement, other.summed_displacement)
    assert np.array_equal(one.second_moment, other.second_moment)
