"""Records that are written to a trajectory file as a whole: grand-canonical scans and relaxation waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import Array


@dataclass(frozen=True)
class Scan:
    """A grand-canonical scan of P points, B time blocks and R replicas.

    mu_eV: (P,) of the neutral component. first: number of ion carriers of the first column. histogram: (P, B, R, n)
    int64 trials spent with each number of ion carriers. counters: (P, R, 2) int64 trials, accepted. capacity: (R,)
    largest possible number of ion carriers. found: whether the potential whose mean composition is that of the run was
    found; true where the user gave the potentials.
    """

    mu_eV: NDArray[np.float64]
    first: int
    histogram: NDArray[np.int64]
    counters: NDArray[np.int64]
    capacity: NDArray[np.int64]
    found: bool

    def arrays(self) -> dict[str, Array]:
        """Every array by name."""
        return {
            "mu_eV": self.mu_eV,
            "first": np.array(self.first),
            "histogram": self.histogram,
            "counters": self.counters,
            "capacity": self.capacity,
            "found": np.array(self.found),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Scan:
        """The scan whose `arrays` these are."""
        scalars = {"first": int(arrays["first"]), "found": bool(arrays["found"])}
        return cls(**{**arrays, **scalars})  # type: ignore[arg-type]  # scalars have replaced their arrays


@dataclass(frozen=True)
class Wave:
    """W relaxing composition waves of T frames after the initial one, R replicas, C carriers, P planes.

    axis: perpendicular to the planes. planes: (W, T + 1, R, C, P) int32 numbers of carriers; frames are as long as
    those of the run. fractions: (P,) positions of the planes in units of the supercell's edge. dispersion: (C,) decay
    rate of the wave over D k^2 for non-interacting hops of each carrier; below 1 on a lattice.
    """

    axis: int
    planes: NDArray[np.int32]
    fractions: NDArray[np.float64]
    dispersion: NDArray[np.float64]

    def arrays(self) -> dict[str, Array]:
        """Every array by name."""
        numbers = {"axis": np.array(self.axis), "dispersion": self.dispersion}
        return {**numbers, "planes": self.planes, "fractions": self.fractions}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Wave:
        """The waves whose `arrays` these are."""
        return cls(int(arrays["axis"]), arrays["planes"], arrays["fractions"], arrays["dispersion"])
