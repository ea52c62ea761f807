"""D~ from decaying density modes and from a relaxing wave: extrapolation of decay rates to k = 0."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.statistics.independent_samples import independent_samples
from analysis.thermodynamics.decay import Decay, diffusivity_samples
from analysis.thermodynamics.density_modes import DensityMode
from analysis.thermodynamics.wave import wave_diffusivity_samples
from kmc.files.records import Wave
from tests.analysis.synthetic import synthetic

D_M2_S = 3.0e-9
K_PER_M = 2.0e8 * np.array([1.0, 2.0, 3.0])


def decays_at(diffusivity: np.ndarray, k_per_m: np.ndarray = K_PER_M) -> list[Decay]:
    """Decays with the given D(k); five jackknife samples that differ by a scale factor give them an error."""
    scale = 1.0 + 1e-3 * np.array([0.0, -2.0, -1.0, 1.0, 2.0])
    none = np.zeros(1)
    return [
        Decay(DensityMode(0, n, k), none, none, none, scale * d * k**2, (1, 2))
        for n, (k, d) in enumerate(zip(k_per_m.tolist(), diffusivity.tolist(), strict=True), start=1)
    ]


def test_for_neutral_species_the_diffusivity_is_extrapolated() -> None:
    """D(k) = D (1 - b k^2) holds exactly."""
    at_zero, of_k = diffusivity_samples(decays_at(D_M2_S * (1.0 - 1e-18 * K_PER_M**2)))
    assert at_zero[0] == pytest.approx(D_M2_S, rel=1e-9)
    assert of_k[0, 0] == pytest.approx(0.96 * D_M2_S, rel=1e-9)


def test_for_a_charged_pair_the_inverse_diffusivity_is_extrapolated() -> None:
    """D(k) = D/(1 + b k^2) holds exactly: 1/D(k) is linear in k^2, and D(k) is not."""
    found = decays_at(D_M2_S / (1.0 + 4e-18 * K_PER_M**2))
    assert diffusivity_samples(found, charged=True)[0] == pytest.approx(
        D_M2_S * (1.0 + 1e-3 * np.array([0.0, -2.0, -1.0, 1.0, 2.0])), rel=1e-9
    )
    assert diffusivity_samples(found, charged=False)[0][0] < 0.9 * D_M2_S


def test_the_charged_limit_is_the_ambipolar_diffusivity() -> None:
    """Slow eigenvalue of k^2 L chi^-1 for ions of charge 2 and fast electrons with Debye screening.

    chi^-1_ij = kT (d_ij/c_i + z_i z_j kappa^2/(k^2 sum z^2 c)); at small k it is D~ = 3 t_e D_V for an ideal mixture.
    """
    z, c, mobility = np.array([2.0, -1.0]), np.array([1.0, 2.0]), np.array([1.0, 50.0])
    kappa = 1.5e9
    mobile = np.diag(mobility * c * D_M2_S)
    rates = []
    for k in K_PER_M:
        inverse = np.diag(1.0 / c) + np.outer(z, z) * kappa**2 / (k**2 * (z**2 @ c))
        rates.append(np.linalg.eigvals(k**2 * mobile @ inverse).real.min() / k**2)
    t_e = mobility[1] * c[1] / (4.0 * mobility[0] * c[0] + mobility[1] * c[1])
    expected = 3.0 * t_e * D_M2_S
    found = decays_at(np.array(rates))
    assert diffusivity_samples(found, charged=True)[0][0] == pytest.approx(expected, rel=0.01)
    assert diffusivity_samples(found, charged=False)[0][0] < 0.99 * expected


def test_a_wave_on_a_lattice_decays_slower_than_D_k_squared() -> None:
    """rate = D k^2/(t_e/s_V + t_V/s_e): the coefficients of the ion and the electronic carrier act in series."""
    run = synthetic({"V_O": np.zeros((10, 4, 1, 3), dtype=np.int64)})
    k = 1.0e9
    wave = Wave(0, np.zeros((1, 11, 4, 2, 8), dtype=np.int32), np.arange(8) / 8, np.array([0.5, 0.8]))
    run = dataclasses.replace(run, wave=wave)
    found = dataclasses.replace(decays_at(np.array([D_M2_S]), np.array([k]))[0], mode=DensityMode(0, 1, k))
    assert wave_diffusivity_samples(run, found, np.array([1.0, 0.0]))[0] == pytest.approx(2.0 * D_M2_S)
    assert wave_diffusivity_samples(run, found, np.array([0.6, 0.4]))[0] == pytest.approx(1.7 * D_M2_S)
    assert independent_samples(run).n_samples == 4
