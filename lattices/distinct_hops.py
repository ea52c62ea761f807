"""Hops that no symmetry operation of the crystal maps onto each other, and the distinct occupations next to them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
from lattices.hop_environments import EnvironmentRule, Site, environment_sites
from lattices.space_group_table import SpaceGroup
from lattices.stencils import Stencil, stencil_pairs
from lattices.symmetry import bond_orbits, crystal_space_group

COINCIDE_ANGSTROM = 1e-2  # an operation maps a site onto another one within this distance


@dataclass(frozen=True)
class DistinctHop:
    """One representative of the bonds of a stencil that symmetry operations map onto each other.

    origin: basis index of the first end. end: (dx, dy, dz, basis) of the second. vector_angstrom: (3,) float64 between
    them. per_cell: equivalent bonds in a cell, each direction counted. sites: (sublattice, site) of the environment, in
    the order of the engine's tables. permutations: each operation that maps the bond onto itself or its reverse moves
    environment site g to place permutation[g].
    """

    origin: int
    end: Site
    vector_angstrom: NDArray[np.float64]
    per_cell: int
    sites: tuple[tuple[int, Site], ...]
    permutations: tuple[tuple[int, ...], ...]

    @property
    def length_angstrom(self) -> float:
        """Length of the bond."""
        return float(np.linalg.norm(self.vector_angstrom))


def distinct_hops(
    crystal: Crystal, bonds: Stencil, sublattices: Sequence[int], rule: EnvironmentRule
) -> list[DistinctHop]:
    """One representative of each symmetry class of bonds, in the order of the stencil.

    bonds: within one sublattice. sublattices: those of the environment sites, found by `rule`.
    """
    group = crystal_space_group(crystal)
    pairs = stencil_pairs(bonds)
    orbit = bond_orbits(crystal, group, bonds.origin, bonds.target, pairs)
    places = [(b, d) for b in range(len(bonds.basis)) for d in range(len(bonds.neighbours(b)))]
    environment = [(s, environment_sites(crystal, bonds, s, rule)) for s in sublattices]
    found = []
    for label in dict.fromkeys(orbit.tolist()):
        first = int(np.flatnonzero(orbit == label)[0])
        b, d = places[first]
        sites = tuple((s, site) for s, table in environment for site in table[b][d])
        x, y, z = map(int, pairs.cells[first])
        end = (x, y, z, int(pairs.target[first]))
        hop = DistinctHop(b, end, pairs.vectors_angstrom[first], int((orbit == label).sum()), sites, ())
        permutations = tuple(sorted(set(_permutations(crystal, group, bonds.origin, hop))))
        found.append(
            DistinctHop(hop.origin, hop.end, hop.vector_angstrom, hop.per_cell, hop.sites, permutations),
        )
    return found


def distinct_occupations(hop: DistinctHop, choices: Sequence[Sequence[str]]) -> list[tuple[tuple[str, ...], int]]:
    """Occupations of the environment that symmetry tells apart, each with the number of occupations it stands for.

    choices: the species that each environment site can hold. The first occupation of a class, in the order of
    `choices`, represents it.
    """
    classes: dict[tuple[str, ...], int] = {}
    for occupation in itertools.product(*choices):
        images = {tuple(occupation[p.index(g)] for g in range(len(p))) for p in hop.permutations}
        known = next((image for image in images if image in classes), occupation)
        classes[known] = classes.get(known, 0) + 1
    return list(classes.items())


def _permutations(crystal: Crystal, group: SpaceGroup, sublattice: int, hop: DistinctHop) -> list[tuple[int, ...]]:
    """The permutations of the environment sites by all operations that leave the bond in place."""
    start = crystal.sublattices[sublattice].basis[hop.origin]
    ends = np.array([start, start + np.linalg.solve(crystal.cell_angstrom.T, hop.vector_angstrom)])
    sites = np.array([crystal.sublattices[s].basis[site[3]] + site[:3] for s, site in hop.sites]).reshape(-1, 3)
    found = []
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        moved = ends @ rotation.T + translation
        for image in (moved, moved[::-1]):
            shift = np.rint(image[0] - ends[0])
            if _apart(crystal, image - shift, ends).max() < COINCIDE_ANGSTROM:
                there = sites @ rotation.T + translation - shift
                apart = [_apart(crystal, there, site) for site in sites]
                found.append(tuple(int(np.argmin([row[g] for row in apart])) for g in range(len(sites))))
    return found


def _apart(crystal: Crystal, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances in angstrom between fractional positions, without periodic images."""
    return np.asarray(np.linalg.norm((one - other) @ crystal.cell_angstrom, axis=-1))
