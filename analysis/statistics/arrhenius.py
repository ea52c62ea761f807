"""Arrhenius fits: ln y = ln y0 - E/(kT), weighted by the errors of y.

Errors from few replicas are themselves uncertain, and a fit weighted by them trusts the points whose errors are small
by chance: its own error is then far too small. The weights are therefore taken from variances whose logarithms are
shrunk towards their mean over the temperatures, as if that were known with LEVEL_DOF degrees of freedom; the errors of
the fit, which is linear in the data, follow from the original variances, with the degrees of freedom of Welch and
Satterthwaite. For relative errors that are equal or differ by factors of up to 3, 95 % intervals then cover 93 to 96 %
with 4 to 32 replicas and 2 to 5 temperatures (simulated).
A value that is not above two standard errors has no useful logarithm: its deviation from the line is taken in y itself,
(y - fit)/fit with error stderr/fit, so that it is included even if negative; omitting it would cause a bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.results import ArrheniusResults, Entry
from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    from_json,
    half_width_95,
    satterthwaite,
)

BOLTZMANN_EV_K = 8.617333262e-5
CLOSEST = 1e-6  # spread of 1/T, relative to 1/T
LARGEST_LN_PREFACTOR = 700.0  # exp of more overflows
TOO_CLOSE = "the temperatures are too close together for an Arrhenius fit"


MOST_STEPS = 50
LEVEL_DOF = 9.0


@dataclass(frozen=True)
class ArrheniusFit:
    """Activation energy in eV and ln of the prefactor (in the unit of y), with standard errors from those of y.

    covariance: of the two. energy_dof, prefactor_dof: degrees of freedom of their errors, None where those of y are
    known. chi2_per_dof: None for two temperatures.
    """

    activation_energy_eV: float
    activation_energy_stderr_eV: float
    ln_prefactor: float
    ln_prefactor_stderr: float
    covariance: float
    energy_dof: float | None
    prefactor_dof: float | None
    chi2_per_dof: float | None

    def at(self, temperature_K: float) -> float:
        """The fitted y at a temperature."""
        return math.exp(self.ln_prefactor - self.activation_energy_eV / (BOLTZMANN_EV_K * temperature_K))


def fit_arrhenius(
    temperature_K: ArrayLike, values: ArrayLike, stderrs: ArrayLike, dof: ArrayLike | None = None
) -> ArrheniusFit:
    """Weighted least squares; the arguments are (n,) each. dof: degrees of freedom of each error; None: known errors.

    Raises UnavailableError with fewer than two temperatures, or temperatures too close together, fewer than two values
    above two standard errors, an error that is not positive, or a fit that does not converge.
    """
    inverse_kt = 1.0 / (BOLTZMANN_EV_K * np.asarray(temperature_K, dtype=float))
    y, error = np.asarray(values, dtype=float), np.asarray(stderrs, dtype=float)
    if len(np.unique(inverse_kt)) < 2:
        raise UnavailableError("an Arrhenius fit needs two temperatures")
    if np.ptp(inverse_kt) < CLOSEST * inverse_kt.max():
        raise UnavailableError(TOO_CLOSE)
    if not (error > 0).all():
        raise UnavailableError("an Arrhenius fit needs positive errors")
    sharp = y > 2.0 * error
    if len(np.unique(inverse_kt[sharp])) < 2:
        raise UnavailableError("an Arrhenius fit needs positive values above two standard errors at two temperatures")
    freedom = np.full(len(y), np.inf) if dof is None else np.asarray(dof, dtype=float)
    variance = (error / np.where(sharp, y, 1.0)) ** 2
    drawn = variance.copy()
    drawn[sharp] = _towards_common_level(variance[sharp], freedom[sharp])
    design = np.stack([np.ones_like(inverse_kt), -inverse_kt], axis=1)
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
        raise UnavailableError("the Arrhenius fit does not converge: too large errors")
    if abs(solution[0]) > LARGEST_LN_PREFACTOR:
        raise UnavailableError(TOO_CLOSE)
    residual = np.where(sharp, np.log(np.where(sharp, y, 1.0)) - design @ solution, residual)
    variance = np.where(sharp, variance, (error / fitted) ** 2)
    linear = covariance @ (design.T * weight)  # (2, n): the solution as a function of the data
    shares = linear**2 * variance  # of each point in the two variances
    known = [None if math.isinf(each) else float(each) for each in freedom]
    degrees = len(y) - 2
    return ArrheniusFit(
        activation_energy_eV=float(solution[1]),
        activation_energy_stderr_eV=math.sqrt(shares[1].sum()),
        ln_prefactor=float(solution[0]),
        ln_prefactor_stderr=math.sqrt(shares[0].sum()),
        covariance=float((linear[0] * linear[1] * variance).sum()),
        energy_dof=satterthwaite(shares[1].tolist(), known),
        prefactor_dof=satterthwaite(shares[0].tolist(), known),
        chi2_per_dof=float((residual**2 / variance).sum() / degrees) if degrees else None,
    )


def _towards_common_level(variance: FloatArray, dof: FloatArray) -> FloatArray:
    """(n,) variances with their logarithms shrunk towards the mean; known ones (infinite dof) are unchanged."""
    kept = np.where(np.isinf(dof), 1.0, dof / np.where(np.isinf(dof), 1.0, LEVEL_DOF + dof))
    logarithm = np.log(variance)
    return np.asarray(np.exp(kept * logarithm + (1.0 - kept) * logarithm.mean()))


def arrhenius_json(
    temperature_K: Sequence[float],
    entries: Sequence[Entry],
    formula: str,
    factor: Sequence[float] | None = None,
    note: str | None = None,
) -> ArrheniusResults:
    """The entry of results.json for a quantity at several temperatures, times `factor` where one is given."""

    def fitted() -> ArrheniusFit:
        estimates = [available(from_json(entry)) for entry in entries]
        scale = np.ones(len(estimates)) if factor is None else np.asarray(factor)
        values, errors = np.array([[e.value, e.stderr] for e in estimates]).T
        dof = [math.inf if e.dof is None else e.dof for e in estimates]
        return fit_arrhenius(temperature_K, values * scale, errors * scale, dof)

    fit = attempt(fitted, formula)
    if isinstance(fit, Unavailable):
        return {"activation_energy_eV": fit.as_json()}
    bounds = [f"{t:g} K" for t, e in zip(temperature_K, entries, strict=True) if "bound: " in e.get("note", "")]
    energy = Estimate(fit.activation_energy_eV, fit.activation_energy_stderr_eV, formula, dof=fit.energy_dof)
    energy = energy.noting(note).noting(f"values that are bounds are included: {', '.join(bounds)}" if bounds else None)
    prefactor = math.exp(fit.ln_prefactor)
    half = half_width_95(fit.ln_prefactor_stderr, fit.prefactor_dof)
    of_prefactor: Entry = {
        "value": prefactor,
        "stderr": prefactor * fit.ln_prefactor_stderr,
        "interval_95": [prefactor * math.exp(-half), prefactor * math.exp(half)],
    }
    if fit.prefactor_dof is not None:
        of_prefactor["dof"] = fit.prefactor_dof
    return {"activation_energy_eV": energy.as_json(), "prefactor": of_prefactor, "chi2_per_dof": fit.chi2_per_dof}


def scaled(fit: ArrheniusResults, factor: float, formula: str) -> ArrheniusResults:
    """The fit of another quantity, which is this one times a factor that does not depend on temperature."""
    energy: Entry = {**fit["activation_energy_eV"], "formula": formula}
    if "prefactor" not in fit:
        return {"activation_energy_eV": energy}
    own = fit["prefactor"]
    if own["value"] is None or own["stderr"] is None:
        return {"activation_energy_eV": energy}
    prefactor: Entry = {**own, "value": own["value"] * factor, "stderr": own["stderr"] * factor}
    prefactor["interval_95"] = [end * factor for end in own["interval_95"]]
    return {"activation_energy_eV": energy, "prefactor": prefactor, "chi2_per_dof": fit.get("chi2_per_dof")}
