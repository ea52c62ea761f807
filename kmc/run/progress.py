"""Progress callbacks and stop requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["equilibration", "production", "chemical potentials", "relaxation"]


@dataclass(frozen=True)
class Progress:
    """Progress of a phase of a run: `done` of `total`.

    Equilibration is reported in thousandths, production in frames, the scan in chemical potentials, relaxation in
    waves. accepted: hops of all replicas so far. wall_s: wall time in seconds. time_s: simulated time in seconds.
    """

    phase: Phase
    done: int
    total: int
    accepted: int
    wall_s: float
    time_s: float


Report = Callable[[Progress], None]
Stop = Callable[[], bool]  # asked after every window; true ends the run with a checkpoint
Advance = Callable[[int, int], None]  # reports `done` of `total` of one phase
PhaseReport = Callable[[Phase, int, int], None]  # reports `done` of `total` of any phase


class WallClock:
    """Wall time of a run in seconds, including the time before it was resumed."""

    def __init__(self, before_s: float = 0.0) -> None:
        self._start = time.monotonic() - before_s

    @property
    def elapsed_s(self) -> float:
        """Wall time so far."""
        return time.monotonic() - self._start
