"""Chemical diffusivity from the relaxation of an initial composition wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError
from analysis.statistics.independent_samples import IndependentSamples
from analysis.thermodynamics.decay import Decay, fitted_decay
from analysis.thermodynamics.density_modes import DensityMode, reciprocal_lengths

if TYPE_CHECKING:
    from kmc.files.records import Wave
    from kmc.files.trajectory import Trajectory

UPPER_WAVE = 0.95  # relative amplitude from which the decay is fitted: a wave begins as one mode
FEWEST_REPLICAS = 4
WAVE_FORMULA = "D~ = (decay rate of the wave's amplitude)/(s k^2), s = the rate over D k^2 of free hops on this lattice"
CHARGED_WAVE_FORMULA = WAVE_FORMULA + "; of this k: charges that are screened over a distance lower it at shorter waves"


def wave_amplitude(
    trajectory: Trajectory, independent: IndependentSamples, weights: FloatArray
) -> tuple[DensityMode, FloatArray]:
    """(wave vector, (U+1, T+1) jackknife samples of the amplitude of sum_i weights_i rho_i).

    Raises UnavailableError for a run without a wave or with too few replicas for an error.
    """
    wave = _wave_of(trajectory)
    if independent.groups > 1 or trajectory.replicas < FEWEST_REPLICAS:
        raise UnavailableError(f"a relaxing wave needs at least {FEWEST_REPLICAS} replicas for its error")
    phase = np.exp(-2j * np.pi * wave.fractions)
    rho = ((wave.planes @ phase) @ weights).mean(axis=0)  # (T+1, R)
    start = rho[0].mean()
    along = (rho * np.conj(start)).real / abs(start)
    samples = independent.pool(along.T[:, None]) / independent.pool(np.ones((along.shape[1], 1)))[:, None]
    return DensityMode(wave.axis, 1, float(reciprocal_lengths(trajectory)[wave.axis])), np.asarray(samples)


def wave_decay(trajectory: Trajectory, independent: IndependentSamples, weights: FloatArray) -> Decay:
    """The decay of the amplitude of sum_i weights_i rho_i."""
    mode, samples = wave_amplitude(trajectory, independent, weights)
    return fitted_decay(mode, samples, float(trajectory.time_s[1]), UPPER_WAVE)


def wave_diffusivity_samples(trajectory: Trajectory, decay: Decay, shares: FloatArray) -> FloatArray:
    """(U+1,) diffusivity from a relaxing wave, in m2/s.

    shares: (C,) of the counted carriers, adding up to one: t_e of the ion and t_V of the electronic carrier of a pair,
    since L_amb decreases with k like coefficients in series: s = 1/(t_e/s_V + t_V/s_e) (derived).
    """
    s = 1.0 / (shares / _wave_of(trajectory).dispersion).sum()
    return np.asarray(decay.rate_samples / (decay.mode.k_per_m**2 * s))


def _wave_of(trajectory: Trajectory) -> Wave:
    if trajectory.wave is None:
        raise UnavailableError("the run had no thermodynamics.relaxation")
    return trajectory.wave
