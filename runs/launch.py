"""Carries out a run file: every temperature in its folder, interruption and resumption, analysis at the end."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lattices.errors import InputError
from runs.build import resolve, settings_of, system_of
from runs.config import RunConfig, first_difference, load_config, resolved_toml
from runs.estimate import describe_system, domain_lines, file_bytes, further_notes, mode_lines, with_notes
from runs.jobs import jobs_of
from runs.progress import Log, Stop, progress, signals

if TYPE_CHECKING:
    from kmc.state.system import System

MOST_DOUBLINGS = 8  # of a run that is to reach a precision: 256 times the first stretch
RUN_FILE = "run.toml"


def run_all(config: RunConfig, base: Path, folder: Path, *, resume: bool = False) -> int:
    """Run every temperature, analyse, draw; returns the exit code (0, or 128 + signal after an interruption).

    Raises InputError for anything wrong with the run file, for a folder that cannot be written, that holds a run
    already (without resume), or that holds none or another one (with resume).
    """
    from kmc.backends import choose_backend
    from kmc.carriers.neutral_component import neutral_component
    from kmc.measure.profile import ProfileSettings, check_profile
    from kmc.run.relaxation import wave_fractions
    from kmc.run.schedule import start_equilibration

    jobs = jobs_of(config, base, folder)
    _check_folder(folder, [part for _, part in jobs], resume)
    backend, why = choose_backend(config.run.backend)
    systems = [with_notes(system_of(single, base, 0), single) for single, _ in jobs]
    for system in systems:
        settings = settings_of(config, system.model)
        start_equilibration(system, settings)
        asked = settings.thermodynamics.relaxation if settings.thermodynamics else None
        if asked and not isinstance(neutral_component(system.tables, system.model.vacancies), str):
            wave_fractions(system, asked)  # refuses an amplitude that does not fit
        domain_lines(system, config)  # refuses what cannot be cut before anything is written
        if config.run.profile:
            check_profile(system.tables, ProfileSettings(**config.run.profile.model_dump()))
    resolved = resolve(config, base, backend)
    if resume:
        _check_same(resolved, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_run_file(folder, resolved, _composition(systems[0]))
        log = Log(folder / "log.txt")
        log(f"backend {backend}: {why}")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    for line in describe_system(systems[0], config):
        log(line)
    size = sum(file_bytes(system, config) for system in systems)
    more = "; more if the wanted precision needs more frames" if config.run.duration.precision is not None else ""
    log(f"trajectory files: about {size / 1e6:.1f} MB{more}")
    with signals() as stop:
        for system, (single, part) in zip(systems, jobs_of(resolved, base, folder), strict=True):
            log(f"{system.tables.temperature_K:g} K -> {part}")
            for note in further_notes(system, systems[0]):
                log(note.line)
            for line in mode_lines(system) if config.polarons.mode == "auto" else ():
                log(line)
            frozen = single.polarons.mode == "frozen-ions"
            prepare = system_of(single, base, 0, "scaled") if frozen else None
            if not _run_one(single, (system, prepare), part, backend, resume, stop, log):
                log(f"stopped; go on with: kmc run {folder} --resume")
                return 128 + stop.signal
    _finish(folder, log)
    return 0


def _finish(folder: Path, log: Log) -> None:
    """Analyse, draw, print."""
    from analysis.plots.run import plot_folder
    from analysis.report import analyze_folder
    from analysis.table import format_table

    results = analyze_folder(folder)
    pictures = plot_folder(folder)
    log(format_table(results))
    log("written: " + ", ".join(str(path) for path in [folder / "results.json", *pictures]))


def _run_one(
    config: RunConfig,
    systems: tuple[System, System | None],
    folder: Path,
    backend: str,
    resume: bool,
    stop: Stop,
    log: Log,
) -> bool:
    """One temperature; False if stopped. config: resolved, with this temperature alone.

    systems: what is walked, and what is equilibrated beforehand if that has other rates.
    """
    from kmc.run.engine import frozen_schedule, run

    system, prepare = systems
    settings = settings_of(config, system.model)
    precision = config.run.duration.precision
    going_on, reached = _where_it_stands(folder) if resume else (False, 0)
    frames = settings.frames
    while frames < reached:  # a stretch that was begun is finished before its precision is looked at
        frames *= 2
    while True:
        with progress(log) as report:
            finished = run(
                system,
                settings,
                folder,
                backend=backend,
                resume=going_on,
                extend_to_frames=frames,
                prepare=prepare,
                report=report,
                stop=stop,
            )
        if not finished:
            return False
        going_on = True
        if precision is None or _precise(folder, precision, log):
            break
        if frames >= settings.frames << MOST_DOUBLINGS:
            log(f"precision {precision:g} was not reached in {frames} frames; more replicas or more cells help")
            break
        frames *= 2
    frozen = frozen_schedule(folder)
    field = {"field_applied_V_per_m": system.tables.field_V_per_m.tolist()}
    _write_run_file(
        folder, config, _composition(system) | field | {"schedule": {**asdict(frozen), "frames": settings.frames}}
    )
    log(
        f"acceptance {frozen.acceptance:.4g} of {frozen.slowest}, selection by {frozen.selection}, "
        f"frames of {frozen.frame_interval_s:.4g} s"
    )
    return True


def _where_it_stands(folder: Path) -> tuple[bool, int]:
    """(whether there is a checkpoint to go on from, frames it has reached).

    A run that was killed before its first checkpoint may have left a file with the initial frame: that is taken away.
    InputError if a longer trajectory has lost its checkpoint.
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
    from analysis.report import analyze
    from kmc.files.trajectory import read_trajectory

    results = analyze(read_trajectory(folder / "trajectory.h5"))
    for name, entry in results["species"].items():
        figure = entry["tracer_diffusivity_m2_s"]
        if figure["value"] is not None:
            reached = figure["stderr"] / figure["value"]
            log(f"relative error of D* of {name}: {reached:.2g} (wanted {wanted:g})")
            return bool(reached <= wanted)
    return False


def _composition(system: System) -> dict[str, Any]:
    """Particle numbers and notes for [resolved]."""
    from kmc.version import VERSION

    composition = system.composition
    return {
        "version": VERSION,
        "particles_per_replica": {name: n for name, n in composition.counts.items() if n},
        "net_charge_e": composition.net_charge,
        "notes": [note.line for note in composition.notes],
    }


def _write_run_file(folder: Path, config: RunConfig, decided: dict[str, Any]) -> None:
    temporary = folder / (RUN_FILE + ".new")
    temporary.write_text(resolved_toml(config, decided), encoding="utf-8")
    os.replace(temporary, folder / RUN_FILE)


def _check_folder(folder: Path, folders: list[Path], resume: bool) -> None:
    """InputError if the output folder is a file, or holds a run that is not to be resumed."""
    from kmc.files.checkpoint import has_checkpoint

    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: a folder is needed, this is a file")
    names = ("trajectory.h5", RUN_FILE)
    holds = any(has_checkpoint(part) or any((part / n).exists() for n in names) for part in (folder, *folders))
    if holds and not resume:
        raise InputError(f"--out {folder}: already holds a run; add --resume to go on with it, or name another folder")
    if resume and not holds:
        raise InputError(f"--out {folder}: holds no run to resume")


def _check_same(resolved: RunConfig, folder: Path) -> None:
    """InputError if the folder's run.toml describes another walk."""
    if (folder / RUN_FILE).exists():
        difference = first_difference(load_config(folder / RUN_FILE)[0], resolved)
        if difference:
            raise InputError(f"--out {folder}: holds another run: there {difference}")
