"""The common part of the walkers on the host, which change a state in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmc.state.replicas import State


class InPlaceWalker:
    """A walker that owns `state` and keeps it up to date."""

    state: State

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
