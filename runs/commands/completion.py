"""Completion of commands, options and names in a shell, through argcomplete: `kmc completion`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.commands.arguments import command

if TYPE_CHECKING:
    from runs.commands.arguments import Commands

EXAMPLES = ('eval "$(kmc completion bash)"', "kmc completion zsh")
SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = command(commands, "completion", "print what makes a shell complete commands, options and names", _print)
    parser.add_argument("shell", help=", ".join(SHELLS))


def _print(arguments: argparse.Namespace) -> int:
    from lattices.suggestions import did_you_mean

    if arguments.shell not in SHELLS:
        meant = did_you_mean(arguments.shell, SHELLS)
        raise InputError(f"completion for {arguments.shell!r}: {', '.join(SHELLS)} are allowed{meant}")
    try:
        from argcomplete import shell_integration
    except ImportError as error:
        raise InputError("completion needs argcomplete: pip install argcomplete") from error
    print(shell_integration.shellcode(["kmc"], shell=arguments.shell))
    return 0
