"""A process with failing_io.c preloaded that repeatedly runs a small system in forks of itself.

Usage: python -m tests.kill.process FOLDER MODE [CALL ...]. The first line of its output is the number of calls of an
uninterrupted run; then follows a line of JSON for each CALL: how the stopped run ended, and whether the resumed run has
the same file. MODE as in failing_io.c.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

OVERRIDES = [
    "run.temperature_K=1300",
    "run.frames=3",
    "run.replicas=2",
    "run.equilibration={hops_per_carrier=1}",
    "run.duration={hops_per_carrier=2}",
    "run.checkpoint_every_s=0.001",
]
COUNT, HALF_THEN_KILL, FULL_DISK, IO_ERROR = range(4)


def carry_out(folder: Path, resume: bool, backend: str) -> int:
    """Run without the analysis; returns the exit code and raises the errors of the run."""
    import runs.launch
    from runs.config import load_config

    runs.launch._finish = lambda folder, log: None
    config, base = load_config("smallest", [*OVERRIDES, f"run.backend={backend}"])
    return runs.launch.run_all(config, base, folder, resume=resume, quiet=True)


def arm(call: int, mode: int) -> None:
    """Make call number `call` fail."""
    ctypes.CDLL(None).failing_io_arm(ctypes.c_long(call), ctypes.c_int(mode))


def in_fork(action: Callable[[], int], said: Path) -> tuple[int, str]:
    """(exit code, or -signal, of a fork that runs `action`; its error message)."""
    from lattices.errors import InputError

    said.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        code, text = 1, ""
        try:
            code = action()
        except InputError as error:
            code, text = 2, str(error)
        except BaseException:
            text = traceback.format_exc()
        arm(0, COUNT)
        said.write_text(text)
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, said.read_text() if said.exists() else ""


def same_datasets(one: Path, other: Path) -> bool:
    """Whether two files hold the same datasets."""
    import h5py

    def read(path: Path) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, d: found.update({name: d[()]}) if isinstance(d, h5py.Dataset) else None)
        return found

    first, second = read(one), read(other)
    return first.keys() == second.keys() and all(np.array_equal(value, second[name]) for name, value in first.items())


def warm_up(folder: Path) -> None:
    """Load everything that a run needs, so that the forks do not have to."""
    carry_out(folder, False, "numpy")


def count(folder: Path) -> int:
    """Number of calls of a complete run."""

    def counted() -> int:
        arm(0, COUNT)
        carry_out(folder, False, "numpy")
        (folder / "count").write_text(str(ctypes.CDLL(None).failing_io_count()))
        return 0

    assert in_fork(counted, folder.with_name("said")) == (0, "")
    return int((folder / "count").read_text())


def main(folder: Path, mode: int, calls: list[int]) -> None:
    """Print the output described in the docstring of the module."""
    warm_up(folder / "warm")
    print(count(folder / "whole"), flush=True)
    for call in calls:
        part, said = folder / f"stopped-{mode}-{call}", folder / "said"

        def stopped(part: Path = part, call: int = call) -> int:
            arm(call, mode)
            return carry_out(part, False, "numpy")

        def resumed(part: Path = part, call: int = call) -> int:
            return carry_out(part, (part / "run.toml").exists(), "cpu" if call % 2 else "numpy")

        code, text = in_fork(stopped, said)
        again, more = in_fork(resumed, said)
        same = again == 0 and same_datasets(folder / "whole" / "trajectory.h5", part / "trajectory.h5")
        line = {"call": call, "code": code, "text": text, "resumed": again, "more": more, "same": same}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [int(n) for n in sys.argv[3:]])
