"""The state of all replicas as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.errors import DisplacementOverflow
from kmc.tables.event_tables import IMAGE_BITS, EventTables, split_image, unpack_image
from kmc.tables.pair_energies import split
from lattices.crystal import Supercell
from lattices.errors import InputError

MOST_IMAGES = 1 << (IMAGE_BITS - 2)  # half of the counters' range: no window between two checks can exceed it
MOST_GRID_UNITS = 1 << 30


@dataclass
class State:
    """R replicas of N sites, M of them on mobile sublattices.

    occupants: (R, N) uint8 species code of every site.
    particle_at: (R, M) int32 id of the particle on each mobile site; ids of a species are consecutive. (R, 0) if
        only the carriers have ids, their carrier indices.
    coordinates: (R, C, 4) int16 (x, y, z, basis) of every carrier, by carrier index (`EventTables.carrier_offset`).
    image: (R, n_particles) int64 packed periodic images of each particle.
    potential: (R, P) int32 exchange potentials, one block per interacting family.
    trials, accepted: (R, F) int64 counters since the start.
    window: index of the next time slice.
    """

    occupants: NDArray[np.uint8]
    particle_at: NDArray[np.int32]
    coordinates: NDArray[np.int16]
    image: NDArray[np.int64]
    potential: NDArray[np.int32]
    trials: NDArray[np.int64]
    accepted: NDArray[np.int64]
    window: int = 0

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return len(self.occupants)

    def copy(self) -> State:
        """An independent copy."""
        arrays = {name: value.copy() for name, value in self.arrays().items()}
        return State(**arrays, window=self.window)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name; what a checkpoint holds."""
        return {
            name: getattr(self, name)
            for name in (
                "occupants",
                "particle_at",
                "coordinates",
                "image",
                "potential",
                "trials",
                "accepted",
            )
        }


def state_from_occupants(tables: EventTables, occupants: NDArray[np.uint8]) -> State:
    """State of replicas that begin with the given species codes, (R, N) uint8."""
    replicas, mobile = len(occupants), tables.n_mobile_sites
    particle_at = np.empty((replicas, mobile if tables.tracked else 0), dtype=np.int32)
    coordinates = np.zeros((replicas, tables.n_carriers, 4), dtype=np.int16)
    for s in range(len(tables.site_offset)):
        start = int(tables.site_offset[s])
        if start >= mobile:
            break
        stop = start + tables.supercell.n_sites_of(s)
        order = np.argsort(occupants[:, start:stop], axis=1, kind="stable")
        ids = np.arange(start, stop, dtype=np.int32)
        if tables.tracked:
            np.put_along_axis(particle_at[:, start:stop], order, ids[None, :], axis=1)
        for code in np.flatnonzero((tables.sublattice_of == s) & (tables.carrier_offset >= 0)):
            first = int(tables.counts[:code][tables.sublattice_of[:code] == s].sum())
            count = int(tables.counts[code])
            index = int(tables.carrier_offset[code])
            found = tables.supercell.coordinates_of(s, order[:, first : first + count])
            coordinates[:, index : index + count] = found
    state = State(
        occupants=occupants,
        particle_at=particle_at,
        coordinates=coordinates,
        image=np.zeros((replicas, tables.n_particles), dtype=np.int64),
        potential=exchange_potential(tables, occupants),
        trials=np.zeros((replicas, tables.n_families), dtype=np.int64),
        accepted=np.zeros((replicas, tables.n_families), dtype=np.int64),
    )
    check_allowed(tables, state)
    return state


def exchange_potential(tables: EventTables, occupants: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(R, P) int32: the exchange potentials of (R, N) occupants, summed over the energy terms without any history."""
    potential = np.zeros((len(occupants), tables.n_potential), dtype=np.int32)
    for f in np.flatnonzero(tables.potential_offset >= 0).tolist():
        first = int(tables.potential_offset[f])
        here = potential[:, first : first + tables.supercell.n_sites_of(int(tables.sublattice[f]))]
        for term in tables.terms:
            if term.has_potential(f):
                here += term.potentials(f, occupants)
    return potential


def check_allowed(tables: EventTables, state: State) -> None:
    """InputError if a carrier is in a forbidden contact."""
    for f in range(tables.n_families):
        offset = int(tables.potential_offset[f])
        if offset < 0:
            continue
        start = int(tables.site_offset[tables.sublattice[f]])
        size = tables.supercell.n_sites_of(int(tables.sublattice[f]))
        contacts = split(state.potential[:, offset : offset + size].astype(np.int64))[0]
        here = state.occupants[:, start : start + size]
        bad = ((here == tables.carrier[f]) & (contacts > 0)) | ((here == tables.partner[f]) & (contacts < 0))
        if bad.any():
            raise InputError(
                f"the arrangement puts {tables.species[int(tables.carrier[f])]!r} into a forbidden contact; "
                "lower its number"
            )


def mobile_site_positions(tables: EventTables) -> NDArray[np.int32]:
    """(M, 3) int32: positions of the sites of the mobile sublattices, in units of cell/grid."""
    sublattices = [s for s in range(len(tables.site_offset)) if tables.site_offset[s] < tables.n_mobile_sites]
    return np.concatenate([tables.supercell.grid_positions_of(s) for s in sublattices])


def unwrapped_grid_positions(
    tables: EventTables, state: State, sites: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """(R, n_particles, 3) int32: unwrapped position of every particle that has an id, in units of cell/grid.

    The array is on the host or on a device, like the arrays of the state. sites: `mobile_site_positions`, if they are
    known. DisplacementOverflow as in `check_images`.
    """
    supercell = tables.supercell
    xp = module_of(state.particle_at)
    site_positions = xp.asarray(mobile_site_positions(tables)) if sites is None else sites
    period = [int(n) * supercell.crystal.grid for n in supercell.repeats]
    crossed = np.zeros(3, dtype=np.int64)
    replicas, particles = state.image.shape
    positions = xp.empty((replicas, particles, 3), dtype=np.int32)
    for some in replica_chunks(replicas, particles):
        rows = xp.arange(some.stop - some.start)[:, None]
        part = positions[some]
        if tables.tracked:
            part[rows, state.particle_at[some]] = site_positions
        else:
            part[:] = site_positions[_carrier_sites(tables, state.coordinates[some])]
        for axis, images in enumerate(split_image(state.image[some])):
            part[..., axis] += images.astype(np.int32) * np.int32(period[axis])
            crossed[axis] = max(int(crossed[axis]), int(images.max()), -int(images.min()))
    check_crossed(supercell, crossed)
    return positions


def _carrier_sites(tables: EventTables, coordinates: NDArray[np.int16]) -> NDArray[np.int64]:
    """(R, C) site of every carrier, by carrier index."""
    xp = module_of(coordinates)
    carriers = np.flatnonzero(tables.carrier_offset >= 0)
    home = np.repeat(tables.sublattice_of[carriers], tables.counts[carriers])
    _, ny, nz = tables.supercell.repeats
    x, y, z, b = (coordinates[..., k].astype(np.int64) for k in range(4))
    n_basis, first = xp.asarray(tables.n_basis[home]), xp.asarray(tables.site_offset[home])
    return first + ((x * ny + y) * nz + z) * n_basis + b


def check_images(supercell: Supercell, state: State) -> None:
    """DisplacementOverflow long before the packed image counters or the int32 positions could overflow.

    Positions stay below 2^30 grid units, so that the difference of two of them fits int32 as well.
    """
    crossed = np.zeros(3, dtype=np.int64)
    for some in replica_chunks(*state.image.shape):
        crossed = np.maximum(crossed, to_host(abs(unpack_image(state.image[some])).max(axis=(0, 1))))
    check_crossed(supercell, crossed)


def check_crossed(supercell: Supercell, crossed: NDArray[np.int64]) -> None:
    """As `check_images`, from the largest numbers (3,) of supercells that any particle has crossed along each axis."""
    if int(crossed.max()) >= MOST_IMAGES:
        raise DisplacementOverflow(
            f"a particle has crossed the supercell more than {MOST_IMAGES} times; "
            "use a larger supercell or a shorter run"
        )
    cells = (crossed + 1) * np.asarray(supercell.repeats)
    if int(cells.max()) >= MOST_GRID_UNITS // supercell.crystal.grid:
        raise DisplacementOverflow(
            f"a particle has moved more than {MOST_GRID_UNITS // supercell.crystal.grid} cells along a lattice vector; "
            "use a shorter run"
        )
