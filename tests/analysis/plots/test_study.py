"""Figures of studies: series, colours, labels and scales."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from analysis.plots import canvas, study
from analysis.plots.study import plot_study, scalar_estimates

PRESSURES = (1e-4, 1e-2, 1.0)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The panels of the figures that a test draws, in order."""
    panels: list[Any] = []

    @contextmanager
    def kept(*arguments: Any, **more: Any) -> Iterator[Any]:
        with canvas.picture(*arguments, **more) as (figure, axes):
            panels.extend(axes)
            yield figure, axes

    monkeypatch.setattr(study, "picture", kept)
    return panels


def summary(temperatures: tuple[float, ...] = (1073.0,)) -> dict[str, Any]:
    """A study of pressures and temperatures with two conductivities."""
    rows = [
        {
            "varied": {"gas.pO2_bar": pressure, "run.temperature_K": temperature},
            "temperature_K": temperature,
            "figures": {
                "ionic_conductivity_S_m": {"value": 3.0 * pressure**0.25, "stderr": 0.1, "interval_95": [0.8, 1.2]},
                "ambipolar_onsager_conductivity_S_m": {
                    "value": 200.0 * pressure**0.25,
                    "stderr": 1.0,
                    "interval_95": [0.0, 9.0],
                },
                "scale_check.O.drift_conductivity_S_m": {
                    "value": 1.0,
                    "stderr": 0.1,
                    "interval_95": [0.8, 1.2],
                },  # a ratio of two runs
                "species.O.haven_ratio": {"value": None, "stderr": None, "reason": "too short"},
            },
        }
        for pressure in PRESSURES
        for temperature in temperatures
    ]
    vary = {"gas.pO2_bar": list(PRESSURES), "run.temperature_K": list(temperatures)}
    return {"run": "lsf64", "vary": vary, "rows": rows}


def test_pressures_are_logarithmic_and_labels_are_symbols(drawn: list[Any], tmp_path: Path) -> None:
    assert [path.name for path in plot_study(summary(), tmp_path)] == ["study-conductivities.png"]
    (axes,) = drawn
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_xlabel() == "$p$(O$_2$) (bar)" and axes.get_title() == "lsf64: conductivity"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [r"$\sigma_\mathrm{ion}$", r"$\sigma_\mathrm{amb}$ with cross terms"]


def test_a_quantity_keeps_its_colour_and_another_temperature_has_its_own_line(drawn: list[Any], tmp_path: Path) -> None:
    plot_study(summary((1073.0, 1173.0)), tmp_path)
    looks = {
        container.get_label(): (container.lines[0].get_color(), container.lines[0].get_linestyle())
        for container in drawn[0].containers
    }
    assert len(looks) == len(set(looks.values())) == 4
    assert looks[r"$\sigma_\mathrm{ion}$, 1073 K"][0] == looks[r"$\sigma_\mathrm{ion}$, 1173 K"][0]
    assert len({colour for colour, _ in looks.values()}) == 2


def test_a_study_without_a_numeric_key_has_no_pictures(tmp_path: Path) -> None:
    assert plot_study(summary() | {"vary": {"polarons.mode": ["auto", "scaled"]}}, tmp_path) == []


def test_scalar_estimates_are_found_by_their_dotted_keys() -> None:
    entry = {"value": 1.0, "stderr": 0.1, "interval_95": [0.8, 1.2], "formula": "f"}
    results = {
        "temperature_K": 1000.0,
        "species": {"O": {"charge_e": -2, "haven_ratio": entry}},
        "onsager": {"matrix_1_per_J_m_s": {"value": [[1.0]], "stderr": [[0.1]]}},
        "profile": {"a": entry},
    }
    assert scalar_estimates(results) == {
        "species.O.haven_ratio": {"value": 1.0, "stderr": 0.1, "interval_95": [0.8, 1.2]}
    }


def test_keys_that_vary_together_make_one_series(tmp_path: Path) -> None:
    """A lattice parameter that belongs to each doping is no other curve."""
    from analysis.plots.study import KINDS, _series, _zipped_with

    keys = ("crystal.doping.Gd", "crystal.lattice_parameter_angstrom")
    figures = {"total_conductivity_S_m": {"value": 1.0, "stderr": 0.1, "interval_95": [0.8, 1.2]}}
    rows = [
        {"varied": dict(zip(keys, values, strict=True)), "temperature_K": 1000.0, "figures": figures}
        for values in ((0.1, 5.418), (0.2, 5.426))
    ]
    zipped = _zipped_with({"zipped": [list(keys)]}, keys[0])
    assert [len(each.points) for each in _series(rows, keys[0], KINDS[0], zipped)] == [2]
    assert [len(each.points) for each in _series(rows, keys[0], KINDS[0], (keys[0],))] == [1, 1]
