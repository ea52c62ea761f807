"""Environment sites of a bond: the sites next to it whose occupation decides the barrier of a hop over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
from lattices.site_pairs import EQUAL_ANGSTROM, nearest_distances, pairs_up_to
from lattices.stencils import Stencil

Site = tuple[int, int, int, int]  # (dx, dy, dz, basis), relative to the cell of the bond's first end

# Largest ratio of the distance of a shared neighbour from an end to that of the end's nearest site. The ratio is 1.14
# in distorted octahedra (long to short Mn-O bond of LaMnO3); the second shell begins at 1.73 (A-O) or more in
# perovskites and at 1.91 in fluorite.
SHARED_REACH = 1.2


@dataclass(frozen=True)
class EnvironmentRule:
    """How environment sites are found; at most one of the two ranges [lowest, highest] in angstrom is given.

    middle_angstrom: distance from the middle of the bond. ends_angstrom: distance from each of the two ends. Without
    either, they are the shared neighbours: no farther from each end than 1.2 times that end's nearest site.
    """

    middle_angstrom: tuple[float, float] | None = None
    ends_angstrom: tuple[float, float] | None = None

    def __str__(self) -> str:
        """The rule in messages."""
        if self.middle_angstrom:
            return "lies {:g} to {:g} angstrom from the middle of a bond".format(*self.middle_angstrom)
        if self.ends_angstrom:
            return "lies {:g} to {:g} angstrom from both ends of a bond".format(*self.ends_angstrom)
        return f"lies within {SHARED_REACH:g} times the nearest distance of both ends of a bond"


def environment_sites(
    crystal: Crystal, bonds: Stencil, sublattice: int, rule: EnvironmentRule
) -> list[list[list[Site]]]:
    """Sites of `sublattice` next to each bond: [basis][bond] -> sites, the same set seen from either end.

    With the default rule the two cations of a fluorite edge, and the A, A, B triangle of a perovskite.
    """
    longest = float(np.linalg.norm(bonds.vectors_angstrom, axis=-1).max())
    near = _candidates(crystal, bonds.origin, sublattice, rule, longest)
    far = near if bonds.target == bonds.origin else _candidates(crystal, bonds.target, sublattice, rule, longest)
    found = []
    for b in range(len(bonds.basis)):
        row = []
        for d, (dx, dy, dz, end) in enumerate(bonds.neighbours(b)):
            shared = near[b].keys() & {(x + dx, y + dy, z + dz, t) for x, y, z, t in far[end]}
            if rule.middle_angstrom:
                low, high = rule.middle_angstrom[0] - EQUAL_ANGSTROM, rule.middle_angstrom[1] + EQUAL_ANGSTROM
                middle = bonds.vectors_angstrom[b, d] / 2
                shared = {s for s in shared if low <= float(np.linalg.norm(near[b][s] - middle)) <= high}
            row.append(sorted(shared))
        found.append(row)
    return found


def _candidates(
    crystal: Crystal, origin: int, sublattice: int, rule: EnvironmentRule, longest_bond: float
) -> list[dict[Site, NDArray[np.float64]]]:
    """By basis site, the sites that one end of a bond admits to the environment, each with its vector from that end."""
    n_basis = crystal.sublattices[origin].n_basis
    low = np.zeros(n_basis)
    if rule.middle_angstrom:
        high = np.full(n_basis, rule.middle_angstrom[1] + longest_bond / 2)
    elif rule.ends_angstrom:
        low, high = np.full(n_basis, rule.ends_angstrom[0]), np.full(n_basis, rule.ends_angstrom[1])
    else:
        high = SHARED_REACH * nearest_distances(crystal, origin, sublattice)
    low, high = low - EQUAL_ANGSTROM, high + EQUAL_ANGSTROM
    pairs = pairs_up_to(crystal, origin, sublattice, float(high.max()))
    inside = (pairs.lengths_angstrom >= low[pairs.origin]) & (pairs.lengths_angstrom <= high[pairs.origin])
    pairs = pairs.where(inside)
    found: list[dict[Site, NDArray[np.float64]]] = [{} for _ in range(n_basis)]
    for b, t, (x, y, z), vector in zip(
        pairs.origin.tolist(), pairs.target.tolist(), pairs.cells.tolist(), pairs.vectors_angstrom, strict=True
    ):
        found[b][x, y, z, t] = vector
    return found
