"""Arrhenius fits: ln y = ln y0 - E/(kT), weighted as analysis/statistics/log_linear.py describes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.results import ArrheniusResults, Entry
from analysis.statistics.estimates import Estimate, Unavailable, attempt, available, from_json, half_width_95
from analysis.statistics.log_linear import fit_log_linear

BOLTZMANN_EV_K = 8.617333262e-5


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

    Raises UnavailableError as `fit_log_linear` does.
    """
    inverse_kt = 1.0 / (BOLTZMANN_EV_K * np.asarray(temperature_K, dtype=float))
    fit = fit_log_linear(-inverse_kt, values, stderrs, dof, fit="an Arrhenius fit", points="temperatures")
    return ArrheniusFit(
        activation_energy_eV=fit.slope,
        activation_energy_stderr_eV=fit.slope_stderr,
        ln_prefactor=fit.intercept,
        ln_prefactor_stderr=fit.intercept_stderr,
        covariance=fit.covariance,
        energy_dof=fit.slope_dof,
        prefactor_dof=fit.intercept_dof,
        chi2_per_dof=fit.chi2_per_dof,
    )


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
