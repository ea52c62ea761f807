"""Profiles along an axis of a large supercell, gathered while the walk runs: where particles are, and how they spread.

Integers in units of cell/grid, as in accumulate.py; a particle counts where it was when its window began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError


@dataclass(frozen=True)
class ProfileSettings:
    """axis: lattice vector 0, 1 or 2 that the bins cut. bins: of equal width."""

    axis: int = 0
    bins: int = 20


@dataclass
class Profile:
    """R replicas, S species, B time blocks, K lags, N bins.

    sites: (S, N) sites of each species' sublattice. initial: (R, S, N) particles at frame 0, those that never move too.
    occupancy: (B, R, S, N) particles summed over frames; frames: (B,) how many. count: (K, B, R, S, N) particles that
    began a window in a bin; moment: (K, B, R, S, N, 3) sums of their squared displacements along the axes.
    """

    axis: int
    sites: NDArray[np.int64]
    initial: NDArray[np.int64]
    frames: NDArray[np.int64]
    occupancy: NDArray[np.int64]
    count: NDArray[np.int64]
    moment: NDArray[np.int64]

    @property
    def bins(self) -> int:
        """Number of bins."""
        return int(self.sites.shape[1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name."""
        names = ("sites", "initial", "frames", "occupancy", "count", "moment")
        return {name: getattr(self, name) for name in names} | {"axis": np.array(self.axis)}

    def record_frame(self, tables: EventTables, positions: Any, block: int, species: list[tuple[int, slice]]) -> None:
        """Count the particles of one frame."""
        self.frames[block] += 1
        for some in replica_chunks(len(positions), positions.shape[1]):
            place = self._bins(tables, positions[some])
            for code, ids in species:
                self.occupancy[block, some, code] += self._sum(place[:, ids], None)

    def record_window(
        self, tables: EventTables, ends: tuple[Any, Any], lag: int, block: int, species: list[tuple[int, slice]]
    ) -> None:
        """Add the displacements of windows of lag number `lag`; ends: positions where they began, and now."""
        reference, positions = ends
        for some in replica_chunks(len(positions), positions.shape[1]):
            place = self._bins(tables, reference[some])
            for code, ids in species:
                self.count[lag, block, some, code] += self._sum(place[:, ids], None)
                for a in range(3):
                    moved = (positions[some, ids, a] - reference[some, ids, a]).astype(np.float64)
                    self.moment[lag, block, some, code, :, a] += self._sum(place[:, ids], moved * moved)

    def extend(self, lags: int, blocks: int) -> None:
        """Room for more lags and time blocks."""
        more = ((0, blocks - len(self.frames)),)
        longer = (0, lags - len(self.count))
        self.frames = np.pad(self.frames, more)
        self.occupancy = np.pad(self.occupancy, (*more, (0, 0), (0, 0), (0, 0)))
        self.count = np.pad(self.count, (longer, *more, (0, 0), (0, 0), (0, 0)))
        self.moment = np.pad(self.moment, (longer, *more, (0, 0), (0, 0), (0, 0), (0, 0)))

    def _bins(self, tables: EventTables, positions: Any) -> Any:
        """(r, M) bin of every particle."""
        period = tables.supercell.repeats[self.axis] * tables.supercell.crystal.grid
        return positions[..., self.axis].astype(np.int64) % period * self.bins // period

    def _sum(self, place: Any, weights: Any) -> NDArray[np.int64]:
        """(r, N) number of particles by bin, or the sum of whole-numbered weights (exact below 2^53)."""
        xp, rows = module_of(place), len(place)
        flat = (place + xp.arange(rows)[:, None] * self.bins).reshape(-1)
        weights = None if weights is None else weights.reshape(-1)
        found = xp.bincount(flat, weights, minlength=rows * self.bins)
        return to_host(found).astype(np.int64).reshape(rows, self.bins)


def check_profile(tables: EventTables, settings: ProfileSettings) -> None:
    """InputError for a crystal without right angles, or bins that do not hold a cell each."""
    cell = tables.supercell.crystal.cell_angstrom
    if np.abs(cell @ cell.T - np.diag(np.diag(cell @ cell.T))).max() > 1e-6 * np.abs(cell @ cell.T).max():
        raise InputError("run.profile: the cell vectors must be at right angles")
    most = int(tables.supercell.repeats[settings.axis])
    if not 1 <= settings.bins <= most:
        raise InputError(f"run.profile.bins = {settings.bins}: from 1 to {most} (the cells along axis {settings.axis})")


def new_profile(tables: EventTables, state: State, settings: ProfileSettings, lags: int, blocks: int) -> Profile:
    """Begin at frame 0."""
    check_profile(tables, settings)
    species, bins, replicas = len(tables.species), settings.bins, state.replicas
    sites = np.zeros((species, bins), dtype=np.int64)
    initial = np.zeros((replicas, species, bins), dtype=np.int64)
    for code, s in enumerate(tables.sublattice_of):
        begin, size = int(tables.site_offset[s]), tables.supercell.n_sites_of(int(s))
        period = tables.supercell.repeats[settings.axis] * tables.supercell.crystal.grid
        along = tables.supercell.grid_positions_of(int(s))[:, settings.axis].astype(np.int64)
        place = along % period * bins // period
        sites[code] = np.bincount(place, minlength=bins)
        for replica in range(replicas):
            here = to_host(state.occupants[replica, begin : begin + size] == code)
            initial[replica, code] = np.bincount(place[here], minlength=bins)
    return Profile(
        axis=settings.axis,
        sites=sites,
        initial=initial,
        frames=np.zeros(blocks, dtype=np.int64),
        occupancy=np.zeros((blocks, replicas, species, bins), dtype=np.int64),
        count=np.zeros((lags, blocks, replicas, species, bins), dtype=np.int64),
        moment=np.zeros((lags, blocks, replicas, species, bins, 3), dtype=np.int64),
    )
