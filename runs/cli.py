"""The `kmc` command.

Exit codes: 0 done, 2 bad input (one line), 3 some points of a study failed, 1 anything else, 128 + signal when stopped.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from kmc.errors import BarrierBelowBound, DisplacementOverflow
from kmc.version import VERSION
from lattices.errors import InputError
from runs.commands import COMMANDS
from runs.commands.arguments import Parser, with_examples
from runs.commands.completers import complete
from runs.commands.messages import one_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.action(arguments)
        return code
    except InputError as error:
        for line in error.lines:
            print(f"kmc: {one_line(line)}", file=sys.stderr)
        return 2
    except (BarrierBelowBound, DisplacementOverflow) as error:
        print(f"kmc: {one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kmc: stopped; the last checkpoint is kept: continue with --resume", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except MemoryError as error:
        problem = one_line(f"{error}; `kmc validate` says how much a run needs")
        print(f"kmc: not enough memory: {problem}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    whole = Parser(prog="kmc", description="Kinetic Monte Carlo of mixed ionic-electronic conductors.")
    whole.add_argument("--version", action="version", version=f"kmc {VERSION}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"runs.commands.{name}")
        module.add(commands)
        with_examples(commands.choices[name], module.EXAMPLES)
    complete(whole)
    return whole
