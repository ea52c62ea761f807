"""Drift velocities and conductivities in a field, and the onset of a nonlinear response."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.statistics.estimates import Unavailable
from analysis.statistics.independent_samples import independent_samples
from analysis.transport.drift import LINEAR_WITHIN, drift_estimates, drift_warning, nonlinearity
from kmc.files.trajectory import Trajectory
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C
from tests.analysis.synthetic import FRAME_S, SPACING_M, TEMPERATURE_K, VOLUME_M3, lattice_steps, synthetic

KT_EV = BOLTZMANN_J_K * TEMPERATURE_K / ELEMENTARY_CHARGE_C


@pytest.mark.statistical
def test_drift_in_a_field() -> None:
    """A walk of charge 2 with a known bias along y: velocity and conductivity within 5 errors (50 replicas)."""
    rng = np.random.default_rng(6)
    steps, _ = lattice_steps(rng, (100, 50, 10), 0.5)
    steps[..., 1] += rng.poisson(0.05, steps.shape[:-1])
    field = np.array([0.0, 2e6, 0.0])
    trajectory = synthetic({"V_O": steps}, field_V_per_m=field)
    independent = independent_samples(trajectory)
    conductivity, velocities = drift_estimates(trajectory, independent)
    velocity = 0.05 * SPACING_M / FRAME_S
    for estimate, truth in (
        (velocities["V_O"], velocity),
        (conductivity, 2 * ELEMENTARY_CHARGE_C * 10 * velocity / (VOLUME_M3 * 2e6)),
    ):
        assert abs(estimate.value - truth) < 5 * estimate.stderr and estimate.stderr < 0.1 * truth
    without, none = drift_estimates(replace(trajectory, field_V_per_m=np.zeros(3)), independent)
    assert isinstance(without, Unavailable) and isinstance(none["V_O"], Unavailable)


def in_field(x: float, reorganisation_energy_eV: float | None) -> Trajectory:
    """Electrons in a field of x = e E l/(2 kT)."""
    trajectory = synthetic({"electron": np.zeros((20, 4, 2, 3), dtype=np.int64)}, charges={"electron": -1})
    family = replace(trajectory.families[0], reorganisation_energy_eV=reorganisation_energy_eV)
    field = np.array([0.0, 0.0, 2 * x * KT_EV / SPACING_M])
    return replace(trajectory, families=(family,), field_V_per_m=field)


@pytest.mark.parametrize("reorganisation_energy_eV", [None, 0.3, 0.6, 2.0])
def test_departure_from_a_linear_response(reorganisation_energy_eV: float | None) -> None:
    """sinh(x)/x - 1, for Marcus rates with the factor exp(-x^2 kT/lambda), to the next order in x^2 = 0.01.

    The two terms have opposite signs: they nearly cancel where lambda = 6 kT = 0.52 eV.
    """
    x = 0.1
    marcus = KT_EV / reorganisation_energy_eV if reorganisation_energy_eV else 0.0
    exact = abs(math.sinh(x) / x * math.exp(-(x**2) * marcus) - 1.0)
    assert nonlinearity(in_field(x, reorganisation_energy_eV)) == pytest.approx(exact, abs=x**4 / 2, rel=0.02)


def test_a_strong_field_gives_a_warning() -> None:
    limit = math.sqrt(6 * LINEAR_WITHIN)
    assert drift_warning(in_field(0.98 * limit, None)) == []
    (line,) = drift_warning(in_field(1.02 * limit, None))
    assert "beyond the linear response" in line
