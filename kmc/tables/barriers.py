"""Barriers in half units, Eb2 = 2 Eb in microelectronvolt, so that everything is an integer.

KRA (kinetically resolved activation; A. Van der Ven et al., Phys. Rev. B 64 (2001) 184307):
Eb2 = max(2 E0 + dE, 2 dE, 0).
Marcus (R. A. Marcus, J. Chem. Phys. 24 (1956) 966), lowered by the transfer integral V of an adiabatic hop:
Eb2 = max(floor((lambda^2 + dE^2)/(2 lambda)) + dE - 2 V, 2 dE, 0).
In both, Eb2(ij) - Eb2(ji) = 2 dE exactly, which is detailed balance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def kra_barrier2(twice_e0: int | IntArray, d_energy: int | IntArray) -> IntArray:
    """2 Eb of a KRA hop, from 2 E0 and dE in microelectronvolt; numbers or arrays that broadcast."""
    return np.maximum(np.maximum(twice_e0 + d_energy, 2 * d_energy), 0)


def marcus_barrier2(reorganisation: int, twice_coupling: int, d_energy: int | IntArray) -> IntArray:
    """2 Eb of a Marcus hop, from lambda, 2 V and dE in microelectronvolt."""
    even = (reorganisation * reorganisation + d_energy * d_energy) // (2 * reorganisation)
    return np.maximum(np.maximum(even + d_energy - twice_coupling, 2 * d_energy), 0)
