"""What is gathered while the walk runs: summed displacements and mean-square displacements over lags.

Everything is an integer in units of cell/grid, so that the sums are exact and the same on every machine. Lags are
powers of two of the frame interval; for each one the windows follow one another without overlap, so that one
snapshot a lag is all that must be kept. The large arrays lie where the walk does: on a CUDA device nothing but the
summed displacements leaves it until the next checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.measure.profile import Profile, ProfileSettings, new_profile
from kmc.state.replicas import State, unwrapped_grid_positions
from kmc.tables.event_tables import EventTables

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
WANTED_BLOCKS = 16  # replicas times time blocks: enough for an error bar from a single replica


@dataclass
class Accumulator:
    """R replicas of M particles, S species, K lags, B time blocks, F frames after the initial one.

    snapshots, origin and second_moment may lie on a CUDA device; the others are on the host.

    lag_frames: (K,). begin: (K,) frame at which the first window of each lag began.
    snapshots: (K, R, M, 3) int32 positions where the current window of each lag began.
    origin: (R, S, 3) int64 summed positions at frame 0. windows: (K, B). second_moment: (K, B, R, S, 6) int64.
    block_frames: length of a time block.
    """

    lag_frames: NDArray[np.int64]
    begin: NDArray[np.int64]
    block_frames: int
    snapshots: NDArray[np.int32]
    origin: NDArray[np.int64]
    windows: NDArray[np.int64]
    second_moment: NDArray[np.int64]
    profile: Profile | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name, on the host; what a checkpoint holds."""
        names = ("lag_frames", "begin", "snapshots", "origin", "windows", "second_moment")
        profile = self.profile.arrays() if self.profile else {}
        kept = {f"profile_{name}": value for name, value in profile.items()}
        return {name: to_host(getattr(self, name)) for name in names} | kept

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], block_frames: int) -> Accumulator:
        """The accumulator of a checkpoint."""
        profile = {k.removeprefix("profile_"): v for k, v in arrays.items() if k.startswith("profile_")}
        own: dict[str, Any] = {k: v for k, v in arrays.items() if not k.startswith("profile_")}
        if not profile:
            return cls(**own, block_frames=block_frames)
        axis = int(profile.pop("axis"))
        return cls(**own, block_frames=block_frames, profile=Profile(axis=axis, **profile))

    def move_beside(self, array: Any) -> None:
        """Bring the large arrays to where `array` lies."""
        xp = module_of(array)
        for name in ("snapshots", "origin", "second_moment"):
            setattr(self, name, xp.asarray(getattr(self, name)))

    def record(self, tables: EventTables, positions: NDArray[np.int32], frame: int) -> NDArray[np.int64]:
        """Take frame `frame` (1, 2, ...); returns the (R, S, 3) summed displacements since frame 0."""
        block = (frame - 1) // self.block_frames
        species = species_slices(tables)
        if self.profile:
            self.profile.record_frame(tables, positions, block, species)
        for k, lag in enumerate(self.lag_frames):
            if (frame - self.begin[k]) % lag == 0:
                self.second_moment[k, block] += second_moments(tables, positions, self.snapshots[k])
                if self.profile:
                    self.profile.record_window(tables, (self.snapshots[k], positions), k, block, species)
                self.windows[k, block] += 1
                self.snapshots[k] = positions
        return summed_positions(tables, positions) - self.origin

    def extend(self, frames: int, positions: NDArray[np.int32], frame: int) -> None:
        """Make room for a run of `frames` frames: more time blocks, and longer lags, whose windows begin here."""
        longer = [lag for lag in lags_of(frames) if lag > self.lag_frames[-1]]
        blocks = -(-frames // self.block_frames)
        missing = (len(longer), max(blocks - self.windows.shape[1], 0))
        if not any(missing):
            return
        room = ((0, missing[0]), (0, missing[1]))
        self.windows = np.pad(self.windows, room)
        xp = module_of(positions)
        self.second_moment = xp.pad(self.second_moment, (*room, (0, 0), (0, 0), (0, 0)))
        self.lag_frames = np.append(self.lag_frames, np.array(longer, dtype=np.int64))
        self.begin = np.append(self.begin, np.full(len(longer), frame, dtype=np.int64))
        self.snapshots = xp.concatenate([self.snapshots, *(positions[None] for _ in longer)])
        if self.profile:
            self.profile.extend(*self.windows.shape)


def lags_of(frames: int) -> list[int]:
    """Lags of a run of so many frames: powers of two up to half of it."""
    return [1 << k for k in range(64) if 1 << k <= max(frames // 2, 1)]


def new_accumulator(
    tables: EventTables, state: State, frames: int, profile: ProfileSettings | None = None
) -> Accumulator:
    """Begin at frame 0 with the state as it is."""
    positions = unwrapped_grid_positions(tables, state)
    xp = module_of(positions)
    replicas, particles = state.image.shape
    lags = lags_of(frames)
    blocks = min(max(-(-WANTED_BLOCKS // replicas), 1), frames)
    block_frames = -(-frames // blocks)
    blocks = -(-frames // block_frames)
    species = len(tables.species)
    return Accumulator(
        lag_frames=np.array(lags, dtype=np.int64),
        begin=np.zeros(len(lags), dtype=np.int64),
        block_frames=block_frames,
        snapshots=xp.broadcast_to(positions, (len(lags), replicas, particles, 3)).copy(),
        origin=summed_positions(tables, positions),
        windows=np.zeros((len(lags), blocks), dtype=np.int64),
        second_moment=xp.zeros((len(lags), blocks, replicas, species, 6), dtype=np.int64),
        profile=new_profile(tables, state, profile, len(lags), blocks) if profile else None,
    )


def species_slices(tables: EventTables) -> list[tuple[int, slice]]:
    """(species code, slice of particle ids) of the species that stand on mobile sublattices."""
    first, count = tables.first_particle, tables.counts
    return [(s, slice(int(first[s]), int(first[s] + count[s]))) for s in range(len(first)) if first[s] >= 0]


def summed_positions(tables: EventTables, positions: NDArray[np.int32]) -> NDArray[np.int64]:
    """(R, S, 3) int64: positions (R, M, 3) summed over the particles of each species."""
    total = module_of(positions).zeros((len(positions), len(tables.species), 3), dtype=np.int64)
    for code, ids in species_slices(tables):
        total[:, code] = positions[:, ids].sum(axis=1, dtype=np.int64)
    return total


def second_moments(
    tables: EventTables, positions: NDArray[np.int32], reference: NDArray[np.int32]
) -> NDArray[np.int64]:
    """(R, S, 6) int64: sums over particles of the products of displacement components, in the order of PAIRS."""
    total = module_of(positions).zeros((len(positions), len(tables.species), 6), dtype=np.int64)
    for some in replica_chunks(len(positions), positions.shape[1]):
        moved = [(positions[some, :, a] - reference[some, :, a]).astype(np.int64) for a in range(3)]
        for code, ids in species_slices(tables):
            for p, (a, b) in enumerate(PAIRS):
                total[some, code, p] = (moved[a][:, ids] * moved[b][:, ids]).sum(axis=1)
    return total
