"""Numbers of dopants are exact, and every dopant is placed once, on an allowed site."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lattices.crystal import Supercell
from lattices.doping import Doping, DopingProfile, check_doping, draw, number_of, numbers_by_layer, place
from lattices.errors import InputError
from lattices.prototypes import fluorite

CELL = Supercell(fluorite({"cation": "Ce"}, 5.4), (3, 4, 5))
CATION = 1
SITES = CELL.n_sites_of(CATION)
ALL_FREE = np.ones(SITES, dtype=bool)


def keys_of(seed: int):
    generator = np.random.default_rng(seed)
    return lambda n: generator.integers(0, 2**64, n, dtype=np.uint64)


def layers_of(sites, axis: int):
    layer = CELL.coordinates_of(CATION, np.asarray(sites))[:, axis]
    return np.bincount(layer, minlength=CELL.repeats[axis]).tolist()


@pytest.mark.parametrize(
    ("doping", "number"),
    [
        (Doping(fraction=0.1), 24),
        (Doping(fraction=0.0), 0),
        (Doping(fraction=1.0), SITES),
        (Doping(fraction=10.5 / SITES), 11),  # half up
        (Doping(fraction=10.4 / SITES), 10),
        (Doping(number=7), 7),
        (Doping(sites=(5, 0, 239)), 3),
    ],
)
def test_a_fraction_is_rounded_once(doping: Doping, number: int) -> None:
    assert number_of(CELL, CATION, doping) == number
    assert len(np.unique(place(CELL, CATION, doping, ALL_FREE, keys_of(0)))) == number


@settings(derandomize=True, deadline=None)
@given(
    axis=st.integers(0, 2),
    fractions=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6).map(tuple),
    kind=st.sampled_from(["linear", "step"]),
)
def test_profiles_are_exact_by_layer(axis, fractions, kind) -> None:
    """Each layer is within one dopant of its fraction, the total within half; place() uses these numbers."""
    profile = DopingProfile(axis, fractions, kind)
    doping = Doping(profile=profile)
    numbers = np.array(numbers_by_layer(CELL, CATION, doping))
    wanted = profile.at_layers(CELL) * SITES / CELL.repeats[axis]
    assert np.abs(numbers - wanted).max() <= 1 + 1e-9
    assert abs(numbers.sum() - wanted.sum()) <= 0.5 + 1e-9
    sites = place(CELL, CATION, doping, ALL_FREE, keys_of(1))
    assert layers_of(sites, axis) == numbers.tolist()
    assert len(np.unique(sites)) == len(sites) == number_of(CELL, CATION, doping)


def test_profiles_have_the_requested_shape() -> None:
    step = DopingProfile(2, (0.0, 1.0), "step").at_layers(CELL)
    assert step.tolist() == [0, 0, 1, 1, 1]  # the centre of the middle layer lies where the second zone begins
    linear = DopingProfile(1, (0.0, 0.4), "linear").at_layers(CELL)
    assert linear == pytest.approx([0.05, 0.15, 0.25, 0.35])
    assert DopingProfile(0, (0.2,), "linear").at_layers(CELL) == pytest.approx([0.2] * 3)


def test_given_sites_are_used() -> None:
    assert place(CELL, CATION, Doping(sites=(9, 4)), ALL_FREE, keys_of(0)).tolist() == [9, 4]
    free = ALL_FREE.copy()
    free[4] = False
    with pytest.raises(InputError, match="already occupied"):
        place(CELL, CATION, Doping(sites=(9, 4)), free, keys_of(0))


def test_only_free_sites_are_chosen() -> None:
    free = np.arange(SITES) % 2 == 0
    sites = place(CELL, CATION, Doping(number=SITES // 2), free, keys_of(3))
    assert sorted(sites.tolist()) == list(range(0, SITES, 2))
    with pytest.raises(InputError, match="121 particles were to be placed on 120 free sites"):
        place(CELL, CATION, Doping(number=121), free, keys_of(3))


def test_the_smallest_keys_are_chosen_and_ties_resolved_by_site() -> None:
    keys = np.array([9, 2, 2, 0, 5], dtype=np.uint64)
    assert draw(np.array([0, 1, 2, 4]), keys, 3).tolist() == [1, 2, 4]


@pytest.mark.statistical
def test_every_site_is_equally_likely() -> None:
    """Chi-square of 2000 draws of 24 of 240 sites; false alarms 1e-4 (site counts of a draw without replacement)."""
    keys = keys_of(11)
    seen = np.zeros(SITES)
    for _ in range(2000):
        seen[place(CELL, CATION, Doping(number=24), ALL_FREE, keys)] += 1
    mean, share = 200.0, 24 / SITES
    # counts of one draw are hypergeometric: variance p (1 - p), correlation -1/(n - 1) between sites
    chi2 = ((seen - mean) ** 2).sum() / (2000 * share * (1 - share)) * (SITES - 1) / SITES
    assert stats.chi2.ppf(5e-5, SITES - 1) < chi2 < stats.chi2.ppf(1 - 5e-5, SITES - 1)


@pytest.mark.parametrize(
    ("doping", "message"),
    [
        (Doping(fraction=1.2), "Gd = 1.2: a site fraction from 0 to 1"),
        (Doping(fraction=float("nan")), "Gd = nan: a site fraction"),
        (Doping(fraction=-0.1), "Gd = -0.1: a site fraction"),
        (Doping(number=-1), "Gd = -1: the sublattice has 240 sites"),
        (Doping(number=241), "Gd = 241: the sublattice has 240 sites"),
        (Doping(sites=(0, 240)), "different and lie from 0 to 239"),
        (Doping(sites=(3, 3)), "different and lie from 0 to 239"),
        (Doping(sites=(-1,)), "different and lie from 0 to 239"),
        (Doping(profile=DopingProfile(3, (0.1,))), "axis 0, 1 or 2"),
        (Doping(profile=DopingProfile(0, ())), "at least one fraction"),
        (Doping(profile=DopingProfile(0, (0.1, 1.5))), "Gd = 1.5: a site fraction"),
    ],
)
def test_bad_doping_is_refused(doping: Doping, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_doping(CELL, CATION, doping, "Gd")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_doping_needs_an_amount() -> None:
    with pytest.raises(InputError, match="a fraction, a number, sites or a profile"):
        number_of(CELL, CATION, Doping())
