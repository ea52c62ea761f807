"""What the commands share: the parser, numbers quoted as the user wrote them, run files, folders."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lattices.suggestions import did_you_mean
from runs.commands.completers import examples, names_and_files
from runs.commands.messages import one_line

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
Action = Callable[[argparse.Namespace], int]


class _Given(float):
    """A number of the command line that messages quote as the user wrote it."""

    def __new__(cls, text: str) -> _Given:
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str

    def __repr__(self) -> str:
        return self.text


def number(text: str) -> float:
    """The value of a numeric argument; argparse uses the name of this function in its error message."""
    return _Given(text)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which accepts -1e-3 as a value."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # argparse itself accepts -1 and -.5 as numbers, but no exponents before Python 3.14.
        self._negative_number_matcher = re.compile(r"^-((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|nan)$")

    def error(self, message: str) -> NoReturn:
        """Exit 2."""
        if wrong := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)$", message):
            message += did_you_mean(wrong[1], re.findall(r"[\w-]+", wrong[2]))
        self.exit(2, f"{self.prog}: {one_line(message)}; see {self.prog} --help\n")


def with_examples(parser: argparse.ArgumentParser, examples: Sequence[str]) -> None:
    """Show examples at the end of the help of a command, and of its parts those that use them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part, inner in action.choices.items():
                with_examples(inner, [line for line in examples if f" {part} " in f"{line} "])
    if examples:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = "\n".join(
            ["examples:" if len(examples) > 1 else "example:", *(f"  {line}" for line in examples)]
        )


def command(commands: Commands, name: str, text: str, action: Action) -> argparse.ArgumentParser:
    """A new command whose help in the list is `text`; `action` returns the exit code."""
    parser = commands.add_parser(name, help=text)
    parser.set_defaults(action=action)
    return parser


def run_file(commands: Commands, name: str, text: str, action: Action) -> argparse.ArgumentParser:
    """A command on a run file, with `--set`."""
    parser = command(commands, name, text, action)
    file = parser.add_argument("file", help="a run file (TOML) or the name of an example")
    names_and_files(file, examples)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key, TOML value")
    return parser


def folder(commands: Commands, name: str, text: str, action: Action) -> argparse.ArgumentParser:
    """A command on the folder of a run."""
    parser = command(commands, name, text, action)
    parser.add_argument("folder", type=Path)
    return parser


def as_json(parser: argparse.ArgumentParser) -> None:
    """The option --json."""
    parser.add_argument("--json", action="store_true", help="print JSON for other programs")
