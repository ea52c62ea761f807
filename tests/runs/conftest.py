"""Fixtures of short runs for tests of the command and the front door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runs.cli import main

TINY = [
    "run.temperature_K=[1300, 1400]",
    "run.frames=20",
    "run.replicas=4",
    "run.equilibration={hops_per_carrier=2}",
    "run.duration={hops_per_carrier=10}",
    'run.backend="numpy"',
]


def arguments(overrides: list[str]) -> list[str]:
    """Command-line arguments for overrides."""
    return [part for override in overrides for part in ("--set", override)]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run at two temperatures, shared by several tests, which must not change it."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    assert main(["run", "smallest", "--out", str(folder), *arguments(TINY)]) == 0
    return folder


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the command, expect exit code 2 and a single line on stderr, and return that line."""

    def call(*argv: object) -> str:
        try:
            code = main([str(argument) for argument in argv])
        except SystemExit as end:  # argparse
            code = end.code
        line = capsys.readouterr().err
        assert code == 2, line
        assert line.count("\n") == 1, line
        assert line.startswith("kmc"), line
        return line

    return call
