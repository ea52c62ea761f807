"""The intermediate scattering function of a lattice gas on perovskite anions at every wave vector of a small cell.

F(k,t) = c (1 - c) (1/n) u^+ exp(-A(k) t) u N/(N - 1) has three modes. The wave vectors lie on and off the axes, at the
boundary of the first Brillouin zone and beyond it, where all three modes have weight.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from kmc.backends import make_walker
from kmc.run.schedule import window_trials
from kmc.state.replicas import unwrapped_grid_positions
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from tests.systems import BACKENDS, neutral_vacancies

FAST = next(name for name in BACKENDS if name != "numpy" or len(BACKENDS) == 1)
EDGE, FRACTION, REPLICAS, FRAMES, TEMPERATURE_K = 4, 0.1, 512, 120, 1000.0
LAGS = np.array([0, 1, 3, 8])
FALSE_ALARM = 1e-4


def hop_matrix(system, k):
    """(3, 3) A(k) divided by the hop rate, with phases from the positions of the sites."""
    tables = system.tables
    crystal, cells = tables.supercell.crystal, np.array(tables.supercell.repeats)
    basis = crystal.sublattices[0].basis
    matrix = np.zeros((len(basis), len(basis)), dtype=complex)
    for b, d in itertools.product(range(len(basis)), range(int(tables.directions[0]))):
        offset = tables.bond_cell[0, b, d].astype(float)
        offset -= cells * (offset > cells / 2)
        end = int(tables.bond_basis[0, b, d])
        bond = (offset + basis[end] - basis[b]) @ crystal.cell_angstrom
        matrix[b, b] += 1.0
        matrix[b, end] -= np.exp(1j * bond @ k)
    return matrix


def walk(system):
    """(T, R, M, 3) positions of the vacancies in units of half a cell, and the time between frames times the rate."""
    tables = system.tables
    walker = make_walker(FAST, system, system.initial_state())
    first, count = int(tables.first_particle[1]), int(tables.counts[1])
    frames = []
    for window in range(FRAMES):
        frames.append(unwrapped_grid_positions(tables, walker.read())[:, first : first + count].copy())
        walker.advance(window_trials(system, window, 5))
    rate = 1e13 * math.exp(-0.5 / (BOLTZMANN_EV_K * TEMPERATURE_K))
    return np.array(frames), 5 / tables.total_rate_per_s * rate


@pytest.mark.slow
@pytest.mark.statistical
def test_every_k_against_its_three_modes():
    """Hotelling's test of four lags over replicas at 31 wave vectors, pooled; a single exponential is rejected."""
    system = neutral_vacancies("perovskite", (EDGE,) * 3, FRACTION, TEMPERATURE_K, replicas=REPLICAS, seed=3)
    places, step = walk(system)
    sites = system.tables.supercell.n_sites_of(0)
    c = int(system.tables.counts[1]) / sites
    p_values, one_mode, least_weight = [], [], []
    for n in itertools.combinations_with_replacement(range(EDGE + 1), 3):
        if not any(m % EDGE for m in n):  # Bragg peak: the mean of rho is not zero
            continue
        k = 2 * np.pi * np.array(n) @ np.linalg.inv(system.tables.supercell.vectors_angstrom).T
        rate, vectors = np.linalg.eigh(hop_matrix(system, k))
        weight = np.abs(vectors.conj().T @ np.ones(3)) ** 2 / 3
        least_weight.append(weight.min())
        amplitude = c * (1 - c) * sites**2 / (sites - 1)
        u = np.ones(3)
        exact = [amplitude * np.real(u @ expm(-hop_matrix(system, k) * lag * step) @ u) / 3 for lag in LAGS]
        rho = np.exp(-1j * np.pi / EDGE * (places @ np.array(n))).sum(axis=2)  # (T, R)
        seen = np.array([np.real(rho[lag:] * rho[: FRAMES - lag].conj()).mean(axis=0) for lag in LAGS]).T
        p_values.append(hotelling(seen - exact))
        one_mode.append(hotelling(seen - amplitude * np.exp(-(weight @ rate) * LAGS * step)))
    assert len(p_values) == 31 and sum(w > 0.02 for w in least_weight) >= 9
    assert stats.combine_pvalues(p_values).pvalue > FALSE_ALARM, np.round(p_values, 4)
    assert stats.combine_pvalues(np.maximum(one_mode, 1e-300)).pvalue < 1e-9


def hotelling(off):
    """p-value of the hypothesis that (n, p) deviations have mean zero."""
    n, p = off.shape
    mean = off.mean(axis=0)
    t2 = n * mean @ np.linalg.solve(np.cov(off.T), mean)
    return float(stats.f.sf(t2 * (n - p) / (p * (n - 1)), p, n - p))
