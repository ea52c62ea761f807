"""Analyse a finished run again: `kmc analyze`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import as_json, folder

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc analyze demo",
    "kmc analyze demo/T1150K --fit-range 0.05 0.2 --json",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = folder(commands, "analyze", "analyse a finished run again", _analyze)
    as_json(parser)
    parser.add_argument(
        "--fit-range",
        type=float,
        nargs=2,
        default=None,
        metavar=("FROM", "TO"),
        help="lags of all fits, as fractions of the run (default: chosen from the data)",
    )


def _analyze(arguments: argparse.Namespace) -> int:
    from analysis.folders import run_folder
    from analysis.plots.run import plot_folder
    from analysis.report import analyze_folder
    from analysis.table import format_table

    unwritten: list[str] = []
    fit_range = tuple(arguments.fit_range) if arguments.fit_range else None
    results = analyze_folder(arguments.folder, fit_range, unwritten)
    print(json.dumps(results, indent=1) if arguments.json else format_table(results))
    if unwritten:
        raise InputError(unwritten[0])
    plot_folder(run_folder(arguments.folder))
    return 0
