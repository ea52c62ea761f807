"""Thermodynamic factor and chemical diffusion for results.json: each estimate by several routes, side by side.

Routes to D~: (a) tracer diffusivity times Theta, bare and with t_e or tau and the Haven ratio; (b) the Onsager matrix,
kT L_amb Theta_V/c_V; (c) decays of density modes; (d) a relaxing composition wave. (c) and (d) are chemical diffusion
only where ions and electronic carriers stay together: for one neutral species, or with Coulomb energies in the walk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.statistics.estimates import (
    FloatArray,
    Result,
    Unavailable,
    attempt,
    disagreements,
    positive_from_samples,
)
from analysis.thermodynamics.decay_routes import decay_routes
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.thermodynamics.thermodynamic_factor import theta_json
from analysis.thermodynamics.two_components import chemical_matrix_json
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.conductivity import DIAGONAL_SHARE_FORMULA, TAU_FORMULA, diffusivity

NO_THERMODYNAMICS = "the run had no [thermodynamics]: fluctuations of composition were not sampled"
ROUTES = ("tracer_theta", "tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation")
INDEPENDENT = ("onsager", "decay", "relaxation")  # tau Theta D*/H_R is the Onsager route in other words


def chemical_json(analysis: TransportAnalysis) -> tuple[dict[str, Any], list[str]]:
    """(entries of results.json, warnings)."""
    trajectory = analysis.trajectory
    lacking = _why_not(analysis)
    result: dict[str, Any]
    if lacking is not None:
        keys = ("thermodynamic_factor_O", "thermodynamic_factor_V")
        result = dict.fromkeys(keys, lacking.as_json())
        result["chemical_diffusivity_m2_s"] = dict.fromkeys(ROUTES, lacking.as_json())
        if trajectory.planes and (matrix := chemical_matrix_json(analysis)):
            return result | {"chemical_diffusivity_matrix_m2_s": matrix}, []
        lost = [f"no thermodynamic factor and no D~: {lacking.reason}"] if trajectory.planes else []
        return result, lost
    inputs = ChemicalDiffusionInputs(analysis)
    result, thetas = theta_json(inputs)
    diffusivities, details = _diffusivities(inputs)
    result["chemical_diffusivity_m2_s"] = {name: each.as_json() for name, each in diffusivities.items()}
    result["chemical_diffusion"] = details
    return result, warnings_of(diffusivities, thetas, inputs.carrier, cubic=trajectory.cubic)


def warnings_of(diffusivities: dict[str, Result], thetas: dict[str, Result], carrier: str, *, cubic: bool) -> list[str]:
    """A line for each two independent routes to D~, and for each two methods for Theta, that disagree.

    In crystals that are not cubic the routes to D~ are not compared: decays and waves belong to one axis, the others to
    a third of the trace.
    """
    compared = {name: result for name, result in diffusivities.items() if name in INDEPENDENT and cubic}
    return disagreements(compared, "D~ in m2/s") + disagreements(thetas, f"Theta of {carrier}")


def _why_not(analysis: TransportAnalysis) -> Unavailable | None:
    trajectory = analysis.trajectory
    if "reason" in trajectory.component:
        return Unavailable(str(trajectory.component["reason"]))
    if np.any(trajectory.field_V_per_m):
        return Unavailable("run in a field: composition was not sampled")
    if trajectory.scan is None and not trajectory.planes:
        return Unavailable(NO_THERMODYNAMICS)
    return analysis.independent if isinstance(analysis.independent, Unavailable) else None


def _diffusivities(inputs: ChemicalDiffusionInputs) -> tuple[dict[str, Result], dict[str, Any]]:
    """(D~ by route, their ingredients)."""
    particle, carrier = inputs.particle, inputs.carrier
    temperature = inputs.trajectory.temperature_K

    def estimate(formula: str, samples: Callable[[], FloatArray]) -> Result:
        return attempt(lambda: positive_from_samples(samples(), formula), formula)

    both = f"D~ = t_e Theta_{particle} D*_{particle}/H_R"
    result = {
        "tracer_theta": estimate(
            f"D~ = D*_{particle} Theta_{particle} (for t_e = 1, H_R = 1)",
            lambda: inputs.tracer() * inputs.theta_particle(),
        ),
        "tracer_theta_te": estimate(
            both, lambda: inputs.t_e() * inputs.theta_particle() * inputs.tracer() / inputs.haven()
        ),
        "tracer_theta_tau": estimate(
            both.replace("t_e", "tau") + ", tau = L_amb/L_VV",
            lambda: inputs.tau() * inputs.theta_particle() * inputs.tracer() / inputs.haven(),
        ),
        "onsager": estimate(
            f"D~ = kT L_amb Theta_{carrier}/c_{carrier}",
            lambda: diffusivity(inputs.amb(), temperature, inputs.density) * inputs.theta_carrier(),
        ),
    }
    decayed, details = decay_routes(inputs)
    parts = {"tau": estimate(TAU_FORMULA, inputs.tau), "t_e": estimate(DIAGONAL_SHARE_FORMULA, inputs.t_e)}
    return result | decayed, {name: part.as_json() for name, part in parts.items()} | details
