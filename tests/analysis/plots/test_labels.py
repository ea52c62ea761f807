"""Labels of species, quantities and units in figures."""

from __future__ import annotations

import pytest

from analysis.plots.labels import estimate_label, key_label, result_text, species_label, typeset, varied_label
from analysis.statistics.estimates import Estimate, Unavailable


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("V_O", r"V$_\mathrm{O}$"),
        ("electron", "electron"),
        ("proton_site_empty", "proton site empty"),
    ],
)
def test_species(name: str, label: str) -> None:
    assert species_label(name) == label


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("species.V_O.tracer_diffusivity_m2_s", r"$D^*$ of V$_\mathrm{O}$"),
        ("ambipolar_onsager_conductivity_S_m", r"$\sigma_\mathrm{amb}$ with cross terms"),
        ("chemical_diffusivity_m2_s.onsager", "Onsager matrix"),
        ("chemical_diffusivity_m2_s.new_route", "new route"),
        ("species.H.some_ratio", "some ratio of H"),
    ],
)
def test_estimates_have_symbols(key: str, label: str) -> None:
    assert estimate_label(key) == label


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("gas.pO2_bar", "$p$(O$_2$) (bar)"),
        ("run.temperature_K", "temperature (K)"),
        ("crystal.doping.Gd", "site fraction of Gd"),
        ("crystal.vacancies.fraction", "vacancies fraction"),
        ("model.some_energy_eV", "some energy (eV)"),
        ("run.field_V_per_m", "field strength (V/m)"),
        ("run.replicas", "replicas"),
    ],
)
def test_varied_keys_have_labels_and_units(key: str, label: str) -> None:
    assert key_label(key) == label


def test_values_of_varied_keys_carry_their_unit() -> None:
    assert varied_label("gas.pO2_bar", 0.21) == "$p$(O$_2$) 0.21 bar"
    assert varied_label("run.replicas", 8) == "replicas 8"
    assert varied_label("polarons.mode", "auto") == "mode auto"


def test_numbers_are_set_as_products_with_powers_of_ten() -> None:
    assert typeset(1.234e37, 4e36) == r"$1.2(4)\times 10^{37}$"
    assert typeset(0.418, 0.004) == "0.418(4)"
    assert result_text(Estimate(1.23e-10, 4e-12), "m²/s") == r"$1.23(4)\times 10^{-10}$ m²/s"
    assert result_text(Unavailable("too short"), "m²/s") == "unavailable"
