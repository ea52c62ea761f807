"""Crystals with named sublattices, and periodic supercells.

Site order of a supercell, everywhere in the project: sublattice after sublattice as the crystal lists them;
within one, ``((x * ny + y) * nz + z) * n_basis + basis``. A site is therefore identified by its sublattice, the
integer cell (x, y, z) and the basis index, and no table of sites is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lattices.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

MAX_GRID = 64  # largest denominator tried for an exact position grid
# Positions of other crystals are rounded to 1/7200 of a cell, 0.0007 angstrom in a cell of 10; halves, thirds and
# eighths stay exact. With a finer grid the integers of long displacements would overflow earlier. Bond vectors and work
# in a field use the coordinates as given.
FALLBACK_GRID = 7200
# Successive distances that differ by at most this fraction belong to one shell: 0.05 angstrom at 2.5 angstrom.
# Strains of up to 1 % change ratios of distances by at most 2 %, so that the shells of a strained prototype stay whole.
SHELL_TOLERANCE = 0.02


@dataclass(frozen=True)
class Sublattice:
    """One kind of site.

    name: its name in models and run files ("anion", "cation", "A", "B").
    element: chemical symbol of the host atom.
    basis: (n_basis, 3) float64, fractional coordinates in the crystal's cell, within [0, 1).
    contents: of each basis site, chemical symbol -> occupancy (the rest to 1 is vacant), where a structure file
    gives more than the host; empty where every site is fully occupied by the host.
    """

    name: str
    element: str
    basis: NDArray[np.float64]
    contents: tuple[Mapping[str, float], ...] = ()

    @property
    def n_basis(self) -> int:
        """Sites of this sublattice per cell."""
        return len(self.basis)


@dataclass(frozen=True)
class Crystal:
    """A unit cell: vectors (3, 3) in angstrom, one row each, and its sublattices.

    shell_tolerance: relative gap between distances that separates one neighbour shell from the next (dimensionless).
    """

    cell_angstrom: NDArray[np.float64]
    sublattices: tuple[Sublattice, ...]
    shell_tolerance: float = SHELL_TOLERANCE

    def __post_init__(self) -> None:
        if not 1e-6 <= self.shell_tolerance <= 0.2:
            raise InputError(f"shell_tolerance = {self.shell_tolerance}: a relative gap from 1e-6 to 0.2 is needed")

    def index(self, name: str) -> int:
        """Position of the sublattice called `name`; InputError if there is none."""
        names = [sublattice.name for sublattice in self.sublattices]
        if name not in names:
            raise InputError(f"no sublattice {name!r}; this crystal has {', '.join(names)}")
        return names.index(name)

    @cached_property
    def grid(self) -> int:
        """Smallest q <= 64 for which every basis coordinate is a multiple of 1/q, else 7200 (rounded).

        All positions that the engine stores are integers in units of cell/q.
        """
        basis = np.concatenate([sublattice.basis for sublattice in self.sublattices])
        for q in range(1, MAX_GRID + 1):
            if np.abs(basis * q - np.rint(basis * q)).max() < 1e-6:
                return q
        return FALLBACK_GRID

    def basis_on_grid(self, sublattice: int) -> NDArray[np.int64]:
        """(n_basis, 3) int64: basis coordinates in units of cell/grid."""
        return np.rint(self.sublattices[sublattice].basis * self.grid).astype(np.int64)


def with_layers(crystal: Crystal, layers: Mapping[str, str]) -> Crystal:
    """The crystal with additional sublattices, each (name -> sublattice) in front of the one whose sites it shares.

    InputError for a name already in use, or a sublattice that does not exist.
    """
    sublattices = list(crystal.sublattices)
    for name, host in layers.items():
        shared = crystal.sublattices[crystal.index(host)]
        names = [one.name for one in sublattices]
        if name in names:
            raise InputError(f"layers.{name}: the crystal has a sublattice of that name already")
        sublattices.insert(names.index(host), Sublattice(name, "X", shared.basis))
    return replace(crystal, sublattices=tuple(sublattices))


@dataclass(frozen=True)
class Supercell:
    """`repeats` cells of a crystal along its three vectors, periodic in all of them."""

    crystal: Crystal
    repeats: tuple[int, int, int]

    def __post_init__(self) -> None:
        if len(self.repeats) != 3 or any(n < 1 or n > 32767 for n in self.repeats):
            raise InputError(f"repeats = {list(self.repeats)}: three whole numbers from 1 to 32767 are needed")

    @property
    def n_cells(self) -> int:
        """Number of unit cells."""
        return int(np.prod([int(n) for n in self.repeats]))

    def n_sites_of(self, sublattice: int) -> int:
        """Number of sites of one sublattice."""
        return self.n_cells * self.crystal.sublattices[sublattice].n_basis

    def offset_of(self, sublattice: int) -> int:
        """Index of the first site of one sublattice."""
        return sum(self.n_sites_of(s) for s in range(sublattice))

    @property
    def n_sites(self) -> int:
        """Number of sites of all sublattices."""
        return self.offset_of(len(self.crystal.sublattices))

    @property
    def volume_m3(self) -> float:
        """Volume in m3."""
        return float(abs(np.linalg.det(self.crystal.cell_angstrom))) * self.n_cells * 1e-30

    @property
    def vectors_angstrom(self) -> NDArray[np.float64]:
        """(3, 3) float64: the supercell's vectors, one row each, in angstrom."""
        return self.crystal.cell_angstrom * np.asarray(self.repeats, dtype=float)[:, None]

    def site_index(self, sublattice: int, cell: Sequence[int], basis: int) -> int:
        """Index of one site; the cell is wrapped into the supercell."""
        x, y, z = (int(c) % n for c, n in zip(cell, self.repeats, strict=True))
        _, ny, nz = self.repeats
        n_basis = self.crystal.sublattices[sublattice].n_basis
        return self.offset_of(sublattice) + ((x * ny + y) * nz + z) * n_basis + basis

    def coordinates_of(self, sublattice: int, local: NDArray[np.int64]) -> NDArray[np.int16]:
        """(n, 4) int16 (x, y, z, basis) of site indices counted from the sublattice's first site."""
        _, ny, nz = self.repeats
        n_basis = self.crystal.sublattices[sublattice].n_basis
        cell, basis = np.divmod(local, n_basis)
        rest, z = np.divmod(cell, nz)
        x, y = np.divmod(rest, ny)
        return np.stack([x, y, z, basis], axis=-1).astype(np.int16)

    def grid_positions_of(self, sublattice: int) -> NDArray[np.int32]:
        """(n_sites_of(sublattice), 3) int32: site positions in units of cell/crystal.grid."""
        local = np.arange(self.n_sites_of(sublattice), dtype=np.int64)
        coordinates = self.coordinates_of(sublattice, local).astype(np.int32)
        basis = self.crystal.basis_on_grid(sublattice).astype(np.int32)
        return coordinates[:, :3] * np.int32(self.crystal.grid) + basis[coordinates[:, 3]]

    def positions_angstrom(self, sublattice: int) -> NDArray[np.float64]:
        """(n_sites_of(sublattice), 3) float64: site positions in angstrom."""
        return self.grid_positions_of(sublattice) @ (self.crystal.cell_angstrom / self.crystal.grid)

    def to_atoms(self, symbols: Sequence[str] | None = None) -> Atoms:
        """ASE Atoms in site order; `symbols` (one per site, "X" for a vacancy) defaults to the host elements."""
        from ase import Atoms

        if symbols is None:
            symbols = [
                element
                for s, sublattice in enumerate(self.crystal.sublattices)
                for element in [sublattice.element] * self.n_sites_of(s)
            ]
        count = range(len(self.crystal.sublattices))
        positions = np.concatenate([self.positions_angstrom(s) for s in count])
        return Atoms(symbols=list(symbols), positions=positions, cell=self.vectors_angstrom, pbc=True)
