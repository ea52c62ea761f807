"""Bonds of a hop family as tuples, and cell offsets wrapped into a supercell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Supercell
from lattices.stencils import Stencil

Bond = tuple[int, int, int, int, int]  # basis of the near end, cell offset, basis of the far end


def bonds_of(stencil: Stencil) -> list[tuple[int, int, Bond]]:
    """(basis, direction, bond) of every bond of a stencil."""
    return [
        (b, d, (b, *neighbour)) for b in range(len(stencil.basis)) for d, neighbour in enumerate(stencil.neighbours(b))
    ]


def wrap(supercell: Supercell, cell: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(3,) offset wrapped into the supercell, and the (3,) numbers of whole supercells added to do so."""
    repeats = np.asarray(supercell.repeats, dtype=np.int64)
    wrapped = np.asarray(cell, dtype=np.int64) % repeats
    return wrapped, (wrapped - np.asarray(cell)) // repeats


def neighbour_sites(supercell: Supercell, sublattice: int, cells: NDArray[np.int64], basis: int) -> NDArray[np.int64]:
    """(n,) site indices of a basis site in (n, 3) cells, which are wrapped here."""
    nx, ny, nz = supercell.repeats
    x, y, z = cells[:, 0] % nx, cells[:, 1] % ny, cells[:, 2] % nz
    n_basis = supercell.crystal.sublattices[sublattice].n_basis
    return supercell.offset_of(sublattice) + ((x * ny + y) * nz + z) * n_basis + basis
