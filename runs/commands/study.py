"""Carry out a run file for combinations of keys: `kmc study`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import as_json, command
from runs.commands.completers import names_and_files, studies

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc study lsf64-delta",
    "kmc study mine.toml --out mine --resume",
    "kmc study mine.toml --scheduler tcp://node1:8786",
    "kmc study mine.toml --only 3/8",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "study", "carry out a run file for every combination of varied keys", _study)
    file = parser.add_argument(
        "file", type=Path, help="a study file (TOML: run, set, vary, zipped) or the name of a study"
    )
    names_and_files(file, studies)
    parser.add_argument("--out", type=Path, help="output folder (default: ./NAME of the study file)")
    parser.add_argument("--backend", help="auto, or a backend that `kmc info` lists")
    parser.add_argument("--resume", action="store_true", help="continue; values may have been added to vary")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes on this machine (default: as cores or GPUs allow)"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask scheduler, such as tcp://node1:8786")
    parser.add_argument(
        "--only", metavar="I/N", help="every N-th point beginning with the I-th: one job of a job array of N"
    )
    parser.add_argument("--quiet", action="store_true", help="print failures alone")
    as_json(parser)


def _study(arguments: argparse.Namespace) -> int:
    from runs.study.carry_out import Options, carry_out_study, parse_only

    if arguments.workers is not None and arguments.workers < 1:
        raise InputError(f"--workers {arguments.workers}: at least 1 is needed")
    options = Options(
        resume=arguments.resume,
        backend=arguments.backend,
        scheduler=arguments.scheduler,
        workers=arguments.workers,
        only=None if arguments.only is None else parse_only(arguments.only),
        quiet=arguments.quiet or arguments.json,
    )
    folder = arguments.out or Path(arguments.file.stem)
    code = carry_out_study(arguments.file, folder, options)
    if arguments.json:
        print((folder / "results.json").read_text(encoding="utf-8"), end="")
    return code
