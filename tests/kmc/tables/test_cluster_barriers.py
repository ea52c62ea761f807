"""Barriers of a cluster expansion against explicit tables, and against sums over distances in the periodic cell."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from kmc.exact.hop_rates import all_bonds, barrier2_of, hops_over
from kmc.tables.build import build_tables
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError
from tests.systems import NOTE, cell, made_up_model, made_up_system

WIDE = {"gate": ["cation"], "gate_distance_angstrom": [0.0, 4.2]}  # six cations around the edge that an ion crosses


def system_of(prototype: str, vacancy_hop: dict[str, Any], repeats: int = 3, dopants: int = 12) -> Any:
    model = made_up_model(prototype, vacancy_hop=vacancy_hop)
    return made_up_system(model, (repeats,) * 3, vacancies=3, dopants=dopants, seed=7)


def expansion(constant_eV: float, points: list[dict[str, Any]], pairs: list[dict[str, Any]] | None = None) -> Any:
    return {"cluster_expansion": {"constant_eV": constant_eV, "points": points, "pairs": pairs or [], **NOTE}}


def barriers_of(tables: EventTables, occupants: np.ndarray) -> dict[tuple[int, int], int]:
    """(start, end) -> 2 E0 of every hop that is possible."""
    found = {}
    for hop in hops_over(tables, occupants[None], all_bonds(tables)):
        value = barrier2_of(tables, hop.bond, occupants[None], np.zeros(1, dtype=np.int64))
        found[hop.bond.start, hop.bond.end] = int(value[0])
    return found


@pytest.mark.parametrize("prototype", ["fluorite", "perovskite"])
def test_an_expansion_equals_the_table_that_lists_every_gate(prototype: str) -> None:
    cation = "cation" if prototype == "fluorite" else "B"
    points = [{"species": "D", "shell": 1, "energy_eV": 0.1}]
    if prototype == "fluorite":
        pairs = [{"species": ["D", "D"], "shells": [1, 1], "distance_angstrom": [3.5, 4.0], "energy_eV": 0.15}]
        listed = {("M", "M"): 0.418, ("M", "D"): 0.518, ("D", "D"): 0.768}
    else:
        pairs, listed = [], {("M",): 0.418, ("D",): 0.518}
    barriers = [{"gate": list(gate), "energy_eV": energy, **NOTE} for gate, energy in listed.items()]
    table = system_of(prototype, {"gate": [cation], "barriers": barriers})
    sum_of_terms = system_of(prototype, {"gate": [cation], **expansion(0.418, points, pairs)})
    occupants = table.initial_state().occupants[0]
    np.testing.assert_array_equal(occupants, sum_of_terms.initial_state().occupants[0])
    assert barriers_of(sum_of_terms.tables, occupants) == barriers_of(table.tables, occupants)
    assert sum_of_terms.tables.reference2.tolist() == table.tables.reference2.tolist()
    assert sorted(np.unique(sum_of_terms.tables.barrier2)) == sorted(np.unique(table.tables.barrier2))


def test_barriers_of_a_wide_environment_follow_from_distances_alone() -> None:
    """Six cations in two shells, two point terms and three pair terms, summed from positions in the periodic cell."""
    of_shell = {1: 0.11, 2: -0.037}
    of_pair = {(1, 1): 0.05, (1, 2): 0.023, (2, 2): -0.019}
    near = [3.5, 4.0]  # nearest cations are 3.82 angstrom apart
    points = [{"species": "D", "shell": n, "energy_eV": e} for n, e in of_shell.items()]
    pairs = [
        {"species": ["D", "D"], "shells": list(s), "distance_angstrom": near, "energy_eV": e}
        for s, e in of_pair.items()
    ]
    system = system_of("fluorite", {**WIDE, **expansion(0.6, points, pairs)}, repeats=3, dopants=50)
    tables, occupants = system.tables, system.initial_state().occupants[0]
    assert (tables.environment_basis[0, 0, 0] >= 0).sum() == 6
    supercell = tables.supercell
    places = np.concatenate([supercell.positions_angstrom(s) for s in range(2)])
    box = supercell.vectors_angstrom[0, 0]

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        vector = b - a
        return vector - box * np.rint(vector / box)

    cations = np.arange(supercell.n_sites_of(0), len(places))
    dopant = system.model.code("D")
    found = barriers_of(tables, occupants)
    assert len(found) > 10 and len(set(found.values())) > 5
    for (start, end), value in found.items():
        middle = places[start] + apart(places[start], places[end]) / 2
        distance = np.linalg.norm(apart(middle, places[cations]), axis=1)
        shells = {int(c): 1 if r < 2.5 else 2 for c, r in zip(cations, distance, strict=True) if r < 4.2}
        doped = [c for c in shells if occupants[c] == dopant]
        energy = 0.6 + sum(of_shell[shells[c]] for c in doped)
        for a, b in itertools.combinations(doped, 2):
            if near[0] <= np.linalg.norm(apart(places[a], places[b])) <= near[1]:
                energy += of_pair[tuple(sorted((shells[a], shells[b])))]  # type: ignore[index]
        assert value == 2 * round(1e6 * energy)


def test_a_bond_has_the_same_barrier_from_both_ends() -> None:
    """Detailed balance: the table is looked up at the same value for a hop and its reverse."""
    terms = expansion(
        0.6,
        [{"species": "D", "shell": 1, "energy_eV": 0.1}, {"species": "D", "shell": 2, "energy_eV": 0.03}],
        [{"species": ["D", "D"], "shells": [2, 2], "distance_angstrom": [3.5, 4.0], "energy_eV": 0.02}],
    )
    system = system_of("fluorite", {**WIDE, **terms}, dopants=50)
    tables, occupants = system.tables, system.initial_state().occupants
    value = {}
    for bond in all_bonds(tables):
        value[bond.start, bond.end] = int(barrier2_of(tables, bond, occupants, np.zeros(1, dtype=np.int64))[0])
    assert all(value[b, a] == e for (a, b), e in value.items()) and len(set(value.values())) > 8


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (
            expansion(0.5, [{"species": "D", "shell": 3, "energy_eV": 0.1}]),
            r"shell 3: no such place; there are D on she",
        ),
        (
            expansion(0.5, [{"species": "O", "shell": 1, "energy_eV": 0.1}]),
            "'O', shell 1: no such place; there are none",
        ),
        (expansion(0.1, [{"species": "D", "shell": 1, "energy_eV": -0.2}]), r"barrier of -0\.\d+ eV for the gate \["),
        (
            expansion(
                0.5,
                [],
                [{"species": ["D", "D"], "shells": [1, 1], "distance_angstrom": [1.0, 2.0], "energy_eV": 0.1}],
            ),
            r"pair D - D, shells 1 and 1, \[1\.0, 2\.0\] angstrom apart: no such place",
        ),
    ],
)
def test_terms_without_a_place_and_negative_barriers_are_refused(terms: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        system_of("fluorite", {**WIDE, **terms})


def test_an_occupation_that_cannot_occur_may_have_any_barrier() -> None:
    """Without dopants, a term that would make the barrier negative is never reached."""
    model = made_up_model(vacancy_hop={**WIDE, **expansion(0.1, [{"species": "D", "shell": 1, "energy_eV": -0.2}])})
    supercell = cell("fluorite", (3, 3, 3))
    counts = {"O": supercell.n_sites_of(0) - 1, "V_O": 1, "M": supercell.n_sites_of(1), "D": 0}
    assert set(np.unique(build_tables(model, supercell, counts, 1000.0).barrier2)) == {-1, 200_000}


@pytest.mark.parametrize(
    ("hop", "message"),
    [
        ({"gate": ["cation"]}, "either barriers, at least one, or cluster_expansion; none is given"),
        (
            {"gate": ["cation"], "barriers": [{"gate": ["M", "M"], "energy_eV": 0.5, **NOTE}], **expansion(0.5, [])},
            "both are given",
        ),
        ({**expansion(0.5, [])}, "cluster_expansion needs gate"),
        ({**WIDE, **expansion(0.5, [{"species": "Q", "shell": 1, "energy_eV": 0.1}])}, "names species 'Q'"),
    ],
)
def test_incomplete_expansions_are_refused(hop: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made_up_model(vacancy_hop=hop)
