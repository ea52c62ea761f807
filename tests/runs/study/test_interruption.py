"""Studies that are killed: all points are done after a restart, with the figures of single runs, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="dask.distributed is not installed (extra `study`)")

from runs.cli import main
from tests.runs.study.studies import ROOT, SET, as_options, estimates, holder, start, wait_for, write_study

SEEDS = [1, 2]
TOO_SMALL = [1, 1, 1]


def hold(folder: Path) -> Path | None:
    """The folder of a point that has a checkpoint and is being carried out."""
    return next((part for part in folder.glob("seed=*") if holder(part) and (part / "checkpoint.npz").exists()), None)


@pytest.mark.slow
def test_a_failing_point_a_killed_worker_and_a_killed_scheduler(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scheduler lives in the process of the study, and takes its workers with it when it is killed."""
    file, out = write_study(tmp_path, {"run.seed": SEEDS, "crystal.repeats": [[3, 3, 3], TOO_SMALL]}), tmp_path / "out"
    study = start(file, out, "--workers", "2")
    wait_for(lambda: hold(out), study)
    worker = holder(hold(out) or out)
    assert worker is not None and worker != study.pid
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: (point := hold(out)) and holder(point) != worker, study)
    study.kill()
    study.communicate()
    assert list(out.glob("*/checkpoint.npz"))

    assert main(["study", str(file), "--out", str(out), "--workers", "1", "--resume", "--quiet"]) == 3
    errors = capsys.readouterr().err
    assert errors.count("too small") == 2 and "2 of 4 points failed" in errors
    summary = json.loads((out / "results.json").read_text())
    assert [row["varied"]["run.seed"] for row in summary["rows"]] == SEEDS
    assert len(summary["unfinished"]) == 2 and all("too small" in each["reason"] for each in summary["unfinished"])
    for seed in SEEDS:
        alone = tmp_path / f"alone{seed}"
        assert main(["run", "smallest", "--seed", str(seed), "--out", str(alone), *as_options(SET)]) == 0
        assert estimates(out / f"seed={seed},repeats=3_3_3") == estimates(alone)


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """(address, processes) of a scheduler with one worker, started as on a cluster."""
    told = folder / "scheduler.json"
    where = ["--scheduler-file", str(told), "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    commands = [["scheduler", "--host", "127.0.0.1", "--port", "0"], ["worker", "--nworkers", "1", "--nthreads", "1"]]
    processes = [subprocess.Popen([sys.executable, "-m", "dask", *c, *where], cwd=ROOT, **quiet) for c in commands]
    try:
        wait_for(told.exists, processes[0])
        yield json.loads(told.read_text())["address"], processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_scheduler_elsewhere_that_is_lost(tmp_path: Path) -> None:
    """The study ends with what it has; with a new scheduler it goes on from there."""
    file, out = write_study(tmp_path, {"run.seed": SEEDS}), tmp_path / "out"
    with scheduler(tmp_path) as (address, processes):
        study = start(file, out, "--scheduler", address)
        wait_for(lambda: hold(out), study)
        for process in processes:
            process.kill()
            process.wait()
        _, errors = study.communicate(timeout=300)
    assert study.returncode == 143, errors
    assert "the scheduler was lost" in errors and "continue with --resume" in errors
    assert main(["study", str(file), "--out", str(out), "--resume", "--workers", "1", "--quiet"]) == 0
    assert len(json.loads((out / "results.json").read_text())["rows"]) == len(SEEDS)
