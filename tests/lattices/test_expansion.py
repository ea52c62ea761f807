"""Tolerance factors and chemical expansion against manual values and their definitions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.expansion import (
    ExpansionRangeWarning,
    check_expansion_host,
    expanded_lattice_parameter_angstrom,
    expansion_strain,
)
from lattices.ions import ionic_radius_angstrom, radii_file
from lattices.prototypes import fluorite, perovskite
from lattices.structure_descriptors import b_o_b_angle_deg, polaron_transfer_integral_eV, tolerance_factor


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("La3+", "Fe3+", 0.954),
        ("Sr2+", "Fe4+", 1.012),
        ("Ba2+", "Zr4+", 1.004),
        ("Sr2+", "Ti4+", 1.002),
        ("Ba2+", "Ti4+", 1.062),
        ("Ca2+", "Ti4+", 0.966),
    ],
)
def test_tolerance_factors_of_simple_perovskites(a, b, expected):
    assert tolerance_factor({a: 1.0}, {b: 1.0}) == pytest.approx(expected, abs=1e-3)


def test_radii_of_spin_states():
    assert ionic_radius_angstrom("Co3+", "VI", "high") == 0.61
    assert ionic_radius_angstrom("Co3+", "VI", "low") == 0.545
    assert ionic_radius_angstrom("Fe4+", "VI", "low") == ionic_radius_angstrom("Fe4+", "VI", "high") == 0.585
    assert ionic_radius_angstrom("Ce3+", "VIII") == 1.143


def test_low_spin_raises_the_tolerance_factor():
    high = tolerance_factor({"La3+": 1.0}, {"Co": 1.0})
    low = tolerance_factor({"La3+": 1.0}, {"Co": 1.0}, spin={"Co3+": "low"})
    assert high == pytest.approx((1.36 + 1.40) / (math.sqrt(2) * (0.61 + 1.40)))
    assert low == pytest.approx((1.36 + 1.40) / (math.sqrt(2) * (0.545 + 1.40)))


@pytest.mark.parametrize("delta", [0.0, 0.1, 0.2, 0.3])
def test_a_spin_state_by_element_holds_for_every_charge(delta):
    """LaSr(Co, Fe), Co at 3+ to 4+ or 2+ to 3+ by delta; an ion's own entry takes precedence over its element's."""
    a_site, b_site = {"La3+": 0.6, "Sr2+": 0.4}, {"Fe": 1.0}
    every = {"Fe2+": "low", "Fe3+": "low", "Fe4+": "low"}
    low = tolerance_factor(a_site, b_site, delta, spin={"Fe": "low"})
    assert low == tolerance_factor(a_site, b_site, delta, spin=every) == tolerance_factor(a_site, b_site, delta, "low")
    assert low > tolerance_factor(a_site, b_site, delta)
    one = tolerance_factor(a_site, b_site, delta, spin={"Fe": "low", "Fe3+": "high"})
    assert one == tolerance_factor(a_site, b_site, delta, spin={"Fe2+": "low"})


@pytest.mark.parametrize(
    ("spin", "message"),
    [
        ({"Mn": "low"}, "spin names 'Mn'; the elements on the sites are Co, La"),
        ({"Co": "none"}, "allowed are high, low"),
    ],
)
def test_spins_without_effect_are_refused(spin, message):
    with pytest.raises(InputError, match=message):
        tolerance_factor({"La3+": 1.0}, {"Co": 1.0}, spin=spin)


def test_valence_of_the_b_site_follows_delta():
    a_site = {"La3+": 0.6, "Sr2+": 0.4}
    r_a = 0.6 * 1.36 + 0.4 * 1.44
    for delta, r_b in ((0.0, 0.6 * 0.645 + 0.4 * 0.585), (0.2, 0.645), (0.3, 0.8 * 0.645 + 0.2 * 0.78)):
        expected = (r_a + 1.40) / (math.sqrt(2) * (r_b + 1.40))
        assert tolerance_factor(a_site, {"Fe": 1.0}, delta) == pytest.approx(expected, rel=1e-12)


def test_mixed_b_site_with_one_element_of_unknown_charge():
    value = tolerance_factor({"La3+": 0.6, "Sr2+": 0.4}, {"Co3+": 0.2, "Fe": 0.8}, delta=0.1)
    # Charge of Fe: (5.8 - 2.6 - 0.6)/0.8 = 3.25
    r_b = 0.2 * 0.61 + 0.8 * (0.75 * 0.645 + 0.25 * 0.585)
    assert value == pytest.approx((1.392 + 1.40) / (math.sqrt(2) * (r_b + 1.40)), rel=1e-12)


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.2))
def test_reduction_lowers_the_tolerance_factor(strontium, extra):
    a_site = {"La3+": 1.0 - strontium, "Sr2+": strontium}
    oxidised = tolerance_factor(a_site, {"Fe": 1.0}, 0.0)
    assert tolerance_factor(a_site, {"Fe": 1.0}, extra) <= oxidised + 1e-12


@pytest.mark.parametrize(
    ("a_site", "b_site", "delta", "message"),
    [
        ({"La3+": 0.5}, {"Fe3+": 1.0}, 0.0, "add up to 1"),
        ({"La3+": 1.0}, {"Fe4+": 1.0}, 0.0, "neutrality needs 3"),
        ({"La": 1.0}, {"Fe3+": 1.0}, 0.0, "Fe3+"),
        ({"Sr2+": 1.0}, {"Fe": 0.5, "Co": 0.5}, 0.0, "at most one element"),
        ({"La3+": 1.0}, {"Ni": 1.0}, 0.0, "no radius"),
        ({"La3+": 1.0}, {"Fe": 1.0}, -0.1, "delta = -0.1"),
        ({"La3+": 1.0}, {"Fe": 1.0}, math.nan, "delta = nan"),
        ({"La3+": math.nan}, {"Fe": 1.0}, 0.0, "a_site"),
        ({"La3+": 1.0}, {"Fe3+": math.nan}, 0.0, "b_site"),
        ({"La3+": math.inf}, {"Fe": 1.0}, 0.0, "a_site"),
    ],
)
def test_bad_sites_are_refused(a_site, b_site, delta, message):
    with pytest.raises(InputError) as caught:
        tolerance_factor(a_site, b_site, delta)
    assert message in str(caught.value)


def test_unknown_radii_are_refused():
    with pytest.raises(InputError, match="coordination"):
        ionic_radius_angstrom("Fe3+", "IV")
    with pytest.raises(InputError, match="high spin only"):
        ionic_radius_angstrom("Co4+", "VI", "low")
    with pytest.raises(InputError, match="allowed are high, low"):
        ionic_radius_angstrom("Co4+", "VI", "medium")


def test_transfer_integral_is_off_by_default():
    assert polaron_transfer_integral_eV(0.96) is None
    assert polaron_transfer_integral_eV(0.96, lambda t: 0.1 * t) == pytest.approx(0.096)
    with pytest.raises(InputError, match="not negative"):
        polaron_transfer_integral_eV(0.96, lambda t: -t)


@pytest.mark.parametrize(
    ("expansion", "temperature_K", "coefficient"),
    [
        (None, 1073.15, 0.094),
        (None, 1123.15, 0.0925),
        (None, 1173.15, 0.091),
        ("ceria-800C", 1073.15, 0.108),
        ("ceria-1000C", 1273.15, 0.065),
        ("ceria-dft", 1500.0, 0.067),
    ],
)
def test_ceria_coefficients(expansion, temperature_K, coefficient):
    result = expansion_strain("ceria", 0.05, temperature_K, expansion=expansion)
    assert result.strain == pytest.approx(0.05 * coefficient, rel=1e-12)
    assert result.source and result.warnings == (
        f"range of {'temperature_K, ' if expansion == 'ceria-dft' else ''}delta of set "
        f"{expansion or 'ceria-800-900C'} is not known",
    )


def test_every_expansion_set_states_its_ranges():
    sets = radii_file()["expansion_sets"]
    assert sorted(sets) == sorted(name for entry in radii_file()["expansion"].values() for name in entry["sets"])
    for name, entry in sets.items():
        stated = {*entry, *entry.get("unknown", {})}
        assert {"temperature_K", "delta", "source", "mark"} <= stated, name
        assert not {*entry} & {*entry.get("unknown", {})}, name
        assert "authors" not in entry["source"], name


def test_the_reference_state_is_checked_against_the_ranges_too():
    inside = expansion_strain("lsf64", 0.1, 1000, reference_delta=0.05, reference_temperature_K=950)
    assert inside.warnings == ()
    outside = expansion_strain("lsf64", 0.1, 1000, reference_delta=0.0, reference_temperature_K=300)
    assert [line.split(" of set")[0] for line in outside.warnings] == [
        "reference_delta = 0 is outside 0.05 to 0.2",
        "reference_temperature_K = 300 is outside 932 to 1050",
    ]


@pytest.mark.parametrize("key", ["delta", "temperature_K", "reference_delta", "reference_temperature_K"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1])
def test_values_that_are_not_finite_give_no_strain(key, value):
    given = {"delta": 0.1, "temperature_K": 1000.0, "reference_delta": 0.05, "reference_temperature_K": 950.0}
    with pytest.raises(InputError, match=f"^{key} = {value}: a finite number"):
        expansion_strain("lsf64", **{**given, key: value})


def test_expansion_is_refused_for_another_crystal():
    ceria, ferrite = fluorite({"cation": "Ce"}, 5.4), perovskite({"A": "La", "B": "Fe"}, 3.94)
    check_expansion_host("ceria", ceria)
    check_expansion_host("lsf64", ferrite)
    for material, crystal, message in (
        ("ceria", ferrite, "'ceria' is for Ce on cation sites; the hosts of this crystal are Fe, La"),
        ("ceria", perovskite({"A": "Ba", "B": "Ce"}, 4.4), "2 oxygen sites per Ce; this crystal has 3"),
        ("lsf64", ceria, "is for Fe on cation sites; the hosts of this crystal are Ce"),
        ("glass", ceria, "expansion is known for ceria, lsf64"),
    ):
        with pytest.raises(InputError, match=message):
            check_expansion_host(material, crystal)


def test_b_o_b_angle_of_the_ideal_perovskite_is_straight():
    atoms = Supercell(perovskite({"A": "La", "B": "Fe"}, 3.94), (2, 1, 1)).to_atoms()
    assert b_o_b_angle_deg(atoms, "Fe") == pytest.approx(180.0, abs=1e-4)
    symbols = ["Co" if symbol == "Fe" and i % 2 else symbol for i, symbol in enumerate(atoms.get_chemical_symbols())]
    atoms.set_chemical_symbols(symbols)
    assert b_o_b_angle_deg(atoms, ("Fe", "Co")) == pytest.approx(180.0, abs=1e-4)


@pytest.mark.parametrize("phi_deg", [2.0, 8.0, 12.0])
def test_b_o_b_angle_of_octahedra_rotated_about_an_axis(phi_deg):
    """Rotation by phi about z, alternating (a0a0c-): 180 - 2 phi in the plane, 180 degrees along the axis."""
    atoms = Supercell(perovskite({"A": "La", "B": "Fe"}, 3.94), (2, 2, 2)).to_atoms()
    moved = 0.5 * 3.94 * math.tan(math.radians(phi_deg))
    for atom in atoms:  # its position in halves of the lattice parameter
        x, y, z = np.rint(2 * atom.position / 3.94).astype(int)
        if atom.symbol == "O" and z % 2 == 0:
            sign = 1 if (x + y) // 2 % 2 == 0 else -1
            atom.position += [0, sign * moved, 0] if x % 2 else [sign * moved, 0, 0]
    assert b_o_b_angle_deg(atoms, "Fe") == pytest.approx((2 * (180.0 - 2.0 * phi_deg) + 180.0) / 3.0, abs=1e-4)
    del atoms[next(atom.index for atom in atoms if atom.symbol == "Fe")]  # its six oxygen ions have one neighbour left
    assert 180.0 - 2.0 * phi_deg < b_o_b_angle_deg(atoms, "Fe") < 180.0
    with pytest.raises(InputError, match="no Ti with O"):
        b_o_b_angle_deg(atoms, "Ti")


def test_oxygen_without_two_neighbours_has_no_angle():
    atoms = perovskite({"A": "La", "B": "Fe"}, 3.94)
    alone = Supercell(atoms, (1, 1, 1)).to_atoms()
    alone.pbc = False
    with pytest.raises(InputError, match="no O has two neighbours of Fe"):
        b_o_b_angle_deg(alone, "Fe")


def test_lsf64_lattice_parameter_per_delta_and_kelvin():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        base = expanded_lattice_parameter_angstrom(3.94, "lsf64", 0.1, 1000, reference_delta=0.05)
        hot = expanded_lattice_parameter_angstrom(
            3.94, "lsf64", 0.1, 1000, reference_delta=0.05, reference_temperature_K=950
        )
    assert base - 3.94 == pytest.approx(0.144 * 0.05, rel=1e-4)
    assert hot - base == pytest.approx(5.72e-5 * 50, rel=1e-4)


def test_expansion_warns_outside_its_range():
    with pytest.warns(ExpansionRangeWarning, match="delta = 0.25"):
        expanded_lattice_parameter_angstrom(3.94, "lsf64", 0.25, 1000, reference_delta=0.1)
    with pytest.warns(ExpansionRangeWarning) as warnings:
        expanded_lattice_parameter_angstrom(5.411, "ceria", 0.02, 1400)
    assert [str(line.message).split(" of set")[0] for line in warnings] == [
        "range of delta",
        "temperature_K = 1400 is outside 1073 to 1174",
    ]
    assert len(expansion_strain("lsf64", 0.25, 1400, reference_delta=0.1).warnings) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5.4, "glass", 0.1, 1000), "expansion is known for"),
        ((5.4, "ceria", 0.1, 1000, 0.0, None, "lsf64-diffraction"), "sets for ceria"),
        ((5.4, "ceria", 0.1, 1000, 0.0, 300.0), "no thermal expansion"),
        ((0.0, "ceria", 0.1, 1000), "positive length"),
        ((5.4, "ceria", math.nan, 1000), "delta = nan"),
    ],
)
def test_bad_expansion_input(arguments, message):
    with pytest.raises(InputError) as caught:
        expanded_lattice_parameter_angstrom(*arguments)
    assert message in str(caught.value)
