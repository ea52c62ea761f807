"""Whether the run in a folder is finished, running, failed or to be continued.

`[resolved] finished = true` in its run.toml says that every trajectory has its length and was analysed. It disappears
when a run is started or continued.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal, TypeAlias

from lattices.errors import InputError
from runs.config import RunConfig, first_difference, load_config, resolved_toml

RUN_FILE, RESULTS, LOCK, FAILURE = "run.toml", "results.json", "run.lock", "failure.txt"
State: TypeAlias = Literal["finished", "running", "failed", "unfinished"]


def mark_finished(folder: Path) -> None:
    """Say in run.toml that the run is finished and analysed."""
    config, _ = load_config(folder / RUN_FILE)
    temporary = folder / (RUN_FILE + ".new")
    temporary.write_text(resolved_toml(config, {**config.resolved, "finished": True}), encoding="utf-8")
    os.replace(temporary, folder / RUN_FILE)


def is_finished(folder: Path, wanted: RunConfig | None = None) -> bool:
    """Whether a folder holds a finished run with its results; wanted: the resolved run file that it must have."""
    try:
        config, _ = load_config(folder / RUN_FILE)
        json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (InputError, OSError, ValueError):
        return False
    same = wanted is None or first_difference(config, _with_block_of(wanted, config)) is None
    return same and config.resolved.get("finished") is True


def _with_block_of(wanted: RunConfig, kept: RunConfig) -> RunConfig:
    """The wanted run with the edge of blocks that was chosen for the other one, where it leaves the choice open."""
    ours, theirs = wanted.run.parallel.domains, kept.run.parallel.domains
    if ours is None or theirs is None or ours.block != "auto":
        return wanted
    parallel = wanted.run.parallel.model_copy(update={"domains": ours.model_copy(update={"block": theirs.block})})
    return wanted.model_copy(update={"run": wanted.run.model_copy(update={"parallel": parallel})})


def state_of(folder: Path) -> State:
    """The state of the run in a folder."""
    from kmc.files.lock import is_locked

    if is_locked(folder / LOCK):
        return "running"
    if is_finished(folder):
        return "finished"
    return "failed" if (folder / FAILURE).exists() else "unfinished"
