"""Carriers counted by crystal plane, frame by frame: whole numbers whose Fourier transforms are the density modes.

A mode with its wave vector across two lattice vectors of the supercell, exp(-2 pi i n x/L), is the n-th Fourier
component of the numbers of carriers in the planes along the third. The planes are those of the position grid, so that
every sublattice keeps its phase, and integers are the same on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.tables import EventTables


def counted(tables: EventTables) -> list[int]:
    """Codes of the species that are counted: carriers that are present, in the order of the hop families."""
    return [c for c in dict.fromkeys(int(c) for c in tables.carrier) if tables.counts[c]]


def n_planes(tables: EventTables) -> tuple[int, int, int]:
    """Planes of the position grid along each axis of the supercell."""
    nx, ny, nz = (int(n) * tables.supercell.crystal.grid for n in tables.supercell.repeats)
    return nx, ny, nz


def plane_numbers(tables: EventTables, positions: Any, axes: tuple[int, ...] = (0, 1, 2)) -> list[NDArray[np.int32]]:
    """For each of the axes (R, C, planes) int32: carriers of each counted species in each plane.

    positions: (R, M, 3) int32 unwrapped, in units of cell/grid, on the host or on a device.
    """
    xp, codes = module_of(positions), counted(tables)
    result = []
    for axis in axes:
        planes = n_planes(tables)[axis]
        numbers = np.empty((len(positions), len(codes), planes), dtype=np.int32)
        for row, code in enumerate(codes):
            first = int(tables.first_particle[code])
            ids = slice(first, first + int(tables.counts[code]))
            for some in replica_chunks(len(positions), ids.stop - ids.start):
                place = positions[some, ids, axis] % planes
                flat = (place + xp.arange(len(place))[:, None] * planes).reshape(-1)
                found = xp.bincount(flat, minlength=len(place) * planes)
                numbers[some, row] = to_host(found).reshape(len(place), planes)
        result.append(numbers)
    return result
