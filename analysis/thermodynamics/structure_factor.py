"""Structure factors of the carriers and their limit at long wavelengths: the thermodynamic factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError, jackknife_stderr
from analysis.statistics.independent_samples import IndependentSamples
from analysis.thermodynamics.density_correlation import correlation
from analysis.thermodynamics.density_modes import DensityMode, density, modes_of

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory


def structure_factors(trajectory: Trajectory, independent: IndependentSamples) -> tuple[list[DensityMode], FloatArray]:
    """(K modes, (U+1, K, C, C) jackknife samples of chi_ij(k) = <rho_i rho_j*>/V in 1/m3)."""
    modes = modes_of(trajectory)
    lags = max(trajectory.n_frames // 4, 2) if trajectory.dopants else 1
    samples = [correlation(density(trajectory, mode), trajectory, independent, lags)[:, 0] for mode in modes]
    return modes, np.stack(samples, axis=1) / trajectory.volume_m3


def long_wave_limit(k_per_m: FloatArray, samples: FloatArray) -> FloatArray:
    """(U+1,) values at k = 0 of (U+1, K) jackknife samples: a + b k^2 by least squares, weighted with their errors."""
    x, stderr = k_per_m**2, jackknife_stderr(samples)
    design = np.stack([np.ones(len(x)), x / x.max()], axis=1)
    weight = 1.0 / np.maximum(stderr, 1e-300) ** 2
    if not np.isfinite(weight).all() or stderr.max() <= 0:
        weight = np.ones(len(x))
    normal = design.T @ (weight[:, None] * design)
    return np.asarray(samples @ (weight[:, None] * design) @ np.linalg.inv(normal)[:, 0])


def check_positive(chi: FloatArray) -> None:
    """Raise UnavailableError unless every (..., C, C) matrix of structure factors is positive definite."""
    if (np.linalg.eigvalsh(chi) <= 0).any():
        raise UnavailableError("structure factors are not positive within this run: take a longer one or more replicas")


def theta_of_k(trajectory: Trajectory, chi: FloatArray, order: tuple[int, ...], n: FloatArray) -> FloatArray:
    """(U+1, K) Theta of the ion carrier: c n^T chi^-1 n, with the carriers of `order` and their numbers n per ion."""
    count = {record.name: record.count for record in trajectory.species}
    c = count[trajectory.component["carrier"]] / trajectory.volume_m3
    part = chi[:, :, order][:, :, :, order]
    check_positive(part[0])
    return np.asarray(c * np.einsum("i,ukij,j->uk", n, np.linalg.inv(part), n))


def neutral_vector(trajectory: Trajectory) -> tuple[tuple[int, ...], FloatArray]:
    """(indices of ion and electronic carrier among the counted species, numbers of each in the neutral component)."""
    component = trajectory.component
    names = list(trajectory.plane_species)
    order, n = [names.index(component["carrier"])], [1.0]
    if component["electronic_carrier"]:
        if component["electronic_carrier"] not in names:
            raise UnavailableError(f"the run holds no {component['electronic_carrier']}")
        order.append(names.index(component["electronic_carrier"]))
        n.append(float(component["electronic"]))
    return tuple(order), np.array(n)
