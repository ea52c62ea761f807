"""Runs that are killed, or whose disk fails, at any call that changes a file: resumed, they equal uninterrupted ones.

Faults are placed by the number of calls, not by time; half of the bytes of the fatal write are still written. Every
second run is resumed on the other backend. The environment variable KMC_KILLS is the number of calls tried for each
kind of fault; 0 tries every call.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kmc.backends import available_backends
from tests.kill.process import FULL_DISK, HALF_THEN_KILL, IO_ERROR

TRIED = int(os.environ.get("KMC_KILLS", "8"))
COMPILER = shutil.which(os.environ.get("CC", "cc"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None or sys.platform != "linux", reason="a C compiler and Linux are needed"),
    pytest.mark.skipif(bool(available_backends()["cpu"]), reason="the compiled backend is needed"),
]


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared library of failing_io.c."""
    library = tmp_path_factory.mktemp("preload") / "failing_io.so"
    source = Path(__file__).with_name("failing_io.c")
    subprocess.run([COMPILER, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def tried(preloaded: Path, folder: Path, mode: int, calls: list[int]) -> list[str]:
    """The output of tests/kill/process.py, by line."""
    command = [sys.executable, "-m", "tests.kill.process", str(folder), str(mode), *map(str, calls)]
    environment = {**os.environ, "LD_PRELOAD": str(preloaded), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


@pytest.fixture(scope="module")
def calls(preloaded: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Number of calls of an uninterrupted run."""
    return int(tried(preloaded, tmp_path_factory.mktemp("count"), HALF_THEN_KILL, [])[0])


@pytest.mark.parametrize("mode", [HALF_THEN_KILL, FULL_DISK, IO_ERROR], ids=["kill", "full-disk", "io-error"])
def test_a_run_stopped_at_any_call_is_resumed_exactly(preloaded: Path, calls: int, tmp_path: Path, mode: int) -> None:
    chosen = range(1, calls + 1) if TRIED == 0 else range(mode, calls + 1, -(-calls // TRIED))
    outcomes = [json.loads(line) for line in tried(preloaded, tmp_path, mode, list(chosen))[1:]]
    assert [outcome["call"] for outcome in outcomes] == list(chosen)
    expected = -signal.SIGKILL if mode == HALF_THEN_KILL else 2
    for outcome in outcomes:
        assert outcome["same"], outcome
        assert outcome["code"] in (expected, 0), outcome  # 0: a full disk affects no later call
        assert "\n" not in outcome["text"], outcome
    assert sum(outcome["code"] == expected for outcome in outcomes) >= 0.9 * len(outcomes)
