"""The thermodynamic factor by three ways, side by side: grand-canonical walk, structure factors, slabs."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.statistics.estimates import (
    Figure,
    Untrustworthy,
    attempt,
    jackknife_stderr,
    positive_from_rows,
    without_bias,
)
from analysis.thermodynamics.density_modes import counted_json, limit, neutral_vector, slab_theta, structure, theta_of_k
from analysis.thermodynamics.isotherm import (
    at_composition,
    counts_of,
    curve_json,
    isotherm_json,
    potential_json,
    theta_figures,
)
from analysis.thermodynamics.routes import Routes

STRUCTURE_FORMULA = "Theta_{} = limit k -> 0 of c n^T chi(k)^-1 n, chi_ij = <rho_i rho_j*>/V thermal, n = {}"
SLAB_FORMULA = "Theta_{} = c n^T chi^-1 n, chi_ij V_slab (1 - V_slab/V) = Cov(N_i, N_j) of slabs"


def theta_json(routes: Routes) -> tuple[dict[str, Any], dict[str, Figure]]:
    """(entries of results.json: Theta of carrier and partner, the isotherm; Theta of the carrier by each way)."""
    trajectory, units = routes.trajectory, routes.units
    points, potential, curve = [], {}, {}
    try:
        points = isotherm_json(trajectory, units)
        curve = curve_json(trajectory, units)
        point = at_composition(trajectory, units)
        own, partner = theta_figures(trajectory, point, 0)
        potential = potential_json(trajectory, float(point.mu_eV[0]))
    except Untrustworthy as error:
        own = partner = Figure.absent(error.reason)
        potential = {"mu_eV": None, "reason": error.reason}
    modes: list[Any] = []
    ways = {
        "grand_canonical": own,
        "structure_factor": attempt(lambda: _structure(routes, modes)),
        "slabs": attempt(lambda: _slabs(routes)),
    }
    vacancies = trajectory.component["per_carrier"] < 0
    other = Figure.absent(f"the component is {routes.particle}: see thermodynamics.carrier").as_json()
    entries = {
        "thermodynamic_factor_O": partner.as_json() if vacancies else other,
        "thermodynamic_factor_V": own.as_json() if vacancies else other,
        "thermodynamics": {
            "component": routes.particle,
            "carrier": routes.carrier,
            "site_fraction": routes.site_fraction,
            "thermodynamic_factor_of_carrier": {name: figure.as_json() for name, figure in ways.items()},
            "at_composition": potential,
            "isotherm": points,
            "isotherm_curve": curve,
            "theta_of_k": modes,
            "acceptance": counts_of(trajectory.scan).tolist() if trajectory.scan else [],
        },
    }
    return entries, ways


def _structure(routes: Routes, modes: list[Any]) -> Figure:
    """Theta from structure factors at long wavelengths; puts Theta(k) into `modes`."""
    trajectory, units = routes.trajectory, routes.units
    order, n = neutral_vector(trajectory)
    found, chi = structure(trajectory, units)
    rows = theta_of_k(trajectory, chi, order, n)
    stderr = jackknife_stderr(rows)
    modes.extend(counted_json(found, rows, stderr))
    k = np.array([mode.k_per_m for mode in found])
    words = "(" + ", ".join(f"{value:g}" for value in n) + ")"
    at_zero = without_bias(limit(k, rows, stderr), "inverse of the structure factors")
    return positive_from_rows(at_zero, STRUCTURE_FORMULA.format(routes.carrier, words))


def _slabs(routes: Routes) -> Figure:
    rows = without_bias(slab_theta(routes.trajectory, routes.units), "inverse of the covariance of slabs")
    return positive_from_rows(rows, SLAB_FORMULA.format(routes.carrier))
