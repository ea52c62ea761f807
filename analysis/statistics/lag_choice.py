"""Choice of the lags of a fit from the data, by a fixed rule that is the same for D*, D_sigma and every L_ij.

Short lags have the smallest errors, because there are many windows; the motion is diffusive at long lags only.
With weights from the Brownian covariance (msd_fit.py) a fit is determined by about the first octave above its shortest
lag, so that only this lag, the start, must be chosen. Starts are an octave apart. A start is acceptable if

- no slow relaxation is significant there (slow_relaxation.py), at a false-alarm rate of FALSE_ALARM for each relaxation
  time. The variance is the mean of that of the jackknife and of that for Brownian walks, which is known up to a scale
  that follows from the slopes at all starts; the test is Student's t with twice the degrees of freedom of the
  jackknife. With the jackknife alone, whose error is itself uncertain by a quarter for 8 replicas, one of several
  starts fails too often; and
- the local exponent g = d ln MSD/d ln t there is not below LEAST_EXPONENT by more than its standard error, or else a
  longer start shows that the slope does not decrease further as for a power law, by 2^(g - 1) per octave (same rate). A
  carrier that rattles in a trap has an exponent of 0.4 to 0.7 over decades, and its slope decreases so little per
  octave that the errors of a short run hide it; sufficiently small errors show where the decrease ends.

The fit starts one octave beyond the first acceptable start, which squares the relative bias that an exponential
relaxation has left and raises the error by a factor sqrt(2). It starts later while the known remaining bias exceeds
BIAS_SHARE of the standard error: the slope begins at the rate of hops times their squared length, the bare rate, so
that an exponential relaxation with offset A has the relaxation time tau = A/(bare - slope) and the remaining bias (bare
- slope) exp(-t1/tau) at a start t1 (derived; see `correlation_reason` in msd_fit.py).

A relaxation that is both weak and slow, such as a slope that falls by a tenth over many frames, is hidden by the errors
of the long lags although it exceeds those of the short ones. A decrease that is significant at HINT alone is a remark,
and the largest decrease that the data do not exclude belongs to the fit: `LineFit.unseen`.

Where no start is acceptable, or the next one has no such exponent, the longest lags are fitted and the result is
reported as a bound: the slope of a walk whose exponent is below 1 decreases with time, so that the estimate is too
high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.estimates import (
    FloatArray,
    Unavailable,
    attempt,
    from_samples,
    jackknife_stderr,
    student_limit,
    student_quantile,
)
from analysis.statistics.independent_samples import IntArray
from analysis.statistics.msd_fit import Candidates, Weights, correlation_reason, curvature_reason, gls_weights
from analysis.statistics.slow_relaxation import LONGEST_RELAXATION, Decrease, decrease

FALSE_ALARM = 3e-4  # probability that a start fails by chance, for each relaxation time
WARY = 0.05  # the same, once a relaxation has been found at shorter lags
HINT = 0.01  # probability that a hint of a slow relaxation is due to chance, for each relaxation time
LEAST_EXPONENT = 0.85
BIAS_SHARE = 0.3  # of the standard error


@dataclass(frozen=True)
class LineFit:
    """The fit of a mean-square displacement.

    chosen: indices of the candidate lags that it uses. weights: of these. given: whether the user gave the range.
    exponent: (U+1,) jackknife samples of d ln MSD/d ln t in the middle of the first octave of the fit. bound_reason:
    why the estimate is a bound, or None where it is diffusive. hint: that the slope may fall further, or None. unseen:
    largest relative decrease of the slope by a relaxation over up to `longest_relaxation` frames that the data do not
    exclude (upper end of a 95 % interval), NaN where the fit has too few lags to tell.
    """

    chosen: IntArray
    weights: Weights
    given: bool
    exponent: FloatArray
    bound_reason: str | None
    hint: str | None
    unseen: float
    longest_relaxation: float

    @property
    def remark(self) -> str | None:
        """What the reader of an estimate must know: that it is a bound, or else that it may be one."""
        return self.bound_reason or self.hint

    @property
    def range_frames(self) -> tuple[int, int]:
        """The shortest and the longest lag, in frames."""
        return int(self.weights.lags[0]), int(self.weights.lags[-1])


def fit_line(candidates: Candidates, msd: FloatArray, bare: FloatArray, frames: int) -> LineFit:
    """The fit of one mean-square displacement.

    msd: (U+1, K) jackknife samples at the candidate lags. bare: (U+1,) slope at time 0, per frame. frames: of the run.
    """
    if candidates.given:
        weights = _weights(candidates, 0)
        bound_reason = curvature_reason(weights, msd) or _correlation(weights, msd, bare, frames)
        scale = float((jackknife_stderr(msd @ weights.slope) / weights.relative_error) ** 2)
        return _fit(candidates, weights, msd, decrease(candidates, weights, msd, frames, scale), bound_reason)
    starts = candidates.starts.tolist()
    every = [_weights(candidates, start) for start in starts]
    tails = [msd[:, start:] for start in starts]
    slopes = np.stack([tail @ each.slope for tail, each in zip(tails, every, strict=True)])  # (S, U+1)
    exponents = [_exponent(each, tail) for each, tail in zip(every, tails, strict=True)]
    last = len(starts) - 1
    brownian = np.array([each.relative_error**2 for each in every])
    scale = float(np.median(jackknife_stderr(slopes.T) ** 2 / brownian))
    further = [decrease(candidates, each, tail, frames, scale) for each, tail in zip(every, tails, strict=True)]
    diffusive = _diffusive(slopes, scale * brownian, exponents)
    first = _first_acceptable(further, diffusive)
    place = last if first is None else first + 1
    if first is not None:
        allowed = BIAS_SHARE * jackknife_stderr(slopes.T)
        while place < last and _known_bias(every[place], tails[place], bare) > allowed[place]:
            place += 1
    bound_reason = _bound(slopes, exponents[last]) if first is None else None
    bound_reason = bound_reason or _correlation(every[place], tails[place], bare, frames)
    return _fit(candidates, every[place], tails[place], further[place], bound_reason)


def _fit(
    candidates: Candidates, weights: Weights, msd: FloatArray, further: Decrease, bound_reason: str | None
) -> LineFit:
    """The fit to the last lags of the candidates. msd: (U+1, K) at these."""
    slope = float((msd @ weights.slope)[0])
    chosen = np.arange(len(candidates.lags))[-len(weights.lags) :]
    unseen = further.limit() / slope if slope > 0.0 else float("nan")
    exponent = _exponent(weights, msd)
    return LineFit(
        chosen, weights, candidates.given, exponent, bound_reason, _hint(further, slope), unseen, further.longest
    )


def _hint(further: Decrease, slope: float) -> str | None:
    found = further.significant(HINT)
    if found is None or slope <= 0.0:
        return None
    change, error = further.change[found, 0], further.stderr[found]
    share = further.relaxation_frames[found] / further.longest * LONGEST_RELAXATION
    return (
        f"may be too high: the slope falls by another {change / slope:.1%} (error {error / slope:.1%}) over about "
        f"{share:.2g} of the run; a longer run or more replicas can decide"
    )


def _weights(candidates: Candidates, start: int) -> Weights:
    return gls_weights(candidates.lags[start:], candidates.covariance[start:, start:])


def _exponent(weights: Weights, msd: FloatArray) -> FloatArray:
    """(U+1,) d ln MSD/d ln t of the fitted line, sqrt(2) times beyond its shortest lag."""
    middle = float(weights.lags[0]) * 2**0.5
    risen = middle * (msd @ weights.slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(risen / (msd @ weights.offset + risen))


def _diffusive(slopes: FloatArray, variance: FloatArray, exponents: list[FloatArray]) -> list[bool]:
    """Whether each start has an exponent near 1, or longer starts show that the slope ceases to fall.

    slopes: (S, U+1). variance: (S,) of the slopes for Brownian walks.
    """
    quantile = student_quantile(2 * (slopes.shape[1] - 2), FALSE_ALARM)
    found = []
    for k in range(len(slopes)):
        changes = (slopes[k + 1 :] - slopes[k]).reshape(-1, slopes.shape[1])
        expected = np.maximum(variance[k + 1 :] - variance[k], 0.0)
        allowed = quantile * np.sqrt((jackknife_stderr(changes.T) ** 2 + expected) / 2.0)
        octaves = np.arange(1, len(changes) + 1)
        falling = slopes[k, 0] * (2.0 ** ((exponents[k][0] - 1.0) * octaves) - 1.0)
        linear = exponents[k][0] + jackknife_stderr(exponents[k]) >= LEAST_EXPONENT
        found.append(bool(linear or (changes[:, 0] - falling > allowed).any()))
    return found


def _first_acceptable(further: list[Decrease], diffusive: list[bool]) -> int | None:
    """Index of the first acceptable start that is followed by one with such an exponent; None where there is none.

    A start with too few longer lags to test for a relaxation is never acceptable. Once a relaxation has been found, a
    start is accepted only where it is no longer visible at WARY: the first start at which it escapes a sharper test
    would be too early.
    """
    level = FALSE_ALARM
    for k in range(len(further) - 1):
        if further[k].significant(level) is not None:
            level = WARY
        elif len(further[k].relaxation_frames) and diffusive[k] and diffusive[k + 1]:
            return k
    return None


def _known_bias(weights: Weights, msd: FloatArray, bare: FloatArray) -> float:
    """The bias per frame that an exponential relaxation leaves in the slope; 0 where none is significant."""
    change, offset = bare - msd @ weights.slope, float((msd @ weights.offset)[0])
    if abs(change[0]) <= student_limit(change, FALSE_ALARM) or offset / change[0] <= 0.0:
        return 0.0
    return abs(float(change[0])) * float(np.exp(-float(weights.lags[0]) * change[0] / offset))


def _bound(slopes: FloatArray, exponent: FloatArray) -> str:
    if len(slopes) < 2:
        return "too few lags to see whether the mean-square displacement is linear: take more frames or a longer run"
    bound = "upper" if slopes[0, 0] >= slopes[-1, 0] else "lower"
    local = attempt(lambda: from_samples(exponent))
    shown = "" if isinstance(local, Unavailable) else f" (local exponent {local} at the longest lags)"
    return (
        f"{bound} bound: the mean-square displacement is not linear at any lag of this run{shown}: make the run longer "
        "(kmc run --extend)"
    )


def _correlation(weights: Weights, msd: FloatArray, bare: FloatArray, frames: int) -> str | None:
    return correlation_reason(weights, frames, msd @ weights.offset, bare, msd @ weights.slope)
