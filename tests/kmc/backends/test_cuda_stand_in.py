"""The CUDA backend on a stand-in for CuPy (tests/stand_in): walks equal NumPy's, and the memory use is as planned.

Each test runs in its own process, because a real CuPy may be installed as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kmc.backends.cuda_memory import POSITION_BYTES, bytes_per_replica, check_memory
from kmc.state.rejection_free import build_rate_bounds
from kmc.state.replicas import unwrapped_grid_positions
from lattices.errors import InputError
from tests.systems import made_up_model, made_up_system

ROOT = Path(__file__).parents[3]
SYSTEMS = """
import numpy as np, cupy
from kmc.backends import make_grand_walker, make_walker
from kmc.carriers.neutral_component import neutral_component
from kmc.run.schedule import window_trials
from kmc.state.grand_state import grand_state
from tests.systems import NOTE, made_up_model, made_up_system, same
polarons = {"barriers": [{"energy_eV": 0.3, **NOTE}]}
pairs = [("V_O", "V_O", 1, 0.1), ("V_O", "electron", 1, -0.1)]
two = made_up_model("perovskite", {("M",): 0.4, ("D",): 0.5, ("electron",): 0.45}, pairs, polarons=polarons)
SYSTEMS = {
    "single barrier": lambda n: made_up_system(made_up_model(), (6, 6, 6), 40, replicas=n),
    "few carriers": lambda n: made_up_system(made_up_model(), (6, 6, 6), 7, replicas=n),
    "carriers alone": lambda n: made_up_system(made_up_model(), (6, 6, 6), 40, replicas=n, tracked=False),
    "two carriers": lambda n: made_up_system(two, (8, 8, 8), 40, dopants=9, electrons=12, replicas=n),
}
"""
WALKS = (
    SYSTEMS
    + """
for name, make in SYSTEMS.items():
    system = make(3)
    # without shared memory a thread takes a replica
    cupy.cuda.Device.attributes["MaxSharedMemoryPerBlockOptin"] = 0 if name == "few carriers" else 227 * 1024
    choices = [{}, {"selection": "rejection-free"}, {"block": 3 if name != "two carriers" else 4}]
    for choice in choices[: 1 if name == "carriers alone" else 3]:
        walks = [make_walker(kind, system, system.initial_state(), **choice) for kind in ("numpy", "cuda")]
        for window in range(2):
            for walk in walks:
                walk.advance(window_trials(system, window, 300) if not choice.get("block") else np.full(3, 300))
        assert same(walks[0].read(), walks[1].read()), (name, choice)
component = neutral_component(system.tables, system.model.vacancies)
ends = [grand_state(system.tables, component, system.initial_state(), 100_000) for kind in range(2)]
for end, kind in zip(ends, ("numpy", "cuda")):
    walk = make_grand_walker(kind, system, end)
    walk.advance(200, 0)
    walk.read()
assert (ends[0].histogram == ends[1].histogram).all() and (ends[0].ion_order == ends[1].ion_order).all()
assert not hasattr(cupy, "LAUNCHES") or {name for name, _, _ in cupy.LAUNCHES} >= {
    "walk_energies", "walk_plain_warp", "walk_single_barrier", "walk_rejection_free", "walk_free_warp",
    "visit_energies", "visit_single_barrier", "walk_neutral",
}
"""
)
MEMORY = (
    SYSTEMS
    + """
from kmc.backends.cuda_memory import bytes_per_replica
for name, make in SYSTEMS.items():
    for selection in ("rejection", "rejection-free")[: 1 if name == "carriers alone" else 2]:
        peak = {}
        for replicas in (1, 5):
            system = make(replicas)
            state = system.initial_state()
            free = selection == "rejection-free"
            cupy.get_default_memory_pool().free_all_blocks()
            before = cupy._pool["used"]
            walk = make_walker("cuda", system, state, selection)
            walk.advance(np.full(replicas, 10))
            peak[replicas] = cupy._pool["held"] - before
            del walk
        assert (peak[5] - peak[1]) / 4 == bytes_per_replica(system.tables, 0, free), (name, selection, peak)
"""
)
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


OUTSIDE = """
import cupy, numpy as np
code = 'extern "C" __global__ void outside(const int32_t* from, int32_t* to, int32_t k) { to[0] = from[k]; }'
function = cupy.RawModule(code=code).get_function("outside")
here, there = cupy.zeros(7, dtype=np.int32), cupy.zeros(1, dtype=np.int32)
function((1,), (1,), (here, there, np.int32(6)))
print("inside", flush=True)
function((1,), (1,), (here, there, np.int32(8)))
"""
FLAGS = {
    "undefined": {"FAKE_CUPY_FLAGS": "-O1 -g -fsanitize=undefined -fno-sanitize-recover=all"},
    "address": {
        "FAKE_CUPY_FLAGS": "-O1 -g -fsanitize=address",
        "FAKE_CUPY_POISON": "1",
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    },
}


def sanitized(script: str, sanitizer: str) -> subprocess.CompletedProcess[str]:
    """Run a script on the stand-in with kernels compiled for a sanitizer."""
    path = os.pathsep.join([str(ROOT / "tests" / "stand_in"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, **FLAGS[sanitizer]}
    if sanitizer == "address":
        command = ["g++", "-print-file-name=libasan.so"]
        environment["LD_PRELOAD"] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)


@pytest.mark.skipif(bool(os.environ.get("MIEC_KMC_REAL_GPU")), reason="of the stand-in")
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", FLAGS)
def test_device_code_is_clean_under_a_sanitizer(sanitizer):
    """Every walk; the address sanitizer also finds reads outside an array, as the small kernel shows."""
    done = sanitized(WALKS, sanitizer)
    assert done.returncode == 0, done.stderr[-2000:]
    if sanitizer == "address":
        broken = sanitized(OUTSIDE, sanitizer)
        assert broken.stdout == "inside\n" and "use-after-poison" in broken.stderr, broken.stderr[-2000:]


def played(script: str) -> None:
    """Run a script with the stand-in in place of CuPy."""
    stand_in = [] if os.environ.get("MIEC_KMC_REAL_GPU") else [str(ROOT / "tests" / "stand_in")]
    path = os.pathsep.join([*stand_in, str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


@needs_compiler
@pytest.mark.slow
def test_every_walk_on_the_stand_in_equals_numpy():
    played(WALKS)


@needs_compiler
@pytest.mark.slow
def test_the_planned_memory_of_a_replica_is_what_the_walker_takes():
    """Peak pool size with 5 replicas minus that with 1: state, errors, trials, and the bounds of the rates."""
    played(MEMORY)


@pytest.mark.parametrize("tracked", [True, False])
def test_the_planned_memory_is_the_sum_of_the_arrays(tracked):
    """Without a device: arrays of the state, 32 bytes of errors, 8 of trials, and positions of lags + 2 frames."""
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (4, 4, 4), 9, replicas=2, tracked=tracked)
    state = system.initial_state()
    each = sum(array.nbytes for array in state.arrays().values()) // 2 + 40
    positions = unwrapped_grid_positions(system.tables, state).nbytes // 2
    assert positions == POSITION_BYTES * system.tables.n_particles
    assert bytes_per_replica(system.tables) == each
    assert bytes_per_replica(system.tables, 7) == each + 9 * positions


def test_a_rejection_free_walk_is_refused_where_only_rejection_fits():
    """Rate bounds take memory too: most of the replicas that fit with rejection do not fit with them."""
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (4, 4, 4), 9, replicas=1)
    state = system.initial_state()
    bounds = build_rate_bounds(system.tables, state)
    extra = bounds.base2.nbytes + 8 * (bounds.n_entries * system.tables.bond_basis.shape[-1] + bounds.n_tree)
    each, free_each = (bytes_per_replica(system.tables, 0, free) for free in (False, True))
    assert free_each == each + extra
    free = 1_000_000_000
    most = int(0.95 * free) // each
    check_memory(lambda number: number * each, most, free)
    with pytest.raises(InputError, match=f"replicas = {most}: .* at most {int(0.95 * free) // free_each} replicas fit"):
        check_memory(lambda number: number * free_each, most, free)
