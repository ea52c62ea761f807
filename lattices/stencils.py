"""Translation-invariant neighbour stencils of a crystal: one row of neighbours for each basis site.

A neighbour of basis site b is given by the integer offset of its cell and its basis index, so that one row per
basis site serves a supercell of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.pair_kinds import pair_kinds
from lattices.site_pairs import EQUAL_ANGSTROM, SAME_SITE_ANGSTROM, SitePairs, pairs_up_to, pairs_within, shell_ranges

WIDEST_SHELL = 1.5  # ratio of longest to shortest distance at which the search for the end of a shell is abandoned


@dataclass(frozen=True)
class Stencil:
    """Neighbours of the sites of one sublattice on another (or the same).

    origin, target: sublattice indices.
    length_angstrom: root mean square of the distances (of equal distances, the shortest up to rounding).
    cells: (n_basis, z, 3) int16, cell offset of each neighbour.
    basis: (n_basis, z) int16, its basis index on `target`; -1 pads rows of basis sites with fewer neighbours.
    vectors_angstrom: (n_basis, z, 3) float64, from the site to the neighbour; zero where padded.
    """

    origin: int
    target: int
    length_angstrom: float
    cells: NDArray[np.int16]
    basis: NDArray[np.int16]
    vectors_angstrom: NDArray[np.float64]

    @property
    def coordination(self) -> int:
        """Largest number of neighbours of a basis site."""
        return int(self.basis.shape[1])

    def neighbours(self, b: int) -> list[tuple[int, int, int, int]]:
        """(dx, dy, dz, basis) of the neighbours of basis site b."""
        return [
            (int(c[0]), int(c[1]), int(c[2]), int(t))
            for c, t in zip(self.cells[b], self.basis[b], strict=True)
            if t >= 0
        ]


def shells(crystal: Crystal, origin: int, target: int, count: int) -> list[Stencil]:
    """The first `count` neighbour shells of sublattice `origin` on sublattice `target`, nearest first.

    Shells are groups of distances separated by gaps wider than crystal.shell_tolerance times the distance. Neighbours
    are ordered by cell offset and basis. InputError for a count below 1, or distances that continue without a gap.
    """
    pairs, ranges = shells_of_pairs(crystal, origin, target, count)
    return [_stencil(crystal, origin, target, _between(pairs, *ends)) for ends in ranges]


def stencil_of(crystal: Crystal, origin: int, target: int, neighbours: Neighbours) -> Stencil:
    """The stencil of the neighbours that a model specifies.

    InputError for a shell 0 between sublattices that do not share their sites, for distances that continue without a
    gap where a shell is given, for a range of distances without neighbours, or for a kind that does not exist.
    """
    if neighbours.shells == (0,):
        return _same_place(crystal, origin, target)
    if neighbours.distance_angstrom:
        low, high = neighbours.distance_angstrom
        low, high = low - EQUAL_ANGSTROM, high + EQUAL_ANGSTROM  # the ends are included, from either site
        chosen = _between(pairs_up_to(crystal, origin, target, high), low, high)
        if not len(chosen.origin):
            raise InputError(
                f"distance_angstrom = [{low:g}, {high:g}]: no neighbours of {crystal.sublattices[origin].name!r} on "
                f"{crystal.sublattices[target].name!r} lie there; `kmc shells` lists the distances"
            )
        return _stencil(crystal, origin, target, _of_kind(crystal, origin, target, chosen, neighbours))
    pairs, ranges = shells_of_pairs(crystal, origin, target, max(neighbours.shells))
    inside = np.zeros(len(pairs.origin), dtype=np.bool_)
    for number in neighbours.shells:
        low, high = ranges[number - 1]
        inside |= (pairs.lengths_angstrom >= low) & (pairs.lengths_angstrom <= high)
    return _stencil(crystal, origin, target, _of_kind(crystal, origin, target, pairs.where(inside), neighbours))


def stencil_pairs(stencil: Stencil) -> SitePairs:
    """The neighbours of a stencil as a list of pairs, basis site after basis site."""
    b, d = np.nonzero(stencil.basis >= 0)
    vectors = stencil.vectors_angstrom[b, d]
    return SitePairs(
        b.astype(np.int64),
        stencil.basis[b, d].astype(np.int64),
        stencil.cells[b, d].astype(np.int64),
        vectors,
        np.linalg.norm(vectors, axis=1),
    )


def shells_of_pairs(
    crystal: Crystal, origin: int, target: int, count: int
) -> tuple[SitePairs, list[tuple[float, float]]]:
    """All pairs out to the `count`-th shell and beyond, and (shortest, longest) distance of the first `count` shells.

    InputError for a count below 1, or distances that continue without a gap, so that shells cannot be distinguished.
    """
    if count < 1:
        raise InputError(f"a neighbour shell is numbered from 1; got {count}")
    tolerance, reach = crystal.shell_tolerance, 1
    while True:
        pairs, covered = pairs_within(crystal, origin, target, reach)
        ranges = shell_ranges(pairs.lengths_angstrom, tolerance)
        # The last shell is complete only if the search went past the gap that ends it.
        complete = [ends for ends in ranges if ends[1] < (1.0 - tolerance) * covered - 1e-6]
        if len(complete) >= count:
            return pairs, complete[:count]
        if len(ranges) > len(complete) and covered > WIDEST_SHELL * ranges[-1][0] and reach > 1:
            names = f"{crystal.sublattices[origin].name!r} and {crystal.sublattices[target].name!r}"
            raise InputError(
                f"shell {count} of {names}: from {ranges[len(complete)][0]:.3f} angstrom the distances continue "
                f"without a gap of {tolerance:.2%}; give distance_angstrom = [lowest, highest], or "
                "crystal.shell_tolerance"
            )
        reach += 1


def check_fits(supercell: Supercell, stencil: Stencil, what: str) -> None:
    """InputError if a vector of the stencil maps a site onto itself or two of them onto the same site."""
    repeats = np.asarray(supercell.repeats)
    for b in range(len(stencil.basis)):
        seen = set()
        for dx, dy, dz, t in stencil.neighbours(b):
            wrapped = (*(np.array([dx, dy, dz]) % repeats).tolist(), t)
            itself = stencil.origin == stencil.target and wrapped == (0, 0, 0, b)
            if itself or wrapped in seen:
                raise InputError(
                    f"crystal.repeats = {list(supercell.repeats)}: too small for {what} at "
                    f"{stencil.length_angstrom:.3f} angstrom, which meets its own periodic image; use more cells"
                )
            seen.add(wrapped)


def _same_place(crystal: Crystal, origin: int, target: int) -> Stencil:
    """The stencil that leads from every site of `origin` to the site of `target` that lies on it."""
    here, there = crystal.sublattices[origin], crystal.sublattices[target]
    n_basis = here.n_basis
    basis = np.full((n_basis, 1), -1, dtype=np.int16)
    for b in range(n_basis):
        distance = np.linalg.norm((there.basis - here.basis[b]) @ crystal.cell_angstrom, axis=1)
        if distance.min() > SAME_SITE_ANGSTROM or origin == target:
            raise InputError(f"shell 0: sublattices {here.name!r} and {there.name!r} do not share their sites")
        basis[b, 0] = int(distance.argmin())
    return Stencil(origin, target, 0.0, np.zeros((n_basis, 1, 3), dtype=np.int16), basis, np.zeros((n_basis, 1, 3)))


def _of_kind(crystal: Crystal, origin: int, target: int, pairs: SitePairs, neighbours: Neighbours) -> SitePairs:
    """The pairs of the kind that is asked for, or all of them."""
    if not neighbours.kind:
        return pairs
    kinds = pair_kinds(crystal, origin, target, pairs)
    if neighbours.kind > len(kinds):
        names = f"{crystal.sublattices[origin].name!r} and {crystal.sublattices[target].name!r}"
        raise InputError(
            f"kind = {neighbours.kind}: the pairs of {names} on {replace(neighbours, kind=0)} are of {len(kinds)} "
            f"kind{'s' if len(kinds) > 1 else ''}; `kmc shells` lists them"
        )
    return kinds[neighbours.kind - 1].pairs


def _between(pairs: SitePairs, low: float, high: float) -> SitePairs:
    return pairs.where((pairs.lengths_angstrom >= low) & (pairs.lengths_angstrom <= high))


def _stencil(crystal: Crystal, origin: int, target: int, pairs: SitePairs) -> Stencil:
    """The pairs as rows of neighbours, one for each basis site of the origin."""
    n_basis = crystal.sublattices[origin].n_basis
    rows: list[list[int]] = [[] for _ in range(n_basis)]
    order = np.lexsort((pairs.target, *pairs.cells.T[::-1]))
    for m in order.tolist():
        rows[pairs.origin[m]].append(m)
    width = max(len(row) for row in rows)
    cells = np.zeros((n_basis, width, 3), dtype=np.int16)
    basis = np.full((n_basis, width), -1, dtype=np.int16)
    vectors = np.zeros((n_basis, width, 3))
    for b, row in enumerate(rows):
        cells[b, : len(row)] = pairs.cells[row]
        basis[b, : len(row)] = pairs.target[row]
        vectors[b, : len(row)] = pairs.vectors_angstrom[row]
    return Stencil(origin, target, _mean_length(pairs.lengths_angstrom), cells, basis, vectors)


def _mean_length(lengths_angstrom: NDArray[np.float64]) -> float:
    """Root mean square, which makes the number of hops times the squared length the sum over bonds of one rate."""
    shortest = float(lengths_angstrom.min())
    if float(lengths_angstrom.max()) - shortest < EQUAL_ANGSTROM:
        return shortest
    return float(np.sqrt(np.mean(lengths_angstrom**2)))
