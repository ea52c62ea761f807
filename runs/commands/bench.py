"""Measure hops per second: `kmc bench`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from runs.commands.arguments import as_json, command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc bench",
    "kmc bench --backend cpu --case ideal-8000 --threads 1 --json",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "bench", "measure hops per second", _bench)
    parser.add_argument("--backend", action="append", help="default: every usable one")
    parser.add_argument("--case", action="append", help="default: ideal-8000 and gdc-1000K")
    parser.add_argument("--threads", type=int, default=0, help="threads of the cpu backend; 0: all cores")
    parser.add_argument("--seconds", type=float, default=3.0, help="wall time of each row")
    as_json(parser)


def _bench(arguments: argparse.Namespace) -> int:
    from kmc.backends import available_backends
    from runs.bench import bench

    usable = [name for name, problem in available_backends().items() if not problem]
    cases = arguments.case or ["ideal-8000", "gdc-1000K"]
    found = bench(arguments.backend or usable, cases, arguments.threads, arguments.seconds)
    if arguments.json:
        print(json.dumps(found.as_dict(), indent=1))
        return 0
    for row in found.rows:
        rate = f"{row.accepted_per_s:.3g} hops/s, acceptance {row.acceptance:.3g}"
        print(f"{row.case:12s} {row.backend:6s} {row.lanes:6d} lanes {row.threads} threads  {rate}")
    return 0
