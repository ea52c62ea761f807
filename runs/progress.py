"""Progress of a run for the user: the log, a progress bar or lines, and the signals that stop it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.pace import CurrentError, Pace

if TYPE_CHECKING:
    from kmc.run.progress import Progress


class Log:
    """Writes lines to the terminal, unless it is quiet, and to log.txt."""

    def __init__(self, path: Path, quiet: bool = False) -> None:
        self.path, self.quiet = path, quiet

    def __call__(self, line: str) -> None:
        """Write one line, or several. InputError where log.txt cannot be written."""
        if not self.quiet:
            print(line, flush=True)
        try:
            with open(self.path, "a", encoding="utf-8") as handle:
                handle.write(line + "\n")
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}; checkpoints are kept") from error


class Stop:
    """True once SIGINT or SIGTERM has arrived: the run then ends after the current window, with a checkpoint.

    asked: another way to ask for a stop, which counts as SIGTERM.
    """

    def __init__(self, asked: Callable[[], bool] | None = None) -> None:
        self.signal = 0
        self._asked = asked

    def __call__(self) -> bool:
        """Whether a stop has been requested."""
        if not self.signal and self._asked is not None and self._asked():
            self.signal = signal.SIGTERM
        return self.signal != 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Signal handler; a second signal aborts immediately, leaving the last checkpoint."""
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        print("stopping with a checkpoint; press Ctrl-C again to abort immediately", file=sys.stderr, flush=True)


@contextmanager
def signals(asked: Callable[[], bool] | None = None) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM inside the block, in the main thread only, where Python allows it. asked: as in Stop."""
    stop = Stop(asked)
    caught = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, stop.handle) for number in caught}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress(log: Log, trajectory: Path) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal, or else a line for every quarter of a phase.

    trajectory: the file of the run, from which the error of D* so far is taken.
    """
    pace, error = Pace(), CurrentError(trajectory)
    if log.quiet or not sys.stderr.isatty():
        yield _lines(log, pace, error)
        return
    from tqdm import tqdm

    with tqdm(total=1000, bar_format="{desc} {bar} {n_fmt}/{total_fmt} {elapsed}<{remaining} {postfix}") as bar:

        def report(progress: Progress) -> None:
            if bar.desc.rstrip(": ") != progress.phase or bar.total != progress.total:
                bar.reset(total=progress.total)
                bar.set_description_str(progress.phase)
            known = [f"{progress.accepted:.3g} hops", pace.text(progress).partition(",")[0], error.text()]
            bar.set_postfix_str(", ".join(filter(None, known)), refresh=False)
            bar.update(progress.done - bar.n)

        yield report


def _lines(log: Log, pace: Pace, error: CurrentError) -> Callable[[Progress], None]:
    """Write a line to the log for every quarter of each phase."""
    reported: dict[str, int] = {}

    def report(progress: Progress) -> None:
        speed = pace.text(progress)
        quarter = 4 * progress.done // max(progress.total, 1)
        if quarter > reported.get(progress.phase, 0):
            reported[progress.phase] = quarter
            so_far = f"{progress.accepted:.4g} hops  {progress.wall_s:.1f} s"
            known = [f"  {progress.phase} {25 * quarter} %", so_far, speed]
            log("  ".join(filter(None, [*known, error.text() if progress.phase == "production" else ""])))

    return report
