"""Defect equilibria over all temperatures, gases and dopants: balances, signs, derivatives, monotonicity."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lattices.defects.equilibrium import solve_equilibrium

# Without a source: any pair of values enables the hole equations, which is all that these tests need.
HOLES = {
    "hole_oxidation_enthalpy_J_mol": 1.0e5,
    "hole_oxidation_entropy_J_mol_K": 10.0,
    "source": "made up for a test",
}
# Material and constants: every form of the equations, with and without holes.
CASES = {
    "ceria": ("ceria", None),
    "ceria-bulfin": ("ceria", "bulfin2016"),
    "ceria-suzuki-watanabe": ("ceria", "suzuki-watanabe"),
    "lsf": ("lsf", None),
    "bzy": ("bzy", "kjolseth2010"),
    "bzy-holes": ("bzy", HOLES),
    "bcy-holes": ("bcy", HOLES),
}
EMPIRICAL = ("ceria-bulfin", "ceria-suzuki-watanabe")

temperatures = st.floats(500.0, 1600.0)
log10_pO2 = st.floats(-30.0, 1.0)
log10_pH2O = st.one_of(st.floats(-10.0, 3.0), st.just(-math.inf))  # the last one is a dry gas
dopants = st.one_of(st.floats(1e-9, 1e-3), st.floats(1e-3, 0.9), st.sampled_from([0.1, 0.2, 0.4]))


def cases(*names):
    return st.sampled_from(names or tuple(CASES))


def solve(case, temperature_K, log_pO2, log_pH2O, dopant):
    """Equilibrium of a case; empirical forms take no dopants, and one of them starts at 600 K."""
    material, constants = CASES[case]
    proton = material in ("bzy", "bcy")
    return solve_equilibrium(
        material,
        max(temperature_K, 600.0) if case == "ceria-bulfin" else temperature_K,
        10.0**log_pO2,
        pH2O_bar=10.0**log_pH2O if proton else None,
        dopant_fraction=0.0 if case in EMPIRICAL else dopant,
        constants=constants,
    )


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(cases(), temperatures, log10_pO2, log10_pH2O, dopants)
def test_balances_and_signs_over_the_whole_range(case, temperature_K, log_pO2, log_pH2O, dopant):
    result = solve(case, temperature_K, log_pO2, log_pH2O, dopant)
    f = result.site_fractions
    ceria = case.startswith("ceria")
    dopant = 0.0 if case in EMPIRICAL else dopant
    sites = 2.0 if ceria else 3.0
    hosts = 1.0 - dopant if ceria else 1.0
    assert all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in f.values())
    assert f["V_O"] + f["O_O"] + f.get("H", 0.0) == pytest.approx(1.0, abs=1e-13)
    assert f["host_cation"] + f.get("electron", 0.0) + f.get("hole", 0.0) == pytest.approx(hosts, abs=1e-13)
    positive = sites * (2 * f["V_O"] + f.get("H", 0.0)) + f.get("hole", 0.0)
    negative = dopant + f.get("electron", 0.0)
    assert abs(positive - negative) < 1e-10 * negative
    assert result.delta == pytest.approx(sites * f["V_O"], rel=1e-14)
    if case == "bzy":
        assert result.thermodynamic_factor_V is None and result.thermodynamic_factor_O is None
        return
    if case == "ceria-bulfin":
        low = result.thermodynamic_factor_V < 1.0
        assert low == any("thermodynamic_factor_V" in line for line in result.warnings)
    else:
        assert result.thermodynamic_factor_V >= 1.0
    ratio = (sites - result.delta) / result.delta
    assert result.thermodynamic_factor_O == pytest.approx(result.thermodynamic_factor_V * ratio, rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(cases("ceria", "lsf"), temperatures, log10_pO2)
def test_undoped_balance_holds_relative_to_small_concentrations(case, temperature_K, log_pO2):
    result = solve(case, temperature_K, log_pO2, 0.0, 0.0)
    f = result.site_fractions
    positive = 2 * result.delta + f.get("hole", 0.0)
    assert abs(positive - f["electron"]) < 1e-10 * f["electron"]


@settings(max_examples=100, deadline=None)
@given(
    cases(*(case for case in CASES if case != "bzy")),
    st.floats(700.0, 1600.0),
    st.floats(-29.0, 0.0),
    log10_pH2O,
    dopants,
)
def test_theta_is_the_derivative(case, temperature_K, log_pO2, log_pH2O, dopant):
    here = solve(case, temperature_K, log_pO2, log_pH2O, dopant)
    if here.thermodynamic_factor_V > 1e7:
        return  # a finite difference of delta has no significant digits there
    step = 1e-3
    above, below = (solve(case, temperature_K, log_pO2 + s, log_pH2O, dopant) for s in (step, -step))
    slope = math.log(above.delta / below.delta) / (2 * step * math.log(10))
    assert here.thermodynamic_factor_V == pytest.approx(-0.5 / slope, rel=1e-3)


ROUNDING = 1e-12


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(cases(), temperatures, log10_pO2, log10_pH2O, dopants, st.floats(0.01, 5.0))
def test_more_oxygen_means_fewer_vacancies_and_electrons(case, temperature_K, log_pO2, log_pH2O, dopant, step):
    low = solve(case, temperature_K, log_pO2, log_pH2O, dopant)
    high = solve(case, temperature_K, min(log_pO2 + step, 1.0), log_pH2O, dopant)
    assert high.delta <= low.delta * (1 + ROUNDING)
    for carrier, sign in (("electron", -1), ("hole", 1)):
        if carrier in low.site_fractions:
            change = high.site_fractions[carrier] / low.site_fractions[carrier] - 1
            assert sign * change >= -ROUNDING


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    cases(*(case for case in CASES if "holes" not in case)),
    temperatures,
    log10_pO2,
    log10_pH2O,
    dopants,
    st.floats(1.0, 500.0),
)
def test_heating_releases_oxygen_and_water(case, temperature_K, log_pO2, log_pH2O, dopant, step):
    """Reduction is endothermic and hydration exothermic: more vacancies and fewer protons at higher temperature."""
    cold = solve(case, temperature_K, log_pO2, log_pH2O, dopant)
    hot = solve(case, min(temperature_K + step, 1600.0), log_pO2, log_pH2O, dopant)
    assert hot.delta >= cold.delta * (1 - ROUNDING)
    if "electron" in cold.site_fractions and not case.startswith("lsf"):
        assert hot.site_fractions["electron"] >= cold.site_fractions["electron"] * (1 - ROUNDING)
    if "H" in cold.site_fractions:
        assert hot.site_fractions["H"] <= cold.site_fractions["H"] * (1 + ROUNDING)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(cases("bzy", "bzy-holes", "bcy-holes"), temperatures, log10_pO2, log10_pH2O, dopants, st.floats(0.01, 5.0))
def test_more_water_means_more_protons_and_fewer_holes(case, temperature_K, log_pO2, log_pH2O, dopant, step):
    dry = solve(case, temperature_K, log_pO2, log_pH2O, dopant)
    wet = solve(case, temperature_K, log_pO2, min(max(log_pH2O, -10.0) + step, 4.0), dopant)
    assert wet.site_fractions["H"] >= dry.site_fractions["H"] * (1 - ROUNDING)
    assert wet.site_fractions["H"] > 0.0 and (dry.site_fractions["H"] == 0.0) == math.isinf(log_pH2O)
    assert wet.delta <= dry.delta * (1 + ROUNDING)
    if "hole" in dry.site_fractions:
        assert wet.site_fractions["hole"] <= dry.site_fractions["hole"] * (1 + ROUNDING)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(cases("ceria", "lsf", "bzy"), temperatures, log10_pO2, log10_pH2O, dopants, st.floats(1.01, 2.0))
def test_more_acceptors_mean_more_vacancies(case, temperature_K, log_pO2, log_pH2O, dopant, factor):
    few = solve(case, temperature_K, log_pO2, log_pH2O, dopant)
    many = solve(case, temperature_K, log_pO2, log_pH2O, min(dopant * factor, 0.9))
    assert many.delta >= few.delta * (1 - ROUNDING)
