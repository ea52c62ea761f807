"""Data that all phases of a run share: the system, the settings, the folder, and the callbacks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kmc.backends import Walker, make_walker
from kmc.measure.lag_windows import lags_of
from kmc.run.progress import Phase, Progress, Report, Stop, WallClock
from kmc.run.saved_run import Identity, identity_of
from kmc.run.settings import Settings
from kmc.state.replicas import State
from kmc.state.system import System


@dataclass(frozen=True)
class RunTask:
    """A run on a usable backend."""

    system: System
    settings: Settings
    folder: Path
    backend: str
    report: Report
    stop: Stop
    clock: WallClock = field(default_factory=WallClock)

    @cached_property
    def identity(self) -> Identity:
        """The identity that the checkpoints of this run record."""
        return identity_of(self.system, self.settings)

    def walker(self, state: State, selection: str, snapshots: bool = True) -> Walker:
        """A walker that owns `state`; rejection is used while the selection is undecided ("").

        snapshots: whether memory is needed for the positions at which the windows of the lags began.
        """
        block = self.settings.domains.block if self.settings.domains else None
        lags = len(lags_of(self.settings.frames)) if snapshots else 0
        try:
            return make_walker(self.backend, self.system, state, selection or "rejection", lags=lags, block=block)
        except Exception as error:
            error.add_note(f"before window {state.window}")
            raise

    def for_system(self, system: System) -> RunTask:
        """The same task with other rates."""
        return replace(self, system=system)

    def report_phase(self, phase: Phase, done: int, total: int, walker: Walker, time_s: float = 0.0) -> None:
        """Report `done` of `total` of a phase. time_s: simulated time."""
        accepted = int(walker.counters()[1].sum())
        self.report(Progress(phase, done, total, accepted, self.clock.elapsed_s, time_s))
