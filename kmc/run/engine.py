"""The engine: equilibrate, fix the schedule, walk frame by frame, write frames and checkpoints."""

from __future__ import annotations

from pathlib import Path

from kmc.backends import choose_backend
from kmc.files.checkpoint import has_checkpoint
from kmc.files.writer import NAME
from kmc.run.equilibration import EquilibrationWalk, equilibrated_state
from kmc.run.production import ProductionWalk
from kmc.run.progress import Report, Stop, WallClock
from kmc.run.saved_run import SavedProduction, SavedRun, identity_of
from kmc.run.schedule import Schedule
from kmc.run.settings import Settings
from kmc.run.task import RunTask
from kmc.state.replicas import State
from kmc.state.system import System
from lattices.errors import InputError


def run(
    system: System,
    settings: Settings,
    folder: Path | str,
    *,
    backend: str = "auto",
    resume: bool = False,
    extend_to_frames: int | None = None,
    prepare: System | None = None,
    report: Report | None = None,
    stop: Stop | None = None,
) -> bool:
    """Walk and write folder/trajectory.h5; True when finished, False when `stop` asked for an end.

    backend: "auto", "cuda", "cpu" or "numpy". resume: continue from the checkpoint. extend_to_frames: make a finished
    run longer, at the same frame interval. prepare: the same particles with other rates, equilibrated first (without
    checkpoints); the run starts from their final state. report is called with the progress, stop asks whether to end.
    Raises InputError if the folder holds a run already and resume is False, if the checkpoint belongs to another run,
    if the backend cannot be used, or if the folder cannot be written.
    """
    folder = Path(folder)
    report, stop = report or (lambda _: None), stop or (lambda: False)
    usable, _ = choose_backend(backend)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if resume:
            task, saved = _resumed(system, settings, folder, usable, report, stop)
            if isinstance(saved.phase, SavedProduction):
                walk = ProductionWalk.resume(task, saved, saved.phase)
                return walk.run(extend_to_frames or settings.frames)
            equilibration = EquilibrationWalk.resume(task, saved, saved.phase)
        else:
            if has_checkpoint(folder) or (folder / NAME).exists():
                raise InputError(f"{folder} already holds a run; resume it or choose another folder")
            task = RunTask(system, settings, folder, usable, report, stop)
            state = _first_state(task, prepare)
            if state is None:
                return False
            equilibration = EquilibrationWalk.begin(task, state)
        if not equilibration.run():
            return False
        return ProductionWalk.begin(equilibration).run(extend_to_frames or settings.frames)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written: {error.strerror or error}; frames up to the last checkpoint are kept"
        ) from error


def frozen_schedule(folder: Path | str) -> Schedule:
    """The production schedule of the run in a folder; InputError before equilibration is over."""
    phase = SavedRun.read(Path(folder)).phase
    if not isinstance(phase, SavedProduction):
        raise InputError(f"{folder}: the run is still in equilibration")
    return phase.schedule


def frames_reached(folder: Path | str) -> int:
    """The frame at which the run in a folder was last saved; InputError without a checkpoint."""
    return SavedRun.read(Path(folder)).frame


def _first_state(task: RunTask, prepare: System | None) -> State | None:
    """The state that equilibration starts from; None if asked to stop before there is one."""
    return task.system.initial_state() if prepare is None else equilibrated_state(task.for_system(prepare))


def _resumed(
    system: System, settings: Settings, folder: Path, backend: str, report: Report, stop: Stop
) -> tuple[RunTask, SavedRun]:
    """The task with the wall time of its checkpoint, and the checkpoint; InputError if that belongs to another run."""
    saved = SavedRun.read(folder)
    saved.check(identity_of(system, settings), folder)
    return RunTask(system, settings, folder, backend, report, stop, WallClock(saved.wall_s)), saved
