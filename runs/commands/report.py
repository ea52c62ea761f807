"""Write runs and studies as one HTML page: `kmc report`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc report demo",
    "kmc report demo mine --output both.html",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "report", "write runs or studies as one self-contained HTML page", _report)
    parser.add_argument("folder", type=Path, nargs="+", help="folders of analysed runs or of studies")
    parser.add_argument("--output", type=Path, help="the page (default: report.html in the first folder)")


def _report(arguments: argparse.Namespace) -> int:
    from runs.page.content import report

    target = arguments.output or arguments.folder[0] / "report.html"
    text = report(arguments.folder)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {target}: cannot be written: {error.strerror or error}") from error
    print(target)
    return 0
