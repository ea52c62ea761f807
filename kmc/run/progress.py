"""What a run tells while it goes on, and how it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["equilibration", "production", "chemical potentials", "relaxation"]


@dataclass(frozen=True)
class Progress:
    """Where a run stands. done and total: parts of a thousand in equilibration, points of a scan, else frames."""

    phase: Phase
    done: int
    total: int
    accepted: int
    wall_s: float
    time_s: float


Report = Callable[[Progress], None]
Stop = Callable[[], bool]
