"""Folders and finished runs that the examples of a test share, and commands whose long part is left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runs.bench import Row
from tests.runs.conftest import TINY, arguments


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of all examples of a module."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run at two temperatures, with checkpoints."""
    from runs.cli import main

    run = tmp_path_factory.mktemp("finished") / "run"
    assert main(["run", "smallest", "--out", str(run), *arguments(TINY)]) == 0
    return run


@pytest.fixture
def spoilt(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, in which a test damages files."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def short_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    """`kmc validate` estimates the acceptance from a few trials."""
    monkeypatch.setattr("runs.estimate.TRIAL_WALK", 2)


@pytest.fixture
def prepared_only(monkeypatch: pytest.MonkeyPatch, short_walk: None) -> None:
    """`kmc run` and `kmc study` end where the simulation would begin; `kmc bench` measures nothing."""
    monkeypatch.setattr("runs.launch._carry_out", lambda *_: 0)
    monkeypatch.setattr("runs.study.carry_out._carry_out", lambda *_: 0)
    row = Row("", None, "", None, {}, None, "", "", True, "", 1, 1, 1, 1.0, 1.0, 1.0)
    monkeypatch.setattr("runs.bench._row", lambda *_: row)
