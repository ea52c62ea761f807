"""Lattice dispersion, the departure from D k^2: the decay rate of the longest wave for non-interacting carriers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import eigvalsh

from kmc.run.relaxation import dispersion
from tests.systems import gas_system, made_up_model, made_up_system, neutral_vacancies


def cosine_law(phase: float) -> float:
    """2 (1 - cos x)/x^2 for a chain, or a simple cubic lattice along an edge; x is k times the plane spacing."""
    return 2.0 * (1.0 - math.cos(phase)) / phase**2


@pytest.mark.parametrize(("repeats", "axis"), [((3, 4, 8), 0), ((3, 4, 8), 1), ((3, 4, 8), 2)])
def test_simple_cubic_waves_follow_the_cosine_law(repeats, axis):
    """Fluorite anions form a simple cubic lattice with two planes per cell."""
    system = neutral_vacancies("fluorite", repeats, 0.1, 1000.0)
    exact = cosine_law(2.0 * math.pi / (2 * repeats[axis]))
    assert dispersion(system, axis) == pytest.approx([exact], rel=1e-4)
    assert exact < 0.995


def test_a_chain_follows_the_cosine_law():
    system = gas_system((4.0, 9.0, 11.0), (6, 1, 1), 2, 1000.0)
    assert dispersion(system, 0) == pytest.approx([cosine_law(2.0 * math.pi / 6)], rel=1e-4)


def test_polarons_on_fcc_sites_have_a_different_dispersion():
    """Cations of fluorite are face-centred cubic: along an edge 8 of 12 neighbours are half a cell away."""
    polarons = {"barriers": [{"energy_eV": 0.3, "source": "made up for a test", "mark": "derived"}]}
    system = made_up_system(made_up_model(polarons=polarons), (4, 4, 4), vacancies=2, electrons=3)
    exact = [cosine_law(2.0 * math.pi / 8), cosine_law(2.0 * math.pi / 8)]
    assert dispersion(system, 2) == pytest.approx(exact, rel=1e-4)


def test_perovskite_waves_against_the_matrix_of_three_sites():
    """Anions at the face centres of a cube of edge 1: each has 4 neighbours on each of the two other sites."""

    def slowest(k):
        between = -4.0 * np.outer(np.cos(k / 2), np.cos(k / 2))  # sites i and j are (+-1/2, +-1/2) apart along i and j
        return eigvalsh(np.where(np.eye(3, dtype=bool), 8.0, between))[0]

    n, small = 3, 1e-3
    system = neutral_vacancies("perovskite", (n, 2, 2), 0.1, 1000.0)
    k = np.array([2.0 * math.pi / n, 0.0, 0.0])
    exact = slowest(k) / (slowest(small * k) / small**2)
    assert dispersion(system, 0) == pytest.approx([exact], rel=1e-3) and exact < 0.95
