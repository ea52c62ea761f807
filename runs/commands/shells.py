"""Neighbour shells of a crystal: `kmc shells`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from runs.commands.arguments import as_json, command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc shells gdc",
    "kmc shells mine.cif --json",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "shells", "neighbour shells of a crystal, for choosing hops and pairs", _shells)
    parser.add_argument("crystal", help="a run file, a run folder, an example or a structure file")
    parser.add_argument("--count", type=int, default=4, help="shells of each pair of sublattices (default: 4)")
    as_json(parser)


def _shells(arguments: argparse.Namespace) -> int:
    from runs.shells import shell_report

    report = shell_report(arguments.crystal, arguments.count)
    print(json.dumps(report.as_dict(), indent=1) if arguments.json else report.table())
    return 0
