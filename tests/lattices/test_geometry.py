"""Tolerance factors and chemical expansion against hand values and their own definitions."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lattices.errors import InputError
from lattices.geometry import (
    ExpansionRangeWarning,
    expanded_lattice_parameter_angstrom,
    expansion_strain,
    ionic_radius_angstrom,
    polaron_transfer_integral_eV,
    tolerance_factor,
)


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


def test_valence_of_the_b_site_follows_delta():
    a_site = {"La3+": 0.6, "Sr2+": 0.4}
    r_a = 0.6 * 1.36 + 0.4 * 1.44
    for delta, r_b in ((0.0, 0.6 * 0.645 + 0.4 * 0.585), (0.2, 0.645), (0.3, 0.8 * 0.645 + 0.2 * 0.78)):
        expected = (r_a + 1.40) / (math.sqrt(2) * (r_b + 1.40))
        assert tolerance_factor(a_site, {"Fe": 1.0}, delta) == pytest.approx(expected, rel=1e-12)


def test_mixed_b_site_with_one_element_open():
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
    ("a_site", "b_site", "delta", "words"),
    [
        ({"La3+": 0.5}, {"Fe3+": 1.0}, 0.0, "add to 1"),
        ({"La3+": 1.0}, {"Fe4+": 1.0}, 0.0, "neutrality needs 3"),
        ({"La": 1.0}, {"Fe3+": 1.0}, 0.0, "Fe3+"),
        ({"Sr2+": 1.0}, {"Fe": 0.5, "Co": 0.5}, 0.0, "at most one element"),
        ({"La3+": 1.0}, {"Ni": 1.0}, 0.0, "no radius"),
        ({"La3+": 1.0}, {"Fe": 1.0}, -0.1, "delta = -0.1"),
    ],
)
def test_bad_sites_are_refused(a_site, b_site, delta, words):
    with pytest.raises(InputError) as caught:
        tolerance_factor(a_site, b_site, delta)
    assert words in str(caught.value)


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
    assert result.warnings == () and result.source


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
        expanded_lattice_parameter_angstrom(3.94, "lsf64", 0.25, 1000)
    with pytest.warns(ExpansionRangeWarning, match="temperature_K = 1400"):
        expanded_lattice_parameter_angstrom(5.411, "ceria", 0.02, 1400)
    assert len(expansion_strain("lsf64", 0.25, 1400).warnings) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5.4, "glass", 0.1, 1000), "expansion is known for"),
        ((5.4, "ceria", 0.1, 1000, 0.0, None, "lsf64-diffraction"), "sets for ceria"),
        ((5.4, "ceria", 0.1, 1000, 0.0, 300.0), "no thermal expansion"),
        ((0.0, "ceria", 0.1, 1000), "positive length"),
        ((5.4, "ceria", math.nan, 1000), "delta = nan"),
    ],
)
def test_bad_expansion_input(arguments, words):
    with pytest.raises(InputError) as caught:
        expanded_lattice_parameter_angstrom(*arguments)
    assert words in str(caught.value)
