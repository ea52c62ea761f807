"""The thermodynamic factor by three methods, side by side: grand-canonical walk, structure factors, slabs."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.statistics.estimates import (
    Estimate,
    Result,
    Unavailable,
    attempt,
    available,
    jackknife_stderr,
    positive_from_samples,
    without_bias,
)
from analysis.thermodynamics.density_modes import counted_json, limit, neutral_vector, slab_theta, structure, theta_of_k
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.thermodynamics.isotherm import (
    counts_of,
    curve_json,
    isotherm_json,
    partner_of,
    potential_json,
    theta_estimates,
)

STRUCTURE_FORMULA = "Theta_{} = limit k -> 0 of c n^T chi(k)^-1 n, chi_ij = <rho_i rho_j*>/V thermal, n = {}"
SLAB_FORMULA = "Theta_{} = c n^T chi^-1 n, chi_ij V_slab (1 - V_slab/V) = Cov(N_i, N_j) of slabs"


def theta_json(inputs: ChemicalDiffusionInputs) -> tuple[dict[str, Any], dict[str, Result]]:
    """(entries of results.json: Theta of carrier and partner, the isotherm; Theta of the carrier by each method)."""
    trajectory = inputs.trajectory
    points = attempt(lambda: isotherm_json(trajectory, available(inputs.histograms)))
    curve = attempt(lambda: curve_json(trajectory, available(inputs.histograms)))
    point = inputs.point
    own: Result
    partner: Result
    if isinstance(point, Unavailable):
        own = partner = point
        potential = {"mu_eV": None, "reason": point.reason}
    else:
        own, partner = theta_estimates(trajectory, point, 0)
        potential = potential_json(trajectory, float(point.mu_eV[0]))
    modes: list[Any] = []
    methods: dict[str, Result] = {
        "grand_canonical": own,
        "structure_factor": attempt(lambda: _structure(inputs, modes)),
        "slabs": attempt(lambda: _slabs(inputs)),
    }
    vacancies = trajectory.component["per_carrier"] < 0
    other = Unavailable(f"the component is {inputs.particle}: see thermodynamics.carrier").as_json()
    entries = {
        "thermodynamic_factor_O": partner.as_json() if vacancies else other,
        "thermodynamic_factor_V": own.as_json() if vacancies else other,
        "thermodynamics": {
            "component": inputs.particle,
            "carrier": inputs.carrier,
            "partner": partner_of(trajectory),
            "site_fraction": inputs.site_fraction,
            "thermodynamic_factor_of_carrier": {name: each.as_json() for name, each in methods.items()},
            "at_composition": potential,
            "isotherm": [] if isinstance(points, Unavailable) else points,
            "isotherm_curve": {} if isinstance(curve, Unavailable) else curve,
            "theta_of_k": modes,
            "acceptance": counts_of(trajectory.scan).tolist() if trajectory.scan else [],
        },
    }
    return entries, methods


def _structure(inputs: ChemicalDiffusionInputs, modes: list[Any]) -> Estimate:
    """Theta from structure factors at long wavelengths; puts Theta(k) into `modes`."""
    trajectory, independent = inputs.trajectory, inputs.independent
    order, n = neutral_vector(trajectory)
    found, chi = structure(trajectory, independent)
    rows = theta_of_k(trajectory, chi, order, n)
    stderr = jackknife_stderr(rows)
    modes.extend(counted_json(found, rows, stderr))
    k = np.array([mode.k_per_m for mode in found])
    numbers = "(" + ", ".join(f"{value:g}" for value in n) + ")"
    at_zero = without_bias(limit(k, rows, stderr), "inverse of the structure factors")
    return positive_from_samples(at_zero, STRUCTURE_FORMULA.format(inputs.carrier, numbers))


def _slabs(inputs: ChemicalDiffusionInputs) -> Estimate:
    rows = without_bias(slab_theta(inputs.trajectory, inputs.independent), "inverse of the covariance of slabs")
    return positive_from_samples(rows, SLAB_FORMULA.format(inputs.carrier))
