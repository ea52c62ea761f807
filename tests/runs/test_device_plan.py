"""The device memory reported by `kmc validate`: what a run needs, and how many replicas fit."""

from __future__ import annotations

import re

import pytest

from kmc.backends import cuda_device
from kmc.run.device_plan import DevicePlan
from runs.config import load_config
from runs.estimate import device_plan
from runs.prepare import prepare


@pytest.fixture
def planned():
    """(a job with three replicas, its plan)."""
    (job,) = prepare(*load_config("smallest", ["run.temperature_K=1200", "run.replicas=3", 'run.backend="numpy"'])).jobs
    return job, DevicePlan(job.system, job.settings, job.settings.frames)


def test_without_a_device_two_common_memory_sizes_are_named(planned, monkeypatch):
    """As many replicas are said to fit as the plan allows in 95 % of the memory, and not one more."""
    job, plan = planned
    monkeypatch.setattr(cuda_device, "problem", lambda: "no device")
    found = re.fullmatch(r"(\S+) \(replicas that fit: (\d+) on 80 GB, (\d+) on 141 GB\)", device_plan(job))
    assert found and float(found[1]) == pytest.approx(plan.bytes(3) / 1e6, rel=1e-3)
    for most, size in ((int(found[2]), 80e9), (int(found[3]), 141e9)):
        assert plan.bytes(most) <= 0.95 * size < plan.bytes(most + 1)


def test_the_free_memory_of_the_present_device_is_used(planned, monkeypatch):
    job, plan = planned
    monkeypatch.setattr(cuda_device, "problem", lambda: "")
    for free in (3_000_000_000, 1000):
        monkeypatch.setattr(cuda_device, "free_bytes", lambda free=free: free)
        found = re.search(r"(\d+) on this device\)$", device_plan(job))
        assert found and plan.bytes(int(found[1]) + 1) > 0.95 * free
        assert int(found[1]) == 0 or plan.bytes(int(found[1])) <= 0.95 * free
