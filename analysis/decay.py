"""Chemical diffusivity straight from the walk: decays of density modes, and of a composition wave set free.

A mode of small k decays as exp(-D k^2 t). The rate is fitted to ln F over the lags at which F has fallen to between three
quarters and a quarter of its start, where faster modes are gone and noise is small; D(k) = rate/k^2 is carried to k = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.density_modes import Mode, correlation, density, limit, modes_of
from analysis.figures import FloatArray, Untrustworthy, jackknife_stderr
from analysis.fit import Units

if TYPE_CHECKING:
    from kmc.trajectory import Trajectory

UPPER, LOWER = 0.75, 0.25  # of the start, between which a decay is fitted
NOISE = 0.35  # largest relative error of F in the range
DECAY_FORMULA = "D~ = limit k -> 0 of (decay rate of <rho(k,t) rho(k,0)*>)/k^2"
WAVE_FORMULA = "D~ = (decay rate of the wave's amplitude)/k^2"
FEWEST_REPLICAS = 4


@dataclass(frozen=True)
class Decay:
    """One mode's F(t)/F(0) with error, and its rate. lag_s, value, stderr: (L,); rate_rows: (U+1,) per second.

    fitted: (first, last) lag of the fit.
    """

    mode: Mode
    lag_s: FloatArray
    value: FloatArray
    stderr: FloatArray
    rate_rows: FloatArray
    fitted: tuple[int, int]


def rate_rows(rows: FloatArray, interval_s: float) -> tuple[FloatArray, tuple[int, int]]:
    """((U+1,) decay rates, lags fitted) of (U+1, L) rows of a decaying function; Untrustworthy where there is none."""
    value = rows[0] / rows[0, 0]
    begin = int(np.argmax(value < UPPER))
    if value[begin] >= UPPER or (value > LOWER).all():
        raise Untrustworthy(
            f"the run is too short for a decay: the mode keeps {value.min():.0%} of its start for as long as can be seen"
        )
    after = np.flatnonzero(value < LOWER)
    end = int(after[0])
    begin = max(begin, 1)
    if end - begin < 2:
        raise Untrustworthy("frames are too far apart for this decay: take more frames")
    chosen = slice(begin, end)
    error = jackknife_stderr(rows)[chosen]
    if (rows[:, chosen] <= 0).any() or (error > NOISE * rows[0, chosen]).any():
        raise Untrustworthy("the decay drowns in noise: take more replicas or a longer run")
    weight = (rows[0, chosen] / np.maximum(error, 1e-300)) ** 2
    weight = weight / weight.max() if np.isfinite(weight).all() else np.ones(end - begin)
    t = np.arange(begin, end) * interval_s
    centre = (weight @ t) / weight.sum()
    slope = np.log(rows[:, chosen]) @ (weight * (t - centre)) / (weight @ (t - centre) ** 2)
    return np.asarray(-slope), (begin, end - 1)


def decays(trajectory: Trajectory, units: Units, weights: FloatArray) -> list[Decay]:
    """The decays of sum_i weights_i rho_i at every wave vector; Untrustworthy where one of them cannot be fitted."""
    interval = float(trajectory.time_s[1])
    lags = max((trajectory.n_frames + 1) // (2 * units.groups), 3)
    found = []
    for mode in modes_of(trajectory):
        rho = density(trajectory, mode) @ weights
        rows = correlation(rho[..., None], trajectory, units, lags)[..., 0, 0]
        rate, fitted = rate_rows(rows, interval)
        shape = rows / rows[:, :1]
        times = interval * np.arange(lags)
        found.append(Decay(mode, times, shape[0], jackknife_stderr(shape), rate, fitted))
    return found


def diffusivity_rows(found: list[Decay]) -> tuple[FloatArray, FloatArray]:
    """((U+1,) D at k = 0, (U+1, K) D(k)) of the decays of several wave vectors, in m2/s."""
    k = np.array([decay.mode.k_per_m for decay in found])
    rows = np.stack([decay.rate_rows for decay in found], axis=1) / k**2
    return limit(k, rows, jackknife_stderr(rows)), rows


def wave_amplitude(trajectory: Trajectory, units: Units, weights: FloatArray) -> tuple[Mode, FloatArray]:
    """(wave vector, (U+1, T+1) rows of the amplitude of sum_i weights_i rho_i); Untrustworthy without a wave."""
    wave = trajectory.wave
    if wave is None:
        raise Untrustworthy("the run had no thermodynamics.relaxation")
    if units.groups > 1 or trajectory.replicas < FEWEST_REPLICAS:
        raise Untrustworthy(f"a relaxing wave needs at least {FEWEST_REPLICAS} replicas for its error")
    planes = wave.planes.shape[-1]
    phase = np.exp(-2j * np.pi * np.arange(planes) / planes)
    rho = (wave.planes @ phase) @ weights  # (T+1, R)
    start = rho[0].mean()
    along = (rho * np.conj(start)).real / abs(start)
    rows = units.pool(along.T[:, None]) / units.pool(np.ones((along.shape[1], 1)))[:, None]
    cells = trajectory.grid_vectors_m * (trajectory.grid * np.array(trajectory.repeats, dtype=float))[:, None]
    k = float(np.linalg.norm(2.0 * np.pi * np.linalg.inv(cells), axis=0)[wave.axis])
    return Mode(wave.axis, 1, k), np.asarray(rows)


def wave_decay(trajectory: Trajectory, units: Units, weights: FloatArray) -> Decay:
    """The relaxing wave as a decay."""
    mode, rows = wave_amplitude(trajectory, units, weights)
    interval = float(trajectory.time_s[1])
    rate, fitted = rate_rows(rows, interval)
    shape = rows / rows[:, :1]
    return Decay(mode, interval * np.arange(rows.shape[1]), shape[0], jackknife_stderr(shape), rate, fitted)
