"""When the next checkpoint is due: at intervals of wall time, but never so often that they cost much of a run."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_SHARE = 0.05  # of the wall time of a run that checkpoints may take


class CheckpointClock:
    """Times the checkpoints of a run.

    every_s: wall time between two of them; it is longer where writing one took more than MOST_SHARE of it.
    """

    def __init__(self, every_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._now = every_s, now
        self._last = now()
        self.cost_s = 0.0  # of the last checkpoint

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._now() - self._last > max(self._every_s, self.cost_s / MOST_SHARE)

    def write(self, save: Callable[[], None]) -> None:
        """Write a checkpoint with `save`, and time it."""
        start = self._now()
        save()
        self._last = self._now()
        self.cost_s = self._last - start
