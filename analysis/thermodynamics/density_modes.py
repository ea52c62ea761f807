"""Density modes of the canonical run: structure factors, their limit at long wavelengths, and how they decay.

rho_i(k) is the Fourier component of the numbers of carrier i by plane (kmc/measure/density_planes.py),
k = 2 pi n/L across two lattice vectors. With dopants a part of rho stands still and is no fluctuation: it is taken
out, by pairs of replicas of one configuration where there are any (the disconnected part, unbiased), else by the time
mean and its bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import FloatArray, UnavailableError
from analysis.statistics.independent_samples import IndependentSamples, group_of_frames

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

ComplexArray = NDArray[np.complex128]
MOST_MODES = 4  # of an axis
FEWEST_K = 3  # lengths of k for a limit
LONGEST_KD = 1.65  # k times the ion's hop length: beyond it a mode is no long wave
SLABS = (4, 3, 5, 2)  # numbers of slabs, of which the first that makes them equal is taken
NO_MODES = "the run kept no density modes: it had no [thermodynamics]"


@dataclass(frozen=True)
class Mode:
    """One wave vector. axis: of the planes. n: waves in the supercell. k_per_m: 2 pi n over its width."""

    axis: int
    n: int
    k_per_m: float


def modes_of(trajectory: Trajectory) -> list[Mode]:
    """Wave vectors that are long waves, shortest first; UnavailableError where there are fewer than three lengths."""
    if not trajectory.planes:
        raise UnavailableError(NO_MODES)
    cells = trajectory.grid_vectors_m * (trajectory.grid * np.array(trajectory.repeats, dtype=float))[:, None]
    reciprocal = np.linalg.norm(2.0 * np.pi * np.linalg.inv(cells), axis=0)
    length = ion_hop_length(trajectory)
    every = [Mode(a, n, float(reciprocal[a]) * n) for a in range(3) for n in range(1, MOST_MODES + 1)]
    found = sorted((m for m in every if m.k_per_m * length <= LONGEST_KD), key=lambda m: m.k_per_m)
    if not found:
        raise UnavailableError(_too_few(length, 0))
    kept = [m for m in found if m.k_per_m < MOST_MODES * found[0].k_per_m * 1.001]
    distinct = np.unique(np.round([m.k_per_m / kept[0].k_per_m for m in kept], 6))
    if len(distinct) < FEWEST_K:
        raise UnavailableError(_too_few(length, len(distinct)))
    return kept


def _too_few(length_m: float, found: int) -> str:
    needed = FEWEST_K * 2.0 * np.pi / LONGEST_KD * length_m * 1e10
    return (
        f"too few wave vectors: {found} of {FEWEST_K} lengths k with k l below {LONGEST_KD}; "
        f"one edge of the supercell must be at least {needed:.3g} angstrom long"
    )


def ion_hop_length(trajectory: Trajectory) -> float:
    """Longest bond of the ions' hops, in m."""
    return max(f.hop_length_m for f in trajectory.families if f.carrier not in trajectory.electronic)


def density(trajectory: Trajectory, mode: Mode) -> ComplexArray:
    """(T+1, R, C) rho of every counted carrier at one wave vector."""
    phase = np.exp(-2j * np.pi * mode.n * trajectory.plane_fractions[mode.axis])
    return np.asarray(trajectory.planes[mode.axis] @ phase)


def correlation(rho: ComplexArray, trajectory: Trajectory, independent: IndependentSamples, lags: int) -> FloatArray:
    """(U+1, lags, C, C) rows of Re <rho_i(t) rho_j(0)*>, thermal, averaged over time origins and replicas."""
    group_of = group_of_frames(trajectory, independent.groups)
    replicas, carriers = rho.shape[1:]
    total = np.zeros((replicas, independent.groups, lags, carriers, carriers))
    number = np.zeros((replicas, independent.groups, lags))
    for g in range(independent.groups):
        here = rho[group_of == g]
        frames = len(here)
        spectrum = np.fft.fft(here, 2 * frames, axis=0)
        for i in range(carriers):
            for j in range(carriers):
                product = np.fft.ifft(spectrum[:, :, i] * spectrum[:, :, j].conj(), axis=0)[: min(lags, frames)]
                total[:, g, : len(product), i, j] = product.real.T
        number[:, g, :] = np.maximum(frames - np.arange(lags), 0)
    total = 0.5 * (total + np.swapaxes(total, -1, -2))
    rows = independent.pool(total) / np.maximum(independent.pool(number), 1.0)[..., None, None]
    return np.asarray(rows - _frozen(rho, trajectory, independent, rows) if trajectory.dopants else rows)


def _frozen(rho: ComplexArray, trajectory: Trajectory, independent: IndependentSamples, rows: FloatArray) -> FloatArray:
    """(U+1, 1, C, C) rows of the part that stands still."""
    configuration = trajectory.configuration
    member = np.unique(configuration, return_inverse=True)[1]
    mean = rho.mean(axis=0)  # (R, C)
    if np.bincount(member).min() >= 2 and independent.groups == 1:
        return _from_pairs(mean, member, independent)
    # The time mean of the run also fluctuates: its thermal part is the variance over the number of independent frames.
    own = np.real(np.einsum("ri,rj->rij", mean, mean.conj()))
    pooled = independent.pool(np.repeat(own[:, None], independent.groups, axis=1))
    weight = independent.pool(np.ones((len(own), independent.groups)))
    squared = pooled / weight[:, None, None]
    share = _share_of_mean(rows, trajectory.n_frames + 1)
    return np.asarray(((squared - share[:, None, None] * rows[:, 0]) / (1.0 - share[:, None, None]))[:, None])


def _from_pairs(mean: ComplexArray, member: NDArray[np.int64], independent: IndependentSamples) -> FloatArray:
    """(U+1, 1, C, C) the disconnected part: products of the time means of different replicas of one configuration."""
    rows = []
    for left_out in range(-1, independent.n_samples):
        kept = independent.sample_of[:, 0] != left_out
        product, pairs = np.zeros((mean.shape[1], mean.shape[1])), 0
        for name in np.unique(member[kept]):
            here = mean[kept & (member == name)]
            total = here.sum(axis=0)
            product += np.real(np.outer(total, total.conj()) - np.einsum("ri,rj->ij", here, here.conj()))
            pairs += len(here) * (len(here) - 1)
        rows.append(0.5 * (product + product.T) / pairs)
    return np.array(rows)[:, None]


def _share_of_mean(rows: FloatArray, frames: int) -> FloatArray:
    """(U+1,) variance of the time mean over that of one frame: 2 tau/T, tau from the summed correlation function."""
    first = np.trace(rows, axis1=2, axis2=3)
    tail = first[:, -max(first.shape[1] // 8, 1) :].mean(axis=1, keepdims=True)
    shape = (first - tail) / np.maximum(first[:, :1] - tail, 1e-300)
    positive = np.cumprod(shape[0] > 0.02).astype(bool)
    tau = 0.5 + (shape * positive)[:, 1:].sum(axis=1)
    share = 2.0 * tau / frames
    if share[0] > 0.2:
        raise UnavailableError(
            "with dopants the frozen part of the density cannot be told from fluctuations in a run this short: "
            "take replicas_per_configuration of at least 2, or a longer run"
        )
    return np.asarray(share)


def structure(trajectory: Trajectory, independent: IndependentSamples) -> tuple[list[Mode], FloatArray]:
    """(modes, (U+1, K, C, C) rows of chi_ij(k) = <rho_i rho_j*>/V in 1/m3)."""
    modes = modes_of(trajectory)
    lags = max(trajectory.n_frames // 4, 2) if trajectory.dopants else 1
    rows = [correlation(density(trajectory, mode), trajectory, independent, lags)[:, 0] for mode in modes]
    return modes, np.stack(rows, axis=1) / trajectory.volume_m3


def limit(k_per_m: FloatArray, rows: FloatArray, stderr: FloatArray) -> FloatArray:
    """(U+1,) rows of (U+1, K) values at k = 0: a + b k^2 by weighted least squares, stderr (K,) the weights."""
    x = k_per_m**2
    design = np.stack([np.ones(len(x)), x / x.max()], axis=1)
    weight = 1.0 / np.maximum(stderr, 1e-300) ** 2
    if not np.isfinite(weight).all() or stderr.max() <= 0:
        weight = np.ones(len(x))
    normal = design.T @ (weight[:, None] * design)
    return np.asarray(rows @ (weight[:, None] * design) @ np.linalg.inv(normal)[:, 0])


def theta_of_k(trajectory: Trajectory, chi: FloatArray, order: tuple[int, ...], n: FloatArray) -> FloatArray:
    """(U+1, K) Theta of the ion carrier: c n^T chi^-1 n, with the carriers of `order` and their numbers n per ion."""
    count = {record.name: record.count for record in trajectory.species}
    c = count[trajectory.component["carrier"]] / trajectory.volume_m3
    part = chi[:, :, order][:, :, :, order]
    if (np.linalg.eigvalsh(part[0]) <= 0).any():
        raise UnavailableError("structure factors are not positive within this run: take a longer one or more replicas")
    return np.asarray(c * np.einsum("i,ukij,j->uk", n, np.linalg.inv(part), n))


def neutral_vector(trajectory: Trajectory) -> tuple[tuple[int, ...], FloatArray]:
    """(places of ion and electronic carrier among the counted ones, how many of each make the neutral component)."""
    part = trajectory.component
    names = list(trajectory.plane_species)
    order, n = [names.index(part["carrier"])], [1.0]
    if part["electronic_carrier"]:
        if part["electronic_carrier"] not in names:
            raise UnavailableError(f"the run holds no {part['electronic_carrier']}")
        order.append(names.index(part["electronic_carrier"]))
        n.append(float(part["electronic"]))
    return tuple(order), np.array(n)


def slab_theta(trajectory: Trajectory, independent: IndependentSamples) -> FloatArray:
    """(U+1,) Theta from the numbers in slabs across the longest edge: a check with another window.

    Cov(N_i, N_j) of a slab of volume v in a closed cell is v (1 - v/V) chi_ij but for its surfaces.
    """
    if not trajectory.planes:
        raise UnavailableError(NO_MODES)
    if trajectory.dopants:
        raise UnavailableError("slabs are counted without dopants only")
    order, n = neutral_vector(trajectory)
    cells = np.linalg.norm(trajectory.grid_vectors_m, axis=1) * np.array(trajectory.repeats) * trajectory.grid
    axis = int(np.argmax(cells))
    numbers = trajectory.planes[axis][..., order, :].astype(float)  # (T+1, R, C, P)
    slabs = next((n for n in SLABS if trajectory.repeats[axis] % n == 0), 0)
    if not slabs:
        raise UnavailableError(f"{trajectory.repeats[axis]} cells along axis {axis} make no equal slabs")
    # A plane on a border belongs above it, whatever the last digit of its place.
    slab_of = np.floor(trajectory.plane_fractions[axis] * slabs + 1e-9)
    counted = np.stack([numbers[..., slab_of == slab].sum(axis=-1) for slab in range(slabs)], axis=-1)
    counted -= counted.mean(axis=-1, keepdims=True)  # of a closed cell: exactly the mean number
    group_of = group_of_frames(trajectory, independent.groups)
    replicas = counted.shape[1]
    total = np.zeros((replicas, independent.groups, len(order), len(order)))
    weight = np.zeros((replicas, independent.groups))
    for g in range(independent.groups):
        here = counted[group_of == g]
        total[:, g] = np.einsum("trix,trjx->rij", here, here)
        weight[:, g] = slabs * len(here)
    covariance = independent.pool(total) / independent.pool(weight)[:, None, None]
    chi = covariance / (trajectory.volume_m3 / slabs * (1.0 - 1.0 / slabs))
    return theta_of_k(trajectory, chi[:, None], tuple(range(len(order))), n)[:, 0]


def counted_json(modes: list[Mode], rows: FloatArray, stderr: FloatArray) -> list[dict[str, Any]]:
    """k and a figure at every wave vector, for results.json and pictures."""
    return [
        {"axis": mode.axis, "n": mode.n, "k_per_m": mode.k_per_m, "value": float(v), "stderr": float(e)}
        for mode, v, e in zip(modes, rows[0], stderr, strict=True)
    ]
