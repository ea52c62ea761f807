"""The thermodynamic factor by three methods: grand-canonical simulation, structure factors, slabs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analysis.statistics.estimates import (
    Estimate,
    Result,
    Unavailable,
    attempt,
    available,
    check_bias,
    positive_from_samples,
)
from analysis.thermodynamics.density_modes import values_by_mode
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.thermodynamics.isotherm import partner_of
from analysis.thermodynamics.isotherm_results import isotherm_curve, isotherm_points, potential, theta_estimates
from analysis.thermodynamics.records import ModeValue, Potential, ThermodynamicResults
from analysis.thermodynamics.slabs import slab_theta
from analysis.thermodynamics.structure_factor import long_wave_limit, neutral_vector, structure_factors, theta_of_k

STRUCTURE_FORMULA = "Theta_{} = limit k -> 0 of c n^T chi(k)^-1 n, chi_ij = <rho_i rho_j*>/V thermal, n = {}"
SLAB_FORMULA = "Theta_{} = c n^T chi^-1 n, chi_ij d(v (1 - v/V)) = d Cov(N_i, N_j) of slabs of two thicknesses"


@dataclass(frozen=True)
class ThermodynamicFactors:
    """of_carrier: by each method. of_partner: grand-canonical. of_k: by structure factors at each mode."""

    of_carrier: dict[str, Result]
    of_partner: Result
    at_composition: Potential
    of_k: list[ModeValue] = field(default_factory=list)


def thermodynamic_factors(inputs: ChemicalDiffusionInputs) -> ThermodynamicFactors:
    """Theta at the composition of the run."""
    point = inputs.point
    of_carrier: Result
    of_partner: Result
    at_composition: Potential
    if isinstance(point, Unavailable):
        of_carrier = of_partner = point
        at_composition = {"mu_eV": None, "reason": point.reason}
    else:
        of_carrier, of_partner = theta_estimates(inputs.trajectory, point, 0)
        at_composition = potential(inputs.trajectory, float(point.mu_eV[0]))
    of_k: list[ModeValue] = []
    methods: dict[str, Result] = {
        "grand_canonical": of_carrier,
        "structure_factor": attempt(lambda: _from_structure_factors(inputs, of_k)),
        "slabs": attempt(lambda: _from_slabs(inputs)),
    }
    return ThermodynamicFactors(methods, of_partner, at_composition, of_k)


def thermodynamic_results(inputs: ChemicalDiffusionInputs, factors: ThermodynamicFactors) -> ThermodynamicResults:
    """The entry `thermodynamics` of results.json."""
    trajectory = inputs.trajectory
    points = attempt(lambda: isotherm_points(trajectory, available(inputs.histograms)))
    curve = attempt(lambda: isotherm_curve(trajectory, available(inputs.histograms)))
    counters = None if trajectory.scan is None else trajectory.scan.counters.sum(axis=1)
    return {
        "component": inputs.particle,
        "carrier": inputs.carrier,
        "partner": partner_of(trajectory),
        "site_fraction": inputs.site_fraction,
        "thermodynamic_factor_of_carrier": {name: each.as_json() for name, each in factors.of_carrier.items()},
        "at_composition": factors.at_composition,
        "isotherm": [] if isinstance(points, Unavailable) else points,
        "isotherm_curve": {} if isinstance(curve, Unavailable) else curve,
        "theta_of_k": factors.of_k,
        "acceptance": [] if counters is None else (counters[..., 1] / counters[..., 0]).tolist(),
    }


def _from_structure_factors(inputs: ChemicalDiffusionInputs, of_k: list[ModeValue]) -> Estimate:
    """Theta from structure factors at long wavelengths; Theta(k) goes into `of_k` even if the limit is unavailable."""
    trajectory = inputs.trajectory
    order, n = neutral_vector(trajectory)
    modes, chi = structure_factors(trajectory, inputs.independent)
    samples = theta_of_k(trajectory, chi, order, n)
    of_k.extend(values_by_mode(modes, samples))
    at_zero = long_wave_limit(np.array([mode.k_per_m for mode in modes]), samples)
    numbers = "(" + ", ".join(f"{value:g}" for value in n) + ")"
    return positive_from_samples(
        check_bias(at_zero, "inverse of the structure factors"), STRUCTURE_FORMULA.format(inputs.carrier, numbers)
    )


def _from_slabs(inputs: ChemicalDiffusionInputs) -> Estimate:
    samples = check_bias(slab_theta(inputs.trajectory, inputs.independent), "inverse of the covariance of slabs")
    return positive_from_samples(samples, SLAB_FORMULA.format(inputs.carrier))
