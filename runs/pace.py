"""How fast a run goes on: hops per second, time left, and the error of D* that the trajectory file gives so far."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmc.run.progress import Progress

LEAST_PAUSE_S = 1.0  # between two analyses of the file
SHARE = 50.0  # time between two analyses, in units of what the last one took


class Pace:
    """Speed of the current phase, from the first report of it in this process on."""

    def __init__(self) -> None:
        self._first: Progress | None = None

    def text(self, progress: Progress) -> str:
        """`3.2e+05 hops/s, 12 s left`; what is not known yet is left out."""
        first = self._first
        if first is None or first.phase != progress.phase or first.total != progress.total:
            first = self._first = progress
        seconds, done = progress.wall_s - first.wall_s, progress.done - first.done
        parts = []
        if seconds > 0.0:
            parts.append(f"{(progress.accepted - first.accepted) / seconds:.3g} hops/s")
        elif progress.wall_s > 0.0:
            parts.append(f"{progress.accepted / progress.wall_s:.3g} hops/s")
        if seconds > 0.0 and done > 0 and progress.done < progress.total:
            parts.append(f"{duration(seconds * (progress.total - progress.done) / done)} left")
        return ", ".join(parts)


class CurrentError:
    """The relative error of D* of the first mobile species in a trajectory file, read again when it has grown.

    The file grows with every checkpoint. A second is spent on the analysis for every SHARE seconds at the most.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._text, self._next_s, self._read = "", 0.0, 0

    def text(self) -> str:
        """`D* of O to 0.031`; nothing where the file gives no estimate yet."""
        now = time.monotonic()
        if now < self._next_s:
            return self._text
        try:
            changed = self.file.stat().st_mtime_ns
        except OSError:
            return self._text
        if changed != self._read:
            self._text, self._read = self._estimate(), changed
            self._next_s = time.monotonic() + max(LEAST_PAUSE_S, SHARE * (time.monotonic() - now))
        return self._text

    def _estimate(self) -> str:
        from analysis.statistics.estimates import Estimate
        from analysis.transport.analysis import TransportAnalysis
        from analysis.transport.tracer import tracer_estimates
        from kmc.files.trajectory import read_trajectory

        try:
            trajectory = read_trajectory(self.file)
            analysis = TransportAnalysis(trajectory)
            for record in trajectory.species:
                if record.mobile and record.count:
                    found, _ = tracer_estimates(analysis.tracer(record.name))
                    if isinstance(found, Estimate) and found.value:
                        return f"D* of {record.name} to {found.stderr / abs(found.value):.2g}"
        except Exception:  # a line about the progress must not end a run; the analysis at the end raises
            return ""
        return ""


def duration(seconds: float) -> str:
    """`8 s`, `12 min`, `3.5 h`, `2.1 d`."""
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    if seconds < 6000.0:
        return f"{seconds / 60.0:.0f} min"
    return f"{seconds / 3600.0:.1f} h" if seconds < 48.0 * 3600.0 else f"{seconds / 86400.0:.1f} d"
