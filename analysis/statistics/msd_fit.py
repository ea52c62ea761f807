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
valid for any true covariance, because it is the spread over independent samples (independent_samples.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError, jackknife_stderr, student_limit
from analysis.statistics.independent_samples import (
    LONGEST_LAG,
    FitRange,
    IndependentSamples,
    IntArray,
    usable_lags,
)

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

CORRELATION_TIMES = 20.0  # least length of a run in correlation times
_GIVEN_LAGS = 12
_FALSE_ALARM = 1e-3  # probability, for one comparison of early and late slope
_TOO_FEW = "fewer than two lags of {} frames lie in the fit range; take more frames"


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


@dataclass(frozen=True)
class Candidates:
    """The lags that a fit may use.

    lags: (K,) int64, in frames, ascending. covariance: (K, K) of a Brownian mean-square displacement at them.
    starts: indices of the lags that a fit may begin with; each has at least one lag above it. given: the user gave the
    range, and all lags are used.
    """

    lags: IntArray
    covariance: FloatArray
    starts: IntArray
    given: bool


def tracer_candidates(
    trajectory: Trajectory, independent: IndependentSamples, fit_range: FitRange
) -> tuple[IntArray, Candidates]:
    """(indices of the stored lags, the candidates) for non-overlapping windows at lags of powers of two.

    Raises UnavailableError with fewer than two lags.
    """
    usable = usable_lags(trajectory, independent.groups, fit_range)
    if len(usable) < 2:
        raise UnavailableError(_TOO_FEW.format(trajectory.n_frames))
    lags, windows = trajectory.lag_frames[usable], trajectory.msd_windows[usable].sum(axis=1)
    starts = np.arange(len(lags) - 1)
    return usable, Candidates(lags, nested_covariance(lags, windows), starts, fit_range is not None)


def collective_candidates(frames: int, independent: IndependentSamples, fit_range: FitRange) -> Candidates:
    """Lags for averages over all (overlapping) windows of summed displacements.

    In a given range they have equal ratios; else they are 1, 2, 3, 4, 6, 8, 12 ... frames, powers of two being starts.
    Raises UnavailableError with fewer than two lags.
    """
    low, high = fit_range or (0.0, LONGEST_LAG)
    longest = math.floor(min(high * frames, frames / independent.groups if independent.groups > 1 else frames))
    shortest = max(1, math.ceil(low * frames))
    if longest <= shortest:
        raise UnavailableError(_TOO_FEW.format(frames))
    if fit_range is not None:
        lags = np.unique(np.rint(np.geomspace(shortest, longest, _GIVEN_LAGS)).astype(np.int64))
        return Candidates(lags, overlapping_covariance(lags, frames), np.zeros(1, dtype=np.int64), True)
    octaves = np.int64(1) << np.arange(longest.bit_length())
    lags = np.unique(np.concatenate([octaves, 3 * octaves[: len(octaves)]]))
    lags = lags[lags <= longest]
    starts = np.flatnonzero(np.isin(lags, octaves))
    return Candidates(lags, overlapping_covariance(lags, frames), starts[starts < len(lags) - 1], False)


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


def curvature_reason(weights: Weights, msd: FloatArray) -> str | None:
    """A line if the slopes at lower and at upper lags differ (Student's t, false-alarm rate 0.1 %).

    msd: (U+1, K) jackknife samples at the lags of the fit.
    """
    if weights.early is None or weights.late is None:
        return None
    early, late = msd @ weights.early, msd @ weights.late
    change = late - early
    limit = student_limit(change, _FALSE_ALARM)
    if not (limit > 0.0 and abs(change[0]) > limit):
        return None
    stderr = float(jackknife_stderr(change))
    ratio, error = float(change[0] / early[0]), float(stderr / abs(early[0]))
    return (
        f"{'upper' if change[0] < 0 else 'lower'} bound: the slope at longer lags differs from that at shorter lags by "
        f"{ratio:+.1%} (error {error:.1%}): the mean-square displacement is not yet linear in the fit range; take a "
        "longer run or another fit range"
    )


def correlation_reason(
    weights: Weights, frames: int, offset: FloatArray, bare: FloatArray, slope: FloatArray
) -> str | None:
    """A line if the correlation time exceeds a twentieth of the run or the shortest lag of the fit.

    offset, slope: (U+1,) jackknife samples of the fit; bare: hops times squared hop length; slopes per frame. A walk
    whose MSD has a slope that relaxes exponentially from `bare` to its final value has an MSD of a straight line plus
    A (1 - exp(-t/tau)), where A/tau = bare - slope (derived). In the weighted fit offset/(bare - slope) then grows with
    tau; it is compared with its value at the longest tau allowed. The comparison is linear in the data and has no pole
    for an uncorrelated walk (bare = slope); its false-alarm rate is 0.1 %. A relaxation much slower than the run leaves
    no trace in it and is not detected.
    """
    longest = min(frames / CORRELATION_TIMES, float(weights.lags[0]))
    relaxed = 1.0 - np.exp(-weights.lags / longest)
    allowed = float(weights.offset @ relaxed) / (1.0 / longest - float(weights.slope @ relaxed))
    change = bare - slope
    sign = 1.0 if change[0] >= 0.0 else -1.0
    excess = sign * (offset - allowed * change)
    if excess[0] <= student_limit(excess, _FALSE_ALARM):
        return None
    return (
        f"{'upper' if sign > 0 else 'lower'} bound: displacements are correlated for longer than {longest:.3g} "
        f"frames: the run of {frames} frames is too short; it must be about {CORRELATION_TIMES:.0f} correlation times "
        "long, and the fit must begin beyond one"
    )
