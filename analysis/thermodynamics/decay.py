"""Chemical diffusivity from the decay of density modes.

A mode of small k decays as exp(-D k^2 t). The rate is fitted to ln F over the lags from where F has fallen to three
quarters of its initial value, when faster modes have decayed, to where it reaches a quarter or disappears in the noise;
D(k) = rate/k^2 is extrapolated to k = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, Unavailable, UnavailableError, attempt, jackknife_stderr
from analysis.statistics.independent_samples import IndependentSamples
from analysis.thermodynamics.density_correlation import correlation
from analysis.thermodynamics.density_modes import DensityMode, density, modes_of, wave_numbers
from analysis.thermodynamics.structure_factor import long_wave_limit

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

UPPER, LOWER = 0.75, 0.25  # relative values between which a decay is fitted
FEWEST_LAGS = 2
FEWEST_WAVE_NUMBERS = 2  # for a limit k -> 0
LEAST_FALL = 0.4  # of ln F within the fit
LARGEST_NOISE = 0.35  # relative error of F up to which it is fitted
DECAY_FORMULA = "D~ = limit k -> 0 of (decay rate of <rho(k,t) rho(k,0)*>)/k^2, D(k) linear in k^2"
CHARGED_DECAY_FORMULA = "D~ = limit k -> 0 of (decay rate of <rho(k,t) rho(k,0)*>)/k^2, 1/D(k) linear in k^2"


@dataclass(frozen=True)
class Decay:
    """One mode's F(t)/F(0) with its error, and its rate. lag_s, value, stderr: (L,); rate_samples: (U+1,) in 1/s.

    fitted: (first, last) lag of the fit, as an index.
    """

    mode: DensityMode
    lag_s: FloatArray
    value: FloatArray
    stderr: FloatArray
    rate_samples: FloatArray
    fitted: tuple[int, int]


def fitted_decay(mode: DensityMode, samples: FloatArray, interval_s: float, upper: float = UPPER) -> Decay:
    """The decay of a function given as (U+1, L) jackknife samples at lags of `interval_s`.

    Raises UnavailableError where no rate can be fitted.
    """
    rate, fitted = decay_rate_samples(samples, interval_s, upper)
    shape = samples / samples[:, :1]
    lags_s = interval_s * np.arange(samples.shape[1], dtype=float)
    return Decay(mode, lags_s, shape[0], jackknife_stderr(shape), rate, fitted)


def decay_rate_samples(
    samples: FloatArray, interval_s: float, upper: float = UPPER
) -> tuple[FloatArray, tuple[int, int]]:
    """((U+1,) decay rates in 1/s, first and last lag of the fit) of (U+1, L) jackknife samples of a decaying function.

    Raises UnavailableError where no rate can be fitted.
    """
    value, error = samples[0] / samples[0, 0], jackknife_stderr(samples) / samples[0, 0]
    chosen = _fit_lags(samples, value, error, upper)
    weight = (value[chosen] / np.maximum(error[chosen], 1e-9 * value[chosen])) ** 2
    t = np.arange(chosen.start, chosen.stop) * interval_s
    weight = weight / weight.max()
    centre = (weight @ t) / weight.sum()
    slope = np.log(samples[:, chosen]) @ (weight * (t - centre)) / (weight @ (t - centre) ** 2)
    return np.asarray(-slope), (chosen.start, chosen.stop - 1)


def _fit_lags(samples: FloatArray, value: FloatArray, error: FloatArray, upper: float) -> slice:
    """The lags over which ln F is fitted."""
    if not (value < upper).any():
        raise UnavailableError(
            f"the run is too short for a decay: the mode keeps {value.min():.0%} of its initial value over the longest "
            "lag"
        )
    begin = max(int(np.argmax(value < upper)), 1)
    over = np.flatnonzero((value < LOWER) | (error > LARGEST_NOISE * value) | (samples <= 0).any(axis=0))
    over = over[over >= begin]
    end = int(over[0]) if len(over) else len(value)
    if end - begin < FEWEST_LAGS:
        if value[min(end, len(value) - 1)] < LOWER:
            raise UnavailableError("frames are too far apart for this decay: take more frames")
        raise UnavailableError("the decay disappears in the noise: take more replicas or a longer run")
    if np.log(value[begin] / value[end - 1]) < LEAST_FALL:
        raise UnavailableError(
            f"too little of the decay is resolved: the mode keeps {value[end - 1]:.0%} of its initial value where the "
            "run ends or noise sets in"
        )
    return slice(begin, end)


def decays(trajectory: Trajectory, independent: IndependentSamples, weights: FloatArray) -> list[Decay]:
    """The decays of sum_i weights_i rho_i at the wave vectors where one can be fitted.

    In a crystal that is not cubic, only those along the axis of the longest wave are used: the result is D~ along this
    axis. Raises UnavailableError with fewer than two wave numbers, with the reason of the longest wave that has no
    decay.
    """
    interval = float(trajectory.time_s[1])
    lags = max((trajectory.n_frames + 1) // (2 * independent.groups), 3)
    found, reasons = [], []
    modes = modes_of(trajectory)
    for mode in [m for m in modes if trajectory.cubic or m.axis == modes[0].axis]:
        rho = density(trajectory, mode) @ weights
        samples = correlation(rho[..., None], trajectory, independent, lags)[..., 0, 0]
        decay = attempt(partial(fitted_decay, mode, samples, interval))
        if isinstance(decay, Unavailable):
            reasons.append(decay)
        else:
            found.append(decay)
    if wave_numbers([decay.mode for decay in found]) < FEWEST_WAVE_NUMBERS:
        raise UnavailableError(reasons[0] if reasons else f"only one wave number along axis {modes[0].axis}")
    return found


def diffusivity_samples(found: list[Decay], charged: bool = False) -> tuple[FloatArray, FloatArray]:
    """((U+1,) D at k = 0, (U+1, K) D(k)) of the decays of several wave vectors, in m2/s.

    charged: ions and electronic carriers held together by their charges. D(k) then falls towards that of ions alone as
    k approaches the inverse screening length, D(k) = D (1 + a k^2)/(1 + b k^2) with b > a (derived: slower eigenvalue
    of k^2 L chi^-1 with chi^-1_ij = d_ij Theta_i/c_i + z_i z_j e^2/(eps k^2 kT)), so that 1/D(k) is extrapolated.
    """
    k = np.array([decay.mode.k_per_m for decay in found])
    of_k = np.stack([decay.rate_samples for decay in found], axis=1) / k**2
    if not charged:
        return long_wave_limit(k, of_k), of_k
    if (of_k <= 0).any():
        raise UnavailableError("the decays disappear in the noise: take more replicas or a longer run")
    return 1.0 / long_wave_limit(k, 1.0 / of_k), of_k
