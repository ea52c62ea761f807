"""Draw the pictures of runs again, or several runs in one picture: `kmc plot`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from runs.commands.arguments import command

if TYPE_CHECKING:
    from analysis.plots.sheet import Look
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc plot demo",
    "kmc plot demo other --format svg --out pictures",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "plot", "plot a finished run again, or several in one picture", _plot)
    parser.add_argument("folder", type=Path, nargs="+", help="a run; several are drawn together, in --out")
    parser.add_argument("--format", action="append", help="png (default), pdf or svg; may be repeated")
    parser.add_argument(
        "--style", type=Path, metavar="FILE", help="a Matplotlib style file, applied after the project's"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for pictures of several runs (default: here)")


def _plot(arguments: argparse.Namespace) -> int:
    from analysis.plots.run import plot_folder
    from analysis.plots.sheet import look

    folders: list[Path] = arguments.folder
    looks = [look(form, arguments.style) for form in arguments.format or ["png"]]
    for each in looks:
        drawn = plot_folder(folders[0], each) if len(folders) == 1 else _together(folders, arguments.out, each)
        for picture in drawn:
            print(picture)
    return 0


def _together(folders: list[Path], out: Path, look: Look) -> list[Path]:
    """Pictures of several runs, each under the shortest end of its path that tells it from the others."""
    from contextlib import ExitStack

    from analysis.plots.overlay import plot_overlay
    from analysis.plots.results import opened
    from lattices.errors import InputError

    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError(f"kmc plot: a folder is named twice: {', '.join(map(str, folders))}")
    depth = next(n for n in range(1, 100) if len({folder.resolve().parts[-n:] for folder in folders}) == len(folders))
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        results = {
            "/".join(folder.resolve().parts[-depth:]): files.enter_context(opened(folder / "results.json"))
            for folder in folders
        }
        return plot_overlay(results, out, look)
