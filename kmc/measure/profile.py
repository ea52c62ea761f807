"""Profiles along an axis of a large supercell: numbers of particles, and mean-square displacements by starting point.

Integers in units of cell/grid, as in msd.py. A displacement is counted in the bin where its window began.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import Array, module_of, replica_chunks, to_host
from kmc.measure.lag_windows import LagWindows
from kmc.measure.msd import species_slices
from kmc.measure.observer import Arrays, Observer, Positions
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError


@dataclass(frozen=True)
class ProfileSettings:
    """axis: lattice vector 0, 1 or 2 that is divided into bins. bins: their number; all have the same width."""

    axis: int = 0
    bins: int = 20


@dataclass
class Profile:
    """R replicas, S species, B time blocks, K lags, N bins.

    sites: (S, N) sites of each species' sublattice. initial: (R, S, N) particles at frame 0, immobile ones included.
    occupancy: (B, R, S, N) particles summed over frames; frames: (B,) number of frames. count: (K, B, R, S, N)
    particles that began a window in a bin; moment: (K, B, R, S, N, 3) sums of their squared displacements along the
    axes. All are int64.
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

    def arrays(self) -> dict[str, Array]:
        """Every array by name."""
        names = ("sites", "initial", "frames", "occupancy", "count", "moment")
        return {name: getattr(self, name) for name in names} | {"axis": np.array(self.axis)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Profile:
        """The profile whose `arrays` these are."""
        return cls(axis=int(arrays["axis"]), **{name: value for name, value in arrays.items() if name != "axis"})


class ProfileObserver(Observer):
    """Totals profile/*: the arrays of `Profile`. Raises InputError at the start as `check_profile` does."""

    name = "profile"

    def __init__(self, settings: ProfileSettings, windows: LagWindows) -> None:
        self._settings, self._windows = settings, windows

    def start(self, tables: EventTables, live: State) -> None:
        """Count sites and the particles of the initial state; on the host, where the profile is kept."""
        self._tables = tables
        self._kept = _empty_profile(tables, live, self._settings, self._windows.shape)

    def record(self, frame: int, positions: Positions) -> Arrays:
        """Count the particles of every frame but the initial one, and the windows that end at it."""
        self._make_room()
        if frame > 0:
            self._record_occupancy(positions, self._windows.block_of(frame))
        for k, reference in self._windows.ending(frame):
            self._record_window(reference, positions, k, self._windows.block_of(frame))
        return {}

    def datasets(self) -> Arrays:
        """The profile so far."""
        return {f"profile/{name}": value for name, value in self._kept.arrays().items()}

    def state(self) -> Arrays:
        """The profile so far."""
        return self._kept.arrays()

    def restore(self, tables: EventTables, live: State, state: Arrays) -> None:
        """Continue with the profile of the checkpoint."""
        self._tables, self._kept = tables, Profile.from_arrays(state)

    def _record_occupancy(self, positions: Positions, block: int) -> None:
        self._kept.frames[block] += 1
        for some in replica_chunks(len(positions), positions.shape[1]):
            place = self._bins(positions[some])
            for code, ids in species_slices(self._tables):
                self._kept.occupancy[block, some, code] += self._sum(place[:, ids], None)

    def _record_window(self, reference: Positions, positions: Positions, lag: int, block: int) -> None:
        """Add the displacements of a window of lag number `lag` that began at the positions `reference`."""
        for some in replica_chunks(len(positions), positions.shape[1]):
            place = self._bins(reference[some])
            for code, ids in species_slices(self._tables):
                self._kept.count[lag, block, some, code] += self._sum(place[:, ids], None)
                for a in range(3):
                    moved = (positions[some, ids, a] - reference[some, ids, a]).astype(np.float64)
                    self._kept.moment[lag, block, some, code, :, a] += self._sum(place[:, ids], moved * moved)

    def _make_room(self) -> None:
        """For the lags and time blocks that an extension of the run has added."""
        kept, (lags, blocks) = self._kept, self._windows.shape
        longer, more, rest = (0, lags - len(kept.count)), (0, blocks - len(kept.frames)), (0, 0)
        if longer[1] or more[1]:
            kept.frames = np.pad(kept.frames, (more,))
            kept.occupancy = np.pad(kept.occupancy, (more, rest, rest, rest))
            kept.count = np.pad(kept.count, (longer, more, rest, rest, rest))
            kept.moment = np.pad(kept.moment, (longer, more, rest, rest, rest, rest))

    def _bins(self, positions: Positions) -> NDArray[np.int64]:
        """(r, M) bin of every particle."""
        axis = self._kept.axis
        period = int(self._tables.supercell.repeats[axis]) * self._tables.supercell.crystal.grid
        return positions[..., axis].astype(np.int64) % period * self._kept.bins // period

    def _sum(self, place: NDArray[np.int64], weights: NDArray[np.float64] | None) -> NDArray[np.int64]:
        """(r, N) number of particles by bin, or the sum of whole-numbered weights (exact below 2^53)."""
        xp, rows, bins = module_of(place), len(place), self._kept.bins
        flat = (place + xp.arange(rows)[:, None] * bins).reshape(-1)
        found = xp.bincount(flat, None if weights is None else weights.reshape(-1), minlength=rows * bins)
        return to_host(found).astype(np.int64).reshape(rows, bins)


def check_profile(tables: EventTables, settings: ProfileSettings) -> None:
    """InputError for a crystal without right angles, or for bins narrower than a cell."""
    cell = tables.supercell.crystal.cell_angstrom
    if np.abs(cell @ cell.T - np.diag(np.diag(cell @ cell.T))).max() > 1e-6 * np.abs(cell @ cell.T).max():
        raise InputError("run.profile: the cell vectors must be at right angles")
    most = int(tables.supercell.repeats[settings.axis])
    if not 1 <= settings.bins <= most:
        raise InputError(f"run.profile.bins = {settings.bins}: from 1 to {most} (the cells along axis {settings.axis})")


def _empty_profile(tables: EventTables, live: State, settings: ProfileSettings, shape: tuple[int, int]) -> Profile:
    """Sites and initial particles are counted, everything else is zero. shape: numbers of lags and time blocks."""
    check_profile(tables, settings)
    species, bins, replicas = len(tables.species), settings.bins, live.replicas
    sites = np.zeros((species, bins), dtype=np.int64)
    initial = np.zeros((replicas, species, bins), dtype=np.int64)
    for code, s in enumerate(tables.sublattice_of):
        begin, size = int(tables.site_offset[s]), tables.supercell.n_sites_of(int(s))
        period = tables.supercell.repeats[settings.axis] * tables.supercell.crystal.grid
        along = tables.supercell.grid_positions_of(int(s))[:, settings.axis].astype(np.int64)
        place = along % period * bins // period
        sites[code] = np.bincount(place, minlength=bins)
        for replica in range(replicas):
            here = to_host(live.occupants[replica, begin : begin + size] == code)
            initial[replica, code] = np.bincount(place[here], minlength=bins)
    lags, blocks = shape
    return Profile(
        axis=settings.axis,
        sites=sites,
        initial=initial,
        frames=np.zeros(blocks, dtype=np.int64),
        occupancy=np.zeros((blocks, replicas, species, bins), dtype=np.int64),
        count=np.zeros((lags, blocks, replicas, species, bins), dtype=np.int64),
        moment=np.zeros((lags, blocks, replicas, species, bins, 3), dtype=np.int64),
    )
