"""One trajectory of a run: begun, resumed or made longer, up to a length, a precision or a wall time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from lattices.notes import Note
from runs.precision import Precision, Reached, at_an_end, next_check, outcome, progress_line, reached
from runs.prepare import Job
from runs.progress import Log, Stop, progress

if TYPE_CHECKING:
    from kmc.run.progress import Progress, Report

FEWEST_FRAMES = 20  # before a wall time ends a run: fewer give no estimates
NAME = "trajectory.h5"


@dataclass(frozen=True)
class Length:
    """Where a trajectory ends.

    frames: at the least. precision: relative errors to reach, or None. wall_s: wall time after which it ends in any
    case, where a precision is given.
    """

    frames: int
    precision: Precision | None = None
    wall_s: float | None = None


@dataclass
class WallTime:
    """Asks for a stop once the wall time of a run is used up and it has a few frames.

    limit_s: None for no limit. spent_s: wall time before it was resumed. frames: that it has. fewest: that it needs.
    """

    limit_s: float | None
    stop: Stop
    spent_s: float
    frames: int
    fewest: int
    _at: float = field(default_factory=time.monotonic)

    @property
    def used_up(self) -> bool:
        """Whether the run must end."""
        spent = self.spent_s + time.monotonic() - self._at
        return self.limit_s is not None and self.frames >= self.fewest and spent >= self.limit_s

    def watching(self, report: Report) -> Report:
        """The same report of the progress, whose frames are counted here."""

        def noted(progress: Progress) -> None:
            if progress.phase == "production":
                self.frames = progress.done
            report(progress)

        return noted

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.stop() or self.used_up


@dataclass
class TrajectoryRun:
    """A trajectory in its folder. continuing: whether there is a checkpoint to continue from."""

    job: Job
    folder: Path
    backend: str
    stop: Stop
    log: Log
    continuing: bool

    def to_length(self, frames: int) -> bool:
        """Run up to a number of frames; False if stopped."""
        finished = self._simulate(frames, WallTime(None, self.stop, 0.0, 0, 0), afterwards=True)
        if finished:
            self._note()
        return finished

    def to_precision(self, length: Length, wanted: Precision, so_far: int) -> int | None:
        """Run until estimates are known well enough; returns the frames, or None if stopped by the user."""
        from kmc.run.engine import wall_time_s

        planned = self.job.settings.frames
        frames = next_check(planned, max(length.frames, so_far))
        spent_s = wall_time_s(self.folder) if self.continuing else 0.0
        wall = WallTime(length.wall_s, self.stop, spent_s, so_far, min(FEWEST_FRAMES, planned))
        while True:
            if wall.used_up or not self._simulate(frames, wall, afterwards=False):
                if not wall.used_up:
                    return None
                frames = wall.frames
            found = self._reached(wanted)
            self.log(progress_line(found, frames, wall_time_s(self.folder)))
            if wall.used_up or at_an_end(found, frames, planned, length.wall_s):
                break
            frames = next_check(planned, frames + 1)
        text, warning = outcome(found, frames, length.wall_s if wall.used_up else None)
        self.log(f"warning: {text}" if warning else text)
        if not self._simulate(frames, WallTime(None, self.stop, 0.0, 0, 0), afterwards=True):
            return None
        self._note(Note(text, warning))
        return frames

    def _simulate(self, frames: int, stop: WallTime, afterwards: bool) -> bool:
        """Simulate up to a number of frames; False if stopped. afterwards: sample thermodynamics too, if asked for."""
        from kmc.run.engine import run

        with progress(self.log, self.folder / NAME) as report:
            finished = run(
                self.job.system,
                self.job.settings,
                self.folder,
                backend=self.backend,
                devices=self.job.config.run.devices,
                resume=self.continuing,
                extend_to_frames=frames,
                afterwards=afterwards,
                prepare=self.job.equilibrated_with,
                report=stop.watching(report),
                stop=stop,
            )
        self.continuing = True
        return finished

    def _reached(self, wanted: Precision) -> list[Reached]:
        from analysis.report import analyze
        from kmc.files.trajectory import read_trajectory

        return reached(analyze(read_trajectory(self.folder / NAME)), wanted)

    def _note(self, *notes: Note) -> None:
        from kmc.files.outcome import write_outcome

        write_outcome(self.folder / NAME, notes)


def run_trajectory(
    job: Job, folder: Path, backend: str, length: Length, *, resume: bool, stop: Stop, log: Log
) -> int | None:
    """Run one trajectory to the end of a length; returns its frames, or None if stopped by the user."""
    continuing, so_far = progress_of(folder) if resume else (False, 0)
    own = TrajectoryRun(job, folder, backend, stop, log, continuing)
    if length.precision is not None:
        return own.to_precision(length, length.precision, so_far)
    frames = max(length.frames, so_far)
    return frames if own.to_length(frames) else None


def progress_of(folder: Path) -> tuple[bool, int]:
    """(whether there is a checkpoint to continue from, frames it has reached).

    A run that was killed before its first checkpoint may have left a file with the initial frame only, which is
    deleted. InputError if a longer trajectory has lost its checkpoint.
    """
    from kmc.files.checkpoint import has_checkpoint
    from kmc.files.trajectory import read_trajectory
    from kmc.run.engine import frames_reached

    if has_checkpoint(folder):
        return True, frames_reached(folder)
    trajectory = folder / NAME
    if not trajectory.exists():
        return False, 0
    try:
        frames = read_trajectory(trajectory).n_frames
    except InputError:
        trajectory.unlink()
        return False, 0
    raise InputError(f"{folder}: holds {frames} frames but no checkpoint to resume from; name another folder")


def acceptance_of(folder: Path) -> str:
    """Accepted over trial hops of each family, as in results.json."""
    from kmc.files.trajectory import read_trajectory

    trajectory = read_trajectory(folder / NAME)
    trials, accepted = trajectory.trials[-1].sum(axis=0), trajectory.accepted[-1].sum(axis=0)
    shares = zip(trajectory.families, accepted.tolist(), trials.tolist(), strict=True)
    return ", ".join(f"{hops / tried:.4g} of {family.name}" for family, hops, tried in shares if tried)
