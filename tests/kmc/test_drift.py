"""Walks in a field against closed forms: a single carrier on three lattices, and a gas in its linear range.

Fixed seeds; each figure lies within 4 of its own standard errors (false alarms 6e-5 each), of 1 % or less.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from analysis.drift import drift_warning, nonlinearity
from analysis.report import analyze
from kmc.acceptance import BOLTZMANN_EV_K
from kmc.engine import Settings, run
from kmc.trajectory import read_trajectory
from tests.kmc.test_physics import figures
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system

FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]
TEMPERATURE_K = 1200.0
KT = BOLTZMANN_EV_K * TEMPERATURE_K


def rate_of(kind):
    """(hop keys of a polaron, its barrier at zero field in eV, factor by work in eV)."""
    if kind == "kra":
        return {"barriers": [{"energy_eV": 0.3, **NOTE}]}, 0.3, lambda work: 1.0
    marcus = {"reorganisation_energy_eV": {"value": 1.0, **NOTE}, "transfer_integral_eV": {"value": 0.05, **NOTE}}
    return {"rate": "marcus", **marcus}, 0.25 - 0.05, lambda work: np.exp(-(work**2) / (4 * KT))


def bonds_of(lattice):
    """(n, 3) bonds in metres of an average site."""
    if lattice == "fcc":
        pairs = (v for v in itertools.product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 2)
        return 2.7e-10 * np.array(list(pairs), dtype=float)
    units = np.array([v for v in itertools.product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 1], dtype=float)
    return 4e-10 * units


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("kind", ["kra", "marcus"])
@pytest.mark.parametrize("lattice", ["simple cubic", "fcc"])
@pytest.mark.parametrize("field", [(2e8, 0.0, 0.0), (-1e8, 2e8, 1.5e8)])
def test_drift_of_a_single_polaron(backend, kind, lattice, field, tmp_path):
    """v = sum over bonds of b G sinh(q E.b/2kT), Marcus terms times exp(-(q E.b)^2/(4 lambda kT))."""
    hop, barrier, factor = rate_of(kind)
    model = made_up_model("fluorite" if lattice == "fcc" else "perovskite", polarons=hop)
    system = made_up_system(
        model, (4, 4, 4), 0, TEMPERATURE_K, electrons=1, replicas=2048, seed=31, field_V_per_m=field
    )
    asked = Settings(1.0, None, 400.0, None, frames=20, positions="none")
    run(system, asked, tmp_path, backend=backend)
    seen = analyze(read_trajectory(tmp_path / "trajectory.h5"))
    applied = system.tables.field_V_per_m
    bonds = bonds_of(lattice)
    work = -(bonds @ applied)  # gained by a charge of -1 is the negative of this
    speed = 1e13 * np.exp(-barrier / KT) * np.sinh(work / (2 * KT)) * factor(work)
    exact = float(speed @ bonds @ applied / np.linalg.norm(applied))
    figure = seen["drift_velocity_m_s"]["electron"]
    assert exact < 0 and figure["stderr"] < 0.01 * abs(exact)
    assert abs(figure["value"] - exact) < 4 * figure["stderr"]


@pytest.mark.parametrize("backend", FAST)
def test_drift_of_a_single_vacancy_among_perovskite_anions(backend, tmp_path):
    """The flux of a vacancy on three kinds of site in a field along [111], where all bonds have equal work in size.

    Bonds are a/2 (+-1, +-1, 0) and so on, eight at each site. Along [111] those within the plane do no work; the chain
    over the kinds of site is uniform by symmetry, so that v = <sum over bonds of b G exp(q E.b/2kT)>.
    """
    system = made_up_system(
        made_up_model("perovskite"), (4, 4, 4), 1, TEMPERATURE_K, replicas=2048, seed=32, field_V_per_m=(1e8, 1e8, 1e8)
    )
    run(system, Settings(1.0, None, 400.0, None, frames=20, positions="none"), tmp_path, backend=backend)
    seen = analyze(read_trajectory(tmp_path / "trajectory.h5"))
    applied = system.tables.field_V_per_m
    pairs = [np.array(v) for v in itertools.product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 2]
    bonds = 2e-10 * np.array(pairs, dtype=float)  # 12 of the three kinds together, each on two of them
    work = 2 * bonds @ applied
    speed = 1e13 * np.exp(-0.5 / KT) * np.sinh(work / (2 * KT)) * (2.0 / 3.0)
    exact = float(speed @ bonds @ applied / np.linalg.norm(applied))
    figure = seen["drift_velocity_m_s"]["V_O"]
    assert figure["stderr"] < 0.01 * exact and abs(figure["value"] - exact) < 4 * figure["stderr"]


@pytest.mark.parametrize("backend", FAST)
def test_drift_and_onsager_conductivity_agree_in_the_linear_range(backend, tmp_path):
    """A gas of 5 % vacancies at 6e7 V/m and without a field, both with errors of at most 1 %."""
    common = {"replicas": 1600, "seed": 33}
    hops = {"equilibration_hops_per_carrier": 1.0, "hops_per_carrier": 40.0, "frames": 80}
    model, size = made_up_model(), ((4, 4, 4), 26, TEMPERATURE_K)
    still = figures(made_up_system(model, *size, **common), tmp_path / "still", backend, (0.02, 0.1), **hops)
    blown = made_up_system(model, *size, field_V_per_m=(0.0, 6e7, 0.0), **common)
    run(blown, Settings(**hops, positions="none"), tmp_path / "blown", backend=backend)
    drift = analyze(read_trajectory(tmp_path / "blown" / "trajectory.h5"))["drift_conductivity_S_m"]
    onsager = still["ionic_conductivity_S_m"]
    error = np.hypot(drift["stderr"], onsager["stderr"])
    assert max(drift["stderr"], onsager["stderr"]) < 0.01 * onsager["value"]
    assert abs(drift["value"] - onsager["value"]) < 4 * error


def test_a_field_beyond_the_linear_response_is_told(tmp_path):
    """x = |z| e E l/(2 kT): x^2/6 against 1 %."""
    system = made_up_system(made_up_model(), (3, 3, 3), 2, TEMPERATURE_K, replicas=4, field_V_per_m=(1e7, 0.0, 0.0))
    run(system, Settings(1.0, None, 5.0, None, frames=10, positions="none"), tmp_path)
    seen = read_trajectory(tmp_path / "trajectory.h5")
    x = 2 * 1e7 * 2.7e-10 / (2 * KT)
    assert nonlinearity(seen) == pytest.approx(x**2 / 6, rel=1e-3) and drift_warning(seen) == []
    strong = replace(seen, field_V_per_m=seen.field_V_per_m * 20)
    assert "beyond the linear response" in drift_warning(strong)[0]
