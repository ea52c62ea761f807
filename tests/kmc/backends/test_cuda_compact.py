"""Walks with a warp per replica on the stand-in for a GPU: chosen by size, and equal to NumPy's bit for bit.

Each test runs in its own process, because a real CuPy may be installed as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kmc.backends.cuda_compact import (
    compact_bonds,
    fits_free,
    fits_plain,
    free_bytes,
    lanes_of_carrier,
    lattice_constants,
    plain_bytes,
)
from kmc.state.rejection_free import build_rate_bounds
from tests.systems import gas_system, made_up_model, made_up_system

ROOT = Path(__file__).parents[3]
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

EQUAL = """
import numpy as np, cupy
from kmc.backends import make_walker
from kmc.run.schedule import window_trials
from tests.systems import gas_system, made_up_model, made_up_system, same
few = made_up_system(made_up_model(), (4, 4, 4), 26, replicas=3)
crowded = made_up_system(made_up_model(), (2, 3, 4), 150, replicas=2)
alone = made_up_system(made_up_model(), (3, 4, 5), 60, replicas=2, tracked=False)
perovskite = made_up_system(made_up_model("perovskite"), (4, 5, 6), 40, replicas=2, dopants=9)
chain = gas_system((4.0, 9.0, 11.0), (128, 1, 1), 90, 900.0, replicas=2)
for system in (few, crowded, alone, perovskite, chain):
    walks = [make_walker(kind, system, system.initial_state()) for kind in ("numpy", "cuda")]
    for window, mean in enumerate((1, 301, 40)):
        for walk in walks:
            walk.advance(window_trials(system, window, mean))
    assert same(walks[0].read(), walks[1].read())
    assert abs(walks[0].read().image).max() > 0 and walks[0].read().accepted.min() > 20
launches = getattr(cupy, "LAUNCHES", [("walk_plain_warp", 1, 1)])
assert {name for name, _, _ in launches if name.startswith("walk")} == {"walk_plain_warp"}
"""
FREE = """
import numpy as np, cupy
from hypothesis import HealthCheck, given, settings
from kmc.backends import make_walker
from lattices.errors import InputError
from tests.kmc.backends.test_backends import systems
from tests.systems import made_up_model, made_up_system, same
seen = []

def compare(system, trials):
    try:
        start = system.initial_state()
    except InputError:
        return
    walks = [make_walker(kind, system, start.copy(), "rejection-free") for kind in ("numpy", "cuda")]
    for window in range(3):
        for walk in walks:
            walk.advance(np.full(system.replicas, trials if window else 2))
    assert same(walks[0].read(), walks[1].read())
    for name in ("weight", "tree"):
        assert (getattr(walks[0]._weights, name) == walks[1]._bounds[name].get()).all(), name
    seen.append(int(walks[0].read().accepted.sum()))

pairs = [("V_O", "V_O", 1, 0.12), ("V_O", "V_O", 2, -0.05), ("V_O", "D", 1, -0.1)]
crowded = made_up_system(made_up_model(pairs=pairs), (2, 3, 3), 50, dopants=9, replicas=2, temperature_K=1800.0)
compare(crowded, 20_000)
assert seen[0] > 200, "many carriers around one hop, some of them around both of its ends"
given(systems())(settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))(
    lambda system: compare(system, 301)
))()
assert len(seen) > 6 and sum(seen[1:]) > 100, seen
launches = getattr(cupy, "LAUNCHES", [("walk_free_warp", 1, 1)])
assert {name for name, _, _ in launches if name.startswith("walk")} == {"walk_free_warp"}
"""


def played(script: str) -> None:
    """Run a script with the stand-in in place of CuPy."""
    stand_in = [] if os.environ.get("MIEC_KMC_REAL_GPU") else [str(ROOT / "tests" / "stand_in")]
    path = os.pathsep.join([*stand_in, str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@needs_compiler
@pytest.mark.slow
def test_plain_walks_with_a_warp_per_replica_equal_numpy():
    """Dilute and crowded lattices, carriers alone, edges of 1 and 128 cells, windows shorter than a batch."""
    played(EQUAL)


@needs_compiler
@pytest.mark.slow
def test_rejection_free_walks_with_a_warp_per_replica_equal_numpy():
    """Random models with one and two carriers, and a crowded cell; the weights and their tree are compared too."""
    played(FREE)


def test_the_warp_walk_is_chosen_by_size():
    """One family with a single barrier, at least 8 carriers, at most 128 cells along an edge, two replicas per SM."""
    small = made_up_system(made_up_model(), (4, 4, 4), 26).tables
    assert plain_bytes(small) == 2 * 512 + 4 * 26 + 4 * 1024
    assert fits_plain(small, 2 * plain_bytes(small)) and not fits_plain(small, 2 * plain_bytes(small) - 1)
    assert not fits_plain(made_up_system(made_up_model(), (4, 4, 4), 7).tables, 10**6)
    assert not fits_plain(made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (4, 4, 4), 26).tables, 10**6)
    assert fits_plain(gas_system((4.0, 9.0, 11.0), (128, 1, 1), 90, 900.0).tables, 10**6)
    assert not fits_plain(gas_system((4.0, 9.0, 11.0), (129, 1, 1), 90, 900.0).tables, 10**6)


def test_the_rejection_free_warp_walk_is_chosen_by_size():
    """Two replicas of weights and tree fit; a carrier with 6 directions takes 8 lanes."""
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (4, 4, 4), 40)
    bounds = build_rate_bounds(system.tables, system.initial_state())
    needed = free_bytes(system.tables, bounds)
    assert needed == 8 * (64 + 32 + 32 + 40 * 6 + 6 + 1), (
        "levels of 40, 2 and 1 nodes; 6 sites around each end of a hop"
    )
    assert fits_free(system.tables, bounds, 2 * needed) and not fits_free(system.tables, bounds, 2 * needed - 1)
    assert lanes_of_carrier(system.tables) == 8


def test_bonds_in_four_bytes():
    tables = made_up_system(made_up_model(), (3, 4, 5), 30).tables
    packed = compact_bonds(tables)
    assert packed.shape == (8, 6)
    assert np.array_equal(packed >> 24, tables.bond_basis[0])
    for axis in range(3):
        assert np.array_equal(packed >> 8 * axis & 0xFF, tables.bond_cell[0, ..., axis])
    assert dict(lattice_constants(tables)) == {
        "KMC_NX": 3, "KMC_NY": 4, "KMC_NZ": 5, "KMC_BASIS": 8, "KMC_CARRIERS": 30, "KMC_DIRECTIONS": 6,
    }  # fmt: skip
