"""Attempt frequencies that differ between the environments of a hop, folded into its integer barriers.

With nu_max the highest frequency of a family, nu exp(-E0/kT) = nu_max exp(-(E0 + kT ln(nu_max/nu))/kT): an environment
of a lower frequency has a barrier higher by kT ln(nu_max/nu), which a table of barriers at one temperature holds as any
other. The shift belongs to the bond, the same from both of its ends, so that detailed balance stays exact, and it is
never negative, so that E0 stays at or above the barrier of the parameter file. Where the energy difference of a hop
exceeds 2 E0, its barrier is max(2 (E0 + shift) + dE, 2 dE, 0)/2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kmc.tables.barriers import kra_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K, HALF_UNITS_PER_EV

if TYPE_CHECKING:
    from kmc.tables.event_tables import HopEnvironments, RateTables

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class AttemptFrequencies:
    """What the barriers at a temperature follow from. F families, C codes of environments.

    log_ratio: (F, C) ln(nu_max/nu), at least 0. energy2: (F, C) 2 E0 of the parameter file, -1 where none is given.
    lowest_d_energy: (F,) lower bound of the energy difference of a hop. reference2: (F,) lower bound of 2 Eb without
    shifts.
    """

    log_ratio: NDArray[np.float64]
    energy2: IntArray
    lowest_d_energy: IntArray
    reference2: IntArray

    def barrier2(self, temperature_K: float) -> IntArray:
        """(F, C) 2 (E0 + kT ln(nu_max/nu)) in microelectronvolt, rounded; -1 where no barrier is given."""
        shift = np.rint(HALF_UNITS_PER_EV * BOLTZMANN_EV_K * temperature_K * self.log_ratio).astype(np.int64)
        return np.where(self.energy2 >= 0, self.energy2 + shift, -1)

    def bound2(self, temperature_K: float) -> IntArray:
        """(F,) lower bound of 2 Eb at a temperature."""
        bounds = self.reference2.copy()
        barriers = self.barrier2(temperature_K)
        for f in np.flatnonzero(self.log_ratio.any(axis=1)).tolist():
            bounds[f] = kra_barrier2(int(barriers[f][barriers[f] >= 0].min()), int(self.lowest_d_energy[f]))
        return bounds


def attempt_frequencies(
    environments: HopEnvironments, rates: RateTables, log_ratios: Sequence[Sequence[float]], lowest: IntArray
) -> AttemptFrequencies | None:
    """None where every family has one frequency. log_ratios: by family and code. lowest: (F,) energy difference."""
    if not any(value for row in log_ratios for value in row):
        return None
    table = np.zeros(environments.barrier2.shape)
    for f, row in enumerate(log_ratios):
        table[f, : len(row)] = row
    return AttemptFrequencies(table, environments.barrier2, lowest, rates.reference2)


def folded(
    environments: HopEnvironments, rates: RateTables, frequencies: AttemptFrequencies, temperature_K: float
) -> tuple[HopEnvironments, RateTables]:
    """The tables with the shifts of one temperature; a family with several frequencies has no single barrier."""
    several = frequencies.log_ratio.any(axis=1)
    return (
        replace(environments, barrier2=frequencies.barrier2(temperature_K)),
        replace(
            rates,
            reference2=frequencies.bound2(temperature_K),
            single_barrier=rates.single_barrier & ~several,
        ),
    )
