"""Systems of run files, as `kmc run` prepares them."""

from __future__ import annotations

from pathlib import Path

from kmc.state.system import System
from runs.config import RunConfig
from runs.prepare import prepare


def system_of(config: RunConfig, base: Path, number: int = 0) -> System:
    """The system at one temperature of the list, in the mode of the run file."""
    return prepare(config, base).systems[number]
