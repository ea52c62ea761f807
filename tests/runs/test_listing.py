"""`kmc list`: runs below a folder."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kmc.files.lock import locked
from runs.cli import main
from runs.listing import list_runs


@pytest.fixture
def folder(tiny_run: Path, tmp_path: Path) -> Path:
    """A finished run at two temperatures, one that was interrupted, and one that failed."""
    shutil.copytree(tiny_run, tmp_path / "done")
    shutil.copytree(tiny_run, tmp_path / "deeper" / "cut")
    (tmp_path / "deeper" / "cut" / "results.json").unlink()
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "failure.txt").write_text("too small\n\nTraceback")
    (tmp_path / "something else").mkdir()
    return tmp_path


def test_a_row_for_each_temperature(folder: Path) -> None:
    listed = list_runs(folder)
    assert [(each.folder, each.temperature_K, each.state) for each in listed] == [
        ("deeper/cut", 1300.0, "unfinished"),
        ("deeper/cut", 1400.0, "unfinished"),
        ("done", 1300.0, "finished"),
        ("done", 1400.0, "finished"),
        ("failed", None, "failed"),
    ]
    done = listed[2]
    assert done.material == "gdc-chgnet-preview" and done.of == "O"
    # 108 cations with 11 Gd (10 % rounded), 216 anion sites with 5 vacancies (half of 11, rounded down).
    assert done.x == {"Gd": pytest.approx(11 / 108)} and done.delta == pytest.approx(2 * 5 / 216)
    own = json.loads((folder / "done" / "T1300K" / "results.json").read_text())
    found = done.main_estimates()["tracer_diffusivity_m2_s"]
    assert found is not None and found["value"] == own["species"]["O"]["tracer_diffusivity_m2_s"]["value"]
    assert listed[-1].reason == "too small"


def test_a_run_that_is_going_on(folder: Path) -> None:
    with locked(folder / "done" / "run.lock"):
        assert {each.state for each in list_runs(folder / "done")} == {"running"}
    assert {each.state for each in list_runs(folder / "done")} == {"finished"}


def test_formats(folder: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., str]) -> None:
    assert main(["list", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["folder", "material", "T/K"] and "failed: too small" in lines[-1]
    assert main(["list", str(folder), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 5 and float(rows[2]["species.O.tracer_diffusivity_m2_s stderr"]) > 0
    assert main(["list", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[-1]["state"] == "failed"
    assert "did you mean 'csv'" in refused("list", folder, "--format", "cvs")
    assert "--output FILE" in refused("list", folder, "--format", "parquet")
    assert "holds no run" in refused("list", folder / "something else")
    assert "no such folder" in refused("list", folder / "nowhere")


def test_parquet(folder: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    assert main(["list", str(folder), "--format", "parquet", "--output", str(folder / "runs.parquet")]) == 0
    assert list(pandas.read_parquet(folder / "runs.parquet")["state"])[-1] == "failed"


def test_parquet_without_pandas_is_one_line(
    folder: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    assert "pip install pandas pyarrow" in refused("list", folder, "--format", "parquet", "--output", folder / "x")
