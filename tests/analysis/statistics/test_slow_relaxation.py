"""Decreases of a slope beyond the lags of its fit: exact for one exponential relaxation, stated where hidden."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import jackknife_stderr, leave_one_out, student_quantile
from analysis.statistics.lag_choice import LineFit, fit_line
from analysis.statistics.msd_fit import Candidates, gls_weights, nested_covariance
from analysis.statistics.slow_relaxation import LONGEST_RELAXATION, decrease

FRAMES = 256


def candidates() -> Candidates:
    lags = np.int64(1) << np.arange(8)
    return Candidates(lags, nested_covariance(lags, FRAMES // lags), np.arange(len(lags) - 1), False)


def slowly_relaxing(
    seed: int, replicas: int, particles: int, share: float, tau: float
) -> tuple[np.ndarray, np.ndarray]:
    """((U+1, K) jackknife samples of an MSD of 3 t + 3 share tau (1 - exp(-t/tau)), (U+1,) its slope at time 0).

    Gaussian walks with an Ornstein-Uhlenbeck displacement added.
    """
    rng, shape = np.random.default_rng(seed), (FRAMES + 1, replicas, particles, 3)
    walk = np.cumsum(rng.normal(size=shape), axis=0)
    kept, noise = np.exp(-1.0 / tau), rng.normal(size=shape) * np.sqrt(share * tau / 2.0)
    bound = noise[0]
    walk[0] += bound
    for t in range(1, FRAMES + 1):
        bound = kept * bound + np.sqrt(1.0 - kept**2) * noise[t]
        walk[t] += bound
    msd = np.stack([(np.diff(walk[::lag], axis=0) ** 2).sum(axis=-1).mean(axis=(0, 2)) for lag in candidates().lags])
    samples = leave_one_out(msd.T) / leave_one_out(np.ones((replicas, 1)))
    return samples, np.full(replicas + 1, 3.0 * (1.0 + share))


def test_the_decrease_of_an_exponential_relaxation_is_exact() -> None:
    """MSD = 1 + 3 t + 20 (1 - exp(-t/16)): the line from lag 1 on is too steep by the change at tau = 16."""
    every = candidates()
    weights = gls_weights(every.lags, every.covariance)
    lags = every.lags.astype(float)
    msd = np.tile(1.0 + 3.0 * lags + 20.0 * (1.0 - np.exp(-lags / 16.0)), (5, 1))
    found = decrease(every, weights, msd, FRAMES, 0.0)
    assert found.relaxation_frames[-1] == LONGEST_RELAXATION * FRAMES == found.longest
    tested = int(np.flatnonzero(np.isclose(found.relaxation_frames, 16.0))[0])
    assert found.change[tested, 0] == pytest.approx(float(weights.slope @ msd[0]) - 3.0, rel=1e-9)
    assert found.change[tested, 0] > 0.3


def test_a_straight_line_falls_no_further_and_too_few_lags_say_nothing() -> None:
    every = candidates()
    msd = np.tile(1.0 + 3.0 * every.lags.astype(float), (5, 1))
    found = decrease(every, gls_weights(every.lags, every.covariance), msd, FRAMES, 0.0)
    assert np.abs(found.change).max() < 1e-9
    last = gls_weights(every.lags[-2:], every.covariance[-2:, -2:])
    empty = decrease(every, last, msd[:, -2:], FRAMES, 0.0)
    assert np.isnan(empty.limit()) and empty.significant(0.5) is None


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(("replicas", "share", "tau"), [(8, 0.07, 8.0), (8, 0.15, 16.0), (32, 0.27, 16.0)])
def test_a_hidden_relaxation_is_within_the_decrease_that_is_stated(replicas: int, share: float, tau: float) -> None:
    """120 walks whose slope falls by 7 to 27 % over 8 to 16 frames, far beyond the lags of the fit.

    Values that are too high by more than their 95 % interval and by more than the stated decrease, without a remark,
    are fewer than 5 % within binomial bounds (false alarm 1e-3 each).
    """
    silent, sets = 0, 120
    for seed in range(sets):
        msd, bare = slowly_relaxing(seed, replicas, 4, share, tau)
        fit: LineFit = fit_line(candidates(), msd, bare, FRAMES)
        slope = msd[:, fit.chosen] @ fit.weights.slope
        half = student_quantile(replicas - 1, 0.05) * float(jackknife_stderr(slope))
        excess = float(slope[0]) - 3.0
        silent += fit.remark is None and excess > half and excess > fit.unseen * float(slope[0])
    assert silent <= stats.binom.ppf(1 - 1e-3, sets, 0.05)


@pytest.mark.slow
@pytest.mark.statistical
def test_walks_without_memory_rarely_get_a_remark() -> None:
    """300 walks of 8 replicas: five relaxation times at 1 % each, 5 % in all, within a bound (false alarm 1e-3)."""
    remarks = 0
    for seed in range(300):
        msd, bare = slowly_relaxing(seed, 8, 1, 0.0, 1.0)
        remarks += fit_line(candidates(), msd, bare, FRAMES).remark is not None
    assert remarks <= stats.binom.ppf(1 - 1e-3, 300, 0.05)
