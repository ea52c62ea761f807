"""Chemical diffusivity straight from the walk: decays of density modes, and of a relaxing composition wave.

A mode of small k decays as exp(-D k^2 t). The rate is fitted to ln F over the lags from where F has fallen to three
quarters of its start, when faster modes are gone, to where it is a quarter or drowns in noise; D(k) = rate/k^2 is
carried to k = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, Unavailable, UnavailableError, attempt, jackknife_stderr
from analysis.statistics.independent_samples import IndependentSamples
from analysis.thermodynamics.density_modes import Mode, correlation, density, limit, modes_of

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

UPPER, LOWER = 0.75, 0.25  # of the start, between which a decay is fitted
UPPER_WAVE = 0.95  # of a wave, which begins as one mode
FEWEST_LAGS = 2
FEWEST_LENGTHS = 2  # of wave vectors, for a limit
LEAST_FALL = 0.4  # of ln F within the fit
NOISE = 0.35  # largest relative error of F in the range
DECAY_FORMULA = "D~ = limit k -> 0 of (decay rate of <rho(k,t) rho(k,0)*>)/k^2, D(k) linear in k^2"
CHARGED_DECAY_FORMULA = "D~ = limit k -> 0 of (decay rate of <rho(k,t) rho(k,0)*>)/k^2, 1/D(k) linear in k^2"
WAVE_FORMULA = "D~ = (decay rate of the wave's amplitude)/(s k^2), s = the rate over D k^2 of free hops on this lattice"
CHARGED_WAVE_FORMULA = WAVE_FORMULA + "; of this k: charges that are screened over a distance lower it at shorter waves"
FEWEST_REPLICAS = 4


@dataclass(frozen=True)
class Decay:
    """One mode's F(t)/F(0) with error, and its rate. lag_s, value, stderr: (L,); rate_samples: (U+1,) per second.

    fitted: (first, last) lag of the fit.
    """

    mode: Mode
    lag_s: FloatArray
    value: FloatArray
    stderr: FloatArray
    rate_samples: FloatArray
    fitted: tuple[int, int]


def decay_rate_samples(rows: FloatArray, interval_s: float, upper: float = UPPER) -> tuple[FloatArray, tuple[int, int]]:
    """((U+1,) decay rates, first and last lag of the fit) of (U+1, L) jackknife samples of a decaying function.

    Raises UnavailableError where no decay can be fitted.
    """
    value, error = rows[0] / rows[0, 0], jackknife_stderr(rows) / rows[0, 0]
    begin = max(int(np.argmax(value < upper)), 1)
    if not (value < upper).any():
        raise UnavailableError(
            f"the run is too short for a decay: the mode keeps {value.min():.0%} of its start as long as can be seen"
        )
    over = np.flatnonzero((value < LOWER) | (error > NOISE * value) | (rows <= 0).any(axis=0))
    over = over[over >= begin]
    end = int(over[0]) if len(over) else len(value)
    if end - begin < FEWEST_LAGS:
        if value[min(end, len(value) - 1)] < LOWER:
            raise UnavailableError("frames are too far apart for this decay: take more frames")
        raise UnavailableError("the decay drowns in noise: take more replicas or a longer run")
    if np.log(value[begin] / value[end - 1]) < LEAST_FALL:
        raise UnavailableError(
            f"too little of the decay is seen: the mode keeps {value[end - 1]:.0%} of its start where the run ends or "
            "noise sets in"
        )
    chosen = slice(begin, end)
    weight = (value[chosen] / np.maximum(error[chosen], 1e-9 * value[chosen])) ** 2
    t = np.arange(begin, end) * interval_s
    weight = weight / weight.max()
    centre = (weight @ t) / weight.sum()
    slope = np.log(rows[:, chosen]) @ (weight * (t - centre)) / (weight @ (t - centre) ** 2)
    return np.asarray(-slope), (begin, end - 1)


def decays(trajectory: Trajectory, independent: IndependentSamples, weights: FloatArray) -> list[Decay]:
    """The decays of sum_i weights_i rho_i at the wave vectors where one can be fitted.

    In a crystal that is not cubic only those along the axis of the longest wave: diffusion there is that of the axis.
    UnavailableError where those have fewer than two lengths, with the reason of the longest wave that has none.
    """
    interval = float(trajectory.time_s[1])
    lags = max((trajectory.n_frames + 1) // (2 * independent.groups), 3)
    found, reasons = [], []
    modes = modes_of(trajectory)
    for mode in [m for m in modes if trajectory.cubic or m.axis == modes[0].axis]:
        rho = density(trajectory, mode) @ weights
        rows = correlation(rho[..., None], trajectory, independent, lags)[..., 0, 0]
        shape = rows / rows[:, :1]
        times = interval * np.arange(lags, dtype=float)
        rate = attempt(partial(decay_rate_samples, rows, interval))
        if isinstance(rate, Unavailable):
            reasons.append(rate)
            continue
        found.append(Decay(mode, times, shape[0], jackknife_stderr(shape), *rate))
    if len({round(each.mode.k_per_m / found[0].mode.k_per_m, 6) for each in found}) < FEWEST_LENGTHS:
        raise UnavailableError(reasons[0])
    return found


def diffusivity_samples(found: list[Decay], charged: bool = False) -> tuple[FloatArray, FloatArray]:
    """((U+1,) D at k = 0, (U+1, K) D(k)) of the decays of several wave vectors, in m2/s.

    charged: ions and electronic carriers held together by their charges. D(k) then falls towards that of ions alone as
    k nears the inverse screening length, D(k) = D (1 + a k^2)/(1 + b k^2) with b > a (derived: slower eigenvalue of
    k^2 L chi^-1 with chi^-1_ij = d_ij Theta_i/c_i + z_i z_j e^2/(eps k^2 kT)), so that 1/D(k) is carried to k = 0.
    """
    k = np.array([decay.mode.k_per_m for decay in found])
    rows = np.stack([decay.rate_samples for decay in found], axis=1) / k**2
    if not charged:
        return limit(k, rows, jackknife_stderr(rows)), rows
    if (rows <= 0).any():
        raise UnavailableError("the decays are lost in noise: take more replicas or a longer run")
    return 1.0 / limit(k, 1.0 / rows, jackknife_stderr(1.0 / rows)), rows


def wave_amplitude(
    trajectory: Trajectory, independent: IndependentSamples, weights: FloatArray
) -> tuple[Mode, FloatArray]:
    """(wave vector, (U+1, T+1) rows of the amplitude of sum_i weights_i rho_i); UnavailableError without a wave."""
    wave = trajectory.wave
    if wave is None:
        raise UnavailableError("the run had no thermodynamics.relaxation")
    if independent.groups > 1 or trajectory.replicas < FEWEST_REPLICAS:
        raise UnavailableError(f"a relaxing wave needs at least {FEWEST_REPLICAS} replicas for its error")
    phase = np.exp(-2j * np.pi * wave.fractions)
    rho = ((wave.planes @ phase) @ weights).mean(axis=0)  # (T+1, R)
    start = rho[0].mean()
    along = (rho * np.conj(start)).real / abs(start)
    rows = independent.pool(along.T[:, None]) / independent.pool(np.ones((along.shape[1], 1)))[:, None]
    cells = trajectory.grid_vectors_m * (trajectory.grid * np.array(trajectory.repeats, dtype=float))[:, None]
    k = float(np.linalg.norm(2.0 * np.pi * np.linalg.inv(cells), axis=0)[wave.axis])
    return Mode(wave.axis, 1, k), np.asarray(rows)


def wave_decay(trajectory: Trajectory, independent: IndependentSamples, weights: FloatArray) -> Decay:
    """The relaxing wave as a decay."""
    mode, rows = wave_amplitude(trajectory, independent, weights)
    interval = float(trajectory.time_s[1])
    rate, fitted = decay_rate_samples(rows, interval, UPPER_WAVE)
    shape = rows / rows[:, :1]
    return Decay(
        mode, interval * np.arange(rows.shape[1], dtype=float), shape[0], jackknife_stderr(shape), rate, fitted
    )


def wave_diffusivity_samples(trajectory: Trajectory, decay: Decay, shares: FloatArray) -> FloatArray:
    """(U+1,) diffusivity from a relaxing wave, in m2/s.

    shares: (C,) of the counted carriers, adding to one: t_e of the ion and t_V of the electronic carrier of a pair, for
    L_amb falls with k as the coefficients in series do: s = 1/(t_e/s_V + t_V/s_e) (derived).
    """
    assert trajectory.wave is not None
    s = 1.0 / (shares / trajectory.wave.dispersion).sum()
    return np.asarray(decay.rate_samples / (decay.mode.k_per_m**2 * s))
