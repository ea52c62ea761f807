"""Compositions of runs as points of a Brouwer diagram."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w

from lattices.defects.constants import find_material
from lattices.errors import InputError
from runs.brouwer_points import points_of_runs
from runs.cli import main

COMPOSITION = {"O": 627, "V_O": 21, "Fe": 172, "hole": 44, "La": 130, "Sr": 86}  # 6^3 cells of LSF64


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of LSF64 in 1e-3 bar of oxygen, with the parts that are read."""
    keys = {
        "crystal": {
            "prototype": "perovskite",
            "host": {"A": "La", "B": "Fe"},
            "repeats": [6, 6, 6],
            "doping": {"Sr": 0.4},
        },
        "model": {"parameters": "lsf64"},
        "gas": {"material": "lsf64", "pO2_bar": 1e-3},
        "run": {"temperature_K": 1073.0, "duration": {"hops_per_carrier": 1.0}},
    }
    (tmp_path / "run.toml").write_text(tomli_w.dumps(keys))
    (tmp_path / "results.json").write_text(json.dumps({"temperature_K": 1073.0, "composition": COMPOSITION}))
    return tmp_path


def test_fractions_of_sites(run: Path) -> None:
    points = points_of_runs([run, run], find_material("lsf64"), 1073.0)
    assert points == {"V_O": [(1e-3, 21 / 648)] * 2, "hole": [(1e-3, 44 / 216)] * 2}


@pytest.mark.parametrize(
    ("material", "temperature_K", "told"),
    [
        ("ceria", 1073.0, "gas.material is 'lsf64', the diagram is of 'ceria'"),
        ("lsf64", 900.0, "temperatures are 1073 K"),
    ],
)
def test_runs_that_do_not_fit_are_refused(run: Path, material: str, temperature_K: float, told: str) -> None:
    with pytest.raises(InputError, match=told):
        points_of_runs([run], find_material(material), temperature_K)


def test_the_command_draws_them(
    run: Path, tmp_path: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["equilibrium", "lsf64", "--temperature", "1073", "--pO2", "1e-3"]
    assert main([*asked, "--brouwer", str(tmp_path / "b.png"), "--run", str(run)]) == 0
    capsys.readouterr()
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert "--run needs --brouwer" in refused(*asked, "--run", run)
    (run / "results.json").unlink()
    assert "run kmc analyze first" in refused(*asked, "--brouwer", tmp_path / "b.png", "--run", run)
