"""results.json, the Arrhenius section of the parent folder, and the table printed in the terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kmc.files.trajectory
from analysis import analyze, analyze_folder
from analysis.statistics.arrhenius import BOLTZMANN_EV_K
from analysis.table import format_table, with_error
from kmc.files.trajectory import Trajectory
from lattices.errors import InputError
from tests.analysis.synthetic import diffusivity, lattice_steps, synthetic

ENERGY_EV = 0.4


def mixed(seed: int = 1, temperature_K: float = 1000.0, **changes: Any) -> Trajectory:
    """Vacancies and electrons with the same activation energy."""
    rng = np.random.default_rng(seed)
    rate = 40.0 * np.exp(-ENERGY_EV / (BOLTZMANN_EV_K * temperature_K))
    vacancies, few = lattice_steps(rng, (80, 24, 8), rate)
    electrons, many = lattice_steps(rng, (80, 24, 16), 4 * rate)
    return synthetic(
        {"V_O": vacancies, "electron": electrons},
        {"V_O": few, "electron": many},
        {"V_O": 2, "electron": -1},
        temperature_K=temperature_K,
        **changes,
    )


def entries_in(results: Any) -> Iterator[dict[str, Any]]:
    """Every {"value", "stderr"} entry at any depth."""
    if isinstance(results, dict):
        if "value" in results:
            yield results
        else:
            for part in results.values():
                yield from entries_in(part)


def test_results_have_the_documented_structure() -> None:
    results = analyze(mixed())
    json.dumps(results, allow_nan=False)
    assert set(results["species"]) == {"V_O", "electron"}
    assert set(results["species"]["V_O"]) == {
        "charge_e",
        "kind",
        "number_density_m3",
        "tracer_diffusivity_m2_s",
        "collective_diffusivity_m2_s",
        "correlation_factor",
        "haven_ratio",
        "tracer_fit",
        "collective_fit",
    }
    assert {
        "temperature_K",
        "backend",
        "elapsed_time_s",
        "onsager",
        "ionic_conductivity_S_m",
        "electronic_conductivity_S_m",
        "total_conductivity_S_m",
        "ionic_transference_number",
        "electronic_transference_number",
        "ambipolar_conductivity_S_m",
        "ambipolar_onsager_conductivity_S_m",
        "thermodynamic_factor_O",
        "thermodynamic_factor_V",
        "chemical_diffusivity_m2_s",
        "hops",
    } <= set(results)
    assert results["onsager"]["species"] == ["V_O", "electron"]
    hops = results["hops"]["families"]["V_O hop"]
    assert hops["trials"] == 2 * hops["accepted"] > 0 and hops["acceptance"] == pytest.approx(0.5)


def test_every_estimate_has_a_value_with_an_error_or_a_reason() -> None:
    short = synthetic({"V_O": np.ones((3, 8, 2, 3), dtype=np.int64)})
    alone = synthetic({"V_O": np.ones((6, 1, 2, 3), dtype=np.int64)})
    immobile = synthetic({"V_O": np.zeros((80, 8, 2, 3), dtype=np.int64)})
    driven = mixed(field_V_per_m=np.array([1e6, 0.0, 0.0]))
    for trajectory in (mixed(), short, alone, immobile, driven):
        results = analyze(trajectory)
        json.dumps(results, allow_nan=False)
        found = list(entries_in(results))
        assert len(found) > 10
        for entry in found:
            if entry["value"] is None:
                assert entry["stderr"] is None and entry["reason"]
            else:
                assert entry["stderr"] is not None and "reason" not in entry


def test_results_of_a_run_without_hops_contain_no_zero() -> None:
    results = analyze(synthetic({"V_O": np.zeros((80, 8, 2, 3), dtype=np.int64)}))
    for entry in results["species"]["V_O"].values():
        assert not isinstance(entry, dict) or entry["value"] is None
    assert results["ionic_conductivity_S_m"]["value"] is None


def test_a_given_range_is_recorded_and_its_run_takes_part_in_the_whole(folder: Path) -> None:
    """One temperature analysed again with another range changes the parent's runs and its Arrhenius fits."""
    before = analyze_folder(folder)
    assert [run["fit_range"] for run in before["runs"]] == [None] * 3
    again = analyze_folder(folder / "T1000K", (0.1, 0.4))
    fit = again["species"]["V_O"]["tracer_fit"]
    assert again["fit_range"] == [0.1, 0.4] and fit["chosen_from"] == "fit_range"
    assert 0.1 <= fit["lags_s"][0] / again["elapsed_time_s"] < fit["lags_s"][1] / again["elapsed_time_s"] <= 0.4
    whole = json.loads((folder / "results.json").read_text())
    assert whole["runs"][1] == again and whole["runs"][0] == before["runs"][0]
    key = "species.V_O.tracer_diffusivity_m2_s"
    assert whole["arrhenius"][key] != before["arrhenius"][key]


def test_a_bad_fit_range_is_bad_input() -> None:
    with pytest.raises(InputError, match="fit_range"):
        analyze(mixed(), fit_range=(0.4, 0.1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run at three temperatures; reading its trajectory files returns synthetic trajectories."""
    temperatures = {"T0900K": 900.0, "T1000K": 1000.0, "T1100K": 1100.0}
    for name in temperatures:
        (tmp_path / name).mkdir()
        (tmp_path / name / "trajectory.h5").touch()

    def read(path: Path) -> Trajectory:
        temperature = temperatures[Path(path).parent.name]
        return mixed(int(temperature), temperature)

    monkeypatch.setattr(kmc.files.trajectory, "read_trajectory", read)
    return tmp_path


@pytest.mark.statistical
def test_a_list_of_temperatures_gives_the_activation_energy_it_was_made_with(folder: Path) -> None:
    """D*, D_sigma and sigma T agree within 5 errors (false alarm below 1e-6); the files hold what is returned."""
    results = analyze_folder(folder)
    assert json.loads((folder / "results.json").read_text()) == results
    assert results["temperatures_K"] == [900.0, 1000.0, 1100.0]
    assert json.loads((folder / "T0900K" / "results.json").read_text()) == results["runs"][0]
    assert not list(folder.rglob("*.new"))
    for key in (
        "species.V_O.tracer_diffusivity_m2_s",
        "species.electron.collective_diffusivity_m2_s",
        "ionic_conductivity_S_m",
    ):
        fit = results["arrhenius"][key]
        energy = fit["activation_energy_eV"]
        assert abs(energy["value"] - ENERGY_EV) < 5 * energy["stderr"], key
        assert fit["prefactor"]["stderr"] > 0 and fit["chi2_per_dof"] < 16  # false alarm 6e-5
    exact = results["arrhenius"]["species.V_O.tracer_diffusivity_m2_s"]
    assert np.log(exact["prefactor"]["value"] / diffusivity(40.0)) == pytest.approx(0.0, abs=0.5)


def test_a_failing_write_keeps_the_previous_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = folder / "T0900K"
    (run / "results.json").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        analyze_folder(run)
    assert (run / "results.json").read_text() == "old"


def test_a_folder_without_a_run_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trajectory\.h5"):
        analyze_folder(tmp_path)


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (1.2341e-12, 1.2e-14, "1.234(12)e-12"),
        (0.4182, 0.0031, "0.4182(31)"),
        (0.4182, 0.0041, "0.418(4)"),
        (1.23e-10, 4.1e-12, "1.23(4)e-10"),
        (0.0, 0.01, "0.000(10)"),
        (0.96, 0.97, "1.0(10)"),
        (1000.0, 20.0, "1000(20)"),
        (1.0e-12, 3.0e-12, "1.0(30)e-12"),
        (-2.5e20, 1.0e19, "-2.50(10)e+20"),
        (5.0, 0.0, "5"),
        (None, None, "-"),
        (9.99996e-12, 1.2e-14, "1.0000(12)e-11"),
        (1.0e-12, 9.97e-15, "1.000(10)e-12"),
    ],
)
def test_numbers_with_errors(value: float | None, stderr: float | None, text: str) -> None:
    assert with_error({"value": value, "stderr": stderr}) == text


def test_table_shows_every_species_and_temperature(folder: Path) -> None:
    table = format_table(analyze_folder(folder))
    lines = table.splitlines()
    assert [line.split()[:2] for line in lines[1:7]] == [
        [temperature, name] for temperature in ("900", "1000", "1100") for name in ("V_O", "electron")
    ]
    assert any(line.startswith("activation energy of species.V_O.tracer_diffusivity_m2_s: 0.") for line in lines)
    assert max(len(line) for line in lines[:7]) < 160


def test_table_says_why_an_estimate_is_unavailable() -> None:
    assert "made no hop" in format_table(analyze(synthetic({"V_O": np.zeros((80, 8, 2, 3), dtype=np.int64)})))
