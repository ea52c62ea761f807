"""What is written to a trajectory file as a whole: grand-canonical scans and relaxation waves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scan:
    """P points, B time blocks, R replicas.

    mu_eV: (P,) of the neutral component. first: number of ion carriers of the first column. histogram: (P, B, R, n)
    int64 trials. counters: (P, R, 2) trials, accepted. capacity: largest possible number of ion carriers in a replica.
    found: whether the scan stands about the composition of the run (or where the user put it).
    """

    mu_eV: NDArray[np.float64]
    first: int
    histogram: NDArray[np.int64]
    counters: NDArray[np.int64]
    capacity: NDArray[np.int64]
    found: bool

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name."""
        return {
            "mu_eV": self.mu_eV,
            "first": np.array(self.first),
            "histogram": self.histogram,
            "counters": self.counters,
            "capacity": self.capacity,
            "found": np.array(self.found),
        }


@dataclass(frozen=True)
class Wave:
    """axis: of the planes. planes: (W, T + 1, R, C, P) int32 numbers of W waves; frames are as long as the run's.

    fractions: (P,) where the planes lie, in units of the supercell's edge.
    dispersion: (C,) decay rate of the wave over D k^2 for free hops of each carrier, less than 1 on a lattice.
    """

    axis: int
    planes: NDArray[np.int32]
    fractions: NDArray[np.float64]
    dispersion: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name."""
        numbers = {"axis": np.array(self.axis), "dispersion": self.dispersion}
        return {**numbers, "planes": self.planes, "fractions": self.fractions}
