"""The command line, as `kmc` and as `python -m kmc`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from kmc.shadowing import shadowing_problem


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, 2 with one line if a user's file hides one of our packages."""
    with _interruptible():
        if problem := shadowing_problem():
            print(f"kmc: {problem}", file=sys.stderr)
            return 2
        from runs.cli import main as command

        return command(argv)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make Ctrl-C give one line and exit code 130 during start-up; a run has its own handler (runs/progress.py)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: FrameType | None) -> None:
    """Exit immediately, because imports and callbacks could catch an exception or report it differently."""
    os.write(2, b"kmc: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
