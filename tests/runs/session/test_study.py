"""A study from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kmc

ROW = {
    "folder": "seed=1",
    "varied": {"run.seed": 1},
    "temperature_K": 1000.0,
    "composition": {},
    "figures": {"total_conductivity_S_m": {"value": 2.0, "stderr": 0.1}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of two points, the first of which is finished."""
    (tmp_path / "study.toml").write_text('run = "gdc"\nvary = { "run.seed" = [1, 2] }\n')
    content = {"rows": [ROW], "fits": {}, "unfinished": [{"folder": "seed=2", "reason": "too small"}]}
    (tmp_path / "results.json").write_text(json.dumps(content))
    (tmp_path / "seed=1").mkdir()
    (tmp_path / "seed=1" / "run.toml").write_text("")
    return tmp_path


def test_a_study_is_opened(folder: Path) -> None:
    study = kmc.open_study(folder)
    assert [run.folder.name for run in study.runs] == ["seed=1"]
    assert study.unfinished == {"seed=2": "too small"}


def test_a_table_for_pandas(folder: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    (row,) = kmc.open_study(folder).to_dataframe().to_dict("records")
    assert (row["run.seed"], row["total_conductivity_S_m"], row["total_conductivity_S_m stderr"]) == (1, 2.0, 0.1)


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(kmc.InputError, match="holds no study"):
        kmc.open_study(tmp_path)


@pytest.mark.slow
def test_a_study_is_run(tmp_path: Path) -> None:
    from tests.runs.study.studies import write_study

    study = kmc.run_study(write_study(tmp_path, {"run.seed": [1]}), tmp_path / "out", workers=1, quiet=True)
    assert study.unfinished == {} and study.results["rows"][0]["folder"] == "seed=1"
