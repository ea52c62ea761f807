"""Point group of a crystal with its named sublattices, and means of tensors over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
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


def symmetry_of(crystal: Crystal) -> Symmetry:
    """The symmetry of a crystal, sites of different sublattices being different whatever stands on them.

    Dopants drawn at random on a sublattice leave this symmetry to averages over configurations. Layers that share the
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
    places, kinds = [], []
    for number, sublattice in enumerate(crystal.sublattices):
        if not any(_same(sublattice.basis, other.basis) for other in crystal.sublattices[number + 1 :]):
            places.append(sublattice.basis)
            kinds += [number + 1] * sublattice.n_basis
    return space_group(crystal.cell_angstrom, np.concatenate(places), np.array(kinds, dtype=np.int64))


def symmetrised(tensor: NDArray[np.float64], rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of (..., 3, 3) tensors over a point group of (n, 3, 3) Cartesian rotations."""
    return np.einsum("nab,...bc,ndc->...ad", rotations, tensor, rotations) / len(rotations)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two bases are the same sites in the same order, as a layer and its sublattice are."""
    return one.shape == other.shape and bool(np.abs((one - other + 0.5) % 1.0 - 0.5).max() < 1e-6)
