"""The electrostatic potential of a periodic array of charges, by Ewald's method, in units of e/(4 pi eps_0 angstrom).

phi(r) = sum over images of erfc(a |r + n|)/|r + n| + (4 pi/V) sum over G of exp(-G^2/4 a^2)/G^2 cos(G.r) - pi/(a^2 V):
the potential at r of one charge per supercell in a neutralising background (P. P. Ewald, Ann. Phys. 369 (1921) 253).
At r = 0 the charge itself is excluded and its images are included.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ACCURACY = 40.0  # terms below exp(-ACCURACY) are neglected
CHUNK = 1 << 22  # distances held at once


def ewald_potential(vectors_angstrom: FloatArray, places_angstrom: FloatArray) -> FloatArray:
    """(n,) phi at (n, 3) positions in a supercell with vectors (3, 3), one row each."""
    volume = abs(float(np.linalg.det(vectors_angstrom)))
    # This alpha needs about as many images as wave vectors; for a cube the numbers are equal.
    alpha = math.sqrt(math.pi) / volume ** (1.0 / 3.0)
    reciprocal = np.asarray(2.0 * np.pi * np.linalg.inv(vectors_angstrom).T, dtype=np.float64)
    waves = _lattice(reciprocal, 2.0 * alpha * math.sqrt(ACCURACY), 0.0)
    waves = waves[(waves**2).sum(axis=1) > 1e-12]
    square = (waves**2).sum(axis=1)
    weight = 4.0 * np.pi / volume * np.exp(-square / (4.0 * alpha**2)) / square
    far = math.sqrt(ACCURACY) / alpha
    home = np.linalg.solve(vectors_angstrom.T, places_angstrom.T).T
    wrapped = (home - np.rint(home)) @ vectors_angstrom
    images = _lattice(vectors_angstrom, far, float(np.linalg.norm(wrapped, axis=1).max(initial=0.0)))
    result = np.full(len(places_angstrom), -np.pi / (alpha**2 * volume))
    step = max(1, CHUNK // max(len(waves), len(images)))
    for first in range(0, len(wrapped), step):
        here = wrapped[first : first + step]
        result[first : first + step] += np.cos(here @ waves.T) @ weight
        result[first : first + step] += _near(here, images, alpha)
    return result


def _near(places: FloatArray, images: FloatArray, alpha: float) -> FloatArray:
    """Sum over images of erfc(alpha d)/d; for d = 0 the limit without the term 1/d, -2 alpha/sqrt(pi)."""
    from scipy.special import erfc

    distance = np.linalg.norm(places[:, None] + images, axis=2)
    itself = distance < 1e-6
    safe = np.where(itself, 1.0, distance)
    return np.asarray(np.where(itself, -2.0 * alpha / math.sqrt(math.pi), erfc(alpha * safe) / safe).sum(axis=1))


def _lattice(vectors: FloatArray, radius: float, more: float) -> FloatArray:
    """All lattice points within radius + more of the origin."""
    widths = 1.0 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
    reach = [math.ceil((radius + more) / width) for width in widths]
    whole = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))), dtype=float)
    points = whole @ vectors
    return np.asarray(points[np.linalg.norm(points, axis=1) <= radius + more + 1e-9])
