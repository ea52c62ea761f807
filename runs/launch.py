"""Carries out a run file: every trajectory in its folder, interruption and resumption, analysis at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.config import RunConfig, first_difference, load_config, naming, resolved_toml
from runs.estimate import checkpoint_bytes, trajectory_bytes
from runs.extend import extended
from runs.notes import anneal_lines, describe_system, further_notes, mode_lines
from runs.prepare import Job, PreparedRun, prepare
from runs.progress import Log, signals
from runs.schema.lengths import DurationSpec
from runs.state import LOCK, RUN_FILE, mark_finished
from runs.trajectory import Length, acceptance_of, run_trajectory

if TYPE_CHECKING:
    from kmc.state.system import System

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
        begun = _begun_extension(folder) if resume and extension is None else None
        wanted = extension or begun
        lengths = _lengths(folder, prepared, wanted, begun is not None)
        return _carry_out(
            folder, prepared, _begin(folder, prepared, quiet, wanted), resume, lengths, wanted, asked_to_stop
        )


def _lengths(folder: Path, prepared: PreparedRun, extension: DurationSpec | None, again: bool) -> list[Length]:
    """Where each trajectory ends. again: the extension was interrupted before."""
    if extension is not None:
        return extended(prepared.jobs, folder, extension, again)
    return [
        Length(job.settings.frames, job.config.run.duration.precision, job.config.run.duration.most_wall_s)
        for job in prepared.jobs
    ]


def _begun_extension(folder: Path) -> DurationSpec | None:
    """The length to which the run in a folder was to be extended, as its run file says."""
    if not (folder / RUN_FILE).exists():
        return None
    length = load_config(folder / RUN_FILE)[0].resolved.get("extension")
    return None if length is None else DurationSpec.model_validate(length)


def _carry_out(
    folder: Path,
    prepared: PreparedRun,
    log: Log,
    resume: bool,
    lengths: list[Length],
    extension: DurationSpec | None,
    asked_to_stop: Callable[[], bool] | None,
) -> int:
    """Run every job, analyse and draw; returns the exit code."""
    first = prepared.systems[0]
    with signals(asked_to_stop) as stop:
        for job, length in zip(prepared.jobs, lengths, strict=True):
            log(f"{job.system.tables.temperature_K:g} K -> {folder / job.part}")
            for note in further_notes(job.system, first):
                log(note.line)
            for line in anneal_lines(job.system):
                log(line)
            for line in mode_lines(job.system) if prepared.config.polarons.mode == "auto" else ():
                log(line)
            part = folder / job.part
            with naming(prepared.config, folder):
                frames = run_trajectory(job, part, prepared.backend, length, resume=resume, stop=stop, log=log)
            if frames is None:
                log(f"stopped; to continue: kmc run {folder} --resume")
                return 128 + stop.signal
            _record(job, part, frames, log, extension if part == folder else None)
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


def _begin(folder: Path, prepared: PreparedRun, quiet: bool, extension: DurationSpec | None) -> Log:
    """Write the resolved run file and the head of the log."""
    first = prepared.systems[0]
    try:
        _write_run_file(folder, prepared.config, _composition(first) | _extension(extension))
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


def _record(job: Job, folder: Path, frames: int, log: Log, extension: DurationSpec | None) -> None:
    """Write the resolved run file of a finished trajectory and a line on its schedule."""
    from kmc.run.engine import frozen_schedule

    frozen = frozen_schedule(folder)
    field = {"field_applied_V_per_m": job.system.tables.field_V_per_m.tolist()}
    schedule = {"schedule": {**asdict(frozen), "frames": frames}}
    _write_run_file(folder, job.config, _composition(job.system) | field | schedule | _extension(extension))
    log(
        f"acceptance {acceptance_of(folder)}, selection by {frozen.selection}, slowest carrier {frozen.slowest}, "
        f"frames of {frozen.frame_interval_s:.4g} s"
    )


def _extension(length: DurationSpec | None) -> dict[str, object]:
    return {} if length is None else {"extension": length.model_dump(exclude_none=True)}


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
