"""Summed displacements of the carriers between the frames, at equal intervals of time.

The error of a collective diffusivity falls with the number of displacements that are measured, of which each replica
gives a single one at a time. A long run with few frames would waste most of its motion; summed displacements are three
numbers per species, so that they can be kept much more often than frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import to_host
from kmc.measure.observer import Arrays, Observer, Positions
from kmc.state.carrier_sums import CarrierSums
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables

DATASET = "collective/summed_displacement"


class CarrierSamples(Observer):
    """Rows collective/summed_displacement (K, R, C, 3) int64 since frame 0: K equal steps, the last one at the frame.

    C carrier species, named by the attribute "species" of the group. The sums come from `add`, not from the positions.
    The row of frame 0 is zero. sums: what is summed, which the walk needs too.
    """

    name = "carrier_samples"

    def __init__(self, tables: EventTables, samples: int, windows_per_frame: int) -> None:
        self.sums = CarrierSums.of(tables)
        self._names = [tables.species[code] for code in self.sums.codes]
        self._windows_per_sample = windows_per_frame // samples
        self._samples = samples
        self._since: list[NDArray[np.int64]] = []  # (R, C, 3) since the last frame

    def start(self, tables: EventTables, live: State) -> None:
        """Displacements are counted from here."""
        host = replace(live, coordinates=to_host(live.coordinates), image=to_host(live.image))
        self._origin = self.sums.positions(host)

    def add(self, first: int, positions: NDArray[np.int64]) -> None:
        """Take (W, R, C, 3) summed positions after the windows first, first + 1, ... of a frame."""
        every = self._windows_per_sample
        self._since += list(positions[(every - 1 - first) % every :: every] - self._origin)

    def record(self, frame: int, positions: Positions) -> Arrays:
        """The samples since the frame before."""
        none = [np.zeros_like(self._origin)] * self._samples
        row, self._since = np.stack(self._since if frame else none), []
        return {DATASET: row}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """The unit of the displacements and the names of the species."""
        return {DATASET: {"unit": "cell/grid", "species": json.dumps(self._names)}}

    def state(self) -> Arrays:
        """Positions at frame 0, and the samples of an unfinished frame."""
        return {"origin": self._origin, "since": np.array(self._since).reshape(-1, *self._origin.shape)}

    def restore(self, tables: EventTables, live: State, state: Arrays) -> None:
        """Both."""
        self._origin, self._since = state["origin"], list(state["since"])
