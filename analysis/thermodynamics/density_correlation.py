"""Correlation functions of density modes, without the part of the densities that is frozen by dopants.

With dopants a part of rho(k) does not fluctuate. It is estimated and subtracted: from products of the time means of
replicas that share a dopant configuration, if there are any (the disconnected part, without bias), or else from the
squared time mean, corrected for the thermal fluctuations of that mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import FloatArray, UnavailableError
from analysis.statistics.independent_samples import IndependentSamples, group_of_frames

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

ComplexArray = NDArray[np.complex128]

LARGEST_SHARE = 0.2  # largest share of the thermal variance in the time mean of a run


def correlation(rho: ComplexArray, trajectory: Trajectory, independent: IndependentSamples, lags: int) -> FloatArray:
    """(U+1, lags, C, C) jackknife samples of the thermal part of Re <rho_i(t) rho_j(0)*>.

    rho: (T+1, R, C). The average is over time origins and replicas.
    """
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
    samples = independent.pool(total) / np.maximum(independent.pool(number), 1.0)[..., None, None]
    return np.asarray(samples - _frozen(rho, trajectory, independent, samples) if trajectory.dopants else samples)


def _frozen(
    rho: ComplexArray, trajectory: Trajectory, independent: IndependentSamples, samples: FloatArray
) -> FloatArray:
    """(U+1, 1, C, C) jackknife samples of the part that does not fluctuate. samples: of the whole correlation."""
    member = np.unique(trajectory.configuration, return_inverse=True)[1]
    mean = rho.mean(axis=0)  # (R, C)
    if np.bincount(member).min() >= 2 and independent.groups == 1:
        return _from_pairs(mean, member, independent)
    # The time mean of the run fluctuates too: it contains a share of the thermal variance.
    own = np.real(np.einsum("ri,rj->rij", mean, mean.conj()))
    pooled = independent.pool(np.repeat(own[:, None], independent.groups, axis=1))
    weight = independent.pool(np.ones((len(own), independent.groups)))
    squared = pooled / weight[:, None, None]
    share = _share_of_mean(samples, trajectory.n_frames + 1)
    return np.asarray(((squared - share[:, None, None] * samples[:, 0]) / (1.0 - share[:, None, None]))[:, None])


def _from_pairs(mean: ComplexArray, member: NDArray[np.int64], independent: IndependentSamples) -> FloatArray:
    """(U+1, 1, C, C) products of the time means of different replicas that share a dopant configuration.

    mean: (R, C). member: (R,) number of each replica's configuration.
    """
    samples = []
    for left_out in range(-1, independent.n_samples):
        kept = independent.sample_of[:, 0] != left_out
        product, pairs = np.zeros((mean.shape[1], mean.shape[1])), 0
        for name in np.unique(member[kept]):
            here = mean[kept & (member == name)]
            total = here.sum(axis=0)
            product += np.real(np.outer(total, total.conj()) - np.einsum("ri,rj->ij", here, here.conj()))
            pairs += len(here) * (len(here) - 1)
        samples.append(0.5 * (product + product.T) / pairs)
    return np.array(samples)[:, None]


def _share_of_mean(samples: FloatArray, frames: int) -> FloatArray:
    """(U+1,) variance of the time mean over that of one frame: 2 tau/T, tau from the summed correlation function.

    Raises UnavailableError above LARGEST_SHARE.
    """
    summed = np.trace(samples, axis1=2, axis2=3)
    tail = summed[:, -max(summed.shape[1] // 8, 1) :].mean(axis=1, keepdims=True)
    shape = (summed - tail) / np.maximum(summed[:, :1] - tail, 1e-300)
    positive = np.cumprod(shape[0] > 0.02).astype(bool)
    tau = 0.5 + (shape * positive)[:, 1:].sum(axis=1)
    share = 2.0 * tau / frames
    if share[0] > LARGEST_SHARE:
        raise UnavailableError(
            "with dopants, the frozen part of the density cannot be separated from its fluctuations in a run this "
            "short: use replicas_per_configuration of at least 2, or a longer run"
        )
    return np.asarray(share)
