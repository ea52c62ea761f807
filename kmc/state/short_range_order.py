"""Warren-Cowley parameters of the dopants (J. M. Cowley, Phys. Rev. 77 (1950) 669).

alpha_AB(shell) = 1 - P_AB/c_B, with P_AB the share of B among the neighbours of A and c_B its share of the sublattice:
zero at random, negative where A and B attract each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.bonds import neighbour_sites
from lattices.crystal import Supercell
from lattices.stencils import shells

SHELLS = 2


@dataclass(frozen=True)
class ShortRangeOrder:
    """alpha of two species on one shell: mean over the configurations and its standard error (None for a single one).

    at_random: its value for random arrangements of the same numbers in this supercell.
    """

    species: tuple[str, str]
    shell: int
    distance_angstrom: float
    alpha: float
    stderr: float | None
    at_random: float

    def __str__(self) -> str:
        """One line for the log."""
        error = "" if self.stderr is None else f" +- {self.stderr:.2g}"
        return (
            f"Warren-Cowley alpha of {' - '.join(self.species)} on shell {self.shell} ({self.distance_angstrom:.3f} "
            f"angstrom): {self.alpha:.4f}{error} (at random {self.at_random:.4f})"
        )


def short_range_order(
    model: Model, supercell: Supercell, occupants: NDArray[np.uint8], names: Sequence[str]
) -> list[ShortRangeOrder]:
    """alpha of every two of `names` that share a sublattice, from (R, N) uint8 configurations."""
    found = []
    for i, one in enumerate(names):
        for other in names[i:]:
            home = model.species[one].sublattice
            if home == model.species[other].sublattice:
                found += _of_pair(model, supercell, occupants, (one, other))
    return found


def _of_pair(
    model: Model, supercell: Supercell, occupants: NDArray[np.uint8], pair: tuple[str, str]
) -> list[ShortRangeOrder]:
    s = supercell.crystal.index(model.species[pair[0]].sublattice)
    start, n = supercell.offset_of(s), supercell.n_sites_of(s)
    here = occupants[:, start : start + n]
    first, second = (here == model.code(name) for name in pair)
    numbers = int(first[0].sum()), int(second[0].sum())
    if not all(numbers):
        return []
    share = numbers[1] / n
    others = (numbers[1] - (pair[0] == pair[1])) / (n - 1)
    found = []
    for number, stencil in enumerate(shells(supercell.crystal, s, s, SHELLS), start=1):
        met, places = np.zeros(len(here)), 0
        n_basis = len(stencil.basis)
        for b in range(n_basis):
            local = np.arange(b, n, n_basis, dtype=np.int64)
            cells = supercell.coordinates_of(s, local)[:, :3].astype(np.int64)
            for x, y, z, t in stencil.neighbours(b):
                near = neighbour_sites(supercell, s, cells + np.array([x, y, z]), t) - start
                met += (first[:, local] & second[:, near]).sum(axis=1)
                places += len(local)
        per_site = met / (numbers[0] * places / n)
        alpha = 1.0 - per_site / share
        stderr = float(alpha.std(ddof=1) / np.sqrt(len(alpha))) if len(alpha) > 1 else None
        found.append(
            ShortRangeOrder(
                pair, number, float(stencil.length_angstrom), float(alpha.mean()), stderr, 1.0 - others / share
            )
        )
    return found
