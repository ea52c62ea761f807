"""Environment sites of all bonds of a family in one common order, numbered in shells around the middle of the bond.

Two bonds that a symmetry of the crystal maps onto each other have the same shells and the same distances between their
sites once these are put in matching order. A term of a cluster expansion then belongs to the same places of every bond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
from lattices.errors import InputError
from lattices.hop_environments import Site
from lattices.site_pairs import shell_ranges
from lattices.stencils import Stencil

Place = tuple[int, int]  # basis and direction of a bond
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class OrderedSites:
    """The environment sites of a family in one order. G sites of each bond.

    sites: bond -> its G sites. shell: (G,) shell of each place, numbered from 1 for each sublattice, by the distance
    from the middle of the bond and then from its nearer end. distance_angstrom: (G, G) between the places.
    middle_angstrom: (G,) distance of each place from the middle of the bond.
    """

    sites: Mapping[Place, list[Site]]
    shell: tuple[int, ...]
    distance_angstrom: FloatArray
    middle_angstrom: FloatArray


def ordered_sites(
    crystal: Crystal, bonds: Stencil, sublattices: Sequence[int], sites: Mapping[Place, list[Site]]
) -> OrderedSites:
    """Put the sites of every bond in the order of the first bond.

    sublattices: (G,) of the sites, the same for every bond. InputError for bonds whose environments differ in geometry;
    they must be given as several hops.
    """
    positions = {place: _positions(crystal, bonds, place[0], sublattices, row) for place, row in sites.items()}
    shells = _shells(crystal, bonds, sublattices, positions)
    first, blocks = next(iter(sites)), list(dict.fromkeys(sublattices))
    order = sorted(range(len(sublattices)), key=lambda g: (blocks.index(sublattices[g]), shells[first][g], g))
    wanted = [shells[first][g] for g in order]
    distances = _distances(positions[first][order])
    tolerance = crystal.shell_tolerance * np.maximum(distances, 1.0)
    found: dict[Place, list[Site]] = {}
    for place, row in sites.items():
        back = _reversed(bonds, place)
        if back in found:  # the same sites seen from the other end keep their places, so that both barriers are one
            shift = [int(c) for c in bonds.cells[place]]
            found[place] = [(x + shift[0], y + shift[1], z + shift[2], t) for x, y, z, t in found[back]]
            continue
        match = _match(sublattices, shells[place], wanted, _distances(positions[place]), distances, tolerance)
        if match is None:
            raise InputError(
                "the environments of its bonds differ in geometry, so that no cluster expansion holds for all of them; "
                "split the bonds into several hops by distance_angstrom"
            )
        found[place] = [row[g] for g in match]
    middle = np.linalg.norm(positions[first][order] - bonds.vectors_angstrom[first] / 2, axis=1)
    return OrderedSites(found, tuple(wanted), distances, middle)


def _positions(crystal: Crystal, bonds: Stencil, b: int, sublattices: Sequence[int], row: Sequence[Site]) -> FloatArray:
    """(G, 3) vectors in angstrom from the bond's first end, which is basis site b."""
    home = crystal.sublattices[bonds.origin].basis[b]
    places = [
        crystal.sublattices[s].basis[site[3]] + np.array(site[:3]) - home
        for s, site in zip(sublattices, row, strict=True)
    ]
    return np.array(places, dtype=np.float64).reshape(len(row), 3) @ crystal.cell_angstrom


def _shells(
    crystal: Crystal, bonds: Stencil, sublattices: Sequence[int], positions: Mapping[Place, FloatArray]
) -> dict[Place, list[int]]:
    """Shell of every site of every bond."""
    middle, nearer = {}, {}
    for (b, d), places in positions.items():
        vector = bonds.vectors_angstrom[b, d]
        middle[b, d] = np.linalg.norm(places - vector / 2, axis=1)
        nearer[b, d] = np.minimum(np.linalg.norm(places, axis=1), np.linalg.norm(places - vector, axis=1))
    found: dict[Place, list[int]] = {place: [0] * len(sublattices) for place in positions}
    for s in set(sublattices):
        here = [g for g, other in enumerate(sublattices) if other == s]
        number = 0
        every = np.concatenate([middle[place][here] for place in positions])
        for low, high in shell_ranges(every, crystal.shell_tolerance):
            inside = [(p, g) for p in positions for g in here if low <= middle[p][g] <= high]
            ends = np.array([nearer[p][g] for p, g in inside])
            for near, far in shell_ranges(ends, crystal.shell_tolerance):
                number += 1
                for (p, g), end in zip(inside, ends.tolist(), strict=True):
                    if near <= end <= far:
                        found[p][g] = number
    return found


def _distances(places: FloatArray) -> FloatArray:
    """(G, G) distances between places."""
    return np.asarray(np.linalg.norm(places[:, None] - places[None], axis=-1))


def _reversed(bonds: Stencil, place: Place) -> Place | None:
    """The same bond from its other end."""
    b, d = place
    cell, end = -bonds.cells[b, d], int(bonds.basis[b, d])
    same = np.flatnonzero((bonds.basis[end] == b) & (bonds.cells[end] == cell).all(axis=1))
    return (end, int(same[0])) if len(same) else None


def _match(
    sublattices: Sequence[int],
    shells: Sequence[int],
    wanted: Sequence[int],
    distances: FloatArray,
    reference: FloatArray,
    tolerance: FloatArray,
) -> list[int] | None:
    """Sites in the order of the reference: equal shells, and distances within `tolerance`; None if impossible."""
    chosen: list[int] = []

    def extend() -> bool:
        g = len(chosen)
        if g == len(wanted):
            return True
        for site in range(len(wanted)):
            if site in chosen or shells[site] != wanted[g] or sublattices[site] != sublattices[g]:
                continue
            if (np.abs(distances[site, chosen] - reference[g, :g]) > tolerance[g, :g]).any():
                continue
            chosen.append(site)
            if extend():
                return True
            chosen.pop()
        return False

    return chosen if extend() else None
