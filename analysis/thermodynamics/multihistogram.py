"""Histograms of a grand-canonical scan, joined over its chemical potentials.

Histograms of different potentials are joined by the ratios of successive counts, which differ between potentials by a
known factor (multiple-histogram method, Ferrenberg and Swendsen, Phys. Rev. Lett. 63 (1989) 1195, with the weights of
Bennett's acceptance ratio for each step). The distribution at any potential between the outermost ones then follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import FloatArray, UnavailableError
from analysis.statistics.independent_samples import IndependentSamples, group_blocks
from kmc.tables.boltzmann import BOLTZMANN_EV_K

if TYPE_CHECKING:
    from kmc.files.records import Scan
    from kmc.files.trajectory import Trajectory

LARGEST_SHARE = 0.5  # largest share of the variance that is restored; runs of few correlation times are refused anyway


@dataclass(frozen=True)
class Moments:
    """Moments of the number N of ion carriers in each of K pools at one potential, (K,) each.

    mean; variance: thermal. at_edge: probability of the fewest and most carriers possible. at_ends: the larger
    probability of the first and the last number that was visited, unless that is such an edge.
    """

    mean: FloatArray
    variance: FloatArray
    at_edge: FloatArray
    at_ends: FloatArray


@dataclass(frozen=True)
class JoinedHistograms:
    """Histograms joined over the P potentials of a scan, for each of K pools of counts.

    A pool holds the counts of one dopant configuration, whole or without one of its independent samples: a variance is
    thermal within a configuration, about its own mean. Without dopants all replicas belong to one configuration. Each
    jackknife sample is the mean over some of the pools.

    number: (n,) ion carriers. ratio: (K, n - 1) ln of the ratios of successive canonical weights, NaN where no
    potential visited both numbers. reservoir: (P,) energy of an ion carrier in the reservoir over kT. most_frequent:
    (K, P) index of the most frequent number. edge: fewest and most carriers possible. lengths: (P,) correlation times
    in the walk of one replica. replicas: (K,) effective number of walks in each pool. members: pools of each of the U+1
    samples.
    """

    number: FloatArray
    ratio: FloatArray
    reservoir: FloatArray
    most_frequent: NDArray[np.int64]
    edge: tuple[int, int]
    lengths: FloatArray
    replicas: FloatArray
    members: tuple[NDArray[np.int64], ...]

    def nearest(self, reservoir: float) -> int:
        """The point of the scan nearest to a reservoir energy."""
        return int(np.abs(self.reservoir - reservoir).argmin())

    def moments(self, reservoir: float) -> Moments:
        """Moments of N at a reservoir energy.

        The numbers that are connected without a gap to the most frequent one at the nearest potential of the scan are
        used. The mean of a pool fluctuates by 2 tau/T of the variance; the variance about it is smaller by that share,
        which is restored.
        """
        nearest = self.nearest(reservoir)
        ln = np.array(
            [_chain(r - reservoir, m) for r, m in zip(self.ratio, self.most_frequent[:, nearest], strict=True)]
        )
        p = np.exp(ln - ln.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = p @ self.number
        edges = np.isin(self.number, self.edge)
        share = np.minimum(2.0 / (self.lengths[nearest] * self.replicas), LARGEST_SHARE)
        variance = (p @ self.number**2 - mean**2) / (1.0 - share)
        return Moments(mean, variance, p[:, edges].sum(axis=1), _at_ends(p, edges))

    def samples(self, values: FloatArray) -> FloatArray:
        """(U+1,) jackknife samples: means of (K,) values over the pools of each sample."""
        return np.array([values[chosen].mean() for chosen in self.members])


def join_histograms(trajectory: Trajectory, independent: IndependentSamples) -> JoinedHistograms:
    """The joined histograms of a run's scan; UnavailableError without one."""
    scan = trajectory.scan
    if scan is None:
        raise UnavailableError("the run had no grand-canonical scan")
    grouped = group_blocks(scan.histogram, 1, independent.groups).astype(float)  # (P, G, R, n)
    configuration = trajectory.configuration if trajectory.dopants else np.zeros(trajectory.replicas, dtype=np.int64)
    pools, members = _pools(np.moveaxis(grouped, 0, 2), independent, configuration)
    reservoir = reservoir_energy(trajectory, scan.mu_eV)
    number = scan.first + np.arange(scan.histogram.shape[-1], dtype=float)
    return JoinedHistograms(
        number=number,
        ratio=np.array([_ratios(histogram, reservoir) for histogram in pools]),
        reservoir=reservoir,
        most_frequent=pools.argmax(axis=2),
        edge=(0, int(scan.capacity.min())),
        lengths=_lengths(scan, number),
        replicas=pools.sum(axis=(1, 2)) / grouped.sum(axis=(0, 1, 3)).mean(),
        members=members,
    )


def reservoir_energy(trajectory: Trajectory, mu_eV: FloatArray) -> FloatArray:
    """Energy over kT of an ion carrier in a reservoir of the neutral component with these chemical potentials."""
    return np.asarray(-trajectory.component["per_carrier"] * mu_eV / (BOLTZMANN_EV_K * trajectory.temperature_K))


def _pools(
    grouped: FloatArray, independent: IndependentSamples, configuration: NDArray[np.int64]
) -> tuple[FloatArray, tuple[NDArray[np.int64], ...]]:
    """((K, P, n) counts of the pools, the pools of each of the U+1 jackknife samples) from (G, R, P, n) counts."""
    pools: list[FloatArray] = []
    number: dict[tuple[int, int], int] = {}  # (configuration, sample left out or -1) -> pool, -1 where none is left
    names = np.unique(configuration).tolist()
    for name in names:
        inside = configuration == name
        whole = grouped[:, inside].sum(axis=(0, 1))
        number[name, -1] = len(pools)
        pools.append(whole)
        present, place = np.unique(independent.sample_of[inside].T.reshape(-1), return_inverse=True)
        own = np.zeros((len(present), *whole.shape))
        np.add.at(own, place, grouped[:, inside].reshape(len(place), *whole.shape))
        for sample, part in zip(present.tolist(), own, strict=True):
            left = whole - part
            number[name, sample] = len(pools) if left.any() else -1
            pools += [left] if left.any() else []
    members = [[number[name, -1] for name in names]]
    for sample in range(independent.n_samples):
        chosen = [number.get((name, sample), number[name, -1]) for name in names]
        members.append([k for k in chosen if k >= 0])
    return np.array(pools), tuple(np.array(row) for row in members)


def _lengths(scan: Scan, number: FloatArray) -> FloatArray:
    """(P,) correlation times of N in the simulation of one replica.

    N changes by one at a time: after a small departure it relaxes at the rate a/(2 Var N) per trial, where a is the
    share of accepted moves (derived from the Ornstein-Uhlenbeck process, whose <dN^2> is 2 Var N per correlation time).
    For a run much shorter than a correlation time the variance is too small; the result is then a few at most.
    """
    counts = scan.histogram.sum(axis=1).astype(float)  # (P, R, n)
    p = counts / counts.sum(axis=2, keepdims=True)
    variance = (p @ number**2 - (p @ number) ** 2).mean(axis=1)
    accepted = scan.counters[..., 1].mean(axis=1)
    return np.asarray(accepted / (2.0 * np.maximum(variance, 0.25)))


def _ratios(histogram: FloatArray, reservoir: FloatArray) -> FloatArray:
    """(n - 1,) ln of ratios of canonical weights from (P, n) counts; NaN where no potential has both counts."""
    low, high = histogram[:, :-1], histogram[:, 1:]
    both = (low > 0) & (high > 0)
    weight = np.where(both, low * high / np.maximum(low + high, 1.0), 0.0)
    step = np.where(both, np.log(np.maximum(high, 1.0) / np.maximum(low, 1.0)) + reservoir[:, None], 0.0)
    total = weight.sum(axis=0)
    return np.where(total > 0, (weight * step).sum(axis=0) / np.maximum(total, 1e-300), np.nan)


def _chain(step: FloatArray, start: int) -> FloatArray:
    """(n,) sums of (n - 1,) steps, counted from index `start` in both directions; -inf beyond a NaN."""
    up = np.cumsum(step[start:])
    down = -np.cumsum(step[:start][::-1])[::-1]
    found = np.concatenate([down, [0.0], up])
    return np.where(np.isnan(found), -np.inf, found)


def _at_ends(p: FloatArray, edges: NDArray[np.bool_]) -> FloatArray:
    """(K,) larger probability of the first and the last number visited; 0 for one that is an edge of the supercell."""
    seen = p > 0
    first, last = seen.argmax(axis=1), p.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    pool = np.arange(len(p))
    return np.maximum(np.where(edges[first], 0.0, p[pool, first]), np.where(edges[last], 0.0, p[pool, last]))
