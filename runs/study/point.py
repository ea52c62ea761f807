"""One point of a study, carried out in its folder in this process: here, or on a worker anywhere."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runs.build import resolve
from runs.config import RunConfig
from runs.state import FAILURE, RUN_FILE, is_finished

ASK_AGAIN_S = 0.5  # a file system is not asked after every window


@dataclass(frozen=True)
class Task:
    """A point to be carried out. base: of the relative paths in its run file. folder, stop_file: absolute paths.

    The point ends with a checkpoint once `stop_file` exists.
    """

    config: RunConfig
    base: Path
    folder: Path
    stop_file: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a point. message: why it failed, in one line."""

    folder: str
    state: Literal["finished", "failed", "stopped"]
    message: str = ""


def is_done(task: Task) -> bool:
    """Whether the folder holds the finished run of this very point: it is then neither run nor analysed again."""
    return is_finished(task.folder, resolve(task.config, task.base))


def carry_out(task: Task, quiet: bool = True) -> Outcome:
    """Run a point, or continue it from its checkpoint. Whatever goes wrong is kept in failure.txt."""
    from runs.launch import run_all

    name, stop = task.folder.name, _stop(task.stop_file)
    if stop():
        return Outcome(name, "stopped")
    try:
        (task.folder / FAILURE).unlink(missing_ok=True)
        resume = (task.folder / RUN_FILE).exists()
        code = run_all(task.config, task.base, task.folder, resume=resume, quiet=quiet, asked_to_stop=stop)
    except Exception as error:
        return failed(task, f"{error}" or type(error).__name__, traceback.format_exc())
    return Outcome(name, "stopped" if code else "finished")


def failed(task: Task, message: str, details: str = "") -> Outcome:
    """The outcome of a point that failed, which is also written into its folder where that is possible."""
    line = " ".join(message.split())
    try:
        task.folder.mkdir(parents=True, exist_ok=True)
        (task.folder / FAILURE).write_text(f"{line}\n\n{details}".rstrip() + "\n", encoding="utf-8")
    except OSError:
        pass  # the message reaches the reader of the study
    return Outcome(task.folder.name, "failed", line)


def _stop(file: Path) -> Callable[[], bool]:
    """Whether the file exists, asked again after ASK_AGAIN_S."""
    asked, found = -ASK_AGAIN_S, False

    def stop() -> bool:
        nonlocal asked, found
        now = time.monotonic()
        if not found and now - asked >= ASK_AGAIN_S:
            asked, found = now, file.exists()
        return found

    return stop
