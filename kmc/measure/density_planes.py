"""Numbers of carriers by crystal plane at every frame: integers whose Fourier transforms are the density modes.

A mode whose wave vector is perpendicular to two lattice vectors of the supercell, exp(-2 pi i n x/L), is the n-th
Fourier component of the numbers of carriers in the planes along the third. Only planes that hold sites of the carriers
are counted, so that a cell has few of them for any coordinates. The positions of the planes are written with the
numbers, because every sublattice has its own phase. Integers are the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.measure.observer import Arrays, Observer, Positions
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables


class DensityPlanes(Observer):
    """Rows rho_k/axisN (R, C, planes) int32; totals rho_k/fractionsN, where the planes are; N = 0, 1, 2."""

    name = "density_planes"

    def start(self, tables: EventTables, live: State) -> None:
        """Nothing to prepare, because nothing is summed over frames."""
        self._tables = tables

    def record(self, frame: int, positions: Positions) -> Arrays:
        """The carriers in every plane along each axis."""
        return {f"rho_k/axis{axis}": n for axis, n in enumerate(plane_numbers(self._tables, positions))}

    def datasets(self) -> Arrays:
        """Where the planes are, in units of the supercell's edge."""
        return {f"rho_k/fractions{axis}": plane_fractions(self._tables, axis) for axis in range(3)}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Names of the counted species, in the order of the second axis of the numbers."""
        return {"rho_k": {"species": json.dumps([self._tables.species[code] for code in counted(self._tables)])}}

    def state(self) -> Arrays:
        """Empty, because a frame does not depend on earlier ones."""
        return {}

    def restore(self, tables: EventTables, live: State, state: Arrays) -> None:
        """Nothing to restore."""
        self._tables = tables


def counted(tables: EventTables) -> list[int]:
    """Codes of the counted species: the carriers that are present, in the order of the hop families."""
    return [c for c in dict.fromkeys(int(c) for c in tables.carrier) if tables.counts[c]]


def n_planes(tables: EventTables) -> tuple[int, int, int]:
    """Planes along each axis of the supercell."""
    nx, ny, nz = (int(n) * len(_within_cell(tables, axis)) for axis, n in enumerate(tables.supercell.repeats))
    return nx, ny, nz


def plane_fractions(tables: EventTables, axis: int) -> NDArray[np.float64]:
    """(planes,) positions of the planes along an axis in units of the supercell's edge, ascending."""
    grid, repeats = tables.supercell.crystal.grid, int(tables.supercell.repeats[axis])
    places = np.arange(repeats)[:, None] * grid + _within_cell(tables, axis)
    return np.asarray(places.reshape(-1) / (grid * repeats))


def plane_numbers(
    tables: EventTables, positions: Positions, axes: tuple[int, ...] = (0, 1, 2)
) -> list[NDArray[np.int32]]:
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
    """Sorted grid coordinates, within the cell, of the sites that the counted species can occupy."""
    crystal = tables.supercell.crystal
    homes = sorted({int(tables.sublattice_of[code]) for code in counted(tables)})
    places = [crystal.basis_on_grid(s)[:, axis] % crystal.grid for s in homes]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *places]))


def _numbers_within_cell(tables: EventTables, axis: int) -> NDArray[np.int32]:
    """(grid,) int32: index of the plane within a cell at every grid coordinate, 0 where there is none."""
    places = _within_cell(tables, axis)
    numbers = np.zeros(tables.supercell.crystal.grid, dtype=np.int32)
    numbers[places] = np.arange(len(places), dtype=np.int32)
    return numbers
