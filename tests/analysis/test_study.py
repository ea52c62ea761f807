"""Activation energies and pressure exponents over the runs of a study."""

from __future__ import annotations

import math

import pytest

from analysis.statistics.arrhenius import BOLTZMANN_EV_K
from analysis.study import Row, format_fits, study_fits

SIGMA, TRACER = "ionic_conductivity_S_m", "species.O.tracer_diffusivity_m2_s"


def row(temperature_K: float, pressure: float, seed: int, ions: int = 10, **more: object) -> Row:
    """sigma T = 5 exp(-0.8 eV/kT) pO2^(-1/4), and a D* of its own activation energy 0.6 eV."""
    sigma = 5.0 / temperature_K * math.exp(-0.8 / (BOLTZMANN_EV_K * temperature_K)) * pressure**-0.25
    tracer = 1e-7 * math.exp(-0.6 / (BOLTZMANN_EV_K * temperature_K))
    return {
        "folder": f"{temperature_K},{pressure},{seed}",
        "varied": {"run.temperature_K": temperature_K, "gas.pO2_bar": pressure, "run.seed": seed, **more},
        "temperature_K": temperature_K,
        "composition": {"V_O": ions},
        "figures": {
            SIGMA: {"value": sigma, "stderr": 0.01 * sigma},
            TRACER: {"value": tracer, "stderr": 0.01 * tracer},
            "species.O.haven_ratio": {"value": 0.7, "stderr": 0.1},
        },
    }


ROWS = [row(t, p, seed) for t in (900.0, 1000.0, 1100.0) for p in (1e-3, 1e-1) for seed in (1, 2)]


def test_energies_at_each_pressure_with_all_seeds() -> None:
    fits = study_fits(ROWS)["activation_energies"]
    assert [(fit["quantity"], fit["at"]["gas.pO2_bar"]) for fit in fits] == [
        (SIGMA, 1e-3),
        (TRACER, 1e-3),
        (SIGMA, 1e-1),
        (TRACER, 1e-1),
    ]
    assert fits[0]["temperatures_K"] == [900.0, 900.0, 1000.0, 1000.0, 1100.0, 1100.0]
    assert fits[0]["activation_energy_eV"]["value"] == pytest.approx(0.8)
    assert fits[1]["activation_energy_eV"]["value"] == pytest.approx(0.6)
    assert "note" not in fits[0]["activation_energy_eV"]


def test_exponents_at_each_temperature() -> None:
    fits = study_fits(ROWS)["pO2_slopes"]
    assert [fit["at"]["temperature_K"] for fit in fits if fit["quantity"] == SIGMA] == [900.0, 1000.0, 1100.0]
    assert fits[0]["exponent"]["value"] == pytest.approx(-0.25)
    start = f"d ln {SIGMA}/d ln pO2 at temperature_K = 900.0: -0.25"
    assert any(line.startswith(start) for line in format_fits(study_fits(ROWS)))


def test_a_composition_that_changes_is_said() -> None:
    rows = [row(900.0, 1.0, 1, ions=10), row(1000.0, 1.0, 1, ions=12)]
    energy = study_fits(rows)["activation_energies"][0]["activation_energy_eV"]
    assert "composition changes" in energy.get("note", "")


def test_other_keys_are_not_mixed_and_missing_values_are_named() -> None:
    rows = [row(900.0, 1.0, 1, x=0.1), row(1000.0, 1.0, 1, x=0.2)]
    assert study_fits(rows) == {"activation_energies": [], "pO2_slopes": []}
    rows = [row(t, 1.0, 1) for t in (900.0, 1000.0, 1100.0)]
    rows[2]["figures"][SIGMA] = {"value": None, "stderr": None, "reason": "too short"}
    fit = study_fits(rows)["activation_energies"][0]
    assert fit["left_out"] == [rows[2]["folder"]] and fit["temperatures_K"] == [900.0, 1000.0]
