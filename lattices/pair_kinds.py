"""Kinds of pairs in one neighbour shell: pairs of the same distance that no symmetry operation maps onto each other.

In fluorite, two anions that are neighbours along <111> have a cation between them or none: two kinds in shell 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError
from lattices.site_pairs import SitePairs
from lattices.space_group_table import SpaceGroup
from lattices.symmetry import bond_orbits, crystal_space_group

FINGERPRINT_DIGITS = 4  # of distances in angstrom that order the kinds


@dataclass(frozen=True)
class PairKind:
    """Pairs of sublattices `origin` and `target` that are equivalent by symmetry.

    pairs: all of them that start in the home cell. middle_angstrom: distance from the middle of a pair to the nearest
    site of each sublattice of the crystal, in its order; kinds of a shell are ordered by it.
    """

    origin: int
    target: int
    pairs: SitePairs
    middle_angstrom: tuple[float, ...]

    @property
    def length_angstrom(self) -> float:
        """Distance of the pairs."""
        return float(self.pairs.lengths_angstrom.mean())

    @property
    def fingerprint(self) -> tuple[float, ...]:
        """Rounded length and distances from the middle, by which kinds are ordered."""
        return round(self.length_angstrom, FINGERPRINT_DIGITS), *self.middle_angstrom


def pair_kinds(crystal: Crystal, origin: int, target: int, pairs: SitePairs) -> list[PairKind]:
    """The kinds among all pairs of a shell: the shortest first, then the one with the nearest sites beside its middle.

    InputError for two kinds that differ in neither, since their order would depend on the order of the sites.
    """
    found = symmetry_kinds(crystal, crystal_space_group(crystal), origin, target, pairs)
    if len({kind.fingerprint for kind in found}) < len(found):
        names = f"{crystal.sublattices[origin].name!r} and {crystal.sublattices[target].name!r}"
        raise InputError(
            f"pairs of {names} at {found[0].length_angstrom:.3f} angstrom: {len(found)} kinds that no symmetry "
            "operation maps onto each other, and some have the same length and the same sites beside their middle: "
            "they cannot be told apart by a number"
        )
    return found


def symmetry_kinds(crystal: Crystal, group: SpaceGroup, origin: int, target: int, pairs: SitePairs) -> list[PairKind]:
    """Like `pair_kinds`; kinds that cannot be ordered come in the order of the sites. group: of the crystal."""
    orbit = bond_orbits(crystal, group, origin, target, pairs)
    found = []
    for label in dict.fromkeys(orbit.tolist()):
        chosen = pairs.where(orbit == label)
        found.append(PairKind(origin, target, chosen, _middle(crystal, origin, chosen)))
    return sorted(found, key=lambda kind: kind.fingerprint)


def count_pairs(supercell: Supercell, kind: PairKind, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> int:
    """Number of pairs of a kind in a supercell, one species on `origin` and the other on `target`, each pair once.

    one, other: (n_sites,) which sites of the supercell hold the species. Periodic images count as further pairs.
    """
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in supercell.repeats), indexing="ij"), axis=-1).reshape(-1, 3)
    total = 0
    for b, t, offset in zip(kind.pairs.origin.tolist(), kind.pairs.target.tolist(), kind.pairs.cells, strict=True):
        here = _sites(supercell, kind.origin, cells, b)
        there = _sites(supercell, kind.target, cells + offset, t)
        total += int((one[here] & other[there]).sum())
    twice = kind.origin == kind.target and np.array_equal(one, other)
    return total // 2 if twice else total


def _sites(supercell: Supercell, sublattice: int, cells: NDArray[np.int64], basis: int) -> NDArray[np.int64]:
    """(n,) index in the supercell of one basis site in each of (n, 3) cells."""
    x, y, z = (cells % supercell.repeats).T
    _, ny, nz = supercell.repeats
    n_basis = supercell.crystal.sublattices[sublattice].n_basis
    return supercell.offset_of(sublattice) + ((x * ny + y) * nz + z) * n_basis + basis


def _middle(crystal: Crystal, origin: int, pairs: SitePairs) -> tuple[float, ...]:
    """Distance from the middle of the first pair to the nearest site of each sublattice, in angstrom."""
    start = crystal.sublattices[origin].basis[pairs.origin[0]] @ crystal.cell_angstrom
    middle = start + pairs.vectors_angstrom[0] / 2
    fractional = np.linalg.solve(crystal.cell_angstrom.T, middle)
    span = np.arange(-1, 2)
    cells = np.floor(fractional) + np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = []
    for sublattice in crystal.sublattices:
        sites = (sublattice.basis[:, None] + cells[None]).reshape(-1, 3) @ crystal.cell_angstrom
        nearest.append(round(float(np.linalg.norm(sites - middle, axis=1).min()), FINGERPRINT_DIGITS))
    return tuple(nearest)
