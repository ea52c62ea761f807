"""`kmc study`: one run file carried out for every combination of varied keys, with all estimates in one table.

The folder of a study holds study.toml as carried out, a run folder for each combination, results.json (a row for each
combination and temperature, and the fits over them), study.csv and pictures. A study can be killed at any moment and
resumed: finished points are kept as they are, and interrupted ones continue from their checkpoints. A point that fails
does not stop the others. While a file named `stop` is in the folder, every run there ends with a checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lattices.errors import InputError
from runs.prepare import prepare
from runs.progress import Stop, signals
from runs.study.point import Outcome, Task, is_done
from runs.study.study_file import (
    StudyConfig,
    check_same,
    config_of,
    folder_name,
    load_study,
    naming_point,
    points_of,
    study_toml,
)
from runs.study.table import StudyTable, write_text
from runs.study.workers import (
    NO_DASK,
    gpus,
    has_dask,
    local_scheduler,
    on_dask,
    one_after_another,
    worker_environments,
)

STUDY_FILE, LOCK, STOP_FILE = "study.toml", "study.lock", "stop"
SOME_FAILED = 3  # exit code


@dataclass(frozen=True)
class Options:
    """How a study is carried out.

    resume: continue the study in the folder. backend: in place of that of the run file. scheduler: address of a dask
    scheduler. workers: processes on this machine, None for as many as cores or GPUs allow. only: (i, n), every n-th
    point beginning with the i-th, for job arrays, whose jobs share the folder. quiet: print failures alone.
    """

    resume: bool = False
    backend: str | None = None
    scheduler: str | None = None
    workers: int | None = None
    only: tuple[int, int] | None = None
    quiet: bool = False


def carry_out_study(file: Path, folder: Path, options: Options | None = None) -> int:
    """Carry out a study file; returns the exit code: 0, SOME_FAILED, or 128 + signal after an interruption.

    Raises InputError for an invalid study, for one of which no point can be run, and for a folder in which another
    study is being carried out, before anything is written.
    """
    options = options or Options()
    study, base = load_study(file)
    _check_folder(study, folder, options)
    tasks = _tasks(file, study, base, folder.resolve(), options)
    todo = [task for task in tasks if not is_done(task)]
    if len(todo) == len(tasks):
        _check_any(file, todo)
    with _claimed(folder, shared=options.only is not None):
        _check_folder(study, folder, options)
        write_text(folder / STUDY_FILE, study_toml(study))
        return _carry_out(study, folder, tasks, todo, options)


def _carry_out(study: StudyConfig, folder: Path, tasks: list[Task], todo: list[Task], options: Options) -> int:
    table = StudyTable(study, folder)
    table.read_finished()
    reached, failures, stopped = len(tasks) - len(todo), 0, 0
    if reached and not options.quiet:
        print(f"{reached} of {len(tasks)} points are finished already", flush=True)
    stop_file = folder / STOP_FILE
    if options.only is None:
        stop_file.unlink(missing_ok=True)
    with signals() as stop, ExitStack() as stack:
        for outcome in _outcomes(todo, options, stack, stop, stop_file):
            if outcome.state == "finished":
                reached += 1
                table.add(outcome.folder)
                table.write()
                if not options.quiet:
                    print(f"{reached} of {len(tasks)} points finished: {folder / outcome.folder}", flush=True)
            elif outcome.state == "failed":
                failures += 1
                print(f"failed: {folder / outcome.folder}: {outcome.message}", file=sys.stderr, flush=True)
            else:
                stopped += 1
                if outcome.message:
                    print(f"kmc: {folder / outcome.folder}: {outcome.message}", file=sys.stderr, flush=True)
    _finish(table, options)
    if reached + failures < len(tasks):
        left = len(tasks) - reached - failures
        print(f"kmc: stopped with {left} points to go; continue with --resume", file=sys.stderr)
        return 128 + (stop.signal or signal.SIGTERM)
    if failures:
        print(f"kmc: {failures} of {len(tasks)} points failed; try them again with --resume", file=sys.stderr)
    return SOME_FAILED if failures else 0


def _outcomes(
    tasks: Sequence[Task], options: Options, stack: ExitStack, stop: Stop, stop_file: Path
) -> Iterator[Outcome]:
    """The outcome of every point, on the workers that the options ask for."""
    if not tasks:
        return
    address = options.scheduler
    if address is not None and not has_dask():
        raise InputError("--scheduler: dask.distributed is not installed: pip install miec-kmc[study]")
    if address is None:
        environments = _environments(tasks, options)
        if len(environments) > 1 and has_dask():
            address = stack.enter_context(local_scheduler(environments))
        else:
            if len(environments) > 1:
                print(NO_DASK, file=sys.stderr, flush=True)
            yield from one_after_another(tasks, quiet=options.quiet)
            return
    yield from on_dask(tasks, address, lambda: _pass_on(stop, stop_file))


def _pass_on(stop: Stop, stop_file: Path) -> None:
    """Ask the runs on the workers to stop, once this process was asked to."""
    if stop() and not stop_file.exists():
        stop_file.touch()


def _environments(tasks: Sequence[Task], options: Options) -> list[dict[str, str]]:
    from kmc.backends import choose_backend

    run, cores = tasks[0].config.run, len(os.sched_getaffinity(0))
    backend, _ = choose_backend(run.backend, devices=run.devices)
    if backend == "cuda" and run.devices:  # the run file itself names the GPUs, which every worker must then see
        return worker_environments(len(tasks), cores, [], options.workers or 1)
    return worker_environments(len(tasks), cores, gpus() if backend == "cuda" else [], options.workers)


def _finish(table: StudyTable, options: Options) -> None:
    """Write the table with the points of everybody, and draw the pictures."""
    from analysis.plots.study import plot_study

    table.read_finished()
    content = table.write()
    pictures = plot_study(content, table.folder)
    if options.quiet:
        return
    for line in table.fit_lines():
        print(line)
    for path in (table.folder / "results.json", table.folder / "study.csv", *pictures):
        print(f"written: {path}")


def _tasks(file: Path, study: StudyConfig, base: Path, folder: Path, options: Options) -> list[Task]:
    """The points to be carried out by this process. InputError for a run file that the schema refuses."""
    points = points_of(study)
    if options.only is not None:
        first, step = options.only
        points = points[first - 1 :: step]
    found = []
    for point in points:
        with naming_point(file, folder_name(point)):
            config, where = config_of(study, base, point, options.backend)
        found.append(Task(config, where.resolve(), folder / folder_name(point), folder / STOP_FILE))
    return found


def _check_any(file: Path, tasks: Sequence[Task]) -> None:
    """InputError if the first points are refused, and so are all others: nothing is written for such a study."""
    first: InputError | None = None
    for task in tasks:
        if task.folder.exists():
            return
        try:
            with naming_point(file, task.folder.name):
                prepare(task.config, task.base)
            return
        except InputError as error:
            first = first or error
    if first is not None:
        raise first


def _check_folder(study: StudyConfig, folder: Path, options: Options) -> None:
    """InputError unless the folder is free, or holds this study and may be continued; values may have been added."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: a folder is needed, this is a file")
    kept = folder / STUDY_FILE
    # Another job of the array may be writing study.toml, or hold the lock.
    filled = folder.exists() and any(not path.name.startswith("study.") for path in folder.iterdir())
    if (filled or kept.is_file()) and not options.resume and options.only is None:
        raise InputError(f"--out {folder}: is not empty; add --resume to continue a study, or name another folder")
    if kept.is_file():
        check_same(study, load_study(kept)[0], folder)
    elif options.resume or filled:
        raise InputError(f"--out {folder}: holds no study to resume")


@contextmanager
def _claimed(folder: Path, shared: bool) -> Iterator[None]:
    """Keep other studies out of the folder; jobs of one array (shared) keep out a whole study."""
    from kmc.files.lock import locked

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / LOCK, shared=shared, what="study"):
            yield
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error


def parse_only(text: str) -> tuple[int, int]:
    """(i, n) of `--only i/n`; InputError unless 1 <= i <= n."""
    first, slash, step = text.partition("/")
    if not (slash and first.isdecimal() and step.isdecimal() and 1 <= int(first) <= int(step)):
        raise InputError(f"--only {text}: i/n with 1 <= i <= n is needed, such as 3/8")
    return int(first), int(step)
