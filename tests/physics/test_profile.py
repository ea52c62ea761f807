"""Profiles: sums over bins are the totals, and vacancies accumulate where dopants bind them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.report import analyze, analyze_folder
from kmc.files.trajectory import read_trajectory
from kmc.measure.profile import ProfileSettings
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system


def _system(**more):
    return made_up_system(made_up_model(), (6, 4, 4), vacancies=60, dopants=20, replicas=6, seed=4, **more)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("axis", [0, 2])
def test_the_bins_sum_to_the_total(backend, axis, tmp_path):
    bins = 3 if axis == 0 else 4
    asked = Settings(Hops(2.0), Hops(40.0), frames=40, profile=ProfileSettings(axis, bins))
    run(_system(), asked, tmp_path, backend=backend)
    seen = read_trajectory(tmp_path / "trajectory.h5")
    kept, counts = seen.profile, [record.count for record in seen.species]
    assert kept.bins == bins and kept.frames.sum() == 40
    for s, name in enumerate(record.name for record in seen.species):
        assert (kept.initial[:, s].sum(axis=-1) == counts[s]).all()
        if name in ("O", "V_O"):
            assert (kept.occupancy[:, :, s].sum(axis=(0, 2)) == 40 * counts[s]).all()
            assert (kept.count[:, :, :, s].sum(axis=-1) == seen.msd_windows[:, :, None] * counts[s]).all()
            assert np.array_equal(kept.moment[:, :, :, s].sum(axis=-2), seen.second_moment[:, :, :, s, :3])


@pytest.mark.slow
@pytest.mark.statistical
def test_a_flat_crystal_has_a_flat_profile(tmp_path):
    """Every bin has the mean site fraction within 4 errors, and the local diffusivities average to D*."""
    run(
        _system(),
        Settings(Hops(2.0), Hops(400.0), frames=100, profile=ProfileSettings(0, 6)),
        tmp_path,
        backend=BACKENDS[0],
    )
    results = analyze(read_trajectory(tmp_path / "trajectory.h5"))
    entry = results["profile"]["species"]["V_O"]
    fraction, stderr = (np.array(entry["site_fraction"][k]) for k in ("value", "stderr"))
    assert fraction.mean() == pytest.approx(60 / 768, rel=1e-12)
    assert (np.abs(fraction - 60 / 768) < 4 * stderr).all() and (stderr < 0.05 * fraction).all()
    local = entry["local_tracer_diffusivity_m2_s"]
    value, stderr = np.array(local["value"]), np.array(local["stderr"])
    tracer = results["species"]["V_O"]["tracer_diffusivity_m2_s"]
    assert (np.abs(value - tracer["value"]) < 4 * np.hypot(stderr, tracer["stderr"])).all()
    assert json.loads(json.dumps(results["profile"])) == results["profile"]


def test_a_profile_survives_a_stop(tmp_path):
    asked = Settings(Hops(1.0), Hops(20.0), frames=20, profile=ProfileSettings(1, 4))
    run(_system(), asked, tmp_path / "whole")
    seen = []
    stop = {"report": seen.append, "stop": lambda: bool(seen) and seen[-1].phase == "production" and seen[-1].done == 7}
    assert not run(_system(), asked, tmp_path / "part", **stop)
    assert run(_system(), asked, tmp_path / "part", resume=True)
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5").profile for name in ("whole", "part"))
    assert all(np.array_equal(one.arrays()[name], other.arrays()[name]) for name in one.arrays())


def test_a_profile_is_drawn_and_reported(tmp_path):
    from analysis.plots.run import plot_folder

    run(_system(), Settings(Hops(1.0), Hops(40.0), frames=40, profile=ProfileSettings(0, 6)), tmp_path)
    analyze_folder(tmp_path)
    assert tmp_path / "profile.png" in plot_folder(tmp_path)


def test_too_many_bins_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"profile\.bins = 7: from 1 to 6 \(the cells along axis 0\)"):
        run(_system(), Settings(Hops(1.0), Hops(20.0), frames=20, profile=ProfileSettings(0, 7)), tmp_path)
