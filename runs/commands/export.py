"""Write a trajectory for other programs: `kmc export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from runs.commands.arguments import folder

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc export demo --format extxyz",
    "kmc export demo/T1150K --format h5md --output positions.h5",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = folder(commands, "export", "export the trajectory for other programs", _export)
    parser.add_argument("--format", default="extxyz", help="extxyz, traj or h5md")
    parser.add_argument("--output", type=Path, help="file to write (default: next to each trajectory)")


def _export(arguments: argparse.Namespace) -> int:
    from runs.export import export

    for path in export(arguments.folder, arguments.format, arguments.output):
        print(path)
    return 0
