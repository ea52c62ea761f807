"""The path of the collective motion with and without samples between the frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.report import analyze
from analysis.transport.collective_path import collective_path
from tests.analysis.synthetic import lattice_steps, synthetic


def test_frames_may_be_dropped_where_samples_remain() -> None:
    """Every fourth frame of a walk, with the frames between as samples: D_sigma, L and their errors are the same."""
    steps, hops = lattice_steps(np.random.default_rng(1), (128, 8, 5), 0.5)
    whole = synthetic({"V_O": steps}, {"V_O": hops})
    names = [record.name for record in whole.species]
    own = whole.summed_displacement[1:, :, [names.index("V_O")]]
    sampled = np.concatenate([np.zeros((1, 4, *own.shape[1:]), dtype=np.int64), own.reshape(32, 4, *own.shape[1:])])
    thinned = replace(
        whole,
        carrier_samples=sampled,
        sampled_species=("V_O",),
        **{name: getattr(whole, name)[::4] for name in ("time_s", "summed_displacement", "trials", "accepted")},
    )
    mobile = [record.name for record in whole.species if record.mobile and record.count]
    one, other = collective_path(whole, mobile), collective_path(thinned, mobile)
    np.testing.assert_array_equal(one.position_m, other.position_m)
    assert (one.steps, other.steps, other.per_frame) == (128, 128, 4) and one.interval_s == other.interval_s
    every, fewer = analyze(whole), analyze(thinned)
    for key in ("collective_diffusivity_m2_s",):
        assert every["species"]["V_O"][key] == fewer["species"]["V_O"][key]
    assert every["species"]["V_O"]["collective_fit"] == fewer["species"]["V_O"]["collective_fit"]
    assert every["onsager"] == fewer["onsager"]
