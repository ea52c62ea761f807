"""Drift in a field: velocity of each carrier and the conductivity along the field."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.results import DriftResults
from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    from_samples,
)
from analysis.statistics.independent_samples import IndependentSamples, group_edges
from analysis.transport.species_groups import carriers_of
from analysis.transport.tracer import without_true_motion
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

VELOCITY_FORMULA = "v = <R_i>/(N_i t) along the applied field"
DRIFT_FORMULA = "sigma = e sum_i z_i N_i v_i/(V E) along the applied field"
LINEAR_WITHIN = 0.01  # largest relative departure from a linear response without a warning


def nonlinearity(trajectory: Trajectory) -> float:
    """Largest relative departure from a linear response, over hops along the field.

    With x = |z| e E l/(2 kT) a hop's net rate is 2 sinh(x) times its rate at zero field, for Marcus rates times
    exp(-x^2 kT/lambda): the departure is x^2/6 - x^2 kT/lambda to the lowest order (derived).
    """
    charge = {record.name: record.charge_e for record in trajectory.species}
    strength = float(np.linalg.norm(trajectory.field_V_per_m))
    kt_eV = BOLTZMANN_J_K * trajectory.temperature_K / ELEMENTARY_CHARGE_C
    departures = [0.0]
    for family in trajectory.families:
        x = abs(charge[family.carrier] - charge[family.partner]) * strength * family.hop_length_m / (2 * kt_eV)
        marcus = kt_eV / family.reorganisation_energy_eV if family.reorganisation_energy_eV else 0.0
        departures.append(abs(x**2 / 6 - x**2 * marcus))
    return max(departures)


def drift_warning(trajectory: Trajectory) -> list[str]:
    """A one-line warning if the field is too strong for a linear response."""
    departure = nonlinearity(trajectory)
    if departure <= LINEAR_WITHIN:
        return []
    return [
        f"the field is beyond the linear response: rates of hops along it deviate by up to {departure:.1%} (x^2/6 with "
        "x = |z| e E l/(2 kT), less x^2 kT/lambda for Marcus rates); the drift conductivity holds for this field only"
    ]


def drift_estimates(
    trajectory: Trajectory, independent: IndependentSamples | Unavailable
) -> tuple[Result, dict[str, Result]]:
    """(conductivity in S/m, carrier -> drift velocity in m/s), both along the field as applied after rounding."""
    charges = carriers_of(trajectory)
    velocity = {name: attempt(partial(_velocity, trajectory, independent, name), VELOCITY_FORMULA) for name in charges}

    def conductivity() -> Estimate:
        count = {record.name: record.count for record in trajectory.species}
        current = sum(charges[name] * count[name] * available(v) for name, v in velocity.items())
        strength = float(np.linalg.norm(trajectory.field_V_per_m))
        samples = np.asarray(ELEMENTARY_CHARGE_C * current / (trajectory.volume_m3 * strength))
        return from_samples(samples, DRIFT_FORMULA)

    def drift(samples: FloatArray | Unavailable) -> Result:
        return attempt(lambda: from_samples(available(samples), VELOCITY_FORMULA), VELOCITY_FORMULA)

    return attempt(conductivity, DRIFT_FORMULA), {name: drift(samples) for name, samples in velocity.items()}


def drift_json(trajectory: Trajectory, independent: IndependentSamples | Unavailable) -> DriftResults:
    """The entries of results.json."""
    conductivity, velocities = drift_estimates(trajectory, independent)
    return {
        "drift_conductivity_S_m": conductivity.as_json(),
        "drift_velocity_m_s": {name: each.as_json() for name, each in velocities.items()},
        "field_applied_V_per_m": trajectory.field_V_per_m.tolist(),
    }


def _velocity(trajectory: Trajectory, independent: IndependentSamples | Unavailable, name: str) -> FloatArray:
    """(U+1,) jackknife samples of a carrier's drift velocity along the field, in m/s."""
    samples = available(independent)
    strength = float(np.linalg.norm(trajectory.field_V_per_m))
    if strength == 0.0:
        raise UnavailableError("run without a field")
    if reason := without_true_motion(trajectory).get(name):
        raise UnavailableError(reason)
    index = [record.name for record in trajectory.species].index(name)
    edges = group_edges(trajectory, samples.groups)
    moved = np.diff(trajectory.summed_displacement[edges][:, :, index], axis=0) @ trajectory.grid_vectors_m
    along = np.swapaxes(moved @ (trajectory.field_V_per_m / strength), 0, 1)
    seconds = np.broadcast_to(np.diff(trajectory.time_s[edges]), along.shape)
    return np.asarray(samples.pool(along) / samples.pool(seconds) / trajectory.species[index].count)
