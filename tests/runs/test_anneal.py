"""crystal.anneal in a run file: printed, in results.json, the same on every backend, refused where it cannot act."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kmc.backends import available_backends
from runs.cli import main
from runs.config import load_config
from runs.prepare import prepare
from tests.runs.conftest import arguments

SMALL = [
    "crystal.repeats=[4, 4, 4]",
    "run.temperature_K=1200",
    "run.replicas=2",
    "run.frames=4",
    "run.equilibration={hops_per_carrier=1}",
    "run.duration={hops_per_carrier=4}",
    'run.positions="all"',
]
ANNEAL = "crystal.anneal={ temperature_K = 1500, sweeps = 2 }"


@pytest.mark.slow
def test_the_order_is_in_the_results_and_the_log(tmp_path: Path) -> None:
    folders = []
    for backend in [name for name, problem in available_backends().items() if not problem]:
        folder = tmp_path / backend
        given = arguments([*SMALL, ANNEAL, f'run.backend="{backend}"'])
        assert main(["run", "gdc", "--out", str(folder), *given]) == 0
        folders.append(folder)
    first = json.loads((folders[0] / "results.json").read_text(encoding="utf-8"))
    order = first["short_range_order"]
    assert [(each["species"], each["shell"]) for each in order] == [(["Gd", "Gd"], 1), (["Gd", "Gd"], 2)]
    assert "Gd annealed at 1500 K for 2 sweeps" in (folders[0] / "log.txt").read_text(encoding="utf-8")
    for folder in folders[1:]:  # bit for bit the same dopants, hence the same trajectory
        other = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        assert other["short_range_order"] == order and other["species"] == first["species"]


@pytest.mark.slow
def test_every_temperature_has_its_own_annealed_dopants() -> None:
    config, base = load_config("gdc", [*SMALL, ANNEAL, "run.temperature_K=[1100, 1200]"])
    one, other = prepare(config, base).systems
    dopants = [each.initial_state().occupants == each.model.code("Gd") for each in (one, other)]
    assert (dopants[0] != dopants[1]).any() and np.array_equal(dopants[0].sum(axis=1), dopants[1].sum(axis=1))


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("gdc", ["crystal.anneal={ temperature_K = 0 }"], "must be at least 1"),
        ("gdc", [ANNEAL, "crystal.doping={ Gd = { sites = [0, 1] } }"], "is given by sites or a profile"),
        ("lsf64", [ANNEAL], "has no pair energy of Sr"),
        ("gdc", [ANNEAL, "model.relative_permittivity=100"], "this model has Coulomb energies too"),
    ],
)
def test_refused(refused: Callable[..., str], name: str, overrides: list[str], message: str) -> None:
    assert message in refused("validate", name, *arguments([*SMALL, *overrides]))
