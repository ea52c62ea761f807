"""The common part of the walkers on the host, which change a state in place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kmc.rng.poisson import WindowLengths, window_counts
from kmc.state.carrier_sums import CarrierSums
from kmc.state.replicas import State, mobile_site_positions, unwrapped_grid_positions
from kmc.tables.event_tables import EventTables


class InPlaceWalker(ABC):
    """A walker that owns `state` and keeps it up to date."""

    name: str
    tables: EventTables
    state: State
    sums = None
    kernel = ""

    @abstractmethod
    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window."""

    def advance_poisson(self, mean: int, key: tuple[int, int]) -> None:
        """Walk one window of Poisson numbers of trials."""
        self.advance(window_counts(mean, key, self.window, self.state.replicas))

    def positions(self) -> NDArray[np.int32]:
        """(R, M, 3) int32 unwrapped positions of all particles with ids."""
        return unwrapped_grid_positions(self.tables, self.state, self._sites)

    @cached_property
    def _sites(self) -> NDArray[np.int32]:
        return mobile_site_positions(self.tables)

    def advance_windows(self, windows: int, lengths: WindowLengths, sums: CarrierSums) -> NDArray[np.int64]:
        """Walk several windows; returns the (W, R, C, 3) summed positions of the carriers after each."""
        found = []
        for length in lengths.of(self.window, windows, self.state.replicas):
            self.advance(length)
            found.append(sums.positions(self.state))
        return np.stack(found)

    @property
    def window(self) -> int:
        """Index of the next window."""
        return self.state.window

    def counters(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R, F) trials and accepted hops since the start."""
        return self.state.trials, self.state.accepted

    def read(self) -> State:
        """The state after the last window."""
        return self.state

    def live(self) -> State:
        """The same; with domains the coordinates of the carriers may be out of date."""
        return self.state
