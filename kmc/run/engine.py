"""The engine: equilibrates, fixes the schedule, simulates frame by frame, and writes frames and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from kmc.backends import backend_named, choose_backend, on_device
from kmc.files.checkpoint import has_checkpoint
from kmc.files.lock import locked
from kmc.files.writer import NAME
from kmc.run.device_plan import DevicePlan
from kmc.run.equilibration import EquilibrationWalk, equilibrated_state
from kmc.run.production import ProductionWalk
from kmc.run.progress import Report, Stop, WallClock
from kmc.run.saved_run import SavedProduction, SavedRun
from kmc.run.schedule import Schedule, work_of
from kmc.run.settings import Settings
from kmc.run.task import RunTask
from kmc.state.system import System
from lattices.errors import InputError

LOCK = "trajectory.lock"


def run(
    system: System,
    settings: Settings,
    folder: Path | str,
    *,
    backend: str = "auto",
    devices: Sequence[int] = (),
    resume: bool = False,
    extend_to_frames: int | None = None,
    afterwards: bool = True,
    prepare: System | None = None,
    report: Report | None = None,
    stop: Stop | None = None,
) -> bool:
    """Run a simulation and write folder/trajectory.h5; returns True if finished, False if `stop` ended it.

    backend: "auto", "cuda", "cpu" or "numpy". devices: numbers of the GPUs to be used, () for the current one. resume:
    continue from the checkpoint. extend_to_frames: make a finished run longer, at the same frame interval. afterwards:
    sample thermodynamics after the last frame, if the settings ask for it. prepare: the same particles with other
    rates, equilibrated first (without checkpoints); the run starts from their final state. report is called with the
    progress, and stop returns whether to end.
    Raises InputError if the folder holds a run already and resume is False, if the checkpoint belongs to another run,
    if the backend cannot be used, if another process runs in the folder, or if the folder cannot be written.
    """
    folder = Path(folder)
    report, stop = report or (lambda _: None), stop or (lambda: False)
    usable, _ = choose_backend(backend, work_of(system, settings), devices)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / LOCK), on_device(usable, devices):
            _check_memory(usable, DevicePlan(system, settings, extend_to_frames or settings.frames))
            if not resume and (has_checkpoint(folder) or (folder / NAME).exists()):
                raise InputError(f"{folder} already holds a run; resume it or choose another folder")
            task = RunTask(system, settings, folder, usable, report, stop)
            production = _resumed(task) if resume else _begun(task, prepare)
            if production is None:
                return False
            with _naming(production):
                return production.run(extend_to_frames or settings.frames, afterwards)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}; {_what_is_kept(folder)}") from error
    except Exception as error:  # the libraries of a device raise kinds of their own; others go on as they are
        if not (line := backend_named(usable).failure(error)):
            raise
        raise InputError(f"{folder}: {line}; {_what_is_kept(folder)}") from error


def _check_memory(backend: str, plan: DevicePlan) -> None:
    try:
        backend_named(backend).check_memory(plan.bytes, plan.system.replicas)
    except Exception as error:  # any kind of a device's library; it goes on, with the moment
        error.add_note("before the first window")  # for the one line that a failing device gives
        raise


def frozen_schedule(folder: Path | str) -> Schedule:
    """The production schedule of the run in a folder; InputError before equilibration is over."""
    phase = SavedRun.read(Path(folder)).phase
    if not isinstance(phase, SavedProduction):
        raise InputError(f"{folder}: the run is still in equilibration")
    return phase.schedule


def frames_reached(folder: Path | str) -> int:
    """The frame at which the run in a folder was last saved; InputError without a checkpoint."""
    return SavedRun.read(Path(folder)).frame


def wall_time_s(folder: Path | str) -> float:
    """The wall time of the run in a folder when it was last saved; InputError without a checkpoint."""
    return SavedRun.read(Path(folder)).wall_s


def _begun(task: RunTask, prepare: System | None) -> ProductionWalk | None:
    """A production run after its equilibration; None if asked to stop before."""
    state = task.system.initial_state() if prepare is None else equilibrated_state(task.for_system(prepare))
    return None if state is None else _equilibrated(EquilibrationWalk.begin(task, state))


def _resumed(task: RunTask) -> ProductionWalk | None:
    """The production run of the checkpoint, or the one after its equilibration; None if asked to stop before.

    InputError if the checkpoint belongs to another run.
    """
    saved = SavedRun.read(task.folder)
    saved.check(task.identity, task.folder)
    task = replace(task, clock=WallClock(saved.wall_s))
    if isinstance(saved.phase, SavedProduction):
        return ProductionWalk.resume(task, saved, saved.phase)
    return _equilibrated(EquilibrationWalk.resume(task, saved, saved.phase))


def _equilibrated(walk: EquilibrationWalk) -> ProductionWalk | None:
    with _naming(walk):
        return ProductionWalk.begin(walk) if walk.run() else None


@contextmanager
def _naming(walk: EquilibrationWalk | ProductionWalk) -> Iterator[None]:
    """Note the window and the kernel on an error, for the one line that a failing device gives."""
    try:
        yield
    except Exception as error:
        if walker := getattr(walk, "walker", None):  # none while the selection changes
            error.add_note(" of ".join([f"window {walker.window}", *filter(None, [walker.kernel])]))
        raise


def _what_is_kept(folder: Path) -> str:
    """What an error of the disk or of a device has left of a run."""
    if not folder.is_dir():
        return "the folder has been removed, and the run with it"
    return "frames up to the last checkpoint are kept" if has_checkpoint(folder) else "there is no checkpoint yet"
