"""Barriers and pair energies of a crystal with an ASE calculator: `kmc barriers`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = ("kmc barriers gdc-cell.toml --calculator chgnet -o gdc-mine.toml",)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "barriers", "compute the barriers and pair energies of a crystal", _barriers)
    parser.add_argument("crystal", type=Path, help="a crystal file (TOML); see docs/barriers.md")
    parser.add_argument(
        "--calculator",
        required=True,
        metavar="NAME",
        help="emt, lj, chgnet[:r2scan], sevennet[:l3i5|:mf-0], or module:factory",
    )
    parser.add_argument(
        "--argument",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="keyword argument of the calculator, TOML value",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="parameter file to write")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument(
        "--folder", type=Path, metavar="CACHE", help="folder of relaxed images (default: FILE with .images)"
    )


def _barriers(arguments: argparse.Namespace) -> int:
    from runs.barriers.calculators import CalculatorSpec
    from runs.barriers.job import run_barriers

    options = tuple(sorted(_option(text) for text in arguments.argument))
    if not arguments.output.name:
        raise InputError(f"--output {arguments.output}: the name of a file is needed")
    folder = arguments.folder or arguments.output.with_suffix(".images")
    typed = ["kmc", "barriers", arguments.crystal.name, "--calculator", arguments.calculator]
    for text in arguments.argument:
        typed += ["--argument", text]
    typed += ["-o", arguments.output.name]
    calculator = CalculatorSpec(arguments.calculator, options)
    try:
        with _interruptible():
            return run_barriers(
                arguments.crystal, calculator, arguments.output, arguments.jobs, folder, shlex.join(typed)
            )
    except KeyboardInterrupt:
        print(f"kmc: stopped; relaxed images are kept in {folder}: the same command continues", file=sys.stderr)
        return 130


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM inside the block, so that other processes are ended in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _option(text: str) -> tuple[str, str | int | float | bool]:
    """A keyword argument of the calculator."""
    key, equals, value = text.partition("=")
    try:
        found = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"--argument {text!r}: KEY=VALUE with a TOML value is needed, such as rc=8.0") from error
    if not equals or not key.isidentifier() or not isinstance(found, str | int | float | bool):
        raise InputError(f"--argument {text!r}: KEY=VALUE with a number, a string, true or false is needed")
    return key, found
