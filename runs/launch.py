"""Carries out a run file: every trajectory in its folder, interruption and resumption, analysis at the end."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.config import RunConfig, first_difference, load_config, resolved_toml
from runs.estimate import checkpoint_bytes, trajectory_bytes
from runs.extend import extended_frames
from runs.notes import describe_system, further_notes, mode_lines
from runs.prepare import Job, PreparedRun, prepare
from runs.progress import Log, Stop, progress, signals
from runs.schema.run_file import DurationSpec
from runs.state import LOCK, RUN_FILE, mark_finished

if TYPE_CHECKING:
    from kmc.state.system import System

MOST_DOUBLINGS = 8  # of a run with a requested precision: 256 times the first production
TRAJECTORY, CHECKPOINTS = "trajectory.h5", ("checkpoint.npz", "checkpoint.previous.npz")


def run_all(
    config: RunConfig,
    base: Path,
    folder: Path,
    *,
    resume: bool = False,
    extension: DurationSpec | None = None,
    quiet: bool = False,
    asked_to_stop: Callable[[], bool] | None = None,
) -> int:
    """Run every job, analyse and draw; returns the exit code (0, or 128 + signal after an interruption).

    base: folder from which relative paths in the run file start. extension: new length of a finished run; with resume.
    quiet: write to log.txt alone. asked_to_stop: asked after every window beside the signals. InputError for anything
    wrong with the run file, for a folder that cannot be written, in which another process runs, that already holds a
    run (without resume), or that holds none or another one (with resume).
    """
    if not resume:
        _check_free(folder, [folder])
    prepared = prepare(config, base)
    _check_folder(folder, prepared, resume)
    with _claimed(folder):
        _check_room(folder, prepared)
        _check_folder(folder, prepared, resume)
        return _carry_out(folder, prepared, _begin(folder, prepared, quiet), resume, extension, asked_to_stop)


def _carry_out(
    folder: Path,
    prepared: PreparedRun,
    log: Log,
    resume: bool,
    extension: DurationSpec | None,
    asked_to_stop: Callable[[], bool] | None,
) -> int:
    """Run every job, analyse and draw; returns the exit code."""
    first = prepared.systems[0]
    lengths = [extended_frames(job, folder / job.part, extension) for job in prepared.jobs] if extension else []
    again = "--resume" if extension is None else f"--extend {_length(extension)}"
    with signals(asked_to_stop) as stop:
        for number, job in enumerate(prepared.jobs):
            log(f"{job.system.tables.temperature_K:g} K -> {folder / job.part}")
            for note in further_notes(job.system, first):
                log(note.line)
            for line in mode_lines(job.system) if prepared.config.polarons.mode == "auto" else ():
                log(line)
            wanted = job.config.run.duration.precision if extension is None else extension.precision
            frames = lengths[number] if lengths else None
            if not _run_job(job, folder / job.part, prepared.backend, resume, stop, log, wanted, frames):
                log(f"stopped; to continue: kmc run {folder} {again}")
                return 128 + stop.signal
    _finish(folder, log)
    mark_finished(folder)
    return 0


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Make the output folder and keep other processes out of it; InputError if one is there or it cannot be written."""
    from kmc.files.lock import locked

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / LOCK):
            yield
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _begin(folder: Path, prepared: PreparedRun, quiet: bool) -> Log:
    """Write the resolved run file and the head of the log."""
    first = prepared.systems[0]
    try:
        _write_run_file(folder, prepared.config, _composition(first))
        log = Log(folder / "log.txt", quiet)
        log(f"backend {prepared.backend}: {prepared.backend_reason}")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    for line in describe_system(first, prepared.config):
        log(line)
    wanted = prepared.config.run.duration.precision
    more = "; more if the wanted precision needs more frames" if wanted is not None else ""
    log(f"trajectory files: about {trajectory_bytes(prepared) / 1e6:.1f} MB{more}")
    return log


def _finish(folder: Path, log: Log) -> None:
    """Analyse, draw, print."""
    from analysis.plots.run import plot_folder
    from analysis.report import analyze_folder
    from analysis.table import format_table

    results = analyze_folder(folder)
    pictures = plot_folder(folder)
    log(format_table(results))
    log("written: " + ", ".join(str(path) for path in [folder / "results.json", *pictures]))


def _length(duration: DurationSpec) -> str:
    """`hops_per_carrier=5000`."""
    return ", ".join(f"{key}={value:g}" for key, value in duration.model_dump(exclude_none=True).items())


def _run_job(
    job: Job,
    folder: Path,
    backend: str,
    resume: bool,
    stop: Stop,
    log: Log,
    precision: float | None,
    extended: int | None = None,
) -> bool:
    """Walk one trajectory, until its wanted precision if it has one; False if stopped.

    extended: frames of a finished run that is made longer; None: as many as were planned.
    """
    from kmc.run.engine import frozen_schedule, run

    continuing, reached = _progress_of(folder) if resume else (False, 0)
    frames = job.settings.frames if extended is None else extended
    if precision is None:
        frames = max(frames, reached)
    while frames < reached:  # a production that was started is finished before its precision is checked
        frames *= 2
    while True:
        with progress(log) as report:
            finished = run(
                job.system,
                job.settings,
                folder,
                backend=backend,
                devices=job.config.run.devices,
                resume=continuing,
                extend_to_frames=frames,
                prepare=job.equilibrated_with,
                report=report,
                stop=stop,
            )
        if not finished:
            return False
        continuing = True
        if precision is None or _precise(folder, precision, log):
            break
        if frames >= job.settings.frames << MOST_DOUBLINGS:
            log(f"precision {precision:g} was not reached in {frames} frames; more replicas or more cells help")
            break
        frames *= 2
    frozen = frozen_schedule(folder)
    field = {"field_applied_V_per_m": job.system.tables.field_V_per_m.tolist()}
    schedule = {"schedule": {**asdict(frozen), "frames": frames}}
    _write_run_file(folder, job.config, {**_composition(job.system), **field, **schedule})
    log(
        f"acceptance {_acceptance(folder)}, selection by {frozen.selection}, slowest carrier {frozen.slowest}, "
        f"frames of {frozen.frame_interval_s:.4g} s"
    )
    return True


def _progress_of(folder: Path) -> tuple[bool, int]:
    """(whether there is a checkpoint to continue from, frames it has reached).

    A run that was killed before its first checkpoint may have left a file with the initial frame only, which is
    deleted. InputError if a longer trajectory has lost its checkpoint.
    """
    from kmc.files.checkpoint import has_checkpoint
    from kmc.files.trajectory import read_trajectory
    from kmc.run.engine import frames_reached

    if has_checkpoint(folder):
        return True, frames_reached(folder)
    trajectory = folder / "trajectory.h5"
    if not trajectory.exists():
        return False, 0
    try:
        frames = read_trajectory(trajectory).n_frames
    except InputError:
        trajectory.unlink()
        return False, 0
    raise InputError(f"{folder}: holds {frames} frames but no checkpoint to resume from; name another folder")


def _precise(folder: Path, wanted: float, log: Log) -> bool:
    """Whether the relative error of D* of the first mobile species that has one is small enough."""
    from analysis.statistics.estimates import Estimate
    from analysis.transport.analysis import TransportAnalysis
    from analysis.transport.tracer import tracer_estimates
    from kmc.files.trajectory import read_trajectory

    trajectory = read_trajectory(folder / "trajectory.h5")
    analysis = TransportAnalysis(trajectory)
    for record in trajectory.species:
        if not (record.mobile and record.count):
            continue
        found, _ = tracer_estimates(analysis.tracer(record.name))
        if isinstance(found, Estimate):
            reached = found.stderr / abs(found.value) if found.value else math.inf
            log(f"relative error of D* of {record.name}: {reached:.2g} (wanted {wanted:g})")
            return reached <= wanted and analysis.diffusive(record.name)
    return False


def _acceptance(folder: Path) -> str:
    """Accepted over trial hops of each family, as in results.json."""
    from kmc.files.trajectory import read_trajectory

    trajectory = read_trajectory(folder / "trajectory.h5")
    trials, accepted = trajectory.trials[-1].sum(axis=0), trajectory.accepted[-1].sum(axis=0)
    shares = zip(trajectory.families, accepted.tolist(), trials.tolist(), strict=True)
    return ", ".join(f"{hops / tried:.4g} of {family.name}" for family, hops, tried in shares if tried)


def _composition(system: System) -> dict[str, object]:
    """Particle numbers and notes for [resolved]."""
    from kmc.version import VERSION

    composition = system.composition
    return {
        "version": VERSION,
        "particles_per_replica": {name: n for name, n in composition.counts.items() if n},
        "net_charge_e": composition.net_charge,
        "notes": [note.line for note in composition.notes],
    }


def _write_run_file(folder: Path, config: RunConfig, decided: Mapping[str, object]) -> None:
    temporary = folder / (RUN_FILE + ".new")
    temporary.write_text(resolved_toml(config, decided), encoding="utf-8")
    os.replace(temporary, folder / RUN_FILE)


def _check_folder(folder: Path, prepared: PreparedRun, resume: bool) -> None:
    """InputError unless the output folder is free, or with resume holds this very run."""
    folders = [folder, *(folder / job.part for job in prepared.jobs)]
    if not resume:
        _check_free(folder, folders)
    elif not any(_holds_run(part) for part in folders):
        raise InputError(f"--out {folder}: holds no run to resume")
    elif (folder / RUN_FILE).exists():
        difference = first_difference(load_config(folder / RUN_FILE)[0], prepared.config)
        if difference:
            raise InputError(f"--out {folder}: holds another run: there {difference}")


def _check_room(folder: Path, prepared: PreparedRun) -> None:
    """InputError if the files of the run, less what is there already, do not fit on the disk."""
    parts = [folder / job.part for job in prepared.jobs]
    files = [part / name for part in parts for name in (TRAJECTORY, *CHECKPOINTS)]
    there = sum(file.stat().st_size for file in files if file.exists())
    needed = trajectory_bytes(prepared) + sum(checkpoint_bytes(job) for job in prepared.jobs) - there
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"--out {folder}: the run needs {needed / 1e9:.3g} GB of disk space, {free / 1e9:.3g} GB are free; fewer "
            'frames or positions = "none" need less'
        )


def _check_free(folder: Path, folders: list[Path]) -> None:
    """InputError if the output folder is a file, or any of the folders holds a run."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: a folder is needed, this is a file")
    if any(_holds_run(part) for part in folders):
        raise InputError(f"--out {folder}: already holds a run; add --resume to continue it, or name another folder")


def _holds_run(folder: Path) -> bool:
    from kmc.files.checkpoint import has_checkpoint

    return has_checkpoint(folder) or any((folder / name).exists() for name in ("trajectory.h5", RUN_FILE))
