"""Energies by least squares over many configurations, with a cross-validated error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.errors import InputError

SPARE = 3  # configurations beyond the number of unknowns, below which a cross-validated error means nothing


@dataclass(frozen=True)
class Fit:
    """The result of a fit.

    energies_eV, errors_eV: (n,) of each unknown, and their standard errors from the scatter of the residuals.
    constants_eV: of the compositions, in the order in which they first occur.
    rms_eV: root mean square residual. left_out_rms_eV: that of configurations predicted by a fit to all the others
    (leave-one-out cross-validation). predicted_eV: (m,) energies of the configurations by the fit.
    """

    energies_eV: NDArray[np.float64]
    errors_eV: NDArray[np.float64]
    constants_eV: NDArray[np.float64]
    rms_eV: float
    left_out_rms_eV: float
    predicted_eV: NDArray[np.float64]


def fit_energies(
    counts: NDArray[np.int64],
    compositions: Sequence[object],
    energies_eV: NDArray[np.float64],
    names: Sequence[str],
    key: str,
) -> Fit:
    """Fit E = E0(composition) + sum of counts times energies of the terms.

    counts: (m, n) terms of each kind in each configuration. compositions: (m,) configurations of equal composition
    share one constant E0. names: (n,) of the terms in messages. key: of the crystal file that sets the number of
    configurations. InputError for too few configurations, or for energies that they do not determine.
    """
    kinds = list(dict.fromkeys(compositions))
    constant = np.array([[composition == kind for kind in kinds] for composition in compositions], dtype=float)
    constant = constant.reshape(len(energies_eV), len(kinds))
    matrix = np.hstack([counts.astype(float), constant])
    unknowns = matrix.shape[1]
    if len(matrix) < unknowns + SPARE:
        raise InputError(
            f"{key}: {len(matrix)} configurations for {len(names)} energies and {len(kinds)} "
            f"compositions; at least {unknowns + SPARE} are needed, and three times as many are better"
        )
    undetermined = _undetermined(matrix, names)
    if undetermined:
        raise InputError(
            f"the configurations do not determine {'; '.join(undetermined)}: raise {key}, change what the cells hold, "
            "or leave these out"
        )
    solution, *_ = np.linalg.lstsq(matrix, energies_eV, rcond=None)
    predicted = matrix @ solution
    residual = energies_eV - predicted
    inverse = np.linalg.inv(matrix.T @ matrix)
    leverage = np.einsum("ij,jk,ik->i", matrix, inverse, matrix)
    free = len(matrix) - unknowns
    errors = np.sqrt(np.diag(inverse) * (residual @ residual) / free)
    # A configuration of leverage 1 alone fixes one unknown: it cannot be predicted from the others.
    predictable = leverage < 1.0 - 1e-9
    left_out = residual[predictable] / (1.0 - leverage[predictable])
    return Fit(
        solution[: len(names)],
        errors[: len(names)],
        solution[len(names) :],
        float(np.sqrt(np.mean(residual**2))),
        float(np.sqrt(np.mean(left_out**2))) if len(left_out) else float("nan"),
        predicted,
    )


def _undetermined(matrix: NDArray[np.float64], names: Sequence[str]) -> list[str]:
    """Names of the unknowns that have a part in the null space of the design."""
    _, singular, right = np.linalg.svd(matrix)
    rank = int((singular > 1e-9 * singular[0]).sum())
    null = right[rank:]
    return [name for column, name in enumerate(names) if np.abs(null[:, column]).max(initial=0.0) > 1e-6]
