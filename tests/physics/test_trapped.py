"""Carriers that dopants trap: a run that is too short says so instead of giving a wrong diffusivity."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report import analyze
from kmc.files.trajectory import read_trajectory
from kmc.run.engine import run
from runs.config import load_config
from runs.prepare import prepare
from tests.systems import BACKENDS

TRUTH_M2_S = 3.0e-11  # D* of H from 4 replicas of 30000 hops per carrier after 3000: 2.8(7)e-11
FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_short_runs_of_trapped_protons_give_upper_bounds(seed: int, tmp_path: Path) -> None:
    """BZY at 600 K, 50 + 300 hops per proton: D* comes out 5 times too high, and every seed says that it is a bound.

    D_sigma says so, or its 95 % interval reaches down to a value that exceeds the true D* by no more than H_R < 1 can
    explain.
    """
    keys = ["crystal.repeats=[6,6,6]", "run.temperature_K=600", f"run.seed={seed}", 'run.positions="none"']
    keys += ["run.equilibration={hops_per_carrier=50}", "run.duration={hops_per_carrier=300}"]
    config, base = load_config("bzy", keys)
    job = prepare(config, base).jobs[0]
    run(job.system, job.settings, tmp_path / "run", backend=FAST[0])
    results = analyze(read_trajectory(tmp_path / "run" / "trajectory.h5"))
    protons = results["species"]["H"]
    tracer, collective = protons["tracer_diffusivity_m2_s"], protons["collective_diffusivity_m2_s"]
    assert tracer["value"] > 3 * TRUTH_M2_S and tracer["note"].startswith("upper bound")
    assert not protons["tracer_fit"]["diffusive"] and protons["tracer_fit"]["local_exponent"]["value"] < 0.8
    assert any(line.startswith("D* of H: upper bound") for line in results["warnings"])
    assert "upper bound" in collective.get("note", "") or collective["interval_95"][0] < 2 * TRUTH_M2_S
