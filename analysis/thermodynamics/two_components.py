"""Chemical diffusion of two neutral components: two kinds of ion with one electronic carrier (oxygen and hydrogen).

At zero electric current A = L - L z z^T L/(z^T L z), restricted to the ions; the neutral component of ion j is
n_j = e_j - (z_j/z_h) e_h, and D~ = kT A (N^T chi^-1 N), a 2 x 2 matrix (derived; chi_ij = <rho_i rho_j*>/V for k -> 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.statistics.estimates import (
    FloatArray,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    jackknife_stderr,
)
from analysis.statistics.msd_fit import IndependentSamples
from analysis.thermodynamics.density_modes import limit, structure
from analysis.transport.onsager import CollectiveSamples
from lattices.constants import BOLTZMANN_J_K

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

MATRIX_FORMULA = "D~ = kT A (N^T chi^-1 N), A = L - L z z^T L/(z^T L z) of the ions, n_j = e_j - (z_j/z_h) e_h"


def chemical_matrix_json(
    trajectory: Trajectory, independent: IndependentSamples, collective: CollectiveSamples | Unavailable
) -> dict[str, Any] | None:
    """The entry of results.json; None unless the run has two kinds of ion and one electronic carrier."""
    names = list(trajectory.plane_species)
    ions = [name for name in names if name not in trajectory.electronic]
    if len(names) != 3 or len(ions) != 2:
        return None
    samples = attempt(lambda: _samples(trajectory, independent, available(collective), ions), MATRIX_FORMULA)
    if isinstance(samples, Unavailable):
        return {"species": ions} | samples.as_json()
    eigen = np.sort(np.linalg.eigvals(samples).real, axis=1)
    return {
        "species": ions,
        "value": samples[0].tolist(),
        "stderr": jackknife_stderr(samples).tolist(),
        "eigenvalues": {"value": eigen[0].tolist(), "stderr": jackknife_stderr(eigen).tolist()},
        "formula": MATRIX_FORMULA,
    }


def _samples(
    trajectory: Trajectory, independent: IndependentSamples, collective: CollectiveSamples, ions: list[str]
) -> FloatArray:
    """(U+1, 2, 2) jackknife samples of D~ in m2/s."""
    if collective.left_out:
        raise UnavailableError(collective.left_out)
    order = [*ions, next(name for name in trajectory.plane_species if name in trajectory.electronic)]
    place = [list(collective.names).index(name) for name in order]
    matrix, z = collective.scalars[:, place][:, :, place], collective.charges[place]
    if np.linalg.eigvalsh(matrix[0]).min() < 0:
        raise UnavailableError("the matrix L is not positive semi-definite within this run: take a longer one")
    current = matrix @ z
    closed = matrix - np.einsum("ui,uj->uij", current, current) / np.einsum("i,ui->u", z, current)[:, None, None]
    neutral = np.array([[1.0, 0.0], [0.0, 1.0], [-z[0] / z[2], -z[1] / z[2]]])
    modes, chi = structure(trajectory, independent)
    counted = [list(trajectory.plane_species).index(name) for name in order]
    chi = chi[:, :, counted][:, :, :, counted]
    if (np.linalg.eigvalsh(chi[0]) <= 0).any():
        raise UnavailableError("structure factors are not positive within this run: take a longer one or more replicas")
    factor = np.einsum("ai,ukab,bj->ukij", neutral, np.linalg.inv(chi), neutral)
    k = np.array([mode.k_per_m for mode in modes])
    at_zero = np.empty((len(factor), 2, 2))
    for i, j in np.ndindex(2, 2):
        at_zero[:, i, j] = limit(k, factor[..., i, j], jackknife_stderr(factor[..., i, j]))
    return np.asarray(BOLTZMANN_J_K * trajectory.temperature_K * closed[:, :2, :2] @ at_zero)
