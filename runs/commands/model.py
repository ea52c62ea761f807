"""Parameter sets: `kmc model list`, `show`, `new` and `schema`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from runs.commands.arguments import command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc model list",
    "kmc model show gdc-chgnet-preview",
    "kmc model new --from gdc-chgnet-preview -o mine.toml",
    "kmc model schema --run",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("model", help="list, show and start parameter sets; JSON schemas for editors")
    parts = parser.add_subparsers(required=True, metavar="ACTION")
    command(parts, "list", "the shipped sets", _list)
    show = command(parts, "show", "species and numbers of a set, with marks and sources", _show)
    show.add_argument("name", help="a shipped set or a parameter file")
    new = command(parts, "new", "start a parameter file from another one", _new)
    new.add_argument("--from", dest="origin", required=True, metavar="NAME", help="a shipped set or a parameter file")
    new.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="the new file")
    schema = command(parts, "schema", "JSON schema of parameter files, for editors", _schema)
    schema.add_argument("--run", action="store_true", help="of run files instead")


def _list(arguments: argparse.Namespace) -> int:
    from runs.parameter_files import listing

    print("\n".join(listing()))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from runs.parameter_files import describe

    print(describe(arguments.name))
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from runs.parameter_files import start

    print(start(arguments.origin, arguments.out))
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    from runs.parameter_files import schema

    print(json.dumps(schema(arguments.run), indent=1))
    return 0
