"""Damaged files of a run: refused by their name, or without effect on what is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given

from kmc.files.checkpoint import NAME, PREVIOUS, read_checkpoint
from kmc.files.trajectory import Trajectory, read_trajectory
from lattices.errors import InputError
from tests.fuzz.mutations import Damage, Mutation, damaged, damages, mutated, mutations
from tests.fuzz.outcomes import fuzz, outcome

pytestmark = pytest.mark.slow
Content = TypeVar("Content")
RESULTS = Path("T1300K") / "results.json"


def same(one: object, other: object) -> bool:
    """Whether two values hold the same arrays and numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, np.ndarray | tuple):
        return np.array_equal(np.asarray(one, dtype=object), np.asarray(other, dtype=object))
    return one == other


def attempt(read: Callable[[Path], Content], path: Path) -> tuple[Content | None, str]:
    """(what is read, "") or (None, the refusal)."""
    try:
        return read(path), ""
    except InputError as error:
        return None, str(error)


@dataclass(frozen=True)
class Intact:
    """An intact trajectory file. The fields are left out of its text, which Hypothesis prints with a failure."""

    raw: bytes = field(repr=False)
    content: Trajectory = field(repr=False)


@pytest.fixture(scope="module")
def trajectory(finished: Path) -> Intact:
    path = finished / "T1300K" / "trajectory.h5"
    return Intact(path.read_bytes(), read_trajectory(path))


@fuzz
@given(damages())
def test_trajectories(trajectory: Intact, folder: Path, changes: list[Damage]) -> None:
    path = folder / "trajectory.h5"
    path.write_bytes(damaged(trajectory.raw, changes))
    found, message = attempt(read_trajectory, path)
    if found is None:
        assert message.startswith(f"{path}: ") and "\n" not in message
    else:
        assert same(vars(found), vars(trajectory.content))


@fuzz
@given(damages())
def test_checkpoints(finished: Path, folder: Path, changes: list[Damage]) -> None:
    part = finished / "T1300K"
    intact = read_checkpoint(part)
    (folder / NAME).write_bytes(damaged((part / NAME).read_bytes(), changes))
    (folder / PREVIOUS).unlink(missing_ok=True)
    found, message = attempt(read_checkpoint, folder)
    if found is None:
        assert message.startswith(f"{folder / NAME}: ") and "\n" not in message
    else:
        assert same(dict(enumerate(found)), dict(enumerate(intact)))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures based on results are composed, and not drawn."""
    monkeypatch.setattr("analysis.plots.run.plot_msd", lambda *_: None)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_: None)


@fuzz
@given(damages())
def test_texts_of_results(finished: Path, spoilt: Path, undrawn: None, changes: list[Damage]) -> None:
    path = spoilt / RESULTS
    path.write_bytes(damaged((finished / RESULTS).read_bytes(), changes))
    found = outcome("plot", path.parent)
    assert found.names(path), found


@fuzz
@given(mutations())
def test_contents_of_results(finished: Path, spoilt: Path, undrawn: None, changes: list[Mutation]) -> None:
    path = spoilt / RESULTS
    results: dict[str, Any] = json.loads((finished / RESULTS).read_text(encoding="utf-8"))
    path.write_text(json.dumps(mutated(results, changes)[0], default=str), encoding="utf-8")
    found = outcome("plot", path.parent)
    assert found.names(path), found
