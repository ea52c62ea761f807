"""Defect equilibria against closed forms, literal formulae and finite differences."""

from __future__ import annotations

import json
import math
import tomllib
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.brouwer import brouwer_diagram
from analysis.constant_sets import FAMILIES, load_materials
from analysis.equilibria import list_materials, solve_equilibrium
from analysis.mass_action import DefectModel, solve_defects
from lattices.errors import InputError

R = 8.314462618
# Not from a source: any pair switches the hole equations on, which is all these tests need.
HOLES = {
    "hole_oxidation_enthalpy_J_mol": 1.0e5,
    "hole_oxidation_entropy_J_mol_K": 10.0,
    "source": "made up for a test",
}

temperatures = st.floats(500.0, 1600.0)
log10_pO2 = st.floats(-30.0, 1.0)
log10_pH2O = st.floats(-10.0, 0.0)
general = st.sampled_from(["ceria", "lsf", "bzy", "bcy"])
dopants = st.one_of(st.floats(1e-4, 0.6), st.sampled_from([0.1, 0.2, 0.4]))


def solve(material, temperature_K, log_pO2, log_pH2O, dopant):
    proton = material in ("bzy", "bcy")
    return solve_equilibrium(
        material,
        temperature_K,
        10.0**log_pO2,
        pH2O_bar=10.0**log_pH2O if proton else None,
        dopant_fraction=dopant,
        constants=HOLES if proton else None,
    )


@pytest.mark.parametrize(("pO2_bar", "delta"), [(1.0, 0.0155), (1e-2, 0.0631), (1e-4, 0.1270), (1e-10, 0.1967)])
def test_lsf64_delta_at_1073_K(pO2_bar, delta):
    assert solve_equilibrium("lsf64", 1073, pO2_bar).delta == pytest.approx(delta, abs=5e-5)


@pytest.mark.parametrize("pO2_bar", [1.0, 1e-6, 1e-12, 1e-16, 1e-24])
def test_lsf64_obeys_its_literal_equations(pO2_bar):
    result = solve_equilibrium("lsf64", 1073, pO2_bar)
    p, n, m = (result.site_fractions[key] for key in ("hole", "electron", "host_cation"))
    delta = result.delta
    k_ox = math.exp(95620 / (R * 1073) - 54.27 / R)
    k_i = math.exp(-95750 / (R * 1073) - 21.63 / R)
    assert p**2 * (3 - delta) / (delta * m**2 * math.sqrt(pO2_bar)) == pytest.approx(k_ox, rel=1e-11)
    assert p * n / m**2 == pytest.approx(k_i, rel=1e-11)
    assert 3 + p - n == pytest.approx(3.4 - 2 * delta, abs=1e-12)  # mean valence of iron


@settings(max_examples=150, deadline=None)
@given(general, temperatures, log10_pO2, log10_pH2O, dopants)
def test_balances_and_signs_over_the_whole_range(material, temperature_K, log_pO2, log_pH2O, dopant):
    result = solve(material, temperature_K, log_pO2, log_pH2O, dopant)
    f = result.site_fractions
    sites = 2.0 if material == "ceria" else 3.0
    hosts = 1.0 - dopant if material == "ceria" else 1.0
    assert all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in f.values())
    assert f["V_O"] + f["O_O"] + f.get("H", 0.0) == pytest.approx(1.0, abs=1e-13)
    assert f["host_cation"] + f.get("electron", 0.0) + f.get("hole", 0.0) == pytest.approx(hosts, abs=1e-13)
    positive = sites * (2 * f["V_O"] + f.get("H", 0.0)) + f.get("hole", 0.0)
    negative = dopant + f.get("electron", 0.0)
    assert abs(positive - negative) < 1e-10 * negative
    assert result.delta == pytest.approx(sites * f["V_O"], rel=1e-14)
    assert result.thermodynamic_factor_V >= 1.0
    ratio = (sites - result.delta) / result.delta
    assert result.thermodynamic_factor_O == pytest.approx(result.thermodynamic_factor_V * ratio, rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["ceria", "lsf"]), temperatures, log10_pO2)
def test_undoped_balance_is_relative_to_the_small_numbers(material, temperature_K, log_pO2):
    result = solve(material, temperature_K, log_pO2, 0.0, 0.0)
    f = result.site_fractions
    positive = 2 * result.delta + f.get("hole", 0.0)
    assert abs(positive - f["electron"]) < 1e-10 * f["electron"]


@settings(max_examples=100, deadline=None)
@given(general, st.floats(700.0, 1600.0), st.floats(-29.0, 0.0), st.floats(-4.0, 0.0), dopants)
def test_theta_is_the_derivative(material, temperature_K, log_pO2, log_pH2O, dopant):
    here = solve(material, temperature_K, log_pO2, log_pH2O, dopant)
    if here.thermodynamic_factor_V > 1e7:
        return  # a finite difference of delta has no digits left there
    step = 1e-3
    above, below = (solve(material, temperature_K, log_pO2 + s, log_pH2O, dopant) for s in (step, -step))
    slope = math.log(above.delta / below.delta) / (2 * step * math.log(10))
    assert here.thermodynamic_factor_V == pytest.approx(-0.5 / slope, rel=1e-3)


@pytest.mark.parametrize("constants", ["bulfin2016", "suzuki-watanabe"])
@pytest.mark.parametrize("pO2_bar", [1.0, 1e-5, 1e-10, 1e-15, 1e-20])
def test_theta_of_empirical_ceria_is_the_derivative(constants, pO2_bar):
    here = solve_equilibrium("ceria", 1473, pO2_bar, constants=constants)
    factor = 1.001
    above, below = (
        solve_equilibrium("ceria", 1473, p, constants=constants) for p in (pO2_bar * factor, pO2_bar / factor)
    )
    dln = 2 * math.log(factor)
    assert -0.5 * dln / math.log(above.delta / below.delta) == pytest.approx(here.thermodynamic_factor_V, rel=1e-5)
    dln_oxygen = math.log((2 - above.delta) / (2 - below.delta))
    assert 0.5 * dln / dln_oxygen == pytest.approx(here.thermodynamic_factor_O, rel=1e-5)


@pytest.mark.parametrize("ln_pO2", [-5.0, 0.0, 2.0])
def test_theta_of_lsf_without_electrons_is_the_closed_form(ln_pO2):
    model = DefectModel(3.0, 1.0, 0.4, log_hole=2.1)
    state = solve_defects(model, np.array([ln_pO2]))
    delta, p = 3 * state.vacancy[0], state.hole[0]
    assert p == pytest.approx(0.4 - 2 * delta, rel=1e-12)
    closed = 1 + 4 * delta / p + 4 * delta / (1 - p) + delta / (3 - delta)
    assert state.theta_V[0] == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize("log_hole", [-1.0, 0.5, 3.0])
def test_theta_with_every_species_present_is_the_derivative(log_hole):
    model = DefectModel(3.0, 1.0, 0.1, log_proton=1.0, log_hole=log_hole, log_electron=0.7)
    step = 1e-4
    low, middle, high = (solve_defects(model, np.array([s])) for s in (-step, 0.0, step))
    slope = math.log(high.vacancy[0] / low.vacancy[0]) / (2 * step)
    assert min(middle.hole[0], middle.electron[0], middle.proton[0]) > 1e-3
    assert middle.theta_V[0] == pytest.approx(-0.5 / slope, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(general, temperatures, log10_pO2, log10_pH2O, dopants, st.floats(0.01, 5.0))
def test_more_oxygen_means_fewer_vacancies_and_electrons(material, temperature_K, log_pO2, log_pH2O, dopant, step):
    low = solve(material, temperature_K, log_pO2, log_pH2O, dopant)
    high = solve(material, temperature_K, min(log_pO2 + step, 1.0), log_pH2O, dopant)
    rounding = 1e-12
    assert high.delta <= low.delta * (1 + rounding)
    for carrier, sign in (("electron", -1), ("hole", 1)):
        if carrier in low.site_fractions:
            change = high.site_fractions[carrier] / low.site_fractions[carrier] - 1
            assert sign * change >= -rounding


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["bzy", "bcy"]), temperatures, log10_pO2, log10_pH2O, dopants)
def test_more_water_means_more_protons_and_fewer_holes(material, temperature_K, log_pO2, log_pH2O, dopant):
    dry = solve(material, temperature_K, log_pO2, log_pH2O, dopant)
    wet = solve(material, temperature_K, log_pO2, log_pH2O + 1.0, dopant)
    assert wet.site_fractions["H"] > dry.site_fractions["H"] * (1 - 1e-12)
    assert wet.delta < dry.delta
    assert wet.site_fractions["hole"] <= dry.site_fractions["hole"] * (1 + 1e-12)


@pytest.mark.parametrize("temperature_K", [600.0, 900.0, 1200.0])
def test_hydration_without_holes_is_the_known_quadratic(temperature_K):
    """S = [OH] per formula unit, V = (x - S)/2: S^2 = K pH2O V (3 - S - V), S the root between 0 and x."""
    pH2O, x = 0.03, 0.1
    k = math.exp(-108.0 / R + 81000.0 / (R * temperature_K)) * pH2O
    s = np.poly1d([1.0, 0.0])
    v = 0.5 * (x - s)
    roots = (s * s - k * v * (3.0 - s - v)).roots
    expected = [root.real for root in roots if 0.0 < root.real < x]
    result = solve_equilibrium("bzy10", temperature_K, 0.2, pH2O_bar=pH2O)
    assert len(expected) == 1
    assert 3 * result.site_fractions["H"] == pytest.approx(expected[0], rel=1e-10)
    assert result.thermodynamic_factor_O is None and result.thermodynamic_factor_V is None
    assert "pO2" in result.reasons["thermodynamic_factor_O"]


def test_dry_proton_conductor_has_only_vacancies():
    result = solve_equilibrium("bzy20", 700, 0.2, pH2O_bar=0)
    assert result.delta == pytest.approx(0.1, rel=1e-12)
    assert "H" not in result.site_fractions


@pytest.mark.parametrize(("temperature_K", "pO2_bar"), [(1300, 1e-3), (1473, 1e-8), (1700, 1e-12)])
def test_bulfin_delta_solves_the_published_form(temperature_K, pO2_bar):
    delta = solve_equilibrium("ceria", temperature_K, pO2_bar, constants="bulfin2016").delta
    enthalpy = 395000 - 31400 * math.log10(delta)
    entropy = 160.5 + 2.94 * R * math.log((0.34 - delta) / delta)
    half_ln_pO2 = entropy / R - enthalpy / (R * temperature_K)
    assert half_ln_pO2 == pytest.approx(0.5 * math.log(pO2_bar), abs=1e-10)


@pytest.mark.parametrize(("temperature_K", "pO2_bar"), [(1300, 1e-3), (1473, 1e-8), (1600, 1e-25)])
def test_suzuki_watanabe_delta_is_the_published_form(temperature_K, pO2_bar):
    a = math.sqrt(45000 * math.exp(-340000 / (R * temperature_K))) * pO2_bar**-0.25
    b = (14702 * math.exp(-345000 / (R * temperature_K))) ** (1 / 6) * pO2_bar ** (-1 / 12) / 3
    expected = (a**-8 + b**-8 + 0.5**-8) ** (-1 / 8)
    result = solve_equilibrium("ceria", temperature_K, pO2_bar, constants="suzuki-watanabe")
    assert result.delta == pytest.approx(expected, rel=1e-12)
    assert result.site_fractions["host_cation"] == pytest.approx(1 - 2 * expected, rel=1e-6)


def test_empirical_ceria_forms_agree_as_far_as_published():
    def ratio(temperature_K, pO2_bar):
        pair = [
            solve_equilibrium("ceria", temperature_K, pO2_bar, constants=name).delta
            for name in ("bulfin2016", "suzuki-watanabe")
        ]
        return pair[1] / pair[0]

    assert ratio(1473, 1e-8) == pytest.approx(1.0, abs=0.2)
    assert ratio(1273, 1e-5) == pytest.approx(4.6, abs=0.1)


def test_mass_action_constant_of_ceria_follows_from_bulfin():
    values = load_materials()["ceria"].sets["mass-action-bulfin"].values
    delta = 0.01
    configuration = math.log(delta / (2 - delta)) + 2 * math.log(2 * delta / (1 - 2 * delta))
    entropy = 160.5 + 2.94 * R * math.log((0.34 - delta) / delta) + R * configuration
    assert values["reduction_enthalpy_J_mol"].value == pytest.approx(395000 - 31400 * math.log10(delta))
    assert values["reduction_entropy_J_mol_K"].value == pytest.approx(entropy, abs=1e-3)


@pytest.mark.parametrize("temperature_K", [1273.0, 1500.0, 1773.0])
def test_mass_action_stays_near_bulfin_in_its_range(temperature_K):
    pressures = np.logspace(-16, 0, 60)
    bulfin = brouwer_diagram("ceria", temperature_K, pressures, constants="bulfin2016").delta
    ideal = brouwer_diagram("ceria", temperature_K, pressures).delta
    inside = (bulfin > 0.003) & (bulfin < 0.03)
    assert inside.sum() > 3
    assert np.all(np.abs(np.log(ideal[inside] / bulfin[inside])) < math.log(1.8))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_shipped_number_has_source_and_mark(family):
    data = tomllib.loads((resources.files("analysis") / "constants" / f"{family}.toml").read_text())
    for name, entry in data["sets"].items():
        numbers = [*entry["values"].values(), *entry["ranges"].values()]
        assert entry["values"], name
        for number in numbers:
            assert number["source"].strip() and number["mark"] in {"read", "computed", "derived"}, name


def test_ranges_give_warnings_and_inside_there_are_none():
    assert solve_equilibrium("lsf64", 1073, 0.21).warnings == ()
    assert solve_equilibrium("ceria", 1473, 1e-6).warnings == ()
    (line,) = solve_equilibrium("lsf64", 1500, 0.21).warnings
    assert "temperature_K = 1500" in line and "kuhn2011" in line
    assert any("pO2_bar" in line for line in solve_equilibrium("lsf64", 1073, 1e-25).warnings)
    other = solve_equilibrium("lsf", 1073, 1, dopant_fraction=0.2).warnings
    assert any("dopant_fraction" in line for line in other)
    assert any("reduction" in line for line in solve_equilibrium("ceria", 1473, 1e-14).warnings)
    assert any("no effect" in line for line in solve_equilibrium("lsf64", 1073, 1, pH2O_bar=0.02).warnings)


def test_as_dict_is_json_with_the_documented_keys():
    data = json.loads(json.dumps(solve_equilibrium("bzy20", 700, 0.2, pH2O_bar=0.02).as_dict()))
    assert data["site_fraction.H"] > 0 and data["delta"] > 0
    assert data["thermodynamic_factor_O"] is None and data["site_fraction.hole"] is None
    assert "citable" in data["reasons"]["site_fraction.hole"]
    assert data["constants"]["hydration_enthalpy_J_mol"]["mark"] == "derived"
    assert "yamazaki2008" in data["formula"]
    full = solve_equilibrium("lsf64", 1073, 1e-4).as_dict()
    assert {"site_fraction.V_O", "site_fraction.hole", "site_fraction.electron"} <= set(full)
    assert full["thermodynamic_factor_O"] > full["thermodynamic_factor_V"] > 1


def test_user_constants_replace_and_are_reported():
    plain = solve_equilibrium("bcy10", 900, 0.2, pH2O_bar=0.02)
    own = solve_equilibrium("bcy10", 900, 0.2, pH2O_bar=0.02, constants={"hydration_enthalpy_J_mol": -170000.0})
    assert own.site_fractions["H"] > plain.site_fractions["H"]
    assert own.constants["hydration_enthalpy_J_mol"].mark == "user"
    assert any("without a source" in line for line in own.warnings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pyrex", 1000, 1.0), "known materials"),
        (("lsf64", 100, 1.0), "temperature_K = 100"),
        (("lsf64", math.nan, 1.0), "temperature_K"),
        (("lsf64", 1000, 0.0), "pO2_bar = 0.0"),
        (("lsf64", 1000, "1"), "pO2_bar = '1'"),
        (("lsf", 1000, 1.0), "dopant_fraction is missing"),
        (("lsf64", 1000, 1.0, None, 0.3), "fixed at 0.4"),
        (("ceria", 1000, 1.0, None, 1.0), "0 <= dopant_fraction < 1"),
        (("bzy10", 1000, 1.0), "pH2O_bar is missing"),
        (("bzy10", 1000, 1.0, -1.0), "pH2O_bar = -1.0"),
        (("bzy", 1000, 1.0, 0.02, 0.0), "needs an acceptor"),
        (("bzy10", 1000, 1.0, 0.02, None, "lim2017"), "sets for bzy10"),
        (("lsf64", 1000, 1.0, None, None, {"nonsense": 1.0}), "constants.nonsense"),
        (("lsf64", 1000, 1.0, None, None, {"oxidation_entropy_J_mol_K": math.inf}), "finite"),
        (("bzy10", 1000, 1.0, 0.02, None, {"hole_oxidation_enthalpy_J_mol": 1.0}), "given alone"),
        (("gdc10", 1300, 1.0, None, None, "bulfin2016"), "undoped"),
        (("ceria", 550, 1.0, None, None, "bulfin2016"), "600 K"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, words):
    with pytest.raises(InputError) as caught:
        solve_equilibrium(*arguments)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_every_listed_material_solves():
    for name in list_materials():
        dopant = 0.15 if name in ("lsf", "bzy", "bcy") else None
        water = 0.02 if name.startswith("b") else None
        assert solve_equilibrium(name, 1000, 1e-5, pH2O_bar=water, dopant_fraction=dopant).delta > 0
