"""Positions of the carriers summed over each species: the collective displacement, without that of single particles.

A sum reads the carriers alone, a few bytes each, so that it can be taken much more often than a frame. Its C++ twin is
kernels/sums.cuh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables, unpack_image

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class CarrierSums:
    """The carrier species that are present, C of them, with at most B basis sites.

    codes: (C,) of the species. first_carrier: (C,) carrier index, first_particle: (C,) id of the first particle.
    count: (C,) particles in a replica. place: (C, B, 3) coordinates of the basis sites within the cell, in units of
    cell/grid. period: (3,) length of the supercell in these units.
    """

    codes: IntArray
    first_carrier: IntArray
    first_particle: IntArray
    count: IntArray
    place: IntArray
    period: IntArray
    grid: int

    @classmethod
    def of(cls, tables: EventTables) -> CarrierSums:
        """The carriers of these tables."""
        codes = np.flatnonzero((tables.carrier_offset >= 0) & (tables.counts > 0))
        crystal = tables.supercell.crystal
        homes = [crystal.basis_on_grid(int(s)) for s in tables.sublattice_of[codes]]
        place = np.zeros((len(codes), max(map(len, homes), default=0), 3), dtype=np.int64)
        for c, home in enumerate(homes):
            place[c, : len(home)] = home
        return cls(
            codes=codes,
            first_carrier=np.ascontiguousarray(tables.carrier_offset[codes]),
            first_particle=np.ascontiguousarray(tables.first_particle[codes]),
            count=np.ascontiguousarray(tables.counts[codes]),
            place=place,
            period=np.asarray(tables.supercell.repeats, dtype=np.int64) * crystal.grid,
            grid=int(crystal.grid),
        )

    def positions(self, state: State) -> IntArray:
        """(R, C, 3) int64 unwrapped positions summed over each species, in units of cell/grid.

        The array is on the host or on a device, like those of the state, whose coordinates must be up to date.
        """
        xp = module_of(state.coordinates)
        total: IntArray = xp.empty((state.replicas, len(self.codes), 3), dtype=np.int64)
        for c, (carrier, particle, n) in enumerate(
            zip(self.first_carrier.tolist(), self.first_particle.tolist(), self.count.tolist(), strict=True)
        ):
            coordinates = state.coordinates[:, carrier : carrier + n]
            images = unpack_image(state.image[:, particle : particle + n]).sum(axis=1)
            total[:, c] = coordinates[..., :3].sum(axis=1, dtype=np.int64) * self.grid
            total[:, c] += images * xp.asarray(self.period)
            for basis, place in enumerate(self.place[c]):
                if place.any():
                    total[:, c] += (coordinates[..., 3] == basis).sum(axis=1)[:, None] * xp.asarray(place)
        return total
