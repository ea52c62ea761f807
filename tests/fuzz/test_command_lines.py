"""Command lines of any words: carried out, or refused in one line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.cli import parser
from tests.fuzz.outcomes import fuzz, outcome

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prepared_only")]

THINGS = (
    "smallest",
    "run",
    "run/T1300K",
    "run.toml",
    "absent",
    "empty",
    "log.txt",
    "ceria-drift",
    "lsf64",
    "bzy10",
    "ceria",
)
NUMBERS = ("0", "1", "-1", "0.5", "-1e-3", "1e300", "nan", "-inf", "1000", "9" * 30, "1_0", "0x10", "٣")
WORDS = (
    "",
    "numpy",
    "cuda",
    "auto",
    "extxyz",
    "h5md",
    "ideal-512",
    "precision=0.1",
    "time_s=1",
    "a.b=[",
    "=",
    "\0",
    "-",
)
KEYS = (
    "run.frames=3",
    "run.seed=-1",
    "run=1",
    "crystal.repeats=[2,2]",
    "run.temperature_K=nan",
    "model.parameters='x'",
)


def words() -> st.SearchStrategy[str]:
    """A word of a command line; an operating system passes none with a NUL."""
    found = st.one_of(st.sampled_from([*THINGS, *NUMBERS, *WORDS, *KEYS]), st.text(max_size=8))
    return found.filter(lambda word: "\0" not in word and word.encode("utf-8", "surrogateescape") is not None)


@dataclass(frozen=True)
class Command:
    """A command with its positional arguments, and its options with their numbers of values."""

    words: tuple[str, ...]
    positional: int
    options: dict[str, int]
    required: tuple[str, ...]


def commands_of(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[Command]:
    """Every command of a parser, those inside commands too."""
    options: dict[str, int] = {}
    required: list[str] = []
    positional = 0
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands_of(inner, (*words, name))
            return
        if not action.option_strings:
            positional += 1
        elif action.dest != "help":
            options[action.option_strings[-1]] = 1 if action.nargs is None else int(action.nargs)
            required += [action.option_strings[-1]] if action.required else []
    yield Command(words, positional, options, tuple(required))


ALL_COMMANDS = list(commands_of(parser()))


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command, what it is about, and options, mostly with as many values as they take."""
    command = draw(st.sampled_from(ALL_COMMANDS))
    line = [*command.words, *(draw(st.sampled_from(THINGS)) for _ in range(command.positional))]
    optional = draw(st.lists(st.sampled_from(sorted(command.options)), max_size=3)) if command.options else []
    for option in [*command.required, *optional]:
        line += [option, *(draw(words()) for _ in range(command.options[option]))]
    return line + draw(st.sampled_from(([], [], [], [draw(words())])))


@pytest.fixture
def here(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder that holds what THINGS names."""
    monkeypatch.chdir(spoilt.parent)
    Path("empty").mkdir()
    Path("log.txt").write_text("no run file\n")
    Path("run.toml").write_text('[crystal]\nprototype = "fluorite"\n')


@fuzz
@given(command_lines())
def test_command_lines(here: None, line: list[str]) -> None:
    present = set(os.listdir())
    found = outcome(*line)
    if found.lines:
        assert set(os.listdir()) <= present, found.lines  # a refused command leaves nothing behind
