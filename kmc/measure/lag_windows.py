"""Time windows over which displacements are measured: lags, their windows, and the positions where each one began.

Lags are powers of two of the frame interval. The windows of a lag follow one another without overlap, so that a
single snapshot per lag is kept. The snapshots are on the device of the walk, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kmc.arrays import module_of, to_host
from kmc.measure.observer import Arrays, Observer, Positions
from kmc.state.frame_sums import FrameSums
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables

WANTED_BLOCKS = 16  # replicas times time blocks: enough for an error bar from a single replica


class LagWindows(Observer):
    """K lags and B time blocks, shared by the observers that measure displacements.

    It must be recorded after the observers that use it, because it replaces the snapshots of windows that end.

    lag_frames: (K,) int64, in frames. count: (K, B) int64, windows that ended in each time block.
    """

    name = "lag_windows"

    def __init__(self, frames: int, replicas: int, sums: FrameSums | None = None) -> None:
        """sums: copies snapshots on the device of the walk; None takes NumPy."""
        self._sums = sums
        blocks = min(max(-(-WANTED_BLOCKS // replicas), 1), frames)
        self._block_frames = -(-frames // blocks)
        self.lag_frames = np.array(lags_of(frames), dtype=np.int64)
        self.count = np.zeros((len(self.lag_frames), -(-frames // self._block_frames)), dtype=np.int64)
        self._first = np.zeros(len(self.lag_frames), dtype=np.int64)  # frame at which the first window of a lag began
        self._snapshots: list[Positions] = []  # of each lag (R, M, 3), where its window began

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of lags and of time blocks."""
        lags, blocks = self.count.shape
        return lags, blocks

    def shape_of(self, frames: int) -> tuple[int, int]:
        """The same in a run of `frames` frames."""
        return len(lags_of(frames)), -(-frames // self._block_frames)

    def block_of(self, frame: int) -> int:
        """The time block that frame 1, 2, ... belongs to."""
        return (frame - 1) // self._block_frames

    def ending(self, frame: int) -> Iterator[tuple[int, Positions]]:
        """Each lag, by its index, whose window ends at this frame, with the positions where that window began."""
        for k in np.flatnonzero((frame > 0) & ((frame - self._first) % self.lag_frames == 0)).tolist():
            yield k, self._snapshots[k]

    def start(self, tables: EventTables, live: State) -> None:
        """Nothing to prepare: every window begins at frame 0, whose positions `record` receives."""

    def record(self, frame: int, positions: Positions) -> Arrays:
        """Count the windows that end and begin the next ones here."""
        if frame == 0:
            self._snapshots = [positions.copy() for _ in self.lag_frames]
        ended = list(self.ending(frame))
        for k, snapshot in ended:
            self.count[k, self.block_of(frame)] += 1
            if self._sums is None:
                snapshot[:] = positions
        if self._sums is not None:
            self._sums.keep(positions, [snapshot for _, snapshot in ended])
        return {}

    def extend(self, frames: int, frame: int, positions: Positions) -> None:
        """More time blocks, and longer lags whose windows begin at this frame."""
        longer = [lag for lag in lags_of(frames) if lag > self.lag_frames[-1]]
        blocks = -(-frames // self._block_frames)
        self.count = np.pad(self.count, ((0, len(longer)), (0, max(blocks - self.count.shape[1], 0))))
        if longer:
            self.lag_frames = np.append(self.lag_frames, np.array(longer, dtype=np.int64))
            self._first = np.append(self._first, np.full(len(longer), frame, dtype=np.int64))
            self._snapshots += [positions.copy() for _ in longer]

    def state(self) -> Arrays:
        """Lags, counts and snapshots."""
        return {
            "lag_frames": self.lag_frames,
            "count": self.count,
            "first": self._first,
            "block_frames": np.array(self._block_frames),
            "snapshots": np.array([to_host(snapshot) for snapshot in self._snapshots]),
        }

    def restore(self, tables: EventTables, live: State, state: Arrays) -> None:
        """Move the snapshots to the device of the walk, if there is one."""
        self.lag_frames, self.count, self._first = state["lag_frames"], state["count"], state["first"]
        self._block_frames = int(state["block_frames"])
        xp = module_of(live.image)
        self._snapshots = [xp.asarray(snapshot) for snapshot in state["snapshots"]]


def lags_of(frames: int) -> list[int]:
    """Lags of a run of `frames` frames: powers of two up to half of it."""
    return [1 << k for k in range(64) if 1 << k <= max(frames // 2, 1)]
