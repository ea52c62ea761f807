"""Bonds of a hop family as tuples, and cell offsets brought into a supercell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Supercell
from lattices.stencils import Stencil

Bond = tuple[int, int, int, int, int]  # basis of the first end, cell offset, basis of the second end


def bonds_of(stencil: Stencil) -> list[tuple[int, int, Bond]]:
    """(basis, direction, bond) of every bond of a stencil."""
    return [
        (b, d, (b, *neighbour)) for b in range(len(stencil.basis)) for d, neighbour in enumerate(stencil.neighbours(b))
    ]


def wrap(supercell: Supercell, cell: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offset brought into the supercell, and the whole supercells added to do so."""
    repeats = np.asarray(supercell.repeats, dtype=np.int64)
    wrapped = np.asarray(cell, dtype=np.int64) % repeats
    return wrapped, (wrapped - np.asarray(cell)) // repeats
