"""Pairs of sites of an infinite crystal with their distances, and the grouping of distances into neighbour shells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal

SAME_SITE_ANGSTROM = 1e-3  # sites of two sublattices that are closer than this share one position
EQUAL_ANGSTROM = 1e-9  # distances that differ by less are equal up to rounding


@dataclass(frozen=True)
class SitePairs:
    """Pairs (origin site of the home cell, target site of any cell), one entry each along the first axis.

    origin, target: (n,) int64 basis indices. cells: (n, 3) int64 cell offset of the target. vectors_angstrom:
    (n, 3) float64 from the origin to the target. lengths_angstrom: (n,) float64.
    """

    origin: NDArray[np.int64]
    target: NDArray[np.int64]
    cells: NDArray[np.int64]
    vectors_angstrom: NDArray[np.float64]
    lengths_angstrom: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> SitePairs:
        """The pairs for which `chosen` (n,) is True."""
        return SitePairs(
            self.origin[chosen],
            self.target[chosen],
            self.cells[chosen],
            self.vectors_angstrom[chosen],
            self.lengths_angstrom[chosen],
        )


def pairs_within(crystal: Crystal, origin: int, target: int, reach: int) -> tuple[SitePairs, float]:
    """All pairs of two sublattices up to a distance, and that distance in angstrom.

    reach: cell offsets from -reach to reach are searched, so that every pair closer than `reach` times the smallest
    width of the cell is found. Sites that share one position are left out.
    """
    covered = reach * smallest_width(crystal.cell_angstrom)
    span = np.arange(-reach, reach + 1)
    cells = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    here, there = crystal.sublattices[origin].basis, crystal.sublattices[target].basis
    found = []
    for b, place in enumerate(here):  # one origin at a time bounds the memory for large cells
        vectors = (there[:, None] + cells[None] - place) @ crystal.cell_angstrom
        length = np.linalg.norm(vectors, axis=-1)
        t, c = np.nonzero((length > SAME_SITE_ANGSTROM) & (length < covered))
        found.append(SitePairs(np.full(len(t), b), t, cells[c], vectors[t, c], length[t, c]))
    merged = [np.concatenate([getattr(one, name) for one in found]) for name in SitePairs.__annotations__]
    return SitePairs(*merged), covered


def pairs_up_to(crystal: Crystal, origin: int, target: int, distance_angstrom: float) -> SitePairs:
    """All pairs of two sublattices up to a distance, that distance included."""
    reach = 1
    while True:
        pairs, covered = pairs_within(crystal, origin, target, reach)
        if covered > distance_angstrom + 1e-6:
            return pairs.where(pairs.lengths_angstrom <= distance_angstrom)
        reach += 1


def nearest_distances(crystal: Crystal, origin: int, target: int) -> NDArray[np.float64]:
    """(n_basis,) distance in angstrom of each basis site of `origin` to its nearest site of `target`."""
    n_basis, reach = crystal.sublattices[origin].n_basis, 1
    while True:
        pairs, _ = pairs_within(crystal, origin, target, reach)
        nearest = np.full(n_basis, np.inf)
        np.minimum.at(nearest, pairs.origin, pairs.lengths_angstrom)
        if np.isfinite(nearest).all():
            return nearest
        reach += 1


def shell_ranges(lengths_angstrom: NDArray[np.float64], tolerance: float) -> list[tuple[float, float]]:
    """(shortest, longest) distance of each shell, nearest first.

    A shell ends where the next longer distance exceeds the last one by more than `tolerance` times that next distance:
    two bonds that differ by one part in fifty or less belong together at tolerance = 0.02.
    """
    ordered = np.sort(lengths_angstrom)
    if not len(ordered):
        return []
    ends = np.flatnonzero(np.diff(ordered) > tolerance * ordered[1:])
    first, last = ordered[np.append(0, ends + 1)], ordered[np.append(ends, len(ordered) - 1)]
    return [(float(a), float(b)) for a, b in zip(first, last, strict=True)]


def smallest_width(cell: NDArray[np.float64]) -> float:
    """Smallest distance in angstrom between opposite faces of the cell."""
    volume = abs(np.linalg.det(cell))
    areas = [np.linalg.norm(np.cross(cell[i], cell[j])) for i, j in ((0, 1), (1, 2), (2, 0))]
    return float(volume / max(areas))
