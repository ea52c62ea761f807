"""Symmetry of a crystal with its named sublattices: point group, equivalent bonds, means of tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
from lattices.site_pairs import SitePairs
from lattices.space_group_table import SpaceGroup, space_group

CUBIC = frozenset({"23", "m-3", "432", "-43m", "m-3m"})


@dataclass(frozen=True)
class Symmetry:
    """space_group: international symbol and number. rotations: (n, 3, 3) float64 Cartesian, the point group."""

    space_group: str
    point_group: str
    rotations: NDArray[np.float64]

    @property
    def cubic(self) -> bool:
        """Whether every second-rank tensor that the crystal allows is a multiple of the unit matrix."""
        return self.point_group in CUBIC


NO_SYMMETRY = Symmetry("P1 (1)", "1", np.eye(3)[None])


def symmetry_of(crystal: Crystal) -> Symmetry:
    """The symmetry of a crystal, in which sites of different sublattices are always inequivalent.

    Averages over randomly placed dopants have this symmetry. Layers that share the
    sites of another sublattice are left out. Raises InputError if no symmetry is found, which happens for sites
    that coincide.
    """
    found = crystal_space_group(crystal)
    to_cartesian = crystal.cell_angstrom.T
    back = np.linalg.inv(to_cartesian)
    rotations = np.unique(found.rotations, axis=0)
    return Symmetry(
        f"{found.name} ({found.number})",
        found.point_group,
        np.array([to_cartesian @ rotation @ back for rotation in rotations]),
    )


def crystal_space_group(crystal: Crystal) -> SpaceGroup:
    """The space group of a crystal's sublattices with its operations; conventions and errors as in `symmetry_of`."""
    places, held = [], []
    for number, sublattice in enumerate(crystal.sublattices):
        if not any(_same(sublattice.basis, other.basis) for other in crystal.sublattices[number + 1 :]):
            places.append(sublattice.basis)
            contents = sublattice.contents or ({},) * sublattice.n_basis  # ordered dopants make sites different
            held += [(number, *sorted(content.items())) for content in contents]
    kinds = np.array([held.index(one) + 1 for one in held], dtype=np.int64)
    return space_group(crystal.cell_angstrom, np.concatenate(places), kinds)


def symmetrised(tensor: NDArray[np.float64], rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of (..., 3, 3) tensors over a point group of (n, 3, 3) Cartesian rotations."""
    return np.einsum("nab,...bc,ndc->...ad", rotations, tensor, rotations) / len(rotations)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two bases are the same sites in the same order, as a layer and its sublattice are."""
    return one.shape == other.shape and bool(np.abs((one - other + 0.5) % 1.0 - 0.5).max() < 1e-6)


def bond_orbits(crystal: Crystal, group: SpaceGroup, origin: int, target: int, pairs: SitePairs) -> NDArray[np.int64]:
    """(n,) label of the symmetry class of each bond, given by its two ends; a bond and its reverse are equivalent."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    here, there = crystal.sublattices[origin].basis, crystal.sublattices[target].basis
    start = here[pairs.origin]
    vector = there[pairs.target] + pairs.cells - start  # fractional
    bonds = zip(pairs.origin.tolist(), pairs.target.tolist(), map(tuple, pairs.cells.tolist()), strict=True)
    key = {bond: n for n, bond in enumerate(bonds)}
    joined: list[tuple[int, int]] = []
    if origin == target:
        joined += [(n, key[t, b, (-x, -y, -z)]) for (b, t, (x, y, z)), n in key.items()]
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        moved, cell = _site_at(crystal, origin, start @ rotation.T + translation)
        end, end_cell = _site_at(crystal, target, (start + vector) @ rotation.T + translation)
        images = zip(moved.tolist(), end.tolist(), map(tuple, (end_cell - cell).tolist()), strict=True)
        joined += [(n, key[image]) for n, image in enumerate(images) if image in key]
    one, other = np.array(joined).T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(key), len(key)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _site_at(
    crystal: Crystal, sublattice: int, fractional: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(basis index, cell) of the site nearest to each of (n, 3) fractional positions."""
    basis = crystal.sublattices[sublattice].basis
    difference = fractional[:, None] - basis[None]
    cell = np.rint(difference)
    away = np.linalg.norm((difference - cell) @ crystal.cell_angstrom, axis=-1)
    nearest = away.argmin(axis=1)
    return nearest, cell[np.arange(len(nearest)), nearest].astype(np.int64)
