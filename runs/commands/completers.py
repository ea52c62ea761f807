"""What a shell may complete, where it asks through argcomplete: commands, options, names of examples and studies."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end the program; nothing otherwise."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    argcomplete.autocomplete(parser)


def names_and_files(action: argparse.Action, names: Callable[[], Iterable[str]]) -> None:
    """Complete the values of an argument with names, which are asked for when needed, and with files and folders."""

    def completer(prefix: str, **_: object) -> list[str]:
        from argcomplete.completers import FilesCompleter

        return [name for name in names() if name.startswith(prefix)] + list(FilesCompleter()(prefix))

    action.completer = completer  # type: ignore[attr-defined]  # where argcomplete looks for it


def examples() -> list[str]:
    """Names of the shipped run files."""
    from runs.config import shipped_examples

    return shipped_examples()


def studies() -> list[str]:
    """Names of the shipped studies."""
    from runs.study.study_file import shipped_studies

    return shipped_studies()
