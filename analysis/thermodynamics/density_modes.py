"""Density modes of the canonical run: wave vectors, and the Fourier components of the densities.

rho_i(k) is the Fourier component of the numbers of carrier i by plane (kmc/measure/density_planes.py), with
k = 2 pi n/L normal to two lattice vectors of the supercell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError, jackknife_stderr
from analysis.thermodynamics.records import ModeValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kmc.files.trajectory import Trajectory

MOST_MODES = 4  # per axis
FEWEST_WAVE_NUMBERS = 3  # for a limit k -> 0
LARGEST_K_TIMES_HOP = 1.65  # k times the ion's hop length: beyond it the wavelength is too short
NO_MODES = "the run recorded no density modes: it had no [thermodynamics]"


@dataclass(frozen=True)
class DensityMode:
    """One wave vector. axis: of the planes. n: waves in the supercell. k_per_m: 2 pi n over its width."""

    axis: int
    n: int
    k_per_m: float


def reciprocal_lengths(trajectory: Trajectory) -> FloatArray:
    """(3,) smallest k along each axis of the supercell, in 1/m."""
    cells = trajectory.grid_vectors_m * (trajectory.grid * np.array(trajectory.repeats, dtype=float))[:, None]
    return np.asarray(np.linalg.norm(2.0 * np.pi * np.linalg.inv(cells), axis=0))


def modes_of(trajectory: Trajectory) -> list[DensityMode]:
    """Wave vectors of long waves, by increasing k; UnavailableError with fewer than three different lengths."""
    if not trajectory.planes:
        raise UnavailableError(NO_MODES)
    smallest = reciprocal_lengths(trajectory)
    length = ion_hop_length(trajectory)
    every = [DensityMode(a, n, float(smallest[a]) * n) for a in range(3) for n in range(1, MOST_MODES + 1)]
    long = sorted((m for m in every if m.k_per_m * length <= LARGEST_K_TIMES_HOP), key=lambda m: m.k_per_m)
    if not long:
        raise UnavailableError(_too_few(length, 0))
    kept = [m for m in long if m.k_per_m < MOST_MODES * long[0].k_per_m * 1.001]
    if (found := wave_numbers(kept)) < FEWEST_WAVE_NUMBERS:
        raise UnavailableError(_too_few(length, found))
    return kept


def wave_numbers(modes: list[DensityMode]) -> int:
    """The number of different k; wave vectors along equivalent axes have the same."""
    return len({round(mode.k_per_m / modes[0].k_per_m, 6) for mode in modes})


def _too_few(length_m: float, found: int) -> str:
    needed = FEWEST_WAVE_NUMBERS * 2.0 * np.pi / LARGEST_K_TIMES_HOP * length_m * 1e10
    return (
        f"too few wave vectors: {found} of {FEWEST_WAVE_NUMBERS} lengths k with k l below {LARGEST_K_TIMES_HOP}; "
        f"one edge of the supercell must be at least {needed:.3g} angstrom long"
    )


def ion_hop_length(trajectory: Trajectory) -> float:
    """Longest bond of the ions' hops, in m."""
    return max(f.hop_length_m for f in trajectory.families if f.carrier not in trajectory.electronic)


def density(trajectory: Trajectory, mode: DensityMode) -> NDArray[np.complex128]:
    """(T+1, R, C) rho of every counted carrier at one wave vector."""
    phase = np.exp(-2j * np.pi * mode.n * trajectory.plane_fractions[mode.axis])
    return np.asarray(trajectory.planes[mode.axis] @ phase)


def values_by_mode(modes: list[DensityMode], samples: FloatArray) -> list[ModeValue]:
    """(U+1, K) jackknife samples of a quantity at K wave vectors, for results.json."""
    return [
        {"axis": mode.axis, "n": mode.n, "k_per_m": mode.k_per_m, "value": float(value), "stderr": float(error)}
        for mode, value, error in zip(modes, samples[0], jackknife_stderr(samples), strict=True)
    ]
