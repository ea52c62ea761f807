"""Draw the pictures of a run again: `kmc plot`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from runs.commands.arguments import folder

if TYPE_CHECKING:
    from runs.commands.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    folder(commands, "plot", "plot a finished run again", _plot)


def _plot(arguments: argparse.Namespace) -> int:
    from analysis.plots.run import plot_folder

    for picture in plot_folder(arguments.folder):
        print(picture)
    return 0
