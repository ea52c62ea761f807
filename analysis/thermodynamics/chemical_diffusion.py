"""Thermodynamic factor and chemical diffusion for results.json: each estimate by several routes.

Routes to D~: (a) tracer diffusivity times Theta, bare and with t_e or tau and the Haven ratio; (b) the Onsager matrix,
kT L_amb Theta_V/c_V; (c) decays of density modes; (d) a relaxing composition wave. (c) and (d) are chemical diffusion
only where ions and electronic carriers stay together: for one neutral species, or with Coulomb energies in the model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.results import ChemicalResults
from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    attempt,
    disagreements,
    from_samples,
    positive_from_samples,
)
from analysis.thermodynamics.decay_routes import decay_routes
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.thermodynamics.records import ChemicalDiffusion
from analysis.thermodynamics.thermodynamic_factor import (
    ThermodynamicFactors,
    thermodynamic_factors,
    thermodynamic_results,
)
from analysis.thermodynamics.two_components import chemical_matrix
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.conductivity import DIAGONAL_SHARE_FORMULA, TAU_FORMULA, diffusivity
from analysis.transport.tensors import product_tensor

NO_THERMODYNAMICS = "the run had no [thermodynamics]: fluctuations of composition were not sampled"
ROUTES = ("tracer_theta", "tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation")
INDEPENDENT = ("onsager", "decay", "relaxation")  # tau Theta D*/H_R is the Onsager route in another form


def chemical_json(analysis: TransportAnalysis) -> tuple[ChemicalResults, list[str]]:
    """(entries of results.json, warnings)."""
    lacking = _why_not(analysis)
    if lacking is not None:
        return _without(analysis, lacking)
    inputs = ChemicalDiffusionInputs(analysis)
    factors = thermodynamic_factors(inputs)
    diffusivities, details = _diffusivities(inputs)
    of_oxygen, of_vacancies = _oxygen_factors(inputs, factors)
    entries: ChemicalResults = {
        "thermodynamic_factor_O": of_oxygen.as_json(),
        "thermodynamic_factor_V": of_vacancies.as_json(),
        "thermodynamics": thermodynamic_results(inputs, factors),
        "chemical_diffusivity_m2_s": {name: each.as_json() for name, each in diffusivities.items()},
        "chemical_diffusion": details,
    }
    return entries, warnings_of(diffusivities, factors.of_carrier, inputs.carrier, cubic=analysis.trajectory.cubic)


def _without(analysis: TransportAnalysis, lacking: Unavailable) -> tuple[ChemicalResults, list[str]]:
    """The entries of a run without a single neutral component; two components have a matrix of D~."""
    entries: ChemicalResults = {
        "thermodynamic_factor_O": lacking.as_json(),
        "thermodynamic_factor_V": lacking.as_json(),
        "chemical_diffusivity_m2_s": {name: lacking.as_json() for name in ROUTES},
    }
    if not analysis.trajectory.planes:
        return entries, []
    if matrix := chemical_matrix(analysis):
        entries["chemical_diffusivity_matrix_m2_s"] = matrix
        return entries, []
    return entries, [f"no thermodynamic factor and no D~: {lacking.reason}"]


def _oxygen_factors(inputs: ChemicalDiffusionInputs, factors: ThermodynamicFactors) -> tuple[Result, Result]:
    """Theta of oxygen and of its vacancies, for which every run has an entry."""
    if inputs.trajectory.component["per_carrier"] < 0:
        return factors.of_partner, factors.of_carrier["grand_canonical"]
    other = Unavailable(f"the component is {inputs.particle}: see thermodynamics.carrier")
    return other, other


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


def _beside(plain: Result, factor: Estimate) -> Result:
    """D* Theta with the factor that separates it from D~ beside it, and whether that matters."""
    if isinstance(plain, Unavailable):
        return plain
    low, high = factor.interval_95
    matters = "differs from 1" if not low <= 1.0 <= high else "agrees with 1 within its 95 % interval"
    return plain.noting(f"D~ is this times t_e/H_R = {factor}, which {matters}: see tracer_theta_te")


def _diffusivities(inputs: ChemicalDiffusionInputs) -> tuple[dict[str, Result], ChemicalDiffusion]:
    """(D~ by route, their ingredients)."""
    particle, carrier = inputs.particle, inputs.carrier
    temperature = inputs.trajectory.temperature_K

    def estimate(formula: str, samples: Callable[[], FloatArray], tensors: Callable[[], FloatArray]) -> Result:
        def build() -> Estimate:
            scalar, tensor = samples(), tensors()
            if not inputs.trajectory.cubic:
                scalar = np.asarray(np.trace(tensor, axis1=1, axis2=2) / 3.0)
            return positive_from_samples(scalar, formula, tensor)

        return attempt(build, formula)

    def theta(samples: FloatArray) -> FloatArray:
        return samples[:, None, None]

    both = f"D~ = t_e Theta_{particle} D*_{particle}/H_R"
    result = {
        "tracer_theta": estimate(
            f"D~ = D*_{particle} Theta_{particle} (for t_e = 1, H_R = 1)",
            lambda: inputs.tracer() * inputs.theta_particle(),
            lambda: inputs.tracer_tensor() * theta(inputs.theta_particle()),
        ),
        "tracer_theta_te": estimate(
            both,
            lambda: inputs.t_e() * inputs.theta_particle() * inputs.tracer() / inputs.haven(),
            lambda: product_tensor(inputs.collective_tensor(), inputs.t_e_tensor()) * theta(inputs.theta_particle()),
        ),
        "tracer_theta_tau": estimate(
            both.replace("t_e", "tau") + ", tau = L_amb/L_VV",
            lambda: inputs.tau() * inputs.theta_particle() * inputs.tracer() / inputs.haven(),
            lambda: product_tensor(inputs.collective_tensor(), inputs.tau_tensor()) * theta(inputs.theta_particle()),
        ),
        "onsager": estimate(
            f"D~ = kT L_amb Theta_{carrier}/c_{carrier}",
            lambda: diffusivity(inputs.amb(), temperature, inputs.density) * inputs.theta_carrier(),
            lambda: diffusivity(inputs.amb_tensor(), temperature, inputs.density) * theta(inputs.theta_carrier()),
        ),
    }
    factor = attempt(lambda: from_samples(inputs.t_e() / inputs.haven(), "t_e/H_R"))
    if isinstance(factor, Estimate):
        result["tracer_theta"] = _beside(result["tracer_theta"], factor)
    decayed, decay_of_species, curves = decay_routes(inputs)
    details: ChemicalDiffusion = {
        "tau": estimate(TAU_FORMULA, inputs.tau, inputs.tau_tensor).as_json(),
        "t_e": estimate(DIAGONAL_SHARE_FORMULA, inputs.t_e, inputs.t_e_tensor).as_json(),
        "decay_of_species": decay_of_species,
        "curves": curves,
    }
    return result | decayed, details
