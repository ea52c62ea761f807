"""Carriers counted by crystal plane, frame by frame: whole numbers whose Fourier transforms are the density modes.

A mode with its wave vector across two lattice vectors of the supercell, exp(-2 pi i n x/L), is the n-th Fourier
component of the numbers of carriers in the planes along the third. Only planes that hold sites of the carriers are
counted, a few in each cell whatever its coordinates; where they lie is kept beside the numbers, so that every
sublattice has its phase. Integers are the same on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.tables.event_tables import EventTables


def counted(tables: EventTables) -> list[int]:
    """Codes of the species that are counted: carriers that are present, in the order of the hop families."""
    return [c for c in dict.fromkeys(int(c) for c in tables.carrier) if tables.counts[c]]


def n_planes(tables: EventTables) -> tuple[int, int, int]:
    """Planes along each axis of the supercell."""
    nx, ny, nz = (int(n) * len(_within_cell(tables, axis)) for axis, n in enumerate(tables.supercell.repeats))
    return nx, ny, nz


def plane_fractions(tables: EventTables, axis: int) -> NDArray[np.float64]:
    """(planes,) where the planes lie, in units of the supercell's edge, rising."""
    grid, repeats = tables.supercell.crystal.grid, int(tables.supercell.repeats[axis])
    places = np.arange(repeats)[:, None] * grid + _within_cell(tables, axis)
    return np.asarray(places.reshape(-1) / (grid * repeats))


def plane_numbers(tables: EventTables, positions: Any, axes: tuple[int, ...] = (0, 1, 2)) -> list[NDArray[np.int32]]:
    """For each of the axes (R, C, planes) int32: carriers of each counted species in each plane.

    positions: (R, M, 3) int32 unwrapped, in units of cell/grid, on the host or on a device.
    """
    xp, codes = module_of(positions), counted(tables)
    result = []
    for axis in axes:
        planes, repeats = n_planes(tables)[axis], int(tables.supercell.repeats[axis])
        number = xp.asarray(_numbers_within_cell(tables, axis))
        numbers = np.empty((len(positions), len(codes), planes), dtype=np.int32)
        for row, code in enumerate(codes):
            first = int(tables.first_particle[code])
            ids = slice(first, first + int(tables.counts[code]))
            for some in replica_chunks(len(positions), ids.stop - ids.start):
                place = positions[some, ids, axis]
                place = place // len(number) % repeats * (planes // repeats) + number[place % len(number)]
                flat = (place + xp.arange(len(place))[:, None] * planes).reshape(-1)
                found = xp.bincount(flat, minlength=len(place) * planes)
                numbers[some, row] = to_host(found).reshape(len(place), planes)
        result.append(numbers)
    return result


def _within_cell(tables: EventTables, axis: int) -> NDArray[np.int64]:
    """Sorted grid coordinates, within the cell, of the sites that counted species can stand on."""
    crystal = tables.supercell.crystal
    homes = sorted({int(tables.sublattice_of[code]) for code in counted(tables)})
    places = [crystal.basis_on_grid(s)[:, axis] % crystal.grid for s in homes]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *places]))


def _numbers_within_cell(tables: EventTables, axis: int) -> NDArray[np.int32]:
    """(grid,) int32: number of the plane of a cell at every grid coordinate, 0 where there is none."""
    places = _within_cell(tables, axis)
    numbers = np.zeros(tables.supercell.crystal.grid, dtype=np.int32)
    numbers[places] = np.arange(len(places), dtype=np.int32)
    return numbers
