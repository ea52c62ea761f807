"""Transport of a finite Markov chain whose transitions carry displacements, from its generator.

With Q the generator, pi its stationary distribution, d the displacement of a transition and b(s) = sum over s' of w d:
h solves Q h = -(b - <b>), and

    D_ab = 1/2 sum_s pi_s sum_s' w (d_a + h_a(s') - h_a(s)) (d_b + h_b(s') - h_b(s)),

the martingale form, which also holds in a field, where detailed balance fails (derived; the homogenisation of a Markov
additive process, e.g. G. A. Pavliotis and A. M. Stuart, Multiscale Methods, Springer 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import SuperLU

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Chain:
    """A Markov chain with displacements.

    states: n. source, target: (m,) state indices. rate: (m,) per second. moved: (m, K) float64 displacement in metres,
    K = 3 for each carrier. stationary: (n,) probabilities.
    """

    states: int
    source: IntArray
    target: IntArray
    rate: FloatArray
    moved: FloatArray
    stationary: FloatArray


def lumped(chain: Chain, label: IntArray) -> Chain:
    """The chain of classes of states that a symmetry keeping displacements (a translation) maps onto each other.

    label: (n,) class of every state. One state stands for its class; the classes must be orbits of the symmetry.
    """
    classes, first, member = np.unique(label, return_index=True, return_inverse=True)
    kept = np.isin(chain.source, first)
    weight = np.bincount(member, weights=chain.stationary, minlength=len(classes)).astype(np.float64)
    source, target = member[chain.source[kept]], member[chain.target[kept]]
    return Chain(len(classes), source, target, chain.rate[kept], chain.moved[kept], weight)


def diffusivity(chain: Chain) -> FloatArray:
    """(K, K) D_ab of the chain's displacement in m2/s: lim <X_a X_b>/(2 t), with the drift subtracted."""
    return _diffusivity(chain, corrector_of(chain))


def _diffusivity(chain: Chain, corrector: FloatArray) -> FloatArray:
    step = chain.moved + corrector[chain.target] - corrector[chain.source]
    flow = chain.stationary[chain.source] * chain.rate
    return np.asarray(0.5 * (step * flow[:, None]).T @ step)


def mean_square_at(chain: Chain, time_s: float) -> FloatArray:
    """(K, K) <X_a X_b> after a time, from a stationary start; for chains in detailed balance (no field).

    2 t D + 2 <h_a (1 - exp(Q t)) h_b> with pi as the weight (derived by integrating the current's correlation twice).
    """
    from scipy.sparse.linalg import expm_multiply

    corrector = corrector_of(chain)
    relaxed = expm_multiply(_generator(chain) * time_s, corrector)
    weighted = chain.stationary[:, None] * corrector
    return np.asarray(2 * time_s * _diffusivity(chain, corrector) + 2 * weighted.T @ (corrector - relaxed))


def drift(chain: Chain) -> FloatArray:
    """(K,) mean velocity of the displacement in m/s."""
    return np.asarray((chain.stationary[chain.source] * chain.rate) @ chain.moved)


def corrector_of(chain: Chain) -> FloatArray:
    """(n, K) h with Q h = -(b - <b>) and <h> = 0."""
    width = chain.moved.shape[1]
    local = np.zeros((chain.states, width))
    np.add.at(local, chain.source, chain.rate[:, None] * chain.moved)
    right = drift(chain) - local
    if chain.states == 1:
        return np.zeros((1, width))
    inner = _factors(_generator(chain)).solve(right[1:])
    result = np.concatenate([np.zeros((1, width)), inner])
    return np.asarray(result - chain.stationary @ result)


def stationary_of(states: int, source: IntArray, target: IntArray, rate: FloatArray) -> FloatArray:
    """(n,) null vector of the transposed generator, normalised."""
    if states == 1:
        return np.ones(1)
    generator = _matrix(states, source, target, rate).T
    inner = _factors(generator).solve(-generator[1:, [0]].toarray()[:, 0])
    weights = np.concatenate([[1.0], inner])
    return np.asarray(weights / weights.sum())


def _factors(generator: csr_matrix) -> SuperLU:
    """Sparse LU of all but the first state. Every hop can be reversed, so an ordering for symmetric patterns suits."""
    from scipy.sparse.linalg import splu

    return splu(generator.tocsc()[1:, 1:], permc_spec="MMD_AT_PLUS_A")


def _generator(chain: Chain) -> csr_matrix:
    return _matrix(chain.states, chain.source, chain.target, chain.rate)


def _matrix(states: int, source: IntArray, target: IntArray, rate: FloatArray) -> csr_matrix:
    """Sparse generator: rates off the diagonal, and rows that sum to zero."""
    from scipy.sparse import csr_matrix, diags

    off = csr_matrix((rate, (source, target)), shape=(states, states))
    return (off - diags(np.asarray(off.sum(axis=1)).ravel())).tocsr()
