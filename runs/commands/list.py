"""List runs: `kmc list`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc list .",
    "kmc list mine --format csv --output mine.csv",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "list", "list the runs below a folder with their estimates and states", _list)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("."), help="default: the current folder")
    parser.add_argument("--format", default="table", help="table, csv, json or parquet; all but table hold everything")
    parser.add_argument("--json", action="store_const", dest="format", const="json", help="the same as --format json")
    parser.add_argument("--output", type=Path, help="file to write (default: the terminal)")


def _list(arguments: argparse.Namespace) -> int:
    from lattices.suggestions import did_you_mean
    from runs.listing import FORMATS, format_csv, format_json, format_table, list_runs, write_parquet

    form, output = arguments.format, arguments.output
    if form not in FORMATS:
        raise InputError(f"--format {form}: {', '.join(FORMATS)} are allowed{did_you_mean(form, FORMATS)}")
    if form == "parquet" and output is None:
        raise InputError("--format parquet: --output FILE is needed, for the file is binary")
    listed = list_runs(arguments.folder)
    if form == "parquet":
        write_parquet(listed, output)
        return 0
    text = {"table": format_table, "csv": format_csv, "json": format_json}[form](listed)
    if output is None:
        sys.stdout.write(text.rstrip("\n") + "\n")
        return 0
    try:
        output.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror or error}") from error
    return 0
