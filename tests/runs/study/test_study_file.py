"""Lists, grids and zipped keys of a study file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lattices.errors import InputError
from runs.study.study_file import folder_name, load_study, points_of


def study(folder: Path, text: str) -> Path:
    path = folder / "some.toml"
    path.write_text('run = "gdc"\n' + text, encoding="utf-8")
    return path


def test_grids(tmp_path: Path) -> None:
    text = """
    [vary]
    "run.temperature_K" = { from = 800, to = 1000, points = 3 }
    "gas.pO2_bar" = { from = 1e-4, to = 1.0, points = 3, spacing = "logarithmic" }
    """
    found = load_study(study(tmp_path, text))[0]
    assert found.varied == {"run.temperature_K": [800, 900, 1000], "gas.pO2_bar": [1e-4, 1e-2, 1.0]}
    assert [type(value) for value in found.varied["run.temperature_K"]] == [int] * 3
    assert len(points_of(found)) == 9
    assert folder_name(points_of(found)[0]) == "temperature_K=800,pO2_bar=0.0001"


def test_zipped_keys_go_together(tmp_path: Path) -> None:
    text = """
    [vary]
    "run.seed" = [1, 2]
    [[zipped]]
    "crystal.doping.Gd" = [0.1, 0.2]
    "crystal.lattice_parameter_angstrom" = [5.418, 5.426]
    """
    points = points_of(load_study(study(tmp_path, text))[0])
    assert [tuple(point.values()) for point in points] == [
        (1, 0.1, 5.418),
        (1, 0.2, 5.426),
        (2, 0.1, 5.418),
        (2, 0.2, 5.426),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "vary is missing"),
        ('zipped = [{ "run.seed" = [1, 2], "run.frames" = [3] }]', "2 of run.seed, 1 of run.frames"),
        ('vary = { "run.seed" = [1] }\nzipped = [{ "run.seed" = [1] }]', "run.seed is varied twice"),
        ('vary = { "run.seed" = { from = 0, to = 1, points = 2, spacing = "logarithmic" } }', "above zero"),
        ('vary = { "run.seed" = { from = 0, to = 1, points = 1 } }', "points"),
        ('vary = { "run.seed" = { from = 0, to = 999, points = 1000 }, "run.frames" = [1, 2] }', "at most 1000"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_study(study(tmp_path, text))


def test_a_study_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="did you mean 'lsf64-delta'"):
        load_study(Path("lsf64-dleta"))
