"""Lower bounds of the pair energies' share of a hop, over every arrangement of the particles present."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kmc.tables.bonds import Bond
from kmc.tables.energy_terms import EnergyContext, IntArray

if TYPE_CHECKING:
    from kmc.tables.pair_energies import Influence

Site = tuple[int, int, int, int, int]  # sublattice, wrapped cell, basis


def lowest_d_energy(context: EnergyContext, influences: Sequence[Influence], bond: Bond) -> int:
    """A lower bound of dE over a bond, in microelectronvolt, without field work.

    Every site near the bond takes the species that lowers dE most. On each sublattice at most as many sites differ
    from its most frequent species as there are particles of other species.
    """
    counts, sublattice_of = context.counts, context.sublattice_of
    total = 0
    gains: dict[int, list[int]] = {}
    for (target, *_), row in _energies_in_d_energy(context, influences, bond).items():
        present = np.flatnonzero((sublattice_of == target) & (counts > 0))
        common = present[np.argmax(counts[present])]
        total += int(row[common])
        gains.setdefault(target, []).append(int(row[present].min() - row[common]))
    for target, values in gains.items():
        here = counts[sublattice_of == target]
        others = int(here.sum() - here.max())
        total += sum(sorted(values)[:others])
    return total


def lowest_gain(context: EnergyContext, influences: Sequence[Influence], basis: int, folded: NDArray[np.uint8]) -> int:
    """The most that mobile species other than the most frequent one can lower the potential of a site (<= 0).

    folded: (S,) uint8, the most frequent mobile species of the sublattice for every mobile species, and the species
    itself for the others. At most as many sites differ from the most frequent species as there are particles of other
    species.
    """
    counts, sublattice_of = context.counts, context.sublattice_of
    total = 0
    gains: dict[int, list[int]] = {}
    for influence in influences:
        target, energies = influence.stencil.target, influence.energies
        mobile = [
            s for s in np.flatnonzero((sublattice_of == target) & (counts > 0)) if np.sum(folded == folded[s]) > 1
        ]
        best = min((int(energies[s] - energies[folded[s]]) for s in mobile), default=0)
        gains.setdefault(target, []).extend([min(best, 0)] * len(influence.stencil.neighbours(basis)))
    for target, values in gains.items():
        here = [s for s in np.flatnonzero(sublattice_of == target) if np.sum(folded == folded[s]) > 1]
        others = sum(int(counts[s]) for s in here if folded[s] != s)
        total += sum(sorted(values)[:others])
    return total


def _energies_in_d_energy(context: EnergyContext, influences: Sequence[Influence], bond: Bond) -> dict[Site, IntArray]:
    """Site -> (S,) share of dE of each species there; the two ends of the bond are left out."""
    start, dx, dy, dz, end = bond
    repeats = np.asarray(context.supercell.repeats)
    near: dict[Site, IntArray] = {}
    ends = set()
    for influence in influences:
        home, energies = influence.stencil.origin, influence.energies
        for sign, cell, basis in ((-1, (0, 0, 0), start), (1, (dx, dy, dz), end)):
            ends.add((home, *(np.array(cell) % repeats).tolist(), basis))
            for x, y, z, t in influence.stencil.neighbours(basis):
                wrapped = (np.array([x, y, z]) + cell) % repeats
                key = (influence.stencil.target, *wrapped.tolist(), t)
                near.setdefault(key, np.zeros(len(context.counts), dtype=np.int64))
                near[key] += sign * energies
    return {key: row for key, row in near.items() if key not in ends}
