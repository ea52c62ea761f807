"""A local cluster expansion of the KRA barrier as the table of barriers by code.

E0 = constant + sum of point terms + sum of pair terms over the environment sites of a bond; species without a term
count as zero. The sum is rounded to whole microelectronvolts for every occupation, so that a hop looks its barrier up
as in a table that lists every gate. A cluster expansion of the KRA barrier: A. Van der Ven, G. Ceder, M. Asta and P. D.
Tepesch, Phys. Rev. B 64 (2001) 184307.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kmc.model.entries import ClusterExpansion, Hop
from kmc.model.parameters import Model
from kmc.tables.pair_energies import MICRO
from lattices.crystal import Supercell
from lattices.environment_order import OrderedSites
from lattices.errors import InputError
from lattices.site_pairs import EQUAL_ANGSTROM

IntArray = NDArray[np.int64]
MOST_EV = 20.0  # of a barrier, as in a list of barriers


def cluster_barriers(
    model: Model,
    supercell: Supercell,
    hop: Hop,
    slots: Sequence[int],
    order: OrderedSites,
    counts: IntArray,
    weight: IntArray,
    radix: int,
) -> list[int]:
    """2 E0 in microelectronvolt by code; -1 for occupations that the supercell cannot hold.

    slots: (G,) sublattice of each environment site. weight: (G, S) of the code. InputError for a term that applies to
    no site, and for a barrier below 0 or above 20 eV of an occupation that can occur.
    """
    terms = hop.cluster_expansion
    assert terms is not None
    codes = np.arange(radix, dtype=np.int64)
    names = [model.on_sublattice(supercell.crystal.sublattices[s].name) for s in slots]
    digits = [_digits(codes, weight[g], [model.code(name) for name in names[g]]) for g in range(len(slots))]
    energy = np.full(radix, terms.constant_eV)
    for values, g in _point_values(hop, terms, names, order):
        energy += values[digits[g]]
    for matrix, g, h in _pair_values(hop, terms, names, order):
        energy += matrix[digits[g], digits[h]]
    possible = np.ones(radix, dtype=np.bool_)
    for name in dict.fromkeys(name for row in names for name in row):
        held = sum((digits[g] == row.index(name)).astype(np.int64) for g, row in enumerate(names) if name in row)
        possible &= np.asarray(held <= counts[model.code(name)])
    outside = np.flatnonzero(possible & ((energy < 0.0) | (energy > MOST_EV)))
    if len(outside):
        worst = int(outside[0])
        gate = ", ".join(row[int(digits[g][worst])] for g, row in enumerate(names))
        raise InputError(
            f"hop {hop.name!r}: cluster_expansion gives a barrier of {energy[worst]:.4g} eV for the gate [{gate}], "
            f"which can occur in this supercell; 0 to {MOST_EV:g} eV are allowed"
        )
    return [int(value) for value in np.where(possible, 2 * np.rint(energy * MICRO).astype(np.int64), -1)]


def _digits(codes: IntArray, weight: IntArray, species: list[int]) -> IntArray:
    """(radix,) position in `species` of the one on a site, by code."""
    if len(species) == 1:
        return np.zeros_like(codes)
    step = int(weight[species[1]])
    return codes // step % len(species)


def _point_values(
    hop: Hop, terms: ClusterExpansion, names: list[list[str]], order: OrderedSites
) -> list[tuple[NDArray[np.float64], int]]:
    """(energy by digit, place) of every place that a point term applies to."""
    found = []
    for term in terms.points:
        places = [g for g, row in enumerate(names) if term.species in row and order.shell[g] == term.shell]
        if not places:
            raise _no_place(hop, f"point {term.species!r}, shell {term.shell}", [term.species], names, order)
        for g in places:
            values = np.zeros(len(names[g]))
            values[names[g].index(term.species)] = term.energy_eV
            found.append((values, g))
    return found


def _pair_values(
    hop: Hop, terms: ClusterExpansion, names: list[list[str]], order: OrderedSites
) -> list[tuple[NDArray[np.float64], int, int]]:
    """(energy by the digits of both, places) of every pair of places that a pair term applies to."""
    found = []
    for term in terms.pairs:
        (one, other), (first, second) = term.species, term.shells
        low, high = term.distance_angstrom[0] - EQUAL_ANGSTROM, term.distance_angstrom[1] + EQUAL_ANGSTROM
        places = 0
        for g, h in zip(*np.triu_indices(len(names), 1), strict=True):
            if not low <= order.distance_angstrom[g, h] <= high:
                continue
            matrix, applies = np.zeros((len(names[g]), len(names[h]))), False
            for a, b, of_a, of_b in ((g, h, 0, 1), (h, g, 1, 0)):
                if (order.shell[a], order.shell[b]) == (first, second) and one in names[a] and other in names[b]:
                    digits = (names[a].index(one), names[b].index(other))
                    matrix[digits[of_a], digits[of_b]] = term.energy_eV
                    applies = True
            if applies:
                places += 1
                found.append((matrix, int(g), int(h)))
        if not places:
            what = f"pair {one} - {other}, shells {first} and {second}, {list(term.distance_angstrom)} angstrom apart"
            raise _no_place(hop, what, [one, other], names, order)
    return found


def _no_place(hop: Hop, what: str, species: list[str], names: list[list[str]], order: OrderedSites) -> InputError:
    """The message for a term that applies to no site, with the shells that there are."""
    shells: dict[tuple[str, int], list[float]] = {}
    for name in species:
        for g, row in enumerate(names):
            if name in row:
                shells.setdefault((name, order.shell[g]), []).append(order.middle_angstrom[g])
    listed = ", ".join(
        f"{name} on shell {shell} ({len(places)} at {np.mean(places):.4g} angstrom from the middle of the bond)"
        for (name, shell), places in shells.items()
    )
    return InputError(f"hop {hop.name!r}: cluster_expansion: {what}: no such place; there are {listed or 'none'}")
