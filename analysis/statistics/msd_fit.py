"""Slope of a mean-square displacement against lag: one linear estimator for all of the analysis.

MSD(t) = offset + slope t over a range of lags, by generalised least squares with the covariance of a Brownian walk.
For a walk with MSD(t) = t in d = 3 dimensions the squared displacements of two windows that share the time s have
covariance (2/3) s^2 (Gaussian increments, derived: 2 s^2/9 per component). A mean over windows then has variance
about (2/3) t^2/n_windows, and means at two lags covary through the windows they share; with non-overlapping windows
this is cov(a, b) = var(a) n_a/n_b for a <= b, the matrix of kinisi's correlated regression (McCluskey, Coles and
Morgan, J. Chem. Theory Comput. 2025, 21, 79). Ordinary least squares takes the lags for independent and reports
errors far too small.

The covariance is used only for the weights: it fixes one weight vector per run, the same for every replica and
independent of the data, so that the estimate is linear in the observed squared displacements and its error is
honest whatever the real covariance is. The error is the spread over independent units:

- at least 4 dopant configurations: units are configurations, replicas that share one being pooled first;
- otherwise at least 4 replicas: units are replicas (the error then leaves out the scatter between configurations);
- otherwise replicas x time groups (4 to 9 units), a window belonging to the group in which it ends. Lags are then
  limited to the length of a group. Windows that straddle two groups leave the groups slightly correlated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import FloatArray, Untrustworthy, jackknife_stderr, leave_one_out
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

IntArray = NDArray[np.int64]

FIT_RANGE = (0.05, 0.5)  # lags, as fractions of the run
CORRELATION_TIMES = 20.0  # a run shorter than this many correlation times is refused
FEWEST_UNITS = 4
_MOST_UNITS = 8  # time groups are made until there are this many units: more would shorten the lags
_COLLECTIVE_LAGS = 12
_FALSE_ALARM = 1e-3  # of one comparison of early and late slope


@dataclass(frozen=True)
class Weights:
    """Linear functionals of a mean-square displacement at some lags.

    lags: (K,) int64 frames. slope, offset: (K,) float64, per frame and as is: slope = sum_k slope[k] MSD(lags[k]).
    early, late: slopes of the lower and the upper lags alone; None with fewer than three lags.
    relative_error: expected error of the slope over its value, for one Brownian particle.
    """

    lags: IntArray
    slope: FloatArray
    offset: FloatArray
    early: FloatArray | None
    late: FloatArray | None
    relative_error: float


@dataclass(frozen=True)
class Units:
    """Independent units of a run.

    unit_of: (R, G) int64, number of the unit of replica r in time group g. n_units: U. words: what a unit is.
    note: what the error leaves out, or None.
    """

    unit_of: IntArray
    n_units: int
    words: str
    note: str | None

    @property
    def groups(self) -> int:
        """G, time groups per replica; 1 where replicas suffice."""
        return int(self.unit_of.shape[1])

    def pool(self, values: NDArray[np.generic]) -> FloatArray:
        """(U+1, ...) leave-one-out sums of (R, G, ...) values."""
        per_unit = np.zeros((self.n_units, *values.shape[2:]))
        np.add.at(per_unit, self.unit_of, values.astype(np.float64))
        return leave_one_out(per_unit)


def check_range(fit_range: tuple[float, float]) -> None:
    """InputError unless 0 < from < to <= 0.5."""
    low, high = fit_range
    if not 0.0 < low < high <= 0.5:
        raise InputError(f"fit_range = {low!r}, {high!r}: fractions of the run with 0 < from < to <= 0.5 are allowed")


def planned_range(trajectory: Trajectory, fit_range: tuple[float, float]) -> tuple[float, float]:
    """The fit range as fractions of the whole run, its lower end being a fraction of the run as first planned.

    Where a run was extended, the shortest lag stays as long as it was: the windows grow in number and the error falls.
    """
    planned = trajectory.planned_frames or trajectory.n_frames
    return fit_range[0] * min(planned / trajectory.n_frames, 1.0), fit_range[1]


def in_range(lags: IntArray, frames: int, fit_range: tuple[float, float]) -> NDArray[np.bool_]:
    """(K,) which lags lie in the fit range of a run of so many frames."""
    return np.asarray((lags >= fit_range[0] * frames) & (lags <= fit_range[1] * frames))


def choose_units(trajectory: Trajectory, fit_range: tuple[float, float] = FIT_RANGE) -> Units:
    """Units by the rule at the head of this file; Untrustworthy if the run holds too few windows for it."""
    names, configuration = np.unique(trajectory.configuration, return_inverse=True)
    replicas = len(configuration)
    if len(names) >= FEWEST_UNITS:
        what = "replicas" if len(names) == replicas else "dopant configurations"
        return Units(configuration.reshape(-1, 1), len(names), f"{len(names)} {what}", None)
    shared = f"errors are within {len(names)} dopant configuration(s) and leave out the scatter between more of them"
    if replicas >= FEWEST_UNITS:
        return Units(np.arange(replicas)[:, None], replicas, f"{replicas} replicas", shared)
    most, fewest = math.ceil(_MOST_UNITS / replicas), math.ceil(FEWEST_UNITS / replicas)
    for groups in range(min(most, trajectory.msd_windows.shape[1]), fewest - 1, -1):
        if len(usable_lags(trajectory, groups, fit_range)) >= 2:
            units = np.arange(replicas * groups).reshape(replicas, groups)
            words = f"{replicas} replica(s) x {groups} time groups"
            return Units(units, replicas * groups, words, shared)
    raise Untrustworthy(
        f"too few independent windows: {replicas} replica(s) of {len(trajectory.time_s) - 1} frames hold no two lags "
        f"in the fit range with a window in each of {fewest} time groups; take more frames or at least "
        f"{FEWEST_UNITS} replicas"
    )


def group_blocks(per_block: NDArray[np.int64], axis: int, groups: int) -> NDArray[np.int64]:
    """Sums of consecutive time blocks along `axis`, B blocks into `groups` groups of about equal length."""
    blocks = per_block.shape[axis]
    starts = -(-np.arange(groups) * blocks // groups)  # ceil: block b belongs to group b * groups // blocks
    return np.add.reduceat(per_block, starts, axis=axis)


def usable_lags(trajectory: Trajectory, groups: int, fit_range: tuple[float, float]) -> IntArray:
    """Indices of the stored lags inside the fit range that have a window in each time group."""
    windows = group_blocks(trajectory.msd_windows, 1, groups)
    inside = in_range(trajectory.lag_frames, len(trajectory.time_s) - 1, fit_range)
    return np.flatnonzero(inside & (windows > 0).all(axis=1))


def tracer_weights(trajectory: Trajectory, units: Units, fit_range: tuple[float, float]) -> tuple[IntArray, Weights]:
    """Indices of the stored lags to use and their weights, for non-overlapping windows.

    Untrustworthy with fewer than two lags.
    """
    chosen = usable_lags(trajectory, units.groups, fit_range)
    if len(chosen) < 2:
        frames = len(trajectory.time_s) - 1
        raise Untrustworthy(f"{frames} frames hold fewer than two lags in the fit range; take more frames")
    lags, windows = trajectory.lag_frames[chosen], trajectory.msd_windows[chosen].sum(axis=1)
    return chosen, gls_weights(lags, nested_covariance(lags, windows))


def collective_weights(frames: int, units: Units, fit_range: tuple[float, float]) -> Weights:
    """Weights for averages over all (overlapping) windows of summed displacements; lags spaced by equal ratios.

    Untrustworthy with fewer than two lags.
    """
    longest = math.floor(min(fit_range[1] * frames, frames / units.groups if units.groups > 1 else frames))
    shortest = max(1, math.ceil(fit_range[0] * frames))
    if longest <= shortest:
        raise Untrustworthy(f"{frames} frames hold fewer than two lags in the fit range; take more frames")
    lags = np.unique(np.rint(np.geomspace(shortest, longest, _COLLECTIVE_LAGS)).astype(np.int64))
    return gls_weights(lags, overlapping_covariance(lags, frames))


def nested_covariance(lags: IntArray, windows: IntArray) -> FloatArray:
    """(K, K) covariance of MSDs from non-overlapping windows, each lag a multiple of the one before, MSD(t) = t.

    windows: (K,) windows per lag; those of a short lag that no window of the long lag covers add nothing to the
    covariance of the two.
    """
    short, long = np.minimum.outer(lags, lags), np.maximum.outer(lags, lags)
    few, many = np.minimum.outer(windows, windows), np.maximum.outer(windows, windows)
    shared = np.minimum(many, few * (long // short))
    return np.asarray((2.0 / 3.0) * shared * short.astype(np.float64) ** 2 / (few * many))


def overlapping_covariance(lags: IntArray, frames: int) -> FloatArray:
    """(K, K) covariance of MSDs averaged over every window of a run of so many frames, MSD(t) = t.

    Sum over the distance d of the starts of two windows: number of such pairs times (2/3) overlap^2.
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
    """Generalised least squares of offset + slope t; (X^T C^-1 X)^-1 X^T C^-1 row by row."""
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
    """A warning if the slopes at lower and upper lags, as (U+1,) rows, differ (Student, false-alarm rate 0.1 %)."""
    change = late - early
    limit = _student_limit(change)
    if not (limit > 0.0 and abs(change[0]) > limit):
        return None
    stderr = float(jackknife_stderr(change))
    ratio, error = float(change[0] / early[0]), float(stderr / abs(early[0]))
    return (
        f"{name}: the slope at longer lags differs from that at shorter ones by {ratio:+.1%} (error {error:.1%}): "
        "the range of the fit is not linear yet; take a longer run or another fit_range"
    )


def check_correlation_time(
    weights: Weights,
    interval_s: float,
    run_s: float,
    offset_m2: FloatArray,
    bare_m2_s: FloatArray,
    slope_m2_s: FloatArray,
) -> None:
    """Untrustworthy if the correlation time exceeds a twentieth of the run or the shortest lag fitted.

    Rows (U+1,) of what the weights make of the mean squares; bare: hops times squared length, per second. A walk whose
    rate of growth relaxes exponentially from bare to its final value adds A (1 - exp(-t/tau)) to a straight line
    (derived), A/tau being bare less the final slope. Seen through the weights, offset/(bare - slope) grows with tau; it
    is compared with what it is at the longest tau allowed. That comparison is linear in the data and has no pole
    where a walk is uncorrelated (bare = slope); false-alarm rate 0.1 %. A relaxation much slower than the run leaves no
    trace in it and cannot be seen.
    """
    lags_s = weights.lags * interval_s
    longest_s = min(run_s / CORRELATION_TIMES, float(lags_s[0]))
    relaxed = 1.0 - np.exp(-lags_s / longest_s)
    allowed_s = float(weights.offset @ relaxed) / (1.0 / longest_s - float(weights.slope @ relaxed) / interval_s)
    change = bare_m2_s - slope_m2_s
    sign = 1.0 if change[0] >= 0.0 else -1.0
    excess = sign * (offset_m2 - allowed_s * change)
    if excess[0] > _student_limit(excess):
        raise Untrustworthy(
            f"displacements stay correlated for longer than {longest_s:.3g} s: the run of {run_s:.3g} s is too short; "
            f"it must hold about {CORRELATION_TIMES:.0f} correlation times, and the lags fitted must begin beyond one"
        )


def _student_limit(rows: FloatArray) -> float:
    """What a (U+1,) quantity of mean zero exceeds in size with probability 0.1 % (Student's t)."""
    from scipy.special import stdtrit

    return float(stdtrit(len(rows) - 2, 1.0 - _FALSE_ALARM / 2.0) * jackknife_stderr(rows))
