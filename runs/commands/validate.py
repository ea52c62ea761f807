"""Check a run file without running it: `kmc validate`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from runs.commands.arguments import as_json, run_file

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = (
    "kmc validate gdc",
    "kmc validate mine.toml --json",
)


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = run_file(commands, "validate", "check a run file and report what it needs", _validate)
    as_json(parser)


def _validate(arguments: argparse.Namespace) -> int:
    from runs.config import load_config
    from runs.estimate import validate

    config, base = load_config(arguments.file, arguments.set)
    facts = validate(config, base)
    print(json.dumps(facts.as_dict(), indent=1) if arguments.json else facts.format())
    return 0
