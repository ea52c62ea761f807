"""Histograms of a grand-canonical scan, joined over its chemical potentials.

Those of neighbouring potentials are joined by their ratios of successive counts, which differ between potentials by a
known factor (Ferrenberg and Swendsen's multiple histograms, Phys. Rev. Lett. 63 (1989) 1195, with the weights of
Bennett's acceptance ratio for each step); any potential between the outermost ones then follows.
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


@dataclass(frozen=True)
class Joined:
    """Histograms joined over the potentials of a scan, pool by pool: K pools of one dopant configuration each.

    A variance is thermal within a configuration, about its own mean; without dopants all replicas are one pool. Every
    leave-one-out row is the mean over its pools: members[row] are their numbers. number: (n,) ion carriers.
    ratio: (K, n - 1) ln of ratios of successive canonical weights, NaN where no potential visited both numbers.
    reservoir: (P,) energies of an ion carrier in the reservoir over kT. mode: (K, P) most frequent number there, as an
    index. edge: fewest and most carriers possible. lengths: (P,) correlation times in the walk of one replica.
    replicas: (K,) of each pool, in whole walks.
    """

    number: FloatArray
    ratio: FloatArray
    reservoir: FloatArray
    mode: NDArray[np.int64]
    edge: tuple[int, int]
    lengths: FloatArray
    replicas: FloatArray
    members: tuple[NDArray[np.int64], ...]

    def nearest(self, reservoir: float) -> int:
        """The point of the scan nearest to a reservoir energy."""
        return int(np.abs(self.reservoir - reservoir).argmin())

    def moments(self, reservoir: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(K,) <N>, Var N, probabilities of the edges and of the ends of what was visited, at a reservoir energy.

        The stretch of numbers without a gap about the mode of the nearest potential of the scan is used. The mean of a
        pool fluctuates by 2 tau/T of the variance, which is missing about it and put back.
        """
        nearest = self.nearest(reservoir)
        ln = np.array([_chain(r - reservoir, m) for r, m in zip(self.ratio, self.mode[:, nearest], strict=True)])
        p = np.exp(ln - ln.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = p @ self.number
        edges = np.isin(self.number, self.edge)
        share = np.minimum(2.0 / (self.lengths[nearest] * self.replicas), 0.5)
        variance = (p @ self.number**2 - mean**2) / (1.0 - share)
        return mean, variance, p[:, edges].sum(axis=1), _at_ends(p, edges)

    def rows(self, values: FloatArray) -> FloatArray:
        """(U+1,) means of (K,) values over the pools of each row."""
        return np.array([values[chosen].mean() for chosen in self.members])


def joined(trajectory: Trajectory, independent: IndependentSamples) -> Joined:
    """The scan of a run; UnavailableError without one."""
    scan, part = trajectory.scan, trajectory.component
    if scan is None:
        raise UnavailableError("the run had no grand-canonical scan")
    grouped = group_blocks(scan.histogram, 1, independent.groups).astype(float)  # (P, G, R, n)
    configuration = trajectory.configuration if trajectory.dopants else np.zeros(trajectory.replicas, dtype=np.int64)
    pools, members = _pools(np.moveaxis(grouped, 0, 2), independent, configuration)
    reservoir = -part["per_carrier"] * scan.mu_eV / (BOLTZMANN_EV_K * trajectory.temperature_K)
    number = scan.first + np.arange(scan.histogram.shape[-1], dtype=float)
    ratio = np.array([_ratios(histogram, reservoir) for histogram in pools])
    replicas = pools.sum(axis=(1, 2)) / grouped.sum(axis=(0, 1, 3)).mean()
    edge = (0, int(scan.capacity.min()))
    return Joined(number, ratio, reservoir, pools.argmax(axis=2), edge, _lengths(scan, number), replicas, members)


def _pools(
    grouped: FloatArray, independent: IndependentSamples, configuration: NDArray[np.int64]
) -> tuple[FloatArray, tuple[NDArray[np.int64], ...]]:
    """((K, P, n) counts of the pools, which of them make each row) from (G, R, P, n) counts.

    A pool is a configuration, whole or without one of its independent.
    """
    pools: list[FloatArray] = []
    number: dict[tuple[int, int], int] = {}
    names = np.unique(configuration).tolist()
    for name in names:
        inside = configuration == name
        whole = grouped[:, inside].sum(axis=(0, 1))
        number[name, -1] = len(pools)
        pools.append(whole)
        # of the groups of this configuration's replicas
        there, mine = np.unique(independent.sample_of[inside].T.reshape(-1), return_inverse=True)
        own = np.zeros((len(there), *whole.shape))
        np.add.at(own, mine, grouped[:, inside].reshape(len(mine), *whole.shape))
        for unit, part in zip(there.tolist(), own, strict=True):
            left = whole - part
            number[name, unit] = len(pools) if left.any() else -1
            pools += [left] if left.any() else []
    rows = [[number[name, -1] for name in names]]
    for unit in range(independent.n_samples):
        chosen = [number.get((name, unit), number[name, -1]) for name in names]
        rows.append([k for k in chosen if k >= 0])
    return np.array(pools), tuple(np.array(row) for row in rows)


def _lengths(scan: Scan, number: FloatArray) -> FloatArray:
    """(P,) correlation times of N in the walk of one replica.

    N moves by one at a time: for small departures it relaxes at the rate a/(2 Var N) a trial, a being the share of
    accepted moves (derived from the Ornstein-Uhlenbeck process, whose <dN^2> per trial is 2 Var N over that time). A
    walk much shorter than that sees too small a variance and still comes out as a few times at most.
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
    """(n,) sums of (n - 1,) steps from index `start` both ways; -inf beyond a NaN."""
    up = np.cumsum(step[start:])
    down = -np.cumsum(step[:start][::-1])[::-1]
    found = np.concatenate([down, [0.0], up])
    return np.where(np.isnan(found), -np.inf, found)


def _at_ends(p: FloatArray, edges: NDArray[np.bool_]) -> FloatArray:
    """(U,) larger probability of the first and last number with any, those at the edges of the supercell aside."""
    seen = p > 0
    first, last = seen.argmax(axis=1), p.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    rows = np.arange(len(p))
    return np.maximum(np.where(edges[first], 0.0, p[rows, first]), np.where(edges[last], 0.0, p[rows, last]))
