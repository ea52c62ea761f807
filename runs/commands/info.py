"""What is installed: `kmc info`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from runs.commands.arguments import as_json, command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc info",
    "kmc info --json",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "info", "versions, backends, parameter sets and examples", _info)
    as_json(parser)


def _info(arguments: argparse.Namespace) -> int:
    from runs.info import info

    facts = info()
    if arguments.json:
        print(json.dumps(facts, indent=1))
    else:
        for key, value in facts.items():
            print(f"{key}: {value}")
    return 0
