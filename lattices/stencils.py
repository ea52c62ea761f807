"""Translation-invariant neighbour stencils: shells and the gates of bonds.

A neighbour of basis site b is given by the integer offset of its cell and its basis index, so that one row per
basis site serves a supercell of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError

LENGTH_TOLERANCE_ANGSTROM = 1e-3


@dataclass(frozen=True)
class Stencil:
    """Neighbours at one distance of the sites of one sublattice on another (or the same).

    origin, target: sublattice indices.
    length_angstrom: the distance.
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

    Distances that agree within 1e-3 angstrom are one shell. Neighbours are ordered by basis and cell offset.
    """
    if count < 1:
        raise InputError(f"a neighbour shell is numbered from 1; got {count}")
    reach = 1
    while True:
        found = _all_pairs(crystal, origin, target, reach)
        lengths = _distinct(found[4])
        covered = reach * _smallest_width(crystal.cell_angstrom)
        if len(lengths) >= count and lengths[count - 1] < covered - 1e-6:
            return [_shell(crystal, origin, target, found, length) for length in lengths[:count]]
        reach += 1


def shell(crystal: Crystal, origin: int, target: int, number: int) -> Stencil:
    """One shell by its number; 0 is the same place on another sublattice that shares its sites."""
    return shells(crystal, origin, target, number)[-1] if number else _same_place(crystal, origin, target)


def _same_place(crystal: Crystal, origin: int, target: int) -> Stencil:
    """The stencil that leads from every site of `origin` to the site of `target` that lies on it."""
    here, there = crystal.sublattices[origin], crystal.sublattices[target]
    n_basis = here.n_basis
    basis = np.full((n_basis, 1), -1, dtype=np.int16)
    for b in range(n_basis):
        distance = np.linalg.norm((there.basis - here.basis[b]) @ crystal.cell_angstrom, axis=1)
        if distance.min() > LENGTH_TOLERANCE_ANGSTROM or origin == target:
            raise InputError(f"shell 0: sublattices {here.name!r} and {there.name!r} do not share their sites")
        basis[b, 0] = int(distance.argmin())
    return Stencil(origin, target, 0.0, np.zeros((n_basis, 1, 3), dtype=np.int16), basis, np.zeros((n_basis, 1, 3)))


def common_neighbours(
    crystal: Crystal, bonds: Stencil, gate_sublattice: int
) -> list[list[list[tuple[int, int, int, int]]]]:
    """Sites of `gate_sublattice` in the first shell of both ends of each bond: [basis][bond] -> sites.

    The two cations of a fluorite edge, the A, A, B triangle of a perovskite. A site is (dx, dy, dz, basis)
    relative to the cell of the bond's first end; the list is the same set seen from either end.
    """
    first = shells(crystal, bonds.origin, gate_sublattice, 1)[0]
    far = shells(crystal, bonds.target, gate_sublattice, 1)[0]
    gates = []
    for b in range(len(bonds.basis)):
        near_sites = set(first.neighbours(b))
        row = []
        for dx, dy, dz, end in bonds.neighbours(b):
            beyond = {(x + dx, y + dy, z + dz, t) for x, y, z, t in far.neighbours(end)}
            row.append(sorted(near_sites & beyond))
        gates.append(row)
    return gates


def check_fits(supercell: Supercell, stencil: Stencil, what: str) -> None:
    """InputError if a vector of the shell maps a site onto itself or two of them onto the same site."""
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


def _all_pairs(crystal: Crystal, origin: int, target: int, reach: int) -> tuple[NDArray[Any], ...]:
    """Every (b, t, cell, vector, length) with cells from -reach to reach; coinciding sites left out."""
    span = np.arange(-reach, reach + 1)
    cells = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    here, there = crystal.sublattices[origin].basis, crystal.sublattices[target].basis
    fractional = there[None, :, None] + cells[None, None] - here[:, None, None]
    vectors = fractional @ crystal.cell_angstrom
    length = np.linalg.norm(vectors, axis=-1)
    b, t, c = np.nonzero(length > LENGTH_TOLERANCE_ANGSTROM)
    return b, t, cells[c], vectors[b, t, c], length[b, t, c]


def _distinct(lengths: NDArray[np.float64]) -> list[float]:
    """Sorted lengths, those within the tolerance merged."""
    ordered = np.sort(lengths)
    starts = np.flatnonzero(np.diff(ordered, prepend=-1.0) > LENGTH_TOLERANCE_ANGSTROM)
    return [float(value) for value in ordered[starts]]


def _smallest_width(cell: NDArray[np.float64]) -> float:
    """Smallest distance between opposite faces of the cell."""
    volume = abs(np.linalg.det(cell))
    areas = [np.linalg.norm(np.cross(cell[i], cell[j])) for i, j in ((0, 1), (1, 2), (2, 0))]
    return float(volume / max(areas))


def _shell(crystal: Crystal, origin: int, target: int, found: tuple[NDArray[Any], ...], length: float) -> Stencil:
    """The stencil of one distance, out of all pairs."""
    b, t, cell, vector, distance = found
    members = np.flatnonzero(np.abs(distance - length) < LENGTH_TOLERANCE_ANGSTROM)
    n_basis = crystal.sublattices[origin].n_basis
    rows = [
        sorted((tuple(cell[m].tolist()), int(t[m]), m) for m in members if b[m] == basis) for basis in range(n_basis)
    ]
    width = max(len(row) for row in rows)
    cells = np.zeros((n_basis, width, 3), dtype=np.int16)
    basis_of = np.full((n_basis, width), -1, dtype=np.int16)
    vectors = np.zeros((n_basis, width, 3))
    for basis, row in enumerate(rows):
        for d, (offset, end, m) in enumerate(row):
            cells[basis, d] = offset
            basis_of[basis, d] = end
            vectors[basis, d] = vector[m]
    return Stencil(origin, target, length, cells, basis_of, vectors)
