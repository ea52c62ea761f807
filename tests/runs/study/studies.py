"""A short study whose points can be interrupted, and how to start it as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w

ROOT = Path(__file__).parents[3]
SET = {
    "crystal.repeats": [3, 3, 3],
    "run.temperature_K": 1300,
    "run.replicas": 2,
    "run.equilibration.hops_per_carrier": 1,
    "run.duration.hops_per_carrier": 40,
    "run.frames": 12,
    "run.positions": "none",
    "run.backend": "numpy",
    "run.checkpoint_every_s": 0.001,
}


def write_study(path: Path, vary: dict[str, list[object]], **more: object) -> Path:
    """A study file in a folder."""
    file = path / "some.toml"
    file.write_text(tomli_w.dumps({"run": "smallest", "set": SET, "vary": vary, **more}), encoding="utf-8")
    return file


def start(file: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """`kmc study` as a process."""
    command = [sys.executable, "-m", "kmc", "study", str(file), "--out", str(out), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something is so; fails where the process ends before, or after five minutes without."""
    end = time.monotonic() + 300.0
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened for five minutes"
        time.sleep(0.01)


def holder(folder: Path) -> int | None:
    """The process that carries out the run in a folder; None where there is none."""
    try:
        return int((folder / "run.lock").read_text())
    except (OSError, ValueError):
        return None


def estimates(folder: Path) -> Any:
    """results.json without what depends on the machine: how long it took."""
    results = json.loads((folder / "results.json").read_text())
    for key in ("wall_s", "accepted_per_s"):
        results["hops"].pop(key)
    return results


def as_options(overrides: dict[str, object]) -> list[str]:
    """Overrides as options of `kmc run`."""
    return [part for key, value in overrides.items() for part in ("--set", f"{key}={json.dumps(value)}")]
