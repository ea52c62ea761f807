"""One study in a folder at a time, job arrays, failing points, points that are finished already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kmc.files.lock import locked
from runs.cli import main
from runs.state import state_of
from tests.runs.study.studies import write_study

SEEDS = {"run.seed": [1, 2, 3]}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of the time of a short run."""
    monkeypatch.setattr("analysis.plots.run.plot_folder", lambda folder: [])
    monkeypatch.setattr("analysis.plots.study.plot_study", lambda summary, folder: [])


def go(file: Path, out: Path, *more: str) -> int:
    return main(["study", str(file), "--out", str(out), "--workers", "1", "--quiet", *more])


def test_a_second_study_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    file, out = write_study(tmp_path, SEEDS), tmp_path / "out"
    out.mkdir()
    with locked(out / "study.lock", what="study"):
        assert "a study is being carried out there" in refused("study", file, "--out", out)
        assert "a study is being carried out there" in refused("study", file, "--out", out, "--only", "1/2")
    with locked(out / "study.lock", shared=True):
        assert "a study is being carried out there" in refused("study", file, "--out", out)


def test_the_lock_of_the_last_job_of_an_array_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "study.lock"
    with locked(path, shared=True):
        with locked(path, shared=True):
            pass
        assert path.exists()
    assert not path.exists()


@pytest.mark.parametrize("only", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_only_takes_one_of_n(tmp_path: Path, refused: Callable[..., str], only: str) -> None:
    assert "i/n with 1 <= i <= n" in refused("study", write_study(tmp_path, SEEDS), "--only", only)


def test_a_study_of_which_no_point_can_be_run_writes_nothing(tmp_path: Path, refused: Callable[..., str]) -> None:
    file, out = write_study(tmp_path, {"crystal.repeats": [[1, 1, 1], [1, 1, 2]]}), tmp_path / "out"
    assert "too small" in refused("study", file, "--out", out, "--workers", "1")
    assert not out.exists()


@pytest.mark.slow
def test_jobs_of_an_array_share_the_folder_and_the_table(tmp_path: Path) -> None:
    file, out = write_study(tmp_path, SEEDS), tmp_path / "out"
    assert go(file, out, "--only", "2/2") == 0
    assert [row["folder"] for row in json.loads((out / "results.json").read_text())["rows"]] == ["seed=2"]
    assert go(file, out, "--only", "1/2") == 0
    summary = json.loads((out / "results.json").read_text())
    assert [row["folder"] for row in summary["rows"]] == ["seed=1", "seed=2", "seed=3"]
    assert summary["unfinished"] == []


@pytest.mark.slow
def test_failures_are_kept_and_finished_points_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import runs.launch

    file, out = write_study(tmp_path, {"run.seed": [1, 2]}), tmp_path / "out"
    true_finish = runs.launch._finish

    def broken(folder: Path, log: Callable[[str], None]) -> None:
        if folder.name == "seed=2":
            raise RuntimeError("an analysis that fails")
        true_finish(folder, log)  # type: ignore[arg-type]

    monkeypatch.setattr(runs.launch, "_finish", broken)
    assert go(file, out) == 3
    assert "seed=2: an analysis that fails" in capsys.readouterr().err
    assert (state_of(out / "seed=1"), state_of(out / "seed=2")) == ("finished", "failed")
    assert "Traceback" in (out / "seed=2" / "failure.txt").read_text()
    unfinished = json.loads((out / "results.json").read_text())["unfinished"]
    assert unfinished == [{"folder": "seed=2", "reason": "an analysis that fails"}]
    before = {path: path.stat().st_mtime_ns for path in (out / "seed=1").iterdir()}
    monkeypatch.setattr(runs.launch, "_finish", true_finish)
    assert go(file, out, "--resume") == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "seed=1").iterdir()} == before
    assert state_of(out / "seed=2") == "finished"


@pytest.mark.slow
def test_a_stop_file_ends_the_study_and_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runs.study.point

    file, out = write_study(tmp_path, {"run.seed": [1, 2]}), tmp_path / "out"
    monkeypatch.setattr(runs.study.point, "ASK_AGAIN_S", 0.0)
    true_carry_out = runs.study.point.carry_out

    def stopping(task: runs.study.point.Task, quiet: bool = True) -> runs.study.point.Outcome:
        (out / "stop").touch()
        return true_carry_out(task, quiet)

    monkeypatch.setattr("runs.study.workers.carry_out", stopping)
    assert go(file, out) == 143
    monkeypatch.setattr("runs.study.workers.carry_out", true_carry_out)
    assert go(file, out, "--resume") == 0
    assert not (out / "stop").exists()


@pytest.mark.slow
def test_without_dask_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs.study.carry_out.has_dask", lambda: False)
    file = write_study(tmp_path, {"run.seed": [1, 2]})
    assert main(["study", str(file), "--out", str(tmp_path / "out"), "--workers", "2", "--quiet"]) == 0
    assert "one after another; pip install miec-kmc[study]" in capsys.readouterr().err
    assert main(["study", str(file), "--out", str(tmp_path / "other"), "--scheduler", "tcp://127.0.0.1:1"]) == 2
