"""Simulations with thermodynamics on the fastest backend, and comparison of an estimate with an exact value."""

from __future__ import annotations

from kmc.files.trajectory import read_trajectory
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings, Thermodynamics
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from tests.systems import BACKENDS

FAST = next(name for name in BACKENDS if name != "numpy" or len(BACKENDS) == 1)
TEMPERATURE_K = 1000.0
KT = BOLTZMANN_EV_K * TEMPERATURE_K


def ran(system, folder, hops, frames, **asked):
    settings = Settings(Hops(20.0), Hops(hops), frames, "none", thermodynamics=Thermodynamics(**asked))
    run(system, settings, folder, backend=FAST)
    return read_trajectory(folder / "trajectory.h5")


def near(entry, exact, most):
    """Assert that an estimate is within 4 errors of the exact value, with a relative error of at most `most`."""
    assert entry["value"] is not None, entry["reason"]
    assert entry["stderr"] < most * exact, entry
    assert abs(entry["value"] - exact) < 4 * entry["stderr"], (entry, exact)
