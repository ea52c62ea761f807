"""Annealed dopants against the Boltzmann distribution of a small cell, enumerated from positions alone.

Fixed seeds. The chi-square test has a false-alarm rate of 1e-4.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from kmc.state.anneal import AnnealSettings, anneal, exchanges_of_step
from kmc.state.annealed_dopants import AnnealedDopants
from kmc.state.initial_state import frozen_dopants
from kmc.state.site_energies import SiteEnergies
from kmc.state.system import System
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.doping import Doping, DopingProfile
from lattices.errors import InputError
from tests.systems import made_up_model, made_up_system

PAIRS = [("D", "D", 1, -0.08), ("V_O", "D", 1, -0.12), ("V_O", "V_O", 1, 0.1)]
ANNEAL_K = 1500.0


def system_of(repeats: int, dopants: int, vacancies: int, **more: Any) -> System:
    model = made_up_model("perovskite", pairs=PAIRS)
    return made_up_system(model, (repeats,) * 3, vacancies, dopants=dopants, seed=8, **more)


def annealed_system(system: System, sweeps: int, temperature_K: float = ANNEAL_K) -> System:
    from dataclasses import replace

    settings = AnnealSettings(temperature_K, sweeps)
    made = AnnealedDopants(system.model, system.tables.supercell, system.composition, settings)
    return replace(system, annealed=made)


def positions_and_energies(system: System, occupants: np.ndarray) -> np.ndarray:
    """(R,) energy in eV from distances in the periodic cell: D-D at 4, V_O-D at 2, V_O-V_O at 4/sqrt(2) angstrom."""
    supercell, model = system.tables.supercell, system.model
    places = np.concatenate([supercell.positions_angstrom(s) for s in range(3)])
    box = supercell.vectors_angstrom[0, 0]
    apart = places[:, None] - places[None]
    distance = np.linalg.norm(apart - box * np.rint(apart / box), axis=-1)
    lengths = {("D", "D"): 4.0, ("V_O", "D"): 2.0, ("V_O", "V_O"): 4.0 / np.sqrt(2)}
    energy = np.zeros(len(occupants))
    for one, other, _, pair_energy in PAIRS:
        near = np.abs(distance - lengths[one, other]) < 0.01
        a, b = ((occupants == model.code(name)).astype(float) for name in (one, other))
        energy += pair_energy * np.einsum("ri,ij,rj->r", a, near, b) / (2 if one == other else 1)
    return energy


def test_the_energies_are_those_of_the_positions() -> None:
    system = system_of(3, 6, 4, replicas=20)
    occupants = system.initial_state().occupants
    found = SiteEnergies(system.model, system.tables.supercell).total(occupants)
    np.testing.assert_allclose(found * 1e-6, positions_and_energies(system, occupants), atol=1e-9)


def test_an_exchange_costs_the_difference_of_the_energies() -> None:
    system = system_of(3, 6, 4)
    energies = SiteEnergies(system.model, system.tables.supercell)
    occupants = system.initial_state().occupants
    state, rng = energies.padded(occupants), np.random.default_rng(1)
    before = energies.total(occupants)[0]
    for s in energies.sublattices:
        for _ in range(200):
            a, b = energies.start_of(s) + rng.choice(energies.size_of(s), 2, replace=False)
            after = occupants.copy()
            after[0, [a, b]] = after[0, [b, a]]
            change = energies.exchange(state, s, np.array([0]), np.array([a]), np.array([b]))[0]
            assert change == energies.total(after)[0] - before


def test_numbers_are_kept_and_exchanges_of_a_step_do_not_touch() -> None:
    """In a cell of several exchanges a step: no site is reached by two of them, and no particle is lost."""
    system = annealed_system(system_of(5, 25, 6, replicas=4), sweeps=4)
    counts = system.composition.counts
    occupants = system.initial_state().occupants
    assert all(((occupants == system.model.code(name)).sum(axis=1) == n).all() for name, n in counts.items())
    energies = SiteEnergies(system.model, system.tables.supercell)
    several = 0
    for step in range(50):
        for s in energies.sublattices:
            drawn = exchanges_of_step(energies, s, step, 2, (1, 2))
            for replica in (0, 1):
                mine = drawn.where(drawn.replica == replica)
                sites = [{int(x), int(y)} for x, y in zip(mine.a, mine.b, strict=True)]
                near = [site | {int(n) for one in site for n in energies.near(s, np.array([one]))[0]} for site in sites]
                several += len(sites) > 1
                assert not any(site & other for site, other in itertools.permutations(sites, 2))
                assert not any(sites[i] & near[j] for i, j in itertools.permutations(range(len(sites)), 2))
    assert several > 10


@pytest.mark.slow
@pytest.mark.statistical
def test_arrangements_follow_the_boltzmann_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two dopants and one vacancy in 27 cells: the energies of 800 configurations against all 28431 states."""
    system = system_of(3, 2, 1, replicas=1)
    supercell, model = system.tables.supercell, system.model
    base = system.initial_state().occupants[0].copy()
    base[base == model.code("D")], base[base == model.code("V_O")] = model.code("M"), model.code("O")
    b = supercell.offset_of(supercell.crystal.index("B")) + np.arange(27)
    o = supercell.offset_of(supercell.crystal.index("anion")) + np.arange(81)
    states = np.repeat(base[None], 351 * 81, axis=0)
    for row, ((i, j), k) in enumerate(itertools.product(itertools.combinations(b, 2), o)):
        states[row, [i, j, k]] = model.code("D"), model.code("D"), model.code("V_O")
    energy = np.round(positions_and_energies(system, states), 6)
    levels, member = np.unique(energy, return_inverse=True)
    weight = np.bincount(member) * np.exp(-levels / (BOLTZMANN_EV_K * ANNEAL_K))
    many = annealed_system(system_of(3, 2, 1, replicas=800), sweeps=16)
    assert many.annealed is not None
    starts = np.stack([many.initial_state().occupants[0]] * 800)  # the same start for all: it must be forgotten
    energies = SiteEnergies(model, supercell)
    monkeypatch.setattr(energies, "batch_of", lambda s: 6)  # many exchanges in a step, most of which are left out
    found = anneal(energies, starts, AnnealSettings(ANNEAL_K, 16), seed=8, temperature_index=0)
    reached = np.round(positions_and_energies(system, found), 6)
    observed = np.array([(reached == level).sum() for level in levels])
    assert observed.sum() == 800
    expected = 800 * weight / weight.sum()
    merged = expected >= 5
    assert (
        stats.chisquare(
            np.append(observed[merged], observed[~merged].sum()) if (~merged).any() else observed,
            np.append(expected[merged], expected[~merged].sum()) if (~merged).any() else expected,
        ).pvalue
        > 1e-4
    )


def test_only_dopants_move_and_the_carriers_are_drawn_as_before() -> None:
    system = annealed_system(system_of(3, 8, 4, replicas=4, replicas_per_configuration=2), sweeps=5)
    random = system_of(3, 8, 4, replicas=4, replicas_per_configuration=2)
    state, before = system.initial_state().occupants, random.initial_state().occupants
    dopant = state == system.model.code("D")
    np.testing.assert_array_equal(dopant.sum(axis=1), 8)
    np.testing.assert_array_equal(dopant[0], dopant[1])
    assert (dopant[0] != dopant[2]).any() and (dopant[0] != (before[0] == system.model.code("D"))).any()
    anions = system.tables.supercell.n_sites_of(0)
    np.testing.assert_array_equal(state[:, :anions], before[:, :anions])


def test_a_configuration_does_not_depend_on_how_many_there_are() -> None:
    system = annealed_system(system_of(3, 8, 4, replicas=5), sweeps=3)
    assert system.annealed is not None
    few, many = (frozen_dopants(system.tables, annealed_system(system, 3).annealed, 8, 0, number) for number in (2, 5))
    np.testing.assert_array_equal(few, many[:2])
    again = annealed_system(system_of(3, 8, 4, replicas=5), sweeps=3).initial_state().occupants
    np.testing.assert_array_equal(again, system.initial_state().occupants)
    assert (annealed_system(system, 3).at(seed=9).initial_state().occupants != again).any()


def test_the_arrangement_is_frozen_in_for_good() -> None:
    """These numbers are part of what a seed means: they change only if the algorithm is changed on purpose."""
    system = annealed_system(system_of(3, 5, 2, replicas=1), sweeps=4)
    found = np.flatnonzero(system.initial_state().occupants[0] == system.model.code("D"))
    assert found.tolist() == EXPECTED


EXPECTED = [85, 87, 96, 98, 103]


def test_attracting_dopants_have_a_negative_warren_cowley_parameter() -> None:
    system = annealed_system(system_of(5, 25, 2, replicas=4), sweeps=40, temperature_K=700.0)
    first = system.short_range_order()[0]
    assert first.species == ("D", "D") and first.shell == 1 and first.distance_angstrom == pytest.approx(4.0)
    assert first.alpha < -0.5 and first.at_random == pytest.approx(1 - 24 / 124 / 0.2)
    hot = annealed_system(system_of(5, 25, 2, replicas=16), sweeps=5, temperature_K=10_000.0).short_range_order()[0]
    assert hot.stderr is not None and -0.6 < hot.alpha < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dopants": Doping(sites=(0, 1))}, "D is given by sites or a profile"),
        ({"dopants": Doping(profile=DopingProfile(0, (0.0, 0.3)))}, "D is given by sites or a profile"),
        ({"dopants": Doping(number=0)}, "no dopant to anneal"),
        ({"pairs": [("V_O", "V_O", 1, 0.1)]}, "has no pair energy of D"),
    ],
)
def test_what_cannot_be_annealed_is_refused(change: dict[str, Any], message: str) -> None:
    from kmc.model.composition import compose
    from tests.systems import cell

    model = made_up_model("perovskite", pairs=change.get("pairs", PAIRS))
    supercell = cell("perovskite", (3, 3, 3))
    contents = compose(model, supercell, {"D": change.get("dopants", Doping(number=3))}, {"V_O": Doping(number=1)})
    with pytest.raises(InputError, match=message):
        AnnealedDopants(model, supercell, contents, AnnealSettings(1500.0, 10)).check()
