"""The linear MSD estimator: weights, error bars over many synthetic runs, and the runs that it rejects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import (
    UnavailableError,
    leave_one_out,
)
from analysis.statistics.independent_samples import IndependentSamples, independent_samples
from analysis.statistics.msd_fit import (
    Weights,
    collective_candidates,
    correlation_reason,
    curvature_reason,
    gls_weights,
    nested_covariance,
    overlapping_covariance,
    tracer_candidates,
)
from tests.analysis.synthetic import lattice_steps, synthetic

GIVEN = (0.05, 0.5)
ONE = IndependentSamples(np.zeros((1, 1), dtype=np.int64), 1, "one", None)


def brownian_msd(rng: np.random.Generator, runs: int, frames: int, lags: list[int], overlapping: bool) -> np.ndarray:
    """(runs, K) mean-square displacements of 3D Brownian walkers with MSD(t) = t."""
    walk = np.zeros((runs, frames + 1, 3))
    walk[:, 1:] = np.cumsum(rng.normal(scale=3**-0.5, size=(runs, frames, 3)), axis=1)
    columns = []
    for lag in lags:
        moved = walk[:, lag:] - walk[:, :-lag]
        columns.append((moved[:, :: 1 if overlapping else lag] ** 2).sum(axis=2).mean(axis=1))
    return np.stack(columns, axis=1)


@pytest.mark.statistical
@pytest.mark.parametrize("overlapping", [False, True])
def test_covariance_of_brownian_windows(overlapping: bool) -> None:
    """Compared with 40000 walkers: each entry within 5.5 standard errors (12 entries, false alarm below 1e-6)."""
    frames, lags = 46, [4, 8, 16]  # 46 frames: windows of the long lags do not cover the last ones
    windows = np.array([frames // lag for lag in lags])
    exact = (
        overlapping_covariance(np.array(lags), frames) if overlapping else nested_covariance(np.array(lags), windows)
    )
    msd = brownian_msd(np.random.default_rng(1), 40000, frames, lags, overlapping)
    centred = msd - np.array(lags)
    products = centred[:, :, None] * centred[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(products))
    assert np.abs((products.mean(axis=0) - exact) / error).max() < 5.5


def collective(frames: int) -> Weights:
    """Weights of summed displacements over a given range."""
    found = collective_candidates(frames, ONE, GIVEN)
    return gls_weights(found.lags, found.covariance)


def test_weights_are_exact_for_a_straight_line() -> None:
    for frames in (20, 100, 1000):
        for weights in (
            collective(frames),
            gls_weights(np.array([4, 8, 16]), nested_covariance(np.array([4, 8, 16]), frames // np.array([4, 8, 16]))),
        ):
            line = 7.0 + 3.0 * weights.lags
            assert weights.slope @ line == pytest.approx(3.0, rel=1e-7)
            assert weights.offset @ line == pytest.approx(7.0, rel=1e-6)
            for part in (weights.early, weights.late):
                assert part is not None and part @ line == pytest.approx(3.0, rel=1e-6)


@pytest.mark.slow
@pytest.mark.statistical
def test_weights_beat_ordinary_least_squares_and_predict_their_error() -> None:
    """The standard deviation of the slope over 20000 walkers agrees within 5 sigma = 2.5 % (false alarm below 1e-6)."""
    frames = 128
    weights = collective(frames)
    lags = weights.lags.tolist()
    msd = brownian_msd(np.random.default_rng(2), 20000, frames, lags, overlapping=True)
    slopes = msd @ weights.slope
    design = np.stack([np.ones(len(lags)), weights.lags], axis=1)
    ordinary = msd @ np.linalg.pinv(design)[1]
    # squares are not Gaussian, so that the error of a standard deviation is taken from the fourth moment
    error = ((slopes - 1) ** 2).std() / (2 * slopes.std() * np.sqrt(len(slopes)))
    assert abs(slopes.std() - weights.relative_error) < 5 * error
    assert abs(slopes.mean() - 1.0) < 5 * slopes.std() / np.sqrt(len(slopes))
    assert slopes.std() < 0.75 * ordinary.std()


def test_too_few_frames_are_refused() -> None:
    steps, _ = lattice_steps(np.random.default_rng(5), (3, 4, 2), 0.5)
    trajectory = synthetic({"V_O": steps})
    with pytest.raises(UnavailableError, match="fewer than two lags"):
        tracer_candidates(trajectory, independent_samples(trajectory), GIVEN)


def relaxing_samples(rng: np.random.Generator, weights: Weights, tau: float, number: int) -> list[np.ndarray]:
    """Jackknife samples of offset, bare rate and slope of MSD(t) = t + tau (1 - exp(-t/tau)) with 2 % noise.

    Times are in frames.
    """
    msd = weights.lags + tau * (1.0 - np.exp(-weights.lags / tau))
    exact = (weights.offset @ msd, 2.0, weights.slope @ msd)
    noisy = [value + 0.02 * rng.normal(size=number) for value in exact]
    return [leave_one_out(values) / leave_one_out(np.ones(number)) for values in noisy]


@pytest.mark.parametrize("share", [25, 40, 1000])
def test_a_run_of_many_correlation_times_is_accepted(share: int) -> None:
    lags = np.array([64, 128, 256])
    weights = gls_weights(lags, nested_covariance(lags, 1000 // lags))
    samples = relaxing_samples(np.random.default_rng(6), weights, 1000 / share, 8)
    assert correlation_reason(weights, 1000, *samples) is None


@pytest.mark.parametrize("share", [15, 5, 1])
def test_a_run_of_few_correlation_times_is_refused(share: int) -> None:
    """Also where the correlation time is so long that the fitted lags cover only the start of the relaxation."""
    lags = np.array([64, 128, 256])
    weights = gls_weights(lags, nested_covariance(lags, 1000 // lags))
    samples = relaxing_samples(np.random.default_rng(6), weights, 1000 / share, 8)
    assert "correlation times" in str(correlation_reason(weights, 1000, *samples))


@pytest.mark.statistical
def test_uncorrelated_walks_are_not_refused() -> None:
    """With bare = slope the correlation time is 0/0: 0.1 % per check, at most 11 of 2000 (false alarm 1e-5)."""
    rng = np.random.default_rng(7)
    lags = np.array([8, 16, 32])
    covariance = nested_covariance(lags, 128 // lags)
    weights = gls_weights(lags, covariance)
    refused = 0
    for _ in range(2000):
        msd = lags + rng.multivariate_normal(np.zeros(3), covariance / 100, size=8)
        slope, offset = (
            leave_one_out(msd @ row) / leave_one_out(np.ones(8)) for row in (weights.slope, weights.offset)
        )
        refused += correlation_reason(weights, 128, offset, np.ones(9), slope) is not None
    assert refused <= stats.binom.ppf(1 - 1e-5, 2000, 1e-3)


@pytest.mark.statistical
def test_curvature_is_reported_and_noise_is_not() -> None:
    """Slopes of MSDs with independent increments; 0.1 % false alarms, at most 11 of 2000 (probability 1e-5)."""
    rng = np.random.default_rng(8)
    lags = np.array([8, 16, 32])
    covariance = nested_covariance(lags, 128 // lags)
    weights = gls_weights(lags, covariance)
    reported = 0
    for _ in range(2000):
        msd = lags + rng.multivariate_normal(np.zeros(3), covariance / 100, size=8)
        samples = leave_one_out(msd) / leave_one_out(np.ones((8, 3)))
        reported += curvature_reason(weights, samples) is not None
    assert reported <= stats.binom.ppf(1 - 1e-5, 2000, 1e-3)
    reason = curvature_reason(weights, samples - np.array([0.0, 0.0, 12.0]))
    assert reason is not None and "not yet linear" in reason and reason.startswith("upper bound")
