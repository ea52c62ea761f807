"""The device memory reported by `kmc validate`: what a run needs, and how many replicas fit."""

from __future__ import annotations

import pytest

from kmc.arrays import CHUNK
from kmc.backends import cuda_device
from kmc.measure.lag_windows import lags_of
from kmc.state.replicas import unwrapped_grid_positions
from runs.estimate import device_plan
from tests.systems import made_up_model, made_up_system

FRAMES = 20


@pytest.fixture
def planned():
    """(system of three replicas, bytes of one: its arrays, 40 bytes of records, and positions of lags + 2 frames)."""
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (4, 4, 4), 9, replicas=3)
    state = system.initial_state()
    positions = unwrapped_grid_positions(system.tables, state).nbytes // 3
    arrays = sum(array.nbytes for array in state.arrays().values()) // 3
    return system, arrays + 40 + (len(lags_of(FRAMES)) + 2) * positions


def fitting(free: float, each: int) -> int:
    """A tenth of the free memory is reserved for the pool, and 200 bytes per element of a chunk for temporaries."""
    return int(0.9 * free - 200 * CHUNK) // each


def test_without_a_device_two_common_memory_sizes_are_named(planned, monkeypatch):
    system, each = planned
    monkeypatch.setattr(cuda_device, "problem", lambda: "no device")
    total = (3 * each + 200 * CHUNK) / 1e6
    assert device_plan(system, FRAMES) == (
        f"{total:.4g} ({each / 1e6:.4g} a replica; at most {fitting(80e9, each)} on 80 GB, "
        f"{fitting(141e9, each)} on 141 GB)"
    )


def test_the_free_memory_of_the_present_device_is_used(planned, monkeypatch):
    system, each = planned
    monkeypatch.setattr(cuda_device, "problem", lambda: "")
    monkeypatch.setattr(cuda_device, "free_bytes", lambda: 3_000_000_000)
    assert device_plan(system, FRAMES).endswith(f"a replica; at most {fitting(3e9, each)} on this device)")
    monkeypatch.setattr(cuda_device, "free_bytes", lambda: 100_000_000)
    assert device_plan(system, FRAMES).endswith("a replica; at most 0 on this device)")
