"""Equilibration: the simulation before the first frame, which determines the selection and the production schedule."""

from __future__ import annotations

from dataclasses import dataclass

from kmc.backends import Walker
from kmc.run.checkpoint_clock import CheckpointClock
from kmc.run.saved_run import SavedRun
from kmc.run.schedule import (
    Equilibration,
    Schedule,
    advance_window,
    decide_selection,
    equilibrated,
    freeze,
    start_equilibration,
    sweep_trials,
)
from kmc.run.task import RunTask
from kmc.state.replicas import State

THOUSANDTHS = 1000  # in which progress is reported


@dataclass
class EquilibrationWalk:
    """An equilibration in progress."""

    task: RunTask
    walker: Walker
    progress: Equilibration

    @classmethod
    def begin(cls, task: RunTask, state: State) -> EquilibrationWalk:
        """Equilibrate from a state; InputError where the settings do not suit the system."""
        progress = start_equilibration(task.system, task.settings)
        return cls(task, task.walker(state, progress.selection), progress)

    @classmethod
    def resume(cls, task: RunTask, saved: SavedRun, progress: Equilibration) -> EquilibrationWalk:
        """Continue as the checkpoint left it."""
        return cls(task, task.walker(saved.state, progress.selection), progress)

    def run(self, checkpoints: bool = True) -> bool:
        """Run to the end; False if asked to stop. checkpoints: write one then, and at regular intervals before."""
        clock = CheckpointClock(self.task.settings.checkpoint_every_s)
        while not self.advance():
            asked = self.task.stop()
            if checkpoints and (asked or clock.due()):
                clock.write(self.save)
            if asked:
                return False
        return True

    def advance(self) -> bool:
        """Walk one window; true if it was the last."""
        system, settings, progress = self.task.system, self.task.settings, self.progress
        length = progress.trials_per_window
        advance_window(self.walker, system, settings, progress.selection, length, progress.trials_per_sweep)
        progress.windows += 1
        progress.elapsed += length * system.replicas
        accepted = self.walker.counters()[1].sum(axis=0)
        progress.trials_per_sweep = sweep_trials(system, settings, accepted, progress.elapsed)
        over, share = equilibrated(system, settings, accepted, progress)
        self._decide_selection(int(accepted.sum()), over)
        self.task.report_phase("equilibration", int(THOUSANDTHS * share), THOUSANDTHS, self.walker)
        return over

    def schedule(self) -> Schedule:
        """The production schedule, once the last window is complete."""
        accepted = self.walker.counters()[1].sum(axis=0)
        return freeze(self.task.system, self.task.settings, accepted, self.progress)

    def save(self) -> None:
        """Write the checkpoint."""
        SavedRun(self.task.identity, self.task.clock.elapsed_s, self.walker.read(), self.progress).write(
            self.task.folder
        )

    def _decide_selection(self, hops: int, over: bool) -> None:
        """Replace "auto" by a selection as soon as the counts allow it."""
        progress = self.progress
        if progress.selection:
            return
        task = self.task
        progress.selection = decide_selection(task.system.tables, task.settings, hops, progress.elapsed, over)
        if progress.selection == "rejection-free":
            state = self.walker.read()
            del self.walker  # its memory on a device is free before the next one is made
            self.walker = task.walker(state, progress.selection)


def equilibrated_state(task: RunTask) -> State | None:
    """The state after equilibration without checkpoints, counters and images at zero; None if asked to stop."""
    walk = EquilibrationWalk.begin(task, task.system.initial_state())
    if not walk.run(checkpoints=False):
        return None
    state = walk.walker.read().copy()
    state.trials[:] = state.accepted[:] = 0
    state.image[:] = 0
    return state
