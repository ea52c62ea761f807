"""Figures of runs: what they show and what they omit, and how damaged or incomplete results are handled."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kmc.files.trajectory
from analysis import analyze, analyze_folder
from analysis.plots import canvas, chemical_diffusion, msd, overlay, sigma_T, temperatures, thermodynamics, transport
from analysis.plots.chemical_diffusion import plot_routes
from analysis.plots.msd import plot_msd
from analysis.plots.overlay import plot_overlay
from analysis.plots.run import plot_folder
from analysis.plots.sigma_T import plot_sigma_temperature
from analysis.plots.temperatures import plot_arrhenius
from analysis.plots.thermodynamics import plot_isotherm
from analysis.plots.transport import plot_onsager
from kmc.files.trajectory import Trajectory
from lattices.errors import InputError
from tests.analysis.synthetic import lattice_steps, synthetic

RATES = {"T0900K": 0.5, "T1000K": 1.0, "T1100K": 2.0}


def mixed(rate: float = 1.0, temperature_K: float = 1000.0) -> Trajectory:
    """Vacancies and electrons."""
    rng = np.random.default_rng(int(temperature_K))
    steps = {"V_O": lattice_steps(rng, (40, 8, 4), rate)[0], "electron": lattice_steps(rng, (40, 8, 8), 4 * rate)[0]}
    return synthetic(steps, None, {"V_O": 2, "electron": -1}, temperature_K=temperature_K)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An analysed run at three temperatures; reading its trajectory files returns synthetic trajectories."""
    for name in RATES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "trajectory.h5").touch()

    def read(path: Path) -> Trajectory:
        name = Path(path).parent.name
        return mixed(RATES[name], float(name[1:5]))

    monkeypatch.setattr(kmc.files.trajectory, "read_trajectory", read)
    analyze_folder(tmp_path)
    return tmp_path


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The panels of the figures that a test draws, in order."""
    panels: list[Any] = []

    @contextmanager
    def kept(*arguments: Any, **more: Any) -> Iterator[Any]:
        with canvas.picture(*arguments, **more) as (figure, axes):
            panels.extend(axes)
            yield figure, axes

    for module in (msd, temperatures, thermodynamics, transport, chemical_diffusion, overlay, sigma_T):
        monkeypatch.setattr(module, "picture", kept)
    return panels


def legend(axes: Any) -> list[str]:
    """The texts of a panel's legend."""
    found = axes.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


@pytest.mark.slow
def test_a_list_of_temperatures_produces_every_picture(folder: Path) -> None:
    pictures = plot_folder(folder)
    assert [path.relative_to(folder).as_posix() for path in pictures] == [
        *(f"{name}/{picture}.png" for name in RATES for picture in ("msd", "onsager")),
        "arrhenius.png",
        "conductivities.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


@pytest.mark.slow
def test_several_runs_in_one_picture(folder: Path, drawn: list[Any], tmp_path: Path) -> None:
    whole = json.loads((folder / "results.json").read_text())
    runs = {"first": whole, "hot": whole["runs"][-1]}
    pictures = plot_overlay(runs, tmp_path)
    assert [path.name for path in pictures] == ["overlay-diffusivities.png", "overlay-conductivities.png"]
    for panel, key in zip(drawn, ("tracer_diffusivity_m2_s", None), strict=True):
        names = [text.split("\n")[0] for text in legend(panel)]
        assert [name.partition(":")[0] for name in names] == ["first", "hot"]
        assert ["$E_a$" in text for text in legend(panel)] == [True, False]
        entry = whole["runs"][-1]
        value = entry["species"]["V_O"][key]["value"] if key else 1100.0 * entry["ionic_conductivity_S_m"]["value"]
        assert panel.containers[1][0].get_ydata() == pytest.approx([value])


def test_sigma_T_is_drawn_for_ionic_conductors_only(folder: Path, drawn: list[Any], tmp_path: Path) -> None:
    whole = json.loads((folder / "results.json").read_text())
    assert plot_sigma_temperature(whole, tmp_path / "none.png") is None
    for run in whole["runs"]:
        run["electronic_conductivity_S_m"] = {"value": None, "stderr": None, "reason": "no electrons"}
    assert plot_sigma_temperature(whole, tmp_path / "sigma-T.png") == tmp_path / "sigma-T.png"
    expected = [run["temperature_K"] * run["ionic_conductivity_S_m"]["value"] for run in whole["runs"]]
    assert drawn[0].containers[0][0].get_ydata() == pytest.approx(expected)
    assert "$E_a$" in legend(drawn[0])[0]


def test_msd_names_each_species_once_and_marks_the_lags_of_the_fit(drawn: list[Any], tmp_path: Path) -> None:
    plot_msd(mixed(), tmp_path / "msd.png")
    names = [line.partition("\n")[0] for line in legend(drawn[0])]
    assert sorted(names) == ["V$_\\mathrm{O}$", "electron", "lags of the fit"]
    assert all("m²/s" in line for line in legend(drawn[0]) if "D^*" in line)


def test_msd_without_a_diffusivity_says_so_and_draws_no_line(drawn: list[Any], tmp_path: Path) -> None:
    """Six frames of one replica do not allow a fit; a walk that reverses gives a fit that is not positive."""
    back = np.ones((40, 8, 2, 3), dtype=np.int64)
    back[1::2] *= -1
    for steps in (np.ones((6, 1, 2, 3), dtype=np.int64), back):
        plot_msd(synthetic({"V_O": steps}), tmp_path / "msd.png")
        assert any("$D^*$ unavailable" in line for line in legend(drawn[-1]))
        assert not any("= $-" in line for line in legend(drawn[-1]))
        assert not [line for line in drawn[-1].get_lines() if len(line.get_xdata()) == 50]


def test_msd_of_a_run_in_which_nothing_moved_is_drawn(tmp_path: Path) -> None:
    nothing = synthetic({"V_O": np.zeros((6, 1, 2, 3), dtype=np.int64)})
    assert plot_msd(nothing, tmp_path / "nothing.png").exists()


def test_arrhenius_uses_the_fits_of_the_results(folder: Path, drawn: list[Any], tmp_path: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    plot_arrhenius(results, tmp_path / "a.png")
    axes = drawn[0]
    assert [line.partition("\n")[0] for line in legend(axes)] == [
        r"$D^*$ of V$_\mathrm{O}$",
        r"$D_\sigma$ of V$_\mathrm{O}$",
        "$D^*$ of electron",
        r"$D_\sigma$ of electron",
    ]
    assert all("$E_a$" in line for line in legend(axes)) and axes.child_axes and "Diffusivities" in axes.get_title()


def test_arrhenius_draws_the_collective_diffusivity_of_exchanging_species_once(
    folder: Path, drawn: list[Any], tmp_path: Path
) -> None:
    results = json.loads((folder / "results.json").read_text())
    for run in results["runs"]:
        run["species"]["O"] = copy.deepcopy(run["species"]["V_O"])
    plot_arrhenius(results, tmp_path / "a.png")
    assert sum(line.startswith(r"$D_\sigma$") for line in legend(drawn[0])) == 2  # of V_O and electron, not of O


def test_arrhenius_without_a_diffusivity_is_not_drawn(folder: Path, tmp_path: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    for run in results["runs"]:
        for entry in run["species"].values():
            for key in ("tracer_diffusivity_m2_s", "collective_diffusivity_m2_s"):
                entry[key] = {"value": None, "stderr": None, "reason": "no hop"}
    assert plot_arrhenius(results, tmp_path / "none.png") is None


def test_onsager_matrix_is_typeset_and_its_diagonal_has_no_colour(drawn: list[Any], tmp_path: Path) -> None:
    plot_onsager(analyze(mixed()), tmp_path / "o.png")
    texts = [text.get_text() for text in drawn[0].texts]
    assert len(texts) == 4 and all(r"\times 10^{" in text or "exactly" in text for text in texts)
    assert np.ma.getmaskarray(drawn[0].get_images()[0].get_array()).diagonal().all()


def scan(theta: float | None) -> dict[str, Any]:
    """Results of a scan over three pressures; theta: thermodynamic factor of the carrier, None if unavailable."""
    absent = {"value": None, "stderr": None, "reason": "the walk was too short"}
    known = absent if theta is None else {"value": theta, "stderr": 0.1 * theta}
    partner = absent if theta is None else {"value": 30 * theta, "stderr": theta}
    points = [
        {
            "mu_eV": -0.1 * n,
            "pO2_bar": 10.0**-n,
            "site_fraction": {"value": 0.01 * (n + 1), "stderr": 0.001},
            "thermodynamic_factor_carrier": known,
            "thermodynamic_factor_partner": partner,
        }
        for n in range(3)
    ]
    methods = {"grand_canonical": known, "structure_factor": known, "slabs": known}
    thermodynamics = {
        "component": "O",
        "carrier": "V_O",
        "partner": "O",
        "site_fraction": 0.02,
        "isotherm": points,
        "isotherm_curve": {},
        "thermodynamic_factor_of_carrier": methods,
    }
    return {"model": "synthetic", "temperature_K": 1000.0, "thermodynamics": thermodynamics}


def test_isotherm_names_both_species_and_distinguishes_methods(drawn: list[Any], tmp_path: Path) -> None:
    assert plot_isotherm(scan(3.0), tmp_path / "i.png")
    above, below = drawn
    assert above.get_xscale() == "log" and below.get_yscale() == "log"
    assert [line.partition(", ")[0] for line in legend(below)] == [
        r"$\Theta$ of V$_\mathrm{O}$",
        r"$\Theta$ of O",
        r"$\Theta$ of V$_\mathrm{O}$",
        r"$\Theta$ of V$_\mathrm{O}$",
    ]
    colours = [container.lines[0].get_color() for container in below.containers]
    assert len(set(colours)) == 4


def test_a_scan_too_short_for_theta_is_drawn(drawn: list[Any], tmp_path: Path) -> None:
    assert plot_isotherm(scan(None), tmp_path / "i.png")
    assert "unavailable" in drawn[1].texts[0].get_text()


def test_the_composition_of_the_run_is_shown_where_the_scan_does_not_reach_it(drawn: list[Any], tmp_path: Path) -> None:
    results = scan(3.0)
    results["thermodynamics"]["site_fraction"] = 0.2
    plot_isotherm(results, tmp_path / "i.png")
    low, high = drawn[1].get_xlim()
    assert low < 0.01 and 0.2 < high < 0.25


def test_routes_with_the_same_expression_share_a_line(drawn: list[Any], tmp_path: Path) -> None:
    values = {
        "tracer_theta": 1.0,
        "tracer_theta_te": 1.4,
        "tracer_theta_tau": 1.4,
        "onsager": 1.4 + 1e-13,
        "decay": 1.5,
    }
    entries = {name: {"value": 1e-9 * value, "stderr": 1e-11} for name, value in values.items()}
    results = {"model": "m", "temperature_K": 1000.0, "chemical_diffusivity_m2_s": entries}
    assert plot_routes(results, tmp_path / "r.png")
    labels = [tick.get_text() for tick in drawn[0].get_yticklabels()]
    assert len(labels) == 3 and "Onsager matrix" in labels[1] and "without" in labels[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ damaged", "damaged"),
        ("[]", "damaged"),
        ('{"runs": []}', "not the results of this version"),
        ('{"runs": [{"species": {"V_O": {}}}]}', "lacks 'onsager'"),
        ("\x00\x01", "damaged"),
    ],
)
def test_damaged_results_give_a_one_line_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        plot_folder(tmp_path)
    assert "\n" not in str(caught.value) and "results.json" in str(caught.value)


def test_a_folder_that_was_not_analysed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run kmc analyze first"):
        plot_folder(tmp_path)


def test_a_folder_that_cannot_be_written_gives_a_one_line_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Figure, "savefig", refused)
    with pytest.raises(InputError, match=r"msd\.png: cannot be written: Permission denied"):
        plot_folder(folder)
