"""The terms of a local cluster expansion of a barrier, and how often each occurs in an occupation of the environment.

The terms are those of a parameter file: a species on a shell of sites around the bond, and two species on two shells at
a distance (kmc/tables/cluster_barriers.py). Hosts count as zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
from lattices.distinct_hops import DistinctHop
from lattices.environment_order import OrderedSites, ordered_sites
from lattices.hop_environments import EnvironmentRule, environment_sites
from lattices.site_pairs import shell_ranges
from lattices.stencils import Stencil

MARGIN_ANGSTROM = 0.001  # beyond the shortest and the longest distance of the places that a pair term stands for

Pair = tuple[tuple[str, str], tuple[int, int], tuple[float, float]]  # species, shells, range of distances in angstrom


@dataclass(frozen=True)
class ClusterTerms:
    """Terms of one hop, and their places among its environment sites.

    points: (species, shell), with the sites of the shell in point_places. pairs: with the (site of the first species,
    site of the second) in pair_places.
    """

    points: tuple[tuple[str, int], ...]
    point_places: tuple[tuple[int, ...], ...]
    pairs: tuple[Pair, ...]
    pair_places: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def names(self) -> list[str]:
        """Of the terms, points first, in messages and tables."""
        points = [f"{species} on shell {shell}" for species, shell in self.points]
        return points + [
            f"{' - '.join(species)}, shells {shells[0]} and {shells[1]}, {low:.3f} to {high:.3f} angstrom"
            for species, shells, (low, high) in self.pairs
        ]

    def counts(self, occupation: Sequence[str]) -> NDArray[np.int64]:
        """(terms,) how often each term occurs in an occupation of the environment sites."""
        points = [
            sum(occupation[g] == species for g in places)
            for (species, _), places in zip(self.points, self.point_places, strict=True)
        ]
        pairs = [
            sum(occupation[g] == one and occupation[h] == other for g, h in places)
            for ((one, other), _, _), places in zip(self.pairs, self.pair_places, strict=True)
        ]
        return np.array(points + pairs, dtype=np.int64)


def cluster_terms(
    crystal: Crystal,
    bonds: Stencil,
    rule: EnvironmentRule,
    hop: DistinctHop,
    choices: Sequence[Sequence[str]],
    with_pairs: bool,
) -> ClusterTerms:
    """All point terms, and all pair terms if asked for, of one hop.

    choices: the species that each environment site can hold, the host first. InputError for bonds whose environments
    differ in geometry.
    """
    shells, distances = _shells(crystal, bonds, rule, hop)
    kinds: dict[tuple[str, int], list[int]] = {}
    for g, row in enumerate(choices):
        for species in row[1:]:
            kinds.setdefault((species, shells[g]), []).append(g)
    pairs: list[Pair] = []
    pair_places = []
    for (one, first), (other, second) in itertools.combinations_with_replacement(kinds, 2) if with_pairs else ():
        here, there = kinds[one, first], kinds[other, second]
        places = [(g, h) for g in here for h in there if g != h and (g < h or (one, first) != (other, second))]
        lengths = np.array([distances[g, h] for g, h in places])
        for low, high in shell_ranges(lengths, crystal.shell_tolerance):
            chosen = tuple(place for place, length in zip(places, lengths, strict=True) if low <= length <= high)
            pairs.append(((one, other), (first, second), (low - MARGIN_ANGSTROM, high + MARGIN_ANGSTROM)))
            pair_places.append(chosen)
    return ClusterTerms(
        tuple(kinds), tuple(tuple(places) for places in kinds.values()), tuple(pairs), tuple(pair_places)
    )


def _shells(
    crystal: Crystal, bonds: Stencil, rule: EnvironmentRule, hop: DistinctHop
) -> tuple[list[int], NDArray[np.float64]]:
    """Shell of each environment site of the hop, in its order, and the distances between the sites in angstrom."""
    sublattices = list(dict.fromkeys(s for s, _ in hop.sites))
    found = [environment_sites(crystal, bonds, s, rule) for s in sublattices]
    places = [(b, d) for b in range(len(bonds.basis)) for d in range(len(bonds.neighbours(b)))]
    sites = {(b, d): [site for table in found for site in table[b][d]] for b, d in places}
    slots = [s for s, _ in hop.sites]
    order: OrderedSites = ordered_sites(crystal, bonds, slots, sites)
    place = next((b, d) for b, d in places if b == hop.origin and bonds.neighbours(b)[d] == hop.end)
    ordered = list(zip(sorted(slots, key=sublattices.index), order.sites[place], strict=True))
    where = [ordered.index(site) for site in hop.sites]
    return [order.shell[g] for g in where], order.distance_angstrom[np.ix_(where, where)]
