"""Carries out a run file: every temperature in its folder, progress, interruption, analysis at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from lattices.errors import InputError
from runs.config import RunConfig, resolved_toml, settings_of, system_of
from runs.estimate import describe_system, file_bytes

if TYPE_CHECKING:
    from kmc.engine import Progress
    from kmc.system import System

MOST_DOUBLINGS = 12  # of a run that is to reach a precision: 4096 times the first stretch


@dataclass
class Log:
    """Lines for people: to the terminal and to log.txt."""

    path: Path
    stream: TextIO = field(default_factory=lambda: sys.stdout)

    def __call__(self, line: str) -> None:
        """One line, or several."""
        print(line, file=self.stream, flush=True)
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(line + "\n")


def run_all(config: RunConfig, base: Path, folder: Path, *, resume: bool = False) -> int:
    """Run every temperature, analyse, draw; returns the exit code (0, or 128 + signal after an interruption)."""
    from kmc.backends import choose_backend

    temperatures = config.run.temperatures_K
    folders = [folder if len(temperatures) == 1 else folder / _folder_name(t) for t in temperatures]
    _check_folder(folder, folders, resume)
    backend, why = choose_backend(config.run.backend)
    systems = [system_of(config, base, index) for index in range(len(temperatures))]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = Log(folder / "log.txt")
        log(f"backend {backend}: {why}")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    for line in describe_system(systems[0], config):
        log(line)
    size = sum(file_bytes(system, config.run.frames, config.run.positions) for system in systems)
    log(f"trajectory files: about {size / 1e6:.1f} MB")
    with _signals() as stop:
        for system, part in zip(systems, folders, strict=True):
            log(f"{system.tables.temperature_K:g} K -> {part}")
            if not _run_one(config, system, part, backend, resume, stop, log):
                log(f"stopped; go on with: kmc run ... --out {folder} --resume")
                return 128 + stop.signal
    _finish(folder, log)
    return 0


def _finish(folder: Path, log: Log) -> None:
    """Analyse, draw, print."""
    from analysis.plots import plot_folder
    from analysis.report import analyze_folder, format_table

    results = analyze_folder(folder)
    pictures = plot_folder(folder)
    log(format_table(results))
    log("written: " + ", ".join(str(path) for path in [folder / "results.json", *pictures]))


def _run_one(
    config: RunConfig, system: System, folder: Path, backend: str, resume: bool, stop: _Stop, log: Log
) -> bool:
    """One temperature; False if stopped."""
    from kmc.checkpoint import has_checkpoint
    from kmc.engine import frozen_schedule, run

    settings = settings_of(config)
    going_on = resume and has_checkpoint(folder)
    precision = config.run.duration.precision
    frames = settings.frames
    for _ in range(MOST_DOUBLINGS):
        with _progress(log) as report:
            finished = run(
                system,
                settings,
                folder,
                backend=backend,
                resume=going_on,
                extend_to_frames=frames,
                report=report,
                stop=stop,
            )
        if not finished:
            return False
        going_on = True
        if precision is None or _precise(folder, precision, log):
            break
        frames *= 2
    else:
        log(f"the wanted precision {precision} was not reached in {frames} frames; the results show what was")
    frozen = frozen_schedule(folder)
    single = config.model_copy(
        update={"run": config.run.model_copy(update={"temperature_K": system.tables.temperature_K})}
    )
    (folder / "run.toml").write_text(resolved_toml(single, {**frozen, "backend": backend}), encoding="utf-8")
    log(f"acceptance {frozen['acceptance']:.4g} of {frozen['slowest']}, frames of {frozen['frame_interval_s']:.4g} s")
    return True


def _precise(folder: Path, wanted: float, log: Log) -> bool:
    """Whether the relative error of D* of the first mobile species that has one is small enough."""
    from analysis.report import analyze
    from kmc.trajectory import read_trajectory

    results = analyze(read_trajectory(folder / "trajectory.h5"))
    for name, entry in results["species"].items():
        figure = entry["tracer_diffusivity_m2_s"]
        if figure["value"] is not None:
            reached = figure["stderr"] / figure["value"]
            log(f"relative error of D* of {name}: {reached:.2g} (wanted {wanted:g})")
            return bool(reached <= wanted)
    return False


def _folder_name(temperature_K: float) -> str:
    whole = f"{temperature_K:04.0f}" if float(temperature_K).is_integer() else f"{temperature_K:08.3f}".rstrip("0")
    return f"T{whole}K"


def _check_folder(folder: Path, folders: list[Path], resume: bool) -> None:
    """InputError if the output folder is a file, or holds a run that is not to be resumed."""
    from kmc.checkpoint import has_checkpoint

    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: a folder is needed, this is a file")
    holds = any(has_checkpoint(part) or (part / "trajectory.h5").exists() for part in (folder, *folders))
    if holds and not resume:
        raise InputError(f"--out {folder}: already holds a run; add --resume to go on with it, or name another folder")
    if resume and not holds:
        raise InputError(f"--out {folder}: holds no run to resume")


class _Stop:
    """True once SIGINT or SIGTERM came; the run then ends at the next frame with a checkpoint."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self) -> bool:
        return self.signal != 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Signal handler; a second Ctrl-C ends at once, with the last checkpoint."""
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        print("stopping at the next frame; once more ends at once", file=sys.stderr, flush=True)


@contextmanager
def _signals() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(log: Log) -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(log)
        return
    from tqdm import tqdm

    with tqdm(total=1000, bar_format="{desc} {bar} {n_fmt}/{total_fmt} {elapsed}<{remaining} {postfix}") as bar:

        def report(progress: Progress) -> None:
            if bar.desc.rstrip(": ") != progress.phase or bar.total != progress.total:
                bar.reset(total=progress.total)
                bar.set_description_str(progress.phase)
            bar.n = progress.done
            bar.set_postfix_str(f"{progress.accepted:.3g} hops")

        yield report


def _lines(log: Log) -> Callable[[Progress], None]:
    """Report a quarter of each phase at a time."""
    told: dict[str, Any] = {}

    def report(progress: Progress) -> None:
        quarter = 4 * progress.done // max(progress.total, 1)
        if quarter > told.get(progress.phase, 0):
            told[progress.phase] = quarter
            log(f"  {progress.phase} {25 * quarter} %  {progress.accepted:.4g} hops  {progress.wall_s:.1f} s")

    return report
