"""Slope of a mean-square displacement against lag: one linear estimator for all of the analysis.

MSD(t) = offset + slope t over a range of lags, by generalised least squares with the covariance of a Brownian walk.
For a walk with MSD(t) = t in d = 3 dimensions the squared displacements of two windows that share the time s have
covariance (2/3) s^2 (Gaussian increments, derived: 2 s^2/9 per component). A mean over windows then has variance
about (2/3) t^2/n_windows, and means at two lags covary through the windows they share; with non-overlapping windows
this is cov(a, b) = var(a) n_a/n_b for a <= b, the matrix of kinisi's correlated regression (McCluskey, Coles and
Morgan, J. Chem. Theory Comput. 2025, 21, 79). Ordinary least squares assumes independent lags and reports errors that
are far too small.

The covariance is used only for the weights: it fixes one weight vector per run, the same for every replica and
independent of the data, so that the estimate is linear in the observed squared displacements and its error is
valid whatever the real covariance is: it is the spread over independent samples (independent_samples.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError, jackknife_stderr
from analysis.statistics.independent_samples import IndependentSamples, IntArray, usable_lags

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

CORRELATION_TIMES = 20.0  # least length of a run in correlation times
_COLLECTIVE_LAGS = 12
_FALSE_ALARM = 1e-3  # probability, for one comparison of early and late slope


@dataclass(frozen=True)
class Weights:
    """Linear functionals of a mean-square displacement at some lags.

    lags: (K,) int64, in frames. slope, offset: (K,) float64; sum_k slope[k] MSD(lags[k]) is the slope per frame.
    early, late: (K,) weights of the slope over the lower and over the upper lags; None with fewer than three lags.
    relative_error: expected relative error of the slope for one Brownian particle.
    """

    lags: IntArray
    slope: FloatArray
    offset: FloatArray
    early: FloatArray | None
    late: FloatArray | None
    relative_error: float


def tracer_weights(
    trajectory: Trajectory, independent: IndependentSamples, fit_range: tuple[float, float]
) -> tuple[IntArray, Weights]:
    """(indices of the stored lags to use, their weights) for non-overlapping windows.

    Raises UnavailableError with fewer than two lags.
    """
    chosen = usable_lags(trajectory, independent.groups, fit_range)
    if len(chosen) < 2:
        frames = len(trajectory.time_s) - 1
        raise UnavailableError(f"fewer than two lags of {frames} frames lie in the fit range; take more frames")
    lags, windows = trajectory.lag_frames[chosen], trajectory.msd_windows[chosen].sum(axis=1)
    return chosen, gls_weights(lags, nested_covariance(lags, windows))


def collective_weights(frames: int, independent: IndependentSamples, fit_range: tuple[float, float]) -> Weights:
    """Weights for averages over all (overlapping) windows of summed displacements; the lags have equal ratios.

    Raises UnavailableError with fewer than two lags.
    """
    longest = math.floor(min(fit_range[1] * frames, frames / independent.groups if independent.groups > 1 else frames))
    shortest = max(1, math.ceil(fit_range[0] * frames))
    if longest <= shortest:
        raise UnavailableError(f"fewer than two lags of {frames} frames lie in the fit range; take more frames")
    lags = np.unique(np.rint(np.geomspace(shortest, longest, _COLLECTIVE_LAGS)).astype(np.int64))
    return gls_weights(lags, overlapping_covariance(lags, frames))


def nested_covariance(lags: IntArray, windows: IntArray) -> FloatArray:
    """(K, K) covariance of MSDs over non-overlapping windows, for MSD(t) = t; each lag is a multiple of the one before.

    windows: (K,) windows per lag. Windows of a short lag that no window of the long lag covers do not contribute to the
    covariance of the two.
    """
    short, long = np.minimum.outer(lags, lags), np.maximum.outer(lags, lags)
    few, many = np.minimum.outer(windows, windows), np.maximum.outer(windows, windows)
    shared = np.minimum(many, few * (long // short))
    return np.asarray((2.0 / 3.0) * shared * short.astype(np.float64) ** 2 / (few * many))


def overlapping_covariance(lags: IntArray, frames: int) -> FloatArray:
    """(K, K) covariance of MSDs averaged over every window of a run of `frames` frames, for MSD(t) = t.

    Sum over the distance d between the starts of two windows: the number of such pairs times (2/3) overlap^2.
    """
    result = np.empty((len(lags), len(lags)))
    for row, m in enumerate(lags.tolist()):
        for column, n in enumerate(lags.tolist()):
            d = np.arange(-n, m + 1)
            overlap = np.minimum(m, d + n) - np.maximum(0, d)
            pairs = np.minimum(frames - m, frames - n - d) - np.maximum(0, -d) + 1
            total = (np.maximum(pairs, 0) * overlap.astype(np.float64) ** 2).sum()
            result[row, column] = (2.0 / 3.0) * total / ((frames - m + 1) * (frames - n + 1))
    return result


def gls_weights(lags: IntArray, covariance: FloatArray) -> Weights:
    """Weights of the generalised least-squares fit of offset + slope t: the rows of (X^T C^-1 X)^-1 X^T C^-1."""
    offset, slope = _solve(lags, covariance)
    early = late = None
    if len(lags) >= 3:
        middle = len(lags) // 2
        early = np.zeros(len(lags))
        late = np.zeros(len(lags))
        low, high = slice(None, middle + 1), slice(middle, None)
        early[low] = _solve(lags[low], covariance[low, low])[1]
        late[high] = _solve(lags[high], covariance[high, high])[1]
    return Weights(lags, slope, offset, early, late, math.sqrt(slope @ covariance @ slope))


def _solve(lags: IntArray, covariance: FloatArray) -> FloatArray:
    """(2, K) weights of offset and slope."""
    design = np.stack([np.ones(len(lags)), lags.astype(np.float64)], axis=1)
    weighted = np.linalg.solve(covariance, design)
    return np.asarray(np.linalg.solve(design.T @ weighted, weighted.T))


def curvature_warning(name: str, early: FloatArray, late: FloatArray) -> str | None:
    """A warning if the slopes at lower and at upper lags differ (Student's t, false-alarm rate 0.1 %).

    early, late: (U+1,) jackknife samples.
    """
    change = late - early
    limit = _student_limit(change)
    if not (limit > 0.0 and abs(change[0]) > limit):
        return None
    stderr = float(jackknife_stderr(change))
    ratio, error = float(change[0] / early[0]), float(stderr / abs(early[0]))
    return (
        f"{name}: the slope at longer lags differs from that at shorter lags by {ratio:+.1%} (error {error:.1%}): the "
        "mean-square displacement is not yet linear in the fit range; take a longer run or another fit_range"
    )


def check_correlation_time(
    weights: Weights,
    interval_s: float,
    run_s: float,
    offset_m2: FloatArray,
    bare_m2_s: FloatArray,
    slope_m2_s: FloatArray,
) -> None:
    """Raise UnavailableError if the correlation time exceeds a twentieth of the run or the shortest lag of the fit.

    offset, slope: (U+1,) jackknife samples of the fit; bare: hops times squared hop length per second. A walk whose MSD
    has a slope that relaxes exponentially from `bare` to its final value has an MSD of a straight line plus
    A (1 - exp(-t/tau)), where A/tau = bare - slope (derived). In the weighted fit offset/(bare - slope) then grows with
    tau; it is compared with its value at the longest tau allowed. The comparison is linear in the data and has no pole
    for an uncorrelated walk (bare = slope); its false-alarm rate is 0.1 %. A relaxation much slower than the run leaves
    no trace in it and is not detected.
    """
    lags_s = weights.lags * interval_s
    longest_s = min(run_s / CORRELATION_TIMES, float(lags_s[0]))
    relaxed = 1.0 - np.exp(-lags_s / longest_s)
    allowed_s = float(weights.offset @ relaxed) / (1.0 / longest_s - float(weights.slope @ relaxed) / interval_s)
    change = bare_m2_s - slope_m2_s
    sign = 1.0 if change[0] >= 0.0 else -1.0
    excess = sign * (offset_m2 - allowed_s * change)
    if excess[0] > _student_limit(excess):
        raise UnavailableError(
            f"displacements are correlated for longer than {longest_s:.3g} s: the run of {run_s:.3g} s is too short; "
            f"it must be about {CORRELATION_TIMES:.0f} correlation times long, and the fit must begin beyond one"
        )


def _student_limit(samples: FloatArray) -> float:
    """Magnitude that a (U+1,) quantity of mean zero exceeds with probability 0.1 % (Student's t)."""
    from scipy.special import stdtrit

    return float(stdtrit(len(samples) - 2, 1.0 - _FALSE_ALARM / 2.0) * jackknife_stderr(samples))
