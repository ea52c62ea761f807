"""Interface of sums over the particles of a frame that a device computes where the positions are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kmc.errors import DisplacementOverflow

MOST_MOMENT = 1 << 62  # half of the range of int64: a sum below it and one more addition below it cannot overflow


class FrameSums(Protocol):
    """Sums over R replicas of S species with M particles; positions and snapshots are (R, M, 3) int32 on the device."""

    def add(
        self, positions: NDArray[np.int32], ended: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]]
    ) -> NDArray[np.int64]:
        """(R, S, 3) int64 on the host: positions summed over the particles of each species.

        ended: of each window that ends, the positions where it began and the second moments (R, S, 6) to which its
        products of displacement components are added. DisplacementOverflow where such a sum could exceed 2^62.
        """

    def keep(self, positions: NDArray[np.int32], snapshots: Sequence[NDArray[np.int32]]) -> None:
        """Copy the positions into several snapshots."""


def check_moments(farthest: int, particles: int, largest: int) -> None:
    """DisplacementOverflow where second moments could overflow.

    farthest: largest displacement component. particles: of a replica. largest: absolute value of a second moment.
    """
    if farthest**2 * particles >= MOST_MOMENT or largest >= MOST_MOMENT:
        raise DisplacementOverflow(
            "the sums of squared displacements no longer fit 64 bits; use a shorter run or a smaller supercell"
        )
