"""Defect equilibria against closed forms, published formulae and finite differences."""

from __future__ import annotations

import json
import math
import tomllib
from importlib import resources

import numpy as np
import pytest

from lattices.defects.brouwer import brouwer_diagram
from lattices.defects.constants import FAMILIES, load_materials
from lattices.defects.equilibrium import list_materials, solve_equilibrium
from lattices.defects.mass_action import DefectModel, solve_defects
from lattices.errors import InputError

R = 8.314462618
EMPIRICAL = ("ceria-bulfin", "ceria-suzuki-watanabe")


@pytest.mark.parametrize(("pO2_bar", "delta"), [(1.0, 0.0155), (1e-2, 0.0631), (1e-4, 0.1270), (1e-10, 0.1967)])
def test_lsf64_delta_at_1073_K(pO2_bar, delta):
    assert solve_equilibrium("lsf64", 1073, pO2_bar).delta == pytest.approx(delta, abs=5e-5)


@pytest.mark.parametrize("pO2_bar", [1.0, 1e-6, 1e-12, 1e-16, 1e-24])
def test_lsf64_obeys_its_published_equations(pO2_bar):
    result = solve_equilibrium("lsf64", 1073, pO2_bar)
    p, n, m = (result.site_fractions[key] for key in ("hole", "electron", "host_cation"))
    delta = result.delta
    k_ox = math.exp(95620 / (R * 1073) - 54.27 / R)
    k_i = math.exp(-95750 / (R * 1073) - 21.63 / R)
    assert p**2 * (3 - delta) / (delta * m**2 * math.sqrt(pO2_bar)) == pytest.approx(k_ox, rel=1e-11)
    assert p * n / m**2 == pytest.approx(k_i, rel=1e-11)
    assert 3 + p - n == pytest.approx(3.4 - 2 * delta, abs=1e-12)  # mean valence of iron


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


@pytest.mark.parametrize("temperature_K", [600.0, 900.0, 1200.0])
def test_hydration_without_holes_is_the_known_quadratic(temperature_K):
    """S = [OH] per formula unit, V = (x - S)/2: S^2 = K pH2O V (3 - S - V), S is the root between 0 and x."""
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
    assert result.site_fractions["H"] == 0.0 and result.as_dict()["site_fraction.H"] == 0.0
    assert "site_fraction.H" not in result.reasons


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
def test_every_shipped_number_has_a_source_and_a_mark(family):
    data = tomllib.loads((resources.files("lattices") / "defects" / f"{family}.toml").read_text())
    for name, entry in data["sets"].items():
        numbers = [*entry["values"].values(), *entry["ranges"].values()]
        assert entry["values"], name
        for number in numbers:
            assert number["source"].strip() and number["mark"] in {"read", "computed", "derived"}, name


def test_warnings_appear_outside_the_range_only():
    assert solve_equilibrium("lsf64", 1073, 0.21).warnings == ()
    assert solve_equilibrium("ceria", 1473, 1e-6).warnings == ()
    (line,) = solve_equilibrium("lsf64", 1500, 0.21).warnings
    assert "temperature_K = 1500" in line and "kuhn2011" in line
    assert any("pO2_bar" in line for line in solve_equilibrium("lsf64", 1073, 1e-25).warnings)
    other = solve_equilibrium("lsf", 1073, 1, dopant_fraction=0.2).warnings
    assert any("dopant_fraction" in line for line in other)
    assert any("reduction" in line for line in solve_equilibrium("ceria", 1473, 1e-14).warnings)
    assert any("no effect" in line for line in solve_equilibrium("lsf64", 1073, 1, pH2O_bar=0.02).warnings)


def test_an_unknown_range_is_reported():
    lines = solve_equilibrium("bzy10", 800, 0.2, pH2O_bar=0.02, constants="bjorheim2016").warnings
    assert lines == ("range of temperature_K, dopant_fraction of set bjorheim2016 is not known",)
    lines = solve_equilibrium("bcy10", 800, 0.2, pH2O_bar=0.02).warnings
    assert lines == ("range of temperature_K of set lim2017 is not known",)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_set_states_its_ranges(family):
    data = tomllib.loads((resources.files("lattices") / "defects" / f"{family}.toml").read_text())
    for name, entry in data["sets"].items():
        ranges, unknown = entry["ranges"], entry.get("unknown", {})
        needed = {"temperature_K"} if entry["form"].startswith(EMPIRICAL) else {"temperature_K", "dopant_fraction"}
        assert needed <= {*ranges, *unknown}, name
        assert not {*ranges} & {*unknown} and all(len(text) > 20 for text in unknown.values()), name
        assert all(limits["low"] <= limits["high"] for limits in ranges.values()), name


def test_rounding_the_number_of_dopants_does_not_leave_a_range():
    """399 or 401 Sr of 1000 count as the 0.4 of the source; 380 do not."""
    for share, warned in ((0.399, False), (0.401, False), (0.38, True)):
        lines = solve_equilibrium("lsf", 1073, 0.01, dopant_fraction=share).warnings
        assert warned == any("dopant_fraction" in line for line in lines)


def test_warnings_quote_numbers_as_given():
    (line,) = solve_equilibrium("lsf64", 1173.25, 0.01).warnings
    assert line.startswith("temperature_K = 1173.25 is outside 932 to 1173 of set kuhn2011")


@pytest.mark.parametrize(("temperature_K", "pO2_bar", "key"), [(1600, 1e-20, "delta"), (800, 1e-12, "thermodynamic")])
def test_bulfin_warns_where_its_functional_form_dominates(temperature_K, pO2_bar, key):
    """Near delta_max = 0.34, and where Theta_V = 2.94/(1 - delta/0.34) - 31400/(R T ln 10) falls below 1."""
    result = solve_equilibrium("ceria", temperature_K, pO2_bar, constants="bulfin2016")
    closed = 2.94 / (1 - result.delta / 0.34) - 31400 / (R * temperature_K * math.log(10))
    assert result.thermodynamic_factor_V == pytest.approx(closed, rel=1e-9)
    assert (key == "delta") == (result.delta > 0.306) and (key == "thermodynamic") == (closed < 1)
    assert sum(line.startswith(("delta", "thermodynamic")) for line in result.warnings) == 1
    assert any(line.startswith(key) for line in result.warnings)
    inside = solve_equilibrium("ceria", 1473, 1e-6, constants="bulfin2016")
    assert inside.warnings == ()


def test_every_material_has_its_host():
    hosts = {name: (material.host, material.oxygen_per_host) for name, material in load_materials().items()}
    assert hosts == {
        **dict.fromkeys(("ceria", "gdc10", "gdc20"), ("Ce", 2)),
        **dict.fromkeys(("lsf", "lsf64"), ("Fe", 3)),
        **dict.fromkeys(("bzy", "bzy10", "bzy20"), ("Zr", 3)),
        **dict.fromkeys(("bcy", "bcy10"), ("Ce", 3)),
    }


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
    ("arguments", "message"),
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
def test_bad_input_is_one_clear_line(arguments, message):
    with pytest.raises(InputError) as caught:
        solve_equilibrium(*arguments)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_every_listed_material_solves():
    for name in list_materials():
        dopant = 0.15 if name in ("lsf", "bzy", "bcy") else None
        water = 0.02 if name.startswith("b") else None
        assert solve_equilibrium(name, 1000, 1e-5, pH2O_bar=water, dopant_fraction=dopant).delta > 0
