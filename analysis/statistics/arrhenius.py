"""Arrhenius fits: ln y = ln y0 - E/(kT), weighted by the errors of y."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.results import ArrheniusResults, Entry
from analysis.statistics.estimates import Estimate, Unavailable, UnavailableError, attempt, available, from_json

BOLTZMANN_EV_K = 8.617333262e-5


@dataclass(frozen=True)
class ArrheniusFit:
    """Activation energy in eV and ln of the prefactor (in the unit of y), with standard errors from those of y.

    covariance: of the two. chi2_per_dof: None for two temperatures.
    """

    activation_energy_eV: float
    activation_energy_stderr_eV: float
    ln_prefactor: float
    ln_prefactor_stderr: float
    covariance: float
    chi2_per_dof: float | None

    def at(self, temperature_K: float) -> float:
        """The fitted y at a temperature."""
        return math.exp(self.ln_prefactor - self.activation_energy_eV / (BOLTZMANN_EV_K * temperature_K))


def fit_arrhenius(temperature_K: ArrayLike, values: ArrayLike, stderrs: ArrayLike) -> ArrheniusFit:
    """Weighted least squares; the arguments are (n,) each.

    Raises UnavailableError with fewer than two temperatures or a value or error that is not positive.
    """
    inverse_kt = 1.0 / (BOLTZMANN_EV_K * np.asarray(temperature_K, dtype=float))
    y, error = np.asarray(values, dtype=float), np.asarray(stderrs, dtype=float)
    if len(np.unique(inverse_kt)) < 2:
        raise UnavailableError("an Arrhenius fit needs two temperatures")
    if not ((y > 0).all() and (error > 0).all()):
        raise UnavailableError("an Arrhenius fit needs positive values with positive errors")
    weight = (y / error) ** 2
    design = np.stack([np.ones_like(inverse_kt), -inverse_kt], axis=1)
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
    solution = covariance @ (design.T @ (weight * np.log(y)))
    residual = np.log(y) - design @ solution
    freedom = len(y) - 2
    return ArrheniusFit(
        activation_energy_eV=float(solution[1]),
        activation_energy_stderr_eV=math.sqrt(covariance[1, 1]),
        ln_prefactor=float(solution[0]),
        ln_prefactor_stderr=math.sqrt(covariance[0, 0]),
        covariance=float(covariance[0, 1]),
        chi2_per_dof=float((weight * residual**2).sum() / freedom) if freedom else None,
    )


def arrhenius_json(
    temperature_K: Sequence[float], entries: Sequence[Entry], formula: str, factor: Sequence[float] | None = None
) -> ArrheniusResults:
    """The entry of results.json for a quantity at several temperatures, times `factor` where one is given."""

    def fitted() -> ArrheniusFit:
        estimates = [available(from_json(entry)) for entry in entries]
        scale = np.ones(len(estimates)) if factor is None else np.asarray(factor)
        values, errors = np.array([[e.value, e.stderr] for e in estimates]).T
        return fit_arrhenius(temperature_K, values * scale, errors * scale)

    fit = attempt(fitted, formula)
    if isinstance(fit, Unavailable):
        return {"activation_energy_eV": fit.as_json()}
    energy = Estimate(fit.activation_energy_eV, fit.activation_energy_stderr_eV, formula)
    prefactor = math.exp(fit.ln_prefactor)
    return {
        "activation_energy_eV": energy.as_json(),
        "prefactor": {"value": prefactor, "stderr": prefactor * fit.ln_prefactor_stderr},
        "chi2_per_dof": fit.chi2_per_dof,
    }
