"""The thermodynamic factor from the numbers of carriers in slabs: a check of the structure factors.

The covariance of the numbers in a slab of volume v of a closed supercell is v (1 - v/V) chi_ij + s_ij, where s_ij comes
from correlations across the two surfaces (derived: sum of the pair correlation over the slab, less v^2/V of its sum
over the supercell). It is not small: without it, Theta of a half-filled simple cubic lattice of 8 x 8 x 8 sites whose
neighbours repel each other by 0.7 kT is 14(2) % too low from slabs of 2 planes and 10(2) % from slabs of 4 (measured).
The difference of the covariances for two thicknesses is free of s_ij if both exceed the range of the correlations.
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

MOST_SLABS = 6  # thick ones; the thin ones are half as thick
FEWEST_PLANES = 2  # of a thin slab


def slab_theta(trajectory: Trajectory, independent: IndependentSamples) -> FloatArray:
    """(U+1,) jackknife samples of Theta from slabs across the longest edge of the supercell."""
    if not trajectory.planes:
        raise UnavailableError(NO_MODES)
    if trajectory.dopants:
        raise UnavailableError("numbers in slabs are analysed only in crystals without dopants")
    order, n = neutral_vector(trajectory)
    axis, thick = _slabs(trajectory)
    (of_thick, v_thick), (of_thin, v_thin) = (
        _covariance(trajectory, independent, order, axis, slabs) for slabs in (thick, 2 * thick)
    )
    chi = (of_thick - of_thin) / (v_thick - v_thin)
    return theta_of_k(trajectory, chi[:, None], tuple(range(len(order))), n)[:, 0]


def _slabs(trajectory: Trajectory) -> tuple[int, int]:
    """(axis of the longest edge, number of thick slabs)."""
    edges = np.linalg.norm(trajectory.grid_vectors_m, axis=1) * np.array(trajectory.repeats) * trajectory.grid
    axis = int(np.argmax(edges))
    cells, planes = trajectory.repeats[axis], trajectory.planes[axis].shape[-1]
    possible = [number for number in range(2, MOST_SLABS + 1) if cells % (2 * number) == 0]
    if not possible:
        raise UnavailableError(f"{cells} cells along axis {axis} cannot be cut into equal slabs of two thicknesses")
    wide = [number for number in possible if planes >= 2 * number * FEWEST_PLANES]
    if not wide:
        raise UnavailableError(
            f"{planes} planes of sites along axis {axis}: slabs need at least {2 * possible[0] * FEWEST_PLANES}, "
            "or the correlations across their surfaces dominate"
        )
    return axis, wide[-1]


def _covariance(
    trajectory: Trajectory, independent: IndependentSamples, order: tuple[int, ...], axis: int, slabs: int
) -> tuple[FloatArray, float]:
    """((U+1, C, C) covariance of the numbers in equal slabs for the carriers of `order`, v (1 - v/V) in m3)."""
    counted = _numbers_in_slabs(trajectory, order, axis, slabs)
    counted -= counted.mean(axis=-1, keepdims=True)  # of a closed supercell: exactly the mean number
    group_of = group_of_frames(trajectory, independent.groups)
    replicas = counted.shape[1]
    total = np.zeros((replicas, independent.groups, len(order), len(order)))
    weight = np.zeros((replicas, independent.groups))
    for g in range(independent.groups):
        here = counted[group_of == g]
        total[:, g] = np.einsum("trix,trjx->rij", here, here)
        weight[:, g] = slabs * len(here)
    covariance = np.asarray(independent.pool(total) / independent.pool(weight)[:, None, None])
    return covariance, trajectory.volume_m3 / slabs * (1.0 - 1.0 / slabs)


def _numbers_in_slabs(trajectory: Trajectory, order: tuple[int, ...], axis: int, slabs: int) -> FloatArray:
    """(T+1, R, C, slabs) numbers of the carriers of `order`."""
    numbers = trajectory.planes[axis][..., order, :].astype(float)  # (T+1, R, C, P)
    # A plane on a border belongs to the slab above it, independent of rounding of its position.
    slab_of = np.floor(trajectory.plane_fractions[axis] * slabs + 1e-9)
    return np.stack([numbers[..., slab_of == slab].sum(axis=-1) for slab in range(slabs)], axis=-1)
