"""Thermodynamic factor and chemical diffusion for results.json: each figure by several routes, side by side.

Routes to D~: (a) tracer diffusivity times Theta, bare and with t_e or tau and the Haven ratio; (b) the Onsager matrix,
kT L_amb Theta_V/c_V; (c) decays of density modes; (d) a composition wave set free. (c) and (d) are chemical diffusion
only where ions and electronic carriers stay together: for one neutral species, or with Coulomb energies in the walk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.statistics.estimates import Figure, attempt, disagreements, positive_from_rows
from analysis.statistics.msd_fit import Units
from analysis.thermodynamics.decay_routes import decay_routes
from analysis.thermodynamics.routes import Routes, Rows
from analysis.thermodynamics.thermodynamic_factor import theta_json
from analysis.thermodynamics.two_components import chemical_matrix_json
from analysis.transport.onsager import Collective
from lattices.constants import BOLTZMANN_J_K

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

NO_THERMODYNAMICS = "the run had no [thermodynamics]: fluctuations of composition were not sampled"
ROUTES = ("tracer_theta", "tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation")
INDEPENDENT = ("onsager", "decay", "relaxation")  # tau Theta D*/H_R is the Onsager route in other words


def chemical_json(
    trajectory: Trajectory, units: Units | None, collective: Collective | str, fit_range: tuple[float, float]
) -> tuple[dict[str, Any], list[str]]:
    """(entries of results.json, warnings)."""
    reason = _why_not(trajectory, units)
    result: dict[str, Any]
    if reason is not None:
        absent = Figure.absent(reason).as_json()
        keys = ("thermodynamic_factor_O", "thermodynamic_factor_V")
        result = dict.fromkeys(keys, absent) | {"chemical_diffusivity_m2_s": dict.fromkeys(ROUTES, absent)}
        if units and trajectory.planes and (matrix := chemical_matrix_json(trajectory, units, collective)):
            return result | {"chemical_diffusivity_matrix_m2_s": matrix}, []
        lost = [f"no thermodynamic factor and no D~: {reason}"] if trajectory.planes else []
        return result, lost
    assert units is not None
    routes = Routes(trajectory, units, collective, fit_range)
    result, ways = theta_json(routes)
    figures, details = _diffusivities(routes)
    result["chemical_diffusivity_m2_s"] = {name: figure.as_json() for name, figure in figures.items()}
    result["chemical_diffusion"] = details
    # Away from cubic symmetry decays and waves are of one axis, the others a third of a trace.
    known = {name: figure for name, figure in figures.items() if name in INDEPENDENT and trajectory.cubic}
    doubts = disagreements(known, "D~ in m2/s") + disagreements(ways, f"Theta of {routes.carrier}")
    return result, doubts


def _why_not(trajectory: Trajectory, units: Units | None) -> str | None:
    if "reason" in trajectory.component:
        return str(trajectory.component["reason"])
    if np.any(trajectory.field_V_per_m):
        return "run in a field: composition was not sampled"
    if trajectory.scan is None and not trajectory.planes:
        return NO_THERMODYNAMICS
    return "too few independent windows" if units is None else None


def _diffusivities(routes: Routes) -> tuple[dict[str, Figure], dict[str, Any]]:
    """(D~ by route, what the routes are made of)."""
    particle, carrier = routes.particle, routes.carrier
    kt = BOLTZMANN_J_K * routes.trajectory.temperature_K

    def figure(formula: str, rows: Callable[[], Rows]) -> Figure:
        return attempt(lambda: positive_from_rows(rows(), formula), formula)

    both = f"D~ = t_e Theta_{particle} D*_{particle}/H_R"
    result = {
        "tracer_theta": figure(
            f"D~ = D*_{particle} Theta_{particle} (for t_e = 1, H_R = 1)",
            lambda: routes.tracer() * routes.theta_particle(),
        ),
        "tracer_theta_te": figure(
            both, lambda: routes.t_e() * routes.theta_particle() * routes.tracer() / routes.haven()
        ),
        "tracer_theta_tau": figure(
            both.replace("t_e", "tau") + ", tau = L_amb/L_VV",
            lambda: routes.tau() * routes.theta_particle() * routes.tracer() / routes.haven(),
        ),
        "onsager": figure(
            f"D~ = kT L_amb Theta_{carrier}/c_{carrier}",
            lambda: kt * routes.amb() * routes.theta_carrier() / routes.density,
        ),
    }
    decayed, details = decay_routes(routes)
    parts = {"tau": figure("tau = L_amb/L_VV", routes.tau), "t_e": figure("t_e, diagonal parts of L", routes.t_e)}
    return result | decayed, {name: part.as_json() for name, part in parts.items()} | details
