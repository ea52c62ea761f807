"""Tracer diffusivity and correlation factor of walks with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import Estimate, Unavailable, UnavailableError, jackknife_stderr
from analysis.statistics.independent_samples import independent_samples
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.tracer import (
    TracerSamples,
    check_motion,
    label_exchange,
    msd_curve,
    tracer_estimates,
    tracer_samples,
)
from kmc.files.trajectory import Trajectory
from tests.analysis.synthetic import FRAME_S, SPACING_M, diffusivity, lattice_steps, synthetic

RATE = 0.5


def plain(seed: int, frames: int = 100, replicas: int = 8, particles: int = 20) -> Trajectory:
    steps, hops = lattice_steps(np.random.default_rng(seed), (frames, replicas, particles), RATE)
    return synthetic({"V_O": steps}, {"V_O": hops})


def rattling(seed: int, flip: float, frames: int, replicas: int = 8, particles: int = 50) -> Trajectory:
    """Lattice walkers that also jump back and forth between two positions along x, with probability `flip` per frame.

    Their MSD is that of the walk plus (1 - exp(-lag/tau))/2 with tau = -1/ln(1 - 2 flip) frames.
    """
    rng = np.random.default_rng(seed)
    steps, hops = lattice_steps(rng, (frames, replicas, particles), 0.01)
    place = rng.integers(0, 2, (1, replicas, particles))
    flips = rng.random((frames, replicas, particles)) < flip
    places = np.concatenate([place, (place + np.cumsum(flips, axis=0)) % 2])
    steps[..., 0] += np.diff(places, axis=0)
    return synthetic({"V_O": steps}, {"V_O": hops + flips})


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [8, 1])
def test_error_bars_cover_the_truth(replicas: int) -> None:
    """D* and f of 150 runs: pulls outside the 95 % interval of Student's t within binomial bounds, false alarm 1e-4.

    With one replica the samples are time groups, which are slightly correlated: 8 % instead of 5 % is allowed.
    """
    outside = {"D": 0, "f": 0}
    sets = 150
    values = []
    for seed in range(sets):
        trajectory = plain(seed, frames=128, replicas=replicas)
        independent = independent_samples(trajectory)
        rows = tracer_samples(trajectory, independent, "V_O", None)
        limit = stats.t.ppf(0.975, independent.n_samples - 1)
        values.append(rows.diffusivity[0] / diffusivity(RATE))
        for name, row, truth in (("D", rows.diffusivity, diffusivity(RATE)), ("f", rows.correlation, 1.0)):
            outside[name] += abs(row[0] - truth) > limit * jackknife_stderr(row)
    expected = 0.05 if replicas == 8 else 0.08
    for count in outside.values():
        assert stats.binom.ppf(5e-5, sets, 0.05) <= count <= stats.binom.ppf(1 - 5e-5, sets, expected)
    assert abs(np.mean(values) - 1.0) < 5 * np.std(values) / np.sqrt(sets)  # unbiased; false alarm 1e-6


@pytest.mark.statistical
def test_back_and_forth_jumps_count_as_hops_but_not_as_diffusion() -> None:
    """Within 5 errors (20 replicas, false alarm below 1e-4); the offset of the MSD exceeds 6 D* t at short lags."""
    trajectory = rattling(1, flip=0.3, frames=200, replicas=20)
    samples = TransportAnalysis(trajectory).tracer("V_O")
    diffusion, correlation = tracer_estimates(samples)
    assert abs(diffusion.value - diffusivity(0.01)) < 5 * diffusion.stderr
    assert abs(correlation.value - 0.06 / 0.36) < 5 * correlation.stderr
    assert diffusion.stderr < 0.05 * diffusion.value
    assert samples.fit.bound_reason is None
    one_lag = msd_curve(trajectory, "V_O", samples).msd_m2[3] / (6 * 8 * FRAME_S)
    assert one_lag > 1.5 * diffusion.value  # what a fit without offset would make of it


@pytest.mark.statistical
@pytest.mark.parametrize("flip", [0.01, 0.025, 0.05, 0.11, 0.3])
def test_a_relaxing_walk_is_fitted_beyond_its_relaxation_or_is_an_upper_bound(flip: float) -> None:
    """Relaxation times of a quarter of the run down to one frame, where the rattling exceeds the diffusion.

    Within 4.5 errors (8 replicas, false alarm 0.3 %) or with a note.
    """
    trajectory = rattling(2, flip, frames=200, particles=800)
    estimate = tracer_estimates(TransportAnalysis(trajectory).tracer("V_O"))[0]
    assert isinstance(estimate, Estimate)
    right = abs(estimate.value - diffusivity(0.01)) < 4.5 * estimate.stderr
    assert right or (estimate.value > diffusivity(0.01) and str(estimate.note).startswith("upper bound"))
    if flip < 0.02:
        assert estimate.note, estimate
    if flip > 0.2:
        assert estimate.note is None and estimate.stderr < 0.02 * estimate.value


@pytest.mark.slow
def test_curvature_inside_a_given_range_is_reported() -> None:
    """tau is a thirtieth of the run: long enough to be taken, yet the shortest lags are still bent."""
    trajectory = rattling(3, flip=0.07, frames=200, replicas=16, particles=1500)
    samples = TransportAnalysis(trajectory, (0.05, 0.5)).tracer("V_O")
    estimate = tracer_estimates(samples)[0]
    assert isinstance(estimate, Estimate) and "not yet linear" in str(estimate.note)


def test_tensor_in_a_skew_grid() -> None:
    """Rates differ by axis, hops are sheared and grid vectors are skew: each entry is within 5.5 standard errors."""
    rates = (0.2, 0.5, 1.0)
    shear = np.array([[1, 1, 0], [0, 1, -1], [0, 0, 1]])
    vectors = np.array([[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [0.0, 0.3, 2.0]]) * SPACING_M
    steps, hops = lattice_steps(np.random.default_rng(4), (100, 40, 30), rates)
    trajectory = synthetic({"V_O": steps @ shear}, {"V_O": hops}, grid_vectors_m=vectors, cubic=False)
    estimate = tracer_estimates(TransportAnalysis(trajectory).tracer("V_O"))[0]
    truth = (shear @ vectors).T @ np.diag(rates) @ (shear @ vectors) / FRAME_S
    assert estimate.tensor is not None and estimate.tensor_stderr is not None
    assert np.abs((estimate.tensor - truth) / estimate.tensor_stderr).max() < 5.5
    assert estimate.value == pytest.approx(np.trace(estimate.tensor) / 3.0, rel=1e-12)


def test_a_cubic_crystal_has_an_isotropic_tensor_and_no_principal_values() -> None:
    estimate = tracer_estimates(TransportAnalysis(plain(5)).tracer("V_O"))[0]
    assert isinstance(estimate, Estimate) and estimate.tensor is not None and estimate.tensor_stderr is not None
    assert np.allclose(estimate.tensor, estimate.value * np.eye(3), rtol=0, atol=1e-12 * estimate.value)
    assert np.allclose(np.diag(estimate.tensor_stderr), estimate.stderr)
    assert estimate.principal is None and estimate.note is None


def test_principal_values_of_a_layered_crystal() -> None:
    """Rates 0.2, 1, 1 along the axes of a rotated frame: values in ascending order, each within 5 standard errors."""
    steps, hops = lattice_steps(np.random.default_rng(4), (100, 40, 30), (1.0, 0.2, 1.0))
    estimate = tracer_estimates(TransportAnalysis(synthetic({"V_O": steps}, {"V_O": hops}, cubic=False)).tracer("V_O"))[
        0
    ]
    assert isinstance(estimate, Estimate) and estimate.principal is not None and estimate.principal_stderr is not None
    truth = np.array([0.2, 1.0, 1.0]) * SPACING_M**2 / FRAME_S
    assert np.abs((estimate.principal - truth) / estimate.principal_stderr).max() < 5
    assert estimate.as_json()["principal_values"] == estimate.principal.tolist()
    assert "not cubic" in str(estimate.note)


def test_no_hops_and_a_field_are_refused() -> None:
    still = synthetic({"V_O": np.zeros((100, 8, 4, 3), dtype=np.int64)})
    with pytest.raises(UnavailableError, match="no hop"):
        tracer_samples(still, independent_samples(still), "V_O", None)
    driven = replace(plain(6), field_V_per_m=np.array([1e6, 0.0, 0.0]))
    with pytest.raises(UnavailableError, match="field"):
        tracer_samples(driven, independent_samples(driven), "V_O", None)


@pytest.mark.statistical
def test_curve_holds_every_lag_and_lies_on_its_fit() -> None:
    trajectory = plain(7, replicas=16, particles=200)
    curve = msd_curve(trajectory, "V_O", TransportAnalysis(trajectory).tracer("V_O"))
    np.testing.assert_allclose(curve.time_s, trajectory.lag_frames * FRAME_S)
    truth = 6 * diffusivity(RATE) * curve.time_s
    assert np.abs((curve.msd_m2 - truth) / curve.stderr_m2).max() < 6  # 16 replicas, 6 lags: false alarm below 1e-3
    assert curve.fit is not None
    offset, slope = curve.fit
    np.testing.assert_allclose((offset + slope * curve.time_s)[3:], curve.msd_m2[3:], rtol=0.05)


def test_the_host_of_an_electronic_carrier_has_no_diffusivity() -> None:
    """A hop of an electron exchanges labels with its host only, which does not move; partners of ions do diffuse."""
    steps, hops = lattice_steps(np.random.default_rng(8), (100, 8, 4), RATE)
    analysis = TransportAnalysis(synthetic({"electron": steps}, {"electron": hops}, {"electron": -1}))
    with pytest.raises(UnavailableError, match=r"leave host in place: see species\.electron"):
        check_motion(analysis.trajectory, "host")
    assert isinstance(analysis.tracer("host"), Unavailable)
    assert isinstance(analysis.tracer("electron"), TracerSamples)
    check_motion(plain(1), "V_O")
    assert label_exchange(plain(1)) == {}
