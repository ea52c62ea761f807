"""The thermodynamic factor from the numbers of carriers in slabs: a check of the structure factors.

The covariance of the numbers in a slab of volume v of a closed supercell is v (1 - v/V) chi_ij, apart from surface
terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError
from analysis.statistics.independent_samples import IndependentSamples, group_of_frames
from analysis.thermodynamics.density_modes import NO_MODES
from analysis.thermodynamics.structure_factor import neutral_vector, theta_of_k

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

NUMBERS_OF_SLABS = (4, 3, 5, 2)  # the first of these that divides the supercell into equal slabs is used


def slab_theta(trajectory: Trajectory, independent: IndependentSamples) -> FloatArray:
    """(U+1,) jackknife samples of Theta from slabs across the longest edge of the supercell."""
    if not trajectory.planes:
        raise UnavailableError(NO_MODES)
    if trajectory.dopants:
        raise UnavailableError("numbers in slabs are analysed only in crystals without dopants")
    order, n = neutral_vector(trajectory)
    counted = _numbers_in_slabs(trajectory, order)
    slabs = counted.shape[-1]
    counted -= counted.mean(axis=-1, keepdims=True)  # of a closed supercell: exactly the mean number
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


def _numbers_in_slabs(trajectory: Trajectory, order: tuple[int, ...]) -> FloatArray:
    """(T+1, R, C, slabs) numbers of the carriers of `order`."""
    edges = np.linalg.norm(trajectory.grid_vectors_m, axis=1) * np.array(trajectory.repeats) * trajectory.grid
    axis = int(np.argmax(edges))
    numbers = trajectory.planes[axis][..., order, :].astype(float)  # (T+1, R, C, P)
    slabs = next((number for number in NUMBERS_OF_SLABS if trajectory.repeats[axis] % number == 0), 0)
    if not slabs:
        raise UnavailableError(f"{trajectory.repeats[axis]} cells along axis {axis} cannot be cut into equal slabs")
    # A plane on a border belongs to the slab above it, independent of rounding of its position.
    slab_of = np.floor(trajectory.plane_fractions[axis] * slabs + 1e-9)
    return np.stack([numbers[..., slab_of == slab].sum(axis=-1) for slab in range(slabs)], axis=-1)
