"""Displacements: summed over each species at every frame, and their mean squares over the windows of every lag.

Everything is an integer in units of cell/grid, so that sums are exact and the same on every machine. The large arrays
stay on the device of the walk: between two checkpoints only the summed displacements are copied to the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of, replica_chunks, to_host
from kmc.measure.lag_windows import LagWindows
from kmc.measure.observer import Arrays, Observer, Positions
from kmc.state.frame_sums import FrameSums, check_moments
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # of components: xx yy zz xy xz yz


class MeanSquareDisplacement(Observer):
    """Rows summed_displacement (R, S, 3) int64 since frame 0; totals msd/{lag_frames, windows, second_moment}.

    second_moment: (K, B, R, S, 6) int64, sums over particles and windows of the products in the order of PAIRS.
    """

    name = "msd"

    def __init__(self, windows: LagWindows, sums: FrameSums | None = None) -> None:
        """sums: computes them on the device of the walk; None takes NumPy."""
        self._windows, self._sums = windows, sums

    def start(self, tables: EventTables, live: State) -> None:
        """All sums are zero."""
        self._tables = tables
        shape = (*self._windows.shape, live.replicas, len(tables.species))
        self._second_moment = module_of(live.image).zeros((*shape, len(PAIRS)), dtype=np.int64)

    def record(self, frame: int, positions: Positions) -> Arrays:
        """The summed displacements; windows that end add to the second moments."""
        self._make_room()
        block = self._windows.block_of(frame)
        ended = [(reference, self._second_moment[k, block]) for k, reference in self._windows.ending(frame)]
        sums = self._sums
        summed = sums.add(positions, ended) if sums else add_moments(self._tables, positions, ended)
        if frame == 0:
            self._origin = summed
        return {"summed_displacement": summed - self._origin}

    def datasets(self) -> Arrays:
        """Lags, numbers of windows, second moments."""
        return {
            "msd/lag_frames": self._windows.lag_frames,
            "msd/windows": self._windows.count,
            "msd/second_moment": to_host(self._second_moment),
        }

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """The unit of the displacements."""
        return {"summed_displacement": {"unit": "cell/grid"}}

    def state(self) -> Arrays:
        """Sums at frame 0 and second moments."""
        return {"origin": self._origin, "second_moment": to_host(self._second_moment)}

    def restore(self, tables: EventTables, live: State, state: Arrays) -> None:
        """Move the second moments to the device of the walk, if there is one."""
        xp = module_of(live.image)
        self._tables = tables
        self._origin, self._second_moment = state["origin"], xp.asarray(state["second_moment"])

    def _make_room(self) -> None:
        """For the lags and time blocks that an extension of the run has added."""
        more = [(0, wanted - now) for wanted, now in zip(self._windows.shape, self._second_moment.shape, strict=False)]
        if any(missing for _, missing in more):
            xp = module_of(self._second_moment)
            self._second_moment = xp.pad(self._second_moment, (*more, (0, 0), (0, 0), (0, 0)))


def add_moments(
    tables: EventTables,
    positions: Positions,
    ended: Sequence[tuple[Positions, NDArray[np.int64]]],
) -> NDArray[np.int64]:
    """`FrameSums.add` with NumPy."""
    for reference, moment in ended:
        moment += second_moments(tables, positions, reference)
        check_moments(0, 0, int(abs(moment).max()))
    return summed_positions(tables, positions)


def species_slices(tables: EventTables) -> list[tuple[int, slice]]:
    """(species code, slice of particle ids) of the species whose particles have ids."""
    first, count = tables.first_particle, tables.counts
    return [(s, slice(int(first[s]), int(first[s] + count[s]))) for s in range(len(first)) if first[s] >= 0]


def summed_positions(tables: EventTables, positions: Positions) -> NDArray[np.int64]:
    """(R, S, 3) int64: positions (R, M, 3) summed over the particles of each species."""
    total: NDArray[np.int64] = module_of(positions).zeros((len(positions), len(tables.species), 3), dtype=np.int64)
    for code, ids in species_slices(tables):
        total[:, code] = positions[:, ids].sum(axis=1, dtype=np.int64)
    return total


def second_moments(tables: EventTables, positions: Positions, reference: Positions) -> NDArray[np.int64]:
    """(R, S, 6) int64: sums over particles of the products of displacement components, in the order of PAIRS.

    DisplacementOverflow where such a sum could exceed 2^62.
    """
    shape = (len(positions), len(tables.species), len(PAIRS))
    total: NDArray[np.int64] = module_of(positions).zeros(shape, dtype=np.int64)
    for some in replica_chunks(len(positions), positions.shape[1]):
        difference = positions[some] - reference[some]  # int32: the range of positions is checked at every frame
        check_moments(max(int(difference.max()), -int(difference.min())), difference.shape[1], 0)
        moved = [difference[..., a].astype(np.int64) for a in range(3)]
        for code, ids in species_slices(tables):
            for p, (a, b) in enumerate(PAIRS):
                total[some, code, p] = (moved[a][:, ids] * moved[b][:, ids]).sum(axis=1)
    return total
