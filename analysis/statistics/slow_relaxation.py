"""What a slow relaxation could still take from a slope that was fitted to short lags.

Carriers that exchange slowly between fast and slow surroundings have a mean-square displacement of a straight line plus
A (1 - exp(-t/tau)). Its slope falls by A/tau, over a time tau that may be far beyond the lags of the fit. For each tau
of a grid, a generalised least-squares fit of offset, slope and A to all lags from the start of the fit on, with the
covariance of a Brownian walk (msd_fit.py), is the most sensitive linear test for such a relaxation; the error of the
straight line that follows from A is the decrease that this line has missed.

No estimate from short lags can be both precise and safe against every slow relaxation: the decrease has an error of
about sqrt(tau/t1) times that of a slope fitted from the lag t1 on (derived: increments at a distance s have the
covariance -A exp(-s/tau)/tau^2 times a frame squared, each known to one over the root of the number of frames and
samples). What the data do not exclude is therefore stated beside each slope instead of being added to its error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.statistics.estimates import FloatArray, jackknife_stderr, student_quantile
from analysis.statistics.msd_fit import Candidates, Weights

LONGEST_RELAXATION = 1.0 / 8.0  # of the run, among the relaxation times that are tested
OUTSIDE = 0.05  # probability outside the interval whose upper end is the largest decrease that is not excluded


@dataclass(frozen=True)
class Decrease:
    """Decrease of the slope beyond a fit, for G relaxation times.

    relaxation_frames: (G,). change: (G, U+1) jackknife samples, per frame; positive where the slope falls. stderr:
    (G,). dof: degrees of freedom of the errors. longest: relaxation time that is tested where the lags suffice.
    """

    relaxation_frames: FloatArray
    change: FloatArray
    stderr: FloatArray
    dof: float
    longest: float

    def significant(self, false_alarm: float) -> int | None:
        """Index of the most significant decrease, where one exceeds its error with a given one-sided probability."""
        if not len(self.relaxation_frames):
            return None
        excess = self.change[:, 0] - student_quantile(self.dof, 2.0 * false_alarm) * self.stderr
        best = int(excess.argmax())
        return best if excess[best] > 0.0 else None

    def limit(self) -> float:
        """Upper end of the 95 % interval of the decrease per frame, over all relaxation times; NaN without any."""
        if not len(self.relaxation_frames):
            return float("nan")
        return float(np.maximum(self.change[:, 0] + student_quantile(self.dof, OUTSIDE) * self.stderr, 0.0).max())


def decrease(candidates: Candidates, weights: Weights, msd: FloatArray, frames: int, scale: float) -> Decrease:
    """The decrease beyond a fit to the last lags of the candidates.

    msd: (U+1, K) jackknife samples at the lags of the fit. scale: variance of a slope over that of one Brownian walker.
    The variance of a change is the mean of that of the jackknife and of that for Brownian walks, as in lag_choice.py.
    """
    lags = weights.lags.astype(np.float64)
    covariance = candidates.covariance[-len(lags) :, -len(lags) :]
    longest = LONGEST_RELAXATION * frames
    times = _relaxation_times(lags, longest)
    dof = 2.0 * (len(msd) - 2)
    if not len(times):
        return Decrease(times, np.zeros((0, len(msd))), np.zeros(0), dof, longest)
    functional = np.stack([_missed(lags, covariance, weights, tau) for tau in times.tolist()])
    change = functional @ msd.T
    brownian = np.einsum("gk,kl,gl->g", functional, covariance, functional)
    variance = (jackknife_stderr(change.T) ** 2 + scale * brownian) / 2.0
    return Decrease(times, change, np.sqrt(variance), dof, longest)


def _relaxation_times(lags: FloatArray, longest: float) -> FloatArray:
    """From the shortest lag to the longest time, at most an octave apart; none with fewer than three lags."""
    if len(lags) < 3 or lags[0] > longest:
        return np.zeros(0)
    return np.geomspace(lags[0], longest, 1 + math.ceil(math.log2(longest / lags[0])))


def _missed(lags: FloatArray, covariance: FloatArray, weights: Weights, tau: float) -> FloatArray:
    """(K,) weights of the error of the straight line that follows from the fitted amplitude."""
    relaxed = 1.0 - np.exp(-lags / tau)
    design = np.stack([np.ones(len(lags)), lags, relaxed], axis=1)
    weighted = np.linalg.solve(covariance, design)
    amplitude = np.linalg.solve(design.T @ weighted, weighted.T)[2]
    return np.asarray(float(weights.slope @ relaxed) * amplitude)
