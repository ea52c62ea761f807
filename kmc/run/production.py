"""Production: the simulation frame by frame, with its observers, the trajectory file and checkpoints."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import to_host
from kmc.backends import Walker
from kmc.files.header import RunFacts
from kmc.files.writer import Frame, TrajectoryWriter
from kmc.measure.carrier_samples import CarrierSamples
from kmc.measure.observer import Observers
from kmc.run.checkpoint_clock import CheckpointClock
from kmc.run.equilibration import EquilibrationWalk
from kmc.run.limits import MOST_PENDING_BYTES
from kmc.run.observers import observers_of
from kmc.run.progress import Phase
from kmc.run.saved_run import SavedProduction, SavedRun
from kmc.run.schedule import Schedule, advance_window, window_lengths
from kmc.run.task import RunTask
from kmc.run.thermodynamics import PARTS, sample_thermodynamics
from kmc.version import VERSION


@dataclass
class ProductionWalk:
    """A production run in progress. start_trials, start_accepted: (R, F) int64 counters at frame 0.

    samples: among the observers, the one that samples between the frames, if any. windows: completed since the last
    frame.
    """

    task: RunTask
    walker: Walker
    schedule: Schedule
    observers: Observers
    samples: CarrierSamples | None
    writer: TrajectoryWriter
    start_trials: NDArray[np.int64]
    start_accepted: NDArray[np.int64]
    frame: int = 0
    windows: int = 0
    pending: list[Frame] = field(default_factory=list)  # not yet in the file
    pending_bytes: int = 0

    @classmethod
    def begin(cls, equilibration: EquilibrationWalk) -> ProductionWalk:
        """Start from the end of an equilibration: a new trajectory file with the initial frame, and a checkpoint."""
        task, walker, schedule = equilibration.task, equilibration.walker, equilibration.schedule()
        state = walker.read()
        start = state.trials.copy(), state.accepted.copy()
        samples = _samples(task, schedule)
        observers = observers_of(task.system, task.settings, walker.sums, samples)
        walk = cls(task, walker, schedule, observers, samples, _writer(task), *start)
        walk.observers.start(task.system.tables, walker.live())
        walk.writer.create(state)
        walk.record_frame()
        walk.save()
        return walk

    @classmethod
    def resume(cls, task: RunTask, saved: SavedRun, production: SavedProduction) -> ProductionWalk:
        """Continue as the checkpoint left it; frames that were written after it are dropped."""
        walker = task.walker(saved.state, production.schedule.selection)
        samples = _samples(task, production.schedule)
        observers = observers_of(task.system, task.settings, walker.sums, samples)
        observers.restore(task.system.tables, walker.live(), production.observers)
        writer = _writer(task)
        writer.resume(production.frame + 1, production.crc)
        start = production.start_trials, production.start_accepted
        reached = production.frame, production.windows
        return cls(task, walker, production.schedule, observers, samples, writer, *start, *reached)

    def run(self, frames: int, afterwards: bool = True) -> bool:
        """Simulate up to frame `frames`, and sample thermodynamics if requested; False if asked to stop.

        A sample of thermodynamics from an earlier last frame is deleted. afterwards: whether to take one now.
        """
        if self.frame < frames:
            self.writer.drop(PARTS)
        self.observers.extend(frames, self.frame, self.walker.positions())
        clock = CheckpointClock(self.task.settings.checkpoint_every_s)
        while self.frame < frames:
            self._walk_windows()
            if not self.windows:
                self._report("production", self.frame, frames)
            finished = self.frame >= frames
            many = self.pending_bytes > MOST_PENDING_BYTES
            asked = self.task.stop()
            if finished or asked or clock.due():
                clock.write(self.save)
            elif many:
                self._append()  # only to free memory: a resumed run drops frames after its checkpoint
            if asked and not finished:
                return False
        state = self.walker.read()
        return not afterwards or sample_thermodynamics(
            self.task, self.schedule, state, self.writer, self.frame, self._report
        )

    def record_frame(self) -> None:
        """Keep the current frame for the file: counters, rows of the observers, and the positions to be written."""
        positions = self.walker.positions()
        trials, accepted = self.walker.counters()
        frame = Frame(
            time_s=self.frame * self.schedule.frame_interval_s,
            trials=trials - self.start_trials,
            accepted=accepted - self.start_accepted,
            positions=np.array(to_host(positions[: self.writer.shown])),
            observed=self.observers.record(self.frame, positions),
        )
        self.pending.append(frame)
        self.pending_bytes += frame.nbytes

    def save(self) -> None:
        """Append the frames since the last save, then write the checkpoint that belongs to them."""
        self._append()
        start = self.start_trials, self.start_accepted
        production = SavedProduction(
            self.schedule, self.frame, self.windows, *start, self.observers.state(), self.writer.crc
        )
        SavedRun(self.task.identity, self.task.clock.elapsed_s, self.walker.read(), production).write(self.task.folder)

    def _append(self) -> None:
        if self.pending:
            first, totals = self.frame + 1 - len(self.pending), self.observers.datasets()
            self.writer.append(first, self.pending, totals, self.observers.attributes(), self._facts())
            self.pending, self.pending_bytes = [], 0

    def _walk_windows(self) -> None:
        """Walk one window, or several if samples are taken; the last one of a frame ends it."""
        schedule, system, settings = self.schedule, self.task.system, self.task.settings
        trials = schedule.trials_per_window
        if self.samples is None:
            advance_window(self.walker, system, settings, schedule.selection, trials, schedule.trials_per_sweep)
            self.windows += 1
        else:
            several = min(schedule.windows_at_once, schedule.windows_per_frame - self.windows)
            lengths = window_lengths(system, settings, schedule.selection, trials)
            self.samples.add(self.windows, self.walker.advance_windows(several, lengths, self.samples.sums))
            self.windows += several
        if self.windows == schedule.windows_per_frame:
            self.frame, self.windows = self.frame + 1, 0
            self.record_frame()

    def _facts(self) -> RunFacts:
        domains = self.task.settings.domains
        return RunFacts(
            backend=self.walker.name,
            wall_s=self.task.clock.elapsed_s,
            planned_frames=self.task.settings.frames,
            versions={"miec-kmc": VERSION, "numpy": np.__version__, "python": platform.python_version()},
            hops_per_visit=domains.hops_per_visit * self.schedule.visit_share if domains else None,
        )

    def _report(self, phase: Phase, done: int, total: int) -> None:
        self.task.report_phase(phase, done, total, self.walker, self.frame * self.schedule.frame_interval_s)


def _samples(task: RunTask, schedule: Schedule) -> CarrierSamples | None:
    if schedule.samples_per_frame == 1:
        return None
    return CarrierSamples(task.system.tables, schedule.samples_per_frame, schedule.windows_per_frame)


def _writer(task: RunTask) -> TrajectoryWriter:
    return TrajectoryWriter(task.folder, task.system, task.settings.positions)
