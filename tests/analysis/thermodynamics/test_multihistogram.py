"""Joined histograms of a grand-canonical scan: the variance of N without the bias of short walks."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from analysis.statistics.independent_samples import independent_samples
from analysis.thermodynamics.isotherm import at_composition, isotherm, theta_samples
from analysis.thermodynamics.multihistogram import JoinedHistograms, join_histograms
from kmc.files.records import Scan
from kmc.files.trajectory import Trajectory
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from tests.analysis.synthetic import TEMPERATURE_K, synthetic

KT_EV = BOLTZMANN_EV_K * TEMPERATURE_K
CAPACITY = 105  # carriers and their partners of `scanned`


def scanned(histogram: np.ndarray, mu_eV: np.ndarray, counters: np.ndarray, *, dopants: bool) -> Trajectory:
    """A run of 5 carriers on 105 sites with a scan; histogram: (P, R, n) trials; counters: (P, R, 2)."""
    replicas = histogram.shape[1]
    run = synthetic({"V_O": np.zeros((20, replicas, 5, 3), dtype=np.int64)})
    capacity = np.full(replicas, CAPACITY)
    scan = Scan(mu_eV, 0, histogram[:, None].astype(np.int64), counters, capacity, True)
    component = {"carrier": "V_O", "electronic_carrier": None, "per_carrier": -1.0, "name": "O"}
    return dataclasses.replace(run, scan=scan, component=component, dopants=dopants)


def poisson_walk(rng: np.random.Generator, mean: float, trials: int, replicas: int) -> tuple[np.ndarray, np.ndarray]:
    """((R, n) visits of each number, (R,) accepted moves) of Metropolis walks whose N has a Poisson distribution."""
    number = rng.poisson(mean, replicas)
    visits = np.zeros((replicas, CAPACITY + 1), dtype=np.int64)
    accepted = np.zeros(replicas, dtype=np.int64)
    for _ in range(trials):
        up = rng.random(replicas) < 0.5
        ratio = np.where(up, mean / (number + 1.0), number / mean)
        moved = rng.random(replicas) < ratio
        number += np.where(moved, np.where(up, 1, -1), 0)
        accepted += moved
        visits[np.arange(replicas), number] += 1
    return visits, accepted


def test_the_variance_of_the_mean_of_pooled_replicas_is_restored() -> None:
    """Exact: p = (1/4, 1/2, 1/4) has variance 1/2 about its mean, and the mean carries 2/(40 x 2) of the variance."""
    histograms = JoinedHistograms(
        number=np.array([10.0, 11.0, 12.0]),
        ratio=np.log([[2.0, 0.5]]),
        reservoir=np.zeros(1),
        most_frequent=np.array([[1]]),
        edge=(0, CAPACITY),
        lengths=np.array([40.0]),
        replicas=np.array([2.0]),
        members=(np.array([0]),),
    )
    found = histograms.moments(0.0)
    assert found.mean == pytest.approx(11.0) and found.variance == pytest.approx(0.5 / (1.0 - 2.0 / (40.0 * 2.0)))
    assert found.at_edge == pytest.approx(0.0) and found.at_ends == pytest.approx(0.25)


def test_short_walks_give_the_variance_of_long_ones() -> None:
    """Walks of 26 correlation times, each with its own dopants: the variance of N about its own mean is 8 % too small.

    Theta = <N>/Var N = 1 for a Poisson distribution. The standard error is about 1.5 %; 4 of them are allowed, and the
    correlation time taken from the share of accepted moves biases the result by less than 1 %.
    """
    mean, replicas = 25.0, 400
    visits, accepted = poisson_walk(np.random.default_rng(3), mean, 1400, replicas)
    counters = np.stack([np.full(replicas, 1400), accepted], axis=1)[None]
    trajectory = scanned(visits[None], np.zeros(1), counters, dopants=True)
    found = join_histograms(trajectory, independent_samples(trajectory))
    assert found.lengths[0] == pytest.approx(26.0, rel=0.15)
    point = isotherm(trajectory, found)
    theta = theta_samples(trajectory, point)[0][:, 0]
    assert theta[0] == pytest.approx(1.0, abs=0.06)


def ideal_scan(mu_eV: np.ndarray) -> Trajectory:
    """Exact histograms of an ideal lattice gas of 105 sites: binomial in N at each potential of the component."""
    number = np.arange(CAPACITY + 1)
    ln_states = np.array(
        [math.lgamma(CAPACITY + 1) - math.lgamma(n + 1) - math.lgamma(CAPACITY - n + 1) for n in number]
    )
    ln = ln_states - np.outer(mu_eV / KT_EV + 3.0, number)  # a vacancy is one oxygen atom removed
    p = np.exp(ln - ln.max(axis=1, keepdims=True))
    visits = np.rint(1e9 * p / p.sum(axis=1, keepdims=True)).astype(np.int64)
    histogram = np.repeat(visits[:, None], 4, axis=1)
    counters = np.full((len(mu_eV), 4, 2), 10**9)
    return scanned(histogram, mu_eV, counters, dopants=False)


def test_reweighting_finds_the_composition_of_the_run() -> None:
    """Ideal gas: 5 carriers on 105 sites at mu = -kT (3 + ln(5/100)) and Theta_V = 1/(1 - 5/105).

    That potential is not one of the scan.
    """
    trajectory = ideal_scan(KT_EV * np.array([-0.7, 0.3, 1.3]))
    point = at_composition(trajectory, join_histograms(trajectory, independent_samples(trajectory)))
    assert point.mu_eV[0] == pytest.approx(-KT_EV * (3.0 + math.log(5 / 100)), abs=1e-4 * KT_EV)
    of_carrier, of_partner = theta_samples(trajectory, point)
    assert of_carrier[0, 0] == pytest.approx(1.0 / (1.0 - 5 / 105), rel=1e-4)
    assert of_partner[0, 0] == pytest.approx(105 / 5, rel=1e-4)
