"""Work of a uniform electric field, as an energy term.

A hop's work is a difference of integers, one per lattice vector and one per basis site, so that it vanishes around
every closed loop. The field to which these integers correspond is stored with the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kmc.tables.bonds import Bond, bonds_of
from kmc.tables.energy_terms import NO_UPDATES, EnergyContext, EnergyTerm, HopFamily, IntArray, Updates
from lattices.crystal import Supercell
from lattices.errors import InputError

STRONGEST_FIELD_V_PER_M = 1e10


class FieldWork(EnergyTerm):
    """Work against the field on the charge that a hop moves.

    families: as in `EnergyContext`. vectors: (3,) int64 potential energy of a unit charge per lattice vector, in
    microelectronvolt. basis: for each sublattice, (B,) int64 potential energy of a unit charge on each basis site.
    """

    name = "field"

    def __init__(self, families: tuple[HopFamily, ...], vectors: IntArray, basis: list[IntArray]) -> None:
        self.families, self.vectors, self.basis = families, vectors, basis

    def bond_energy(self, f: int, bond: Bond) -> int:
        """Change of the energy of the exchanging charges in the field; negative for a positive charge along +E."""
        start, dx, dy, dz, end = bond
        basis = self.basis[self.families[f].sublattice]
        unit_charge = int(np.dot(self.vectors, (dx, dy, dz)) + basis[end] - basis[start])
        return self.families[f].charge_moved * unit_charge

    def lowest_d_energy(self, f: int, bond: Bond) -> int:
        """The work itself, which is the same in every arrangement."""
        return self.bond_energy(f, bond)

    def reach(self, f: int) -> int:
        """Half the largest work of a hop: twice the reach bounds |dE|."""
        works = [abs(self.bond_energy(f, bond)) for _, _, bond in bonds_of(self.families[f].bonds)]
        return (max(works) + 1) // 2

    def has_potential(self, f: int) -> bool:
        """Never: the potential of a uniform field is not periodic, only its differences are used."""
        return False

    def potentials(self, f: int, occupants: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Not called, as there is no potential."""
        raise NotImplementedError("field work has no periodic potential")

    def updates(self, hop: int, f: int, basis: int) -> Updates:
        """None: the work does not depend on the arrangement."""
        return NO_UPDATES

    def lowest_beyond_folded(self, f: int, bond: Bond, folded: NDArray[np.uint8]) -> int:
        """Zero: there is no potential."""
        return 0


def field_term(context: EnergyContext) -> FieldWork | None:
    """The field as an energy term; None without a field. InputError unless it is three finite numbers up to 1e10."""
    field = np.asarray(context.field_V_per_m, dtype=float)
    if field.shape != (3,) or not np.isfinite(field).all() or np.abs(field).max() > STRONGEST_FIELD_V_PER_M:
        raise InputError(
            f"run.field_V_per_m = {list(context.field_V_per_m)}: three finite numbers from -1e10 to 1e10 are allowed"
        )
    if not field.any():
        return None
    crystal = context.supercell.crystal
    per_angstrom = -field * 1e-10 * 1e6  # microelectronvolt per angstrom on a unit charge
    vectors = np.rint(crystal.cell_angstrom @ per_angstrom).astype(np.int64)
    basis = [np.rint(s.basis @ crystal.cell_angstrom @ per_angstrom).astype(np.int64) for s in crystal.sublattices]
    return FieldWork(context.families, vectors, basis)


def field_applied(supercell: Supercell, terms: Sequence[EnergyTerm]) -> NDArray[np.float64]:
    """(3,) the field in V/m that corresponds to the rounded work per lattice vector; zero without a field."""
    vectors = np.zeros(3, dtype=np.int64)
    for term in terms:
        if isinstance(term, FieldWork):
            vectors = vectors + term.vectors
    return np.asarray(-np.linalg.solve(supercell.crystal.cell_angstrom, vectors.astype(float)) * 1e4 + 0.0)
