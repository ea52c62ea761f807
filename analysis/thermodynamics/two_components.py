"""Chemical diffusion of two neutral components: two kinds of ion with one electronic carrier (oxygen and hydrogen).

At zero electric current A = L - L z z^T L/(z^T L z), restricted to the ions; the neutral component of ion j is
n_j = e_j - (z_j/z_h) e_h, and D~ = kT A (N^T chi^-1 N), a 2 x 2 matrix (derived; chi_ij = <rho_i rho_j*>/V for k -> 0).
"""

from __future__ import annotations

import numpy as np

from analysis.statistics.estimates import (
    FloatArray,
    Unavailable,
    attempt,
    available,
    half_width_95,
    jackknife_stderr,
)
from analysis.thermodynamics.records import ChemicalMatrix
from analysis.thermodynamics.structure_factor import check_positive, long_wave_limit, structure_factors
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.conductivity import at_zero_current, require_positive, submatrix
from lattices.constants import BOLTZMANN_J_K

MATRIX_FORMULA = "D~ = kT A (N^T chi^-1 N), A = L - L z z^T L/(z^T L z) of the ions, n_j = e_j - (z_j/z_h) e_h"


def chemical_matrix(analysis: TransportAnalysis) -> ChemicalMatrix | None:
    """The entry of results.json; None unless the run has two kinds of ion and one electronic carrier."""
    trajectory = analysis.trajectory
    names = list(trajectory.plane_species)
    ions = [name for name in names if name not in trajectory.electronic]
    if len(names) != 3 or len(ions) != 2:
        return None
    samples = attempt(lambda: _samples(analysis, ions), MATRIX_FORMULA)
    if isinstance(samples, Unavailable):
        return {
            "species": ions,
            "value": None,
            "stderr": None,
            "reason": samples.reason,
            "formula": MATRIX_FORMULA,
        }
    eigen = np.sort(np.linalg.eigvals(samples).real, axis=1)
    stderr, dof = jackknife_stderr(samples), len(samples) - 2
    return {
        "species": ions,
        "value": samples[0].tolist(),
        "stderr": stderr.tolist(),
        "half_width_95": (half_width_95(1.0, dof) * stderr).tolist(),
        "dof": dof,
        "eigenvalues": {"value": eigen[0].tolist(), "stderr": jackknife_stderr(eigen).tolist()},
        "formula": MATRIX_FORMULA,
    }


def _samples(analysis: TransportAnalysis, ions: list[str]) -> FloatArray:
    """(U+1, 2, 2) jackknife samples of D~ in m2/s."""
    trajectory = analysis.trajectory
    order = [*ions, next(name for name in trajectory.plane_species if name in trajectory.electronic)]
    matrix, z = available(analysis.collective).of_names(order)
    require_positive(matrix[0])
    closed = at_zero_current(matrix, z)[:, :2, :2]
    neutral = np.array([[1.0, 0.0], [0.0, 1.0], [-z[0] / z[2], -z[1] / z[2]]])
    modes, chi = structure_factors(trajectory, available(analysis.independent))
    counted = [list(trajectory.plane_species).index(name) for name in order]
    chi = submatrix(chi, counted)
    check_positive(chi[0])
    factor = np.einsum("ai,ukab,bj->ukij", neutral, np.linalg.inv(chi), neutral)
    k = np.array([mode.k_per_m for mode in modes])
    at_zero = np.empty((len(factor), 2, 2))
    for i, j in np.ndindex(2, 2):
        at_zero[:, i, j] = long_wave_limit(k, factor[..., i, j])
    return np.asarray(BOLTZMANN_J_K * trajectory.temperature_K * closed @ at_zero)
