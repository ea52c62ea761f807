"""Carry out a run file for combinations of keys: `kmc study`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from runs.commands.arguments import command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "study", "carry out a run file for every combination of varied keys", _study)
    parser.add_argument("file", type=Path, help="a study file (TOML: run, set, vary), or lsf64-delta, ceria-drift")
    parser.add_argument("--out", type=Path, help="output folder (default: ./NAME of the study file)")
    parser.add_argument("--backend", help="auto, or a backend that `kmc info` lists")
    parser.add_argument("--resume", action="store_true", help="continue; values may have been added to vary")


def _study(arguments: argparse.Namespace) -> int:
    from runs.study import run_study

    folder = arguments.out or Path(arguments.file.stem)
    return run_study(arguments.file, folder, resume=arguments.resume, backend=arguments.backend)
