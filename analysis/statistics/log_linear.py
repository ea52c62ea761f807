"""Straight lines through logarithms: ln y = intercept + slope x, weighted by the errors of y.

Errors from few replicas are themselves uncertain, and a fit weighted by them trusts the points whose errors are small
by chance: its own error is then far too small. The weights are therefore taken from variances whose logarithms are
shrunk towards their mean over the points, as if that were known with LEVEL_DOF degrees of freedom; the errors of
the fit, which is linear in the data, follow from the original variances, with the degrees of freedom of Welch and
Satterthwaite. For relative errors that are equal or differ by factors of up to 3, 95 % intervals then cover 93 to 96 %
with 4 to 32 replicas and 2 to 5 points (simulated for Arrhenius fits).
A value that is not above two standard errors has no useful logarithm: its deviation from the line is taken in y itself,
(y - fit)/fit with error stderr/fit, so that it is included even if negative; omitting it would cause a bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.statistics.estimates import FloatArray, UnavailableError, satterthwaite

CLOSEST = 1e-6  # spread of the abscissa, relative to its largest value
LARGEST_INTERCEPT = 700.0  # exp of more overflows
MOST_STEPS = 50
LEVEL_DOF = 9.0


@dataclass(frozen=True)
class LogLinearFit:
    """Slope and intercept with standard errors from those of y.

    covariance: of the two. slope_dof, intercept_dof: degrees of freedom of their errors, None where those of y are
    known. chi2_per_dof: None for two points.
    """

    slope: float
    slope_stderr: float
    intercept: float
    intercept_stderr: float
    covariance: float
    slope_dof: float | None
    intercept_dof: float | None
    chi2_per_dof: float | None


def fit_log_linear(
    abscissa: ArrayLike,
    values: ArrayLike,
    stderrs: ArrayLike,
    dof: ArrayLike | None = None,
    *,
    fit: str = "a fit",
    points: str = "points",
) -> LogLinearFit:
    """Weighted least squares; the arguments are (n,) each. dof: degrees of freedom of each error; None: known errors.

    fit, points: how messages name the fit and its points. Raises UnavailableError with fewer than two points, or points
    too close together, fewer than two values above two standard errors, an error that is not positive, or a fit that
    does not converge.
    """
    x = np.asarray(abscissa, dtype=float)
    y, error = np.asarray(values, dtype=float), np.asarray(stderrs, dtype=float)
    too_close = f"the {points} are too close together for {fit}"
    if len(np.unique(x)) < 2:
        raise UnavailableError(f"{fit} needs two {points}")
    if np.ptp(x) < CLOSEST * np.abs(x).max():
        raise UnavailableError(too_close)
    if not (error > 0).all():
        raise UnavailableError(f"{fit} needs positive errors")
    sharp = y > 2.0 * error
    if len(np.unique(x[sharp])) < 2:
        raise UnavailableError(f"{fit} needs positive values above two standard errors at two {points}")
    freedom = np.full(len(y), np.inf) if dof is None else np.asarray(dof, dtype=float)
    variance = (error / np.where(sharp, y, 1.0)) ** 2
    drawn = variance.copy()
    drawn[sharp] = _towards_common_level(variance[sharp], freedom[sharp])
    design = np.stack([np.ones_like(x), x], axis=1)
    solution = np.linalg.lstsq(
        design[sharp] / np.sqrt(drawn[sharp])[:, None], np.log(y[sharp]) / np.sqrt(drawn[sharp]), rcond=None
    )[0]
    for _ in range(MOST_STEPS):
        fitted = np.exp(design @ solution)
        residual = np.where(sharp, np.log(np.where(sharp, y, 1.0) / fitted), y / fitted - 1.0)
        weight = 1.0 / np.where(sharp, drawn, (error / fitted) ** 2)
        covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
        step = covariance @ (design.T @ (weight * residual))
        solution = solution + step
        if sharp.all() or abs(step[1]) <= 1e-9 * math.sqrt(covariance[1, 1]):
            break
    else:
        raise UnavailableError(f"{fit} does not converge: too large errors")
    if abs(solution[0]) > LARGEST_INTERCEPT:
        raise UnavailableError(too_close)
    residual = np.where(sharp, np.log(np.where(sharp, y, 1.0)) - design @ solution, residual)
    variance = np.where(sharp, variance, (error / fitted) ** 2)
    linear = covariance @ (design.T * weight)  # (2, n): the solution as a function of the data
    shares = linear**2 * variance  # of each point in the two variances
    known = [None if math.isinf(each) else float(each) for each in freedom]
    degrees = len(y) - 2
    return LogLinearFit(
        slope=float(solution[1]),
        slope_stderr=math.sqrt(shares[1].sum()),
        intercept=float(solution[0]),
        intercept_stderr=math.sqrt(shares[0].sum()),
        covariance=float((linear[0] * linear[1] * variance).sum()),
        slope_dof=satterthwaite(shares[1].tolist(), known),
        intercept_dof=satterthwaite(shares[0].tolist(), known),
        chi2_per_dof=float((residual**2 / variance).sum() / degrees) if degrees else None,
    )


def _towards_common_level(variance: FloatArray, dof: FloatArray) -> FloatArray:
    """(n,) variances with their logarithms shrunk towards the mean; known ones (infinite dof) are unchanged."""
    kept = np.where(np.isinf(dof), 1.0, dof / np.where(np.isinf(dof), 1.0, LEVEL_DOF + dof))
    logarithm = np.log(variance)
    return np.asarray(np.exp(kept * logarithm + (1.0 - kept) * logarithm.mean()))
