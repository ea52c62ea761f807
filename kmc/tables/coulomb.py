"""Long-range Coulomb energies as a pair table of the periodic supercell, in whole microelectronvolts.

Every charge acts on every other one, periodic images included, in a neutralising background. Charges are Kroger-Vink
effective charges, so that the perfect crystal carries none. A hop changes the potential of every site: the energies are
exact, and limited to independent replicas with rejection.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kmc.tables.bonds import Bond
from kmc.tables.energy_terms import NO_UPDATES, EnergyContext, EnergyTerm, IntArray, Updates
from kmc.tables.ewald import ewald_potential
from kmc.tables.pair_energies import MICRO
from lattices.crystal import Supercell
from lattices.errors import InputError

COULOMB_EV_ANGSTROM = 14.399645478  # e^2/(4 pi eps_0), CODATA 2018
MOST_SITES = 100_000


class Coulomb(EnergyTerm):
    """The screened Coulomb energy of all charges of a supercell.

    energy[s][t]: (B_s, B_t, nx, ny, nz) int64 energy of two unit charges, from basis site b of sublattice s to basis
    site t of sublattice t in the cell at that offset; 0 at the same position. image: twice the energy of a unit charge
    with its own images and background.
    """

    name = "coulomb"
    long_range = True

    def __init__(self, context: EnergyContext, energy: tuple[tuple[IntArray, ...], ...], image: int) -> None:
        self.context, self.energy, self.image = context, energy, image

    def has_potential(self, f: int) -> bool:
        """Whether the hop moves a charge."""
        return self.context.families[f].charge_moved != 0

    def bond_energy(self, f: int, bond: Bond) -> int:
        """Minus the correction for the exchanging pair."""
        b, dx, dy, dz, end = bond
        nx, ny, nz = self.context.supercell.repeats
        family = self.context.families[f]
        own = self.energy[family.sublattice][family.sublattice][b, end, dx % nx, dy % ny, dz % nz]
        return -(family.charge_moved**2) * int(own)

    def updates(self, hop: int, f: int, basis: int) -> Updates:
        """All sites of the family's sublattice, where both hops move a charge."""
        here, there = self.context.families[hop], self.context.families[f]
        if not here.charge_moved or not there.charge_moved:
            return NO_UPDATES
        table = self.energy[here.sublattice][there.sublattice][basis]  # (B_t, nx, ny, nz)
        t, x, y, z = np.nonzero(table)
        cells = np.stack([x, y, z], axis=1).astype(np.int64)
        return cells, t.astype(np.int64), here.charge_moved * there.charge_moved * table[t, x, y, z]

    def potentials(self, f: int, occupants: NDArray[np.uint8]) -> NDArray[np.int32]:
        """(R, n) int32, as correlations on the periodic cells by FFT: whole numbers, exact after rounding."""
        cell, crystal = self.context.supercell, self.context.supercell.crystal
        home = self.context.families[f].sublattice
        result = np.zeros((len(occupants), cell.n_sites_of(home)), dtype=np.int64)
        for s in range(len(crystal.sublattices)):
            first, n_basis = cell.offset_of(s), crystal.sublattices[s].n_basis
            here = self.context.charges[occupants[:, first : first + cell.n_sites_of(s)]]
            here = here.reshape(len(occupants), *cell.repeats, n_basis)
            for b in range(crystal.sublattices[home].n_basis):
                for t in range(n_basis):
                    # sum over d of q(x + d) e(d)
                    e = np.fft.rfftn(self.energy[home][s][b, t].astype(float))
                    q = np.fft.rfftn(here[..., t].astype(float), axes=(1, 2, 3))
                    field = np.fft.irfftn(q * e.conj(), s=cell.repeats, axes=(1, 2, 3))
                    result[:, b :: crystal.sublattices[home].n_basis] += (
                        np.rint(field).astype(np.int64).reshape(len(occupants), -1)
                    )
        return (result * self.context.families[f].charge_moved).astype(np.int32)

    def reach(self, f: int) -> int:
        """The sum over species, each on the sites where it contributes most."""
        family = self.context.families[f]
        total = 0
        for species, number in enumerate(self.context.counts.tolist()):
            charge = abs(int(self.context.charges[species]))
            if number and charge:
                table = np.abs(self.energy[family.sublattice][int(self.context.sublattice_of[species])])
                largest = np.sort(table.reshape(len(table), -1), axis=1)[:, ::-1]
                total += charge * int(largest[:, :number].sum(axis=1).max())
        return abs(family.charge_moved) * total

    def lowest_d_energy(self, f: int, bond: Bond) -> int:
        """Every species on the sites where it lowers dE most, without the two ends of the bond."""
        family = self.context.families[f]
        change = self._changes(family.sublattice, bond)
        total = 0
        for species, number in enumerate(self.context.counts.tolist()):
            charge = int(self.context.charges[species]) * family.charge_moved
            if number and charge:
                values = np.sort((charge * change[int(self.context.sublattice_of[species])]).ravel())
                total += int(np.minimum(values[:number], 0).sum())
        return total

    def lowest_beyond_folded(self, f: int, bond: Bond, folded: NDArray[np.uint8]) -> int:
        """Not called for a long-range term."""
        raise NotImplementedError("Coulomb energies allow rejection only")

    def self_correction(self, f: int) -> int:
        """The images of the charges that come and go: image times the difference of the squared charges."""
        family = self.context.families[f]
        after, before = (int(self.context.charges[code]) for code in (family.carrier, family.partner))
        return self.image * (after**2 - before**2)

    def acting_species(self) -> frozenset[int]:
        """All species that carry a charge."""
        return frozenset(np.flatnonzero(self.context.charges).tolist())

    def fingerprint(self) -> Mapping[str, IntArray]:
        """The pair tables between all sublattices, and the image energy."""
        tables = {f"{s}.{t}": table for s, row in enumerate(self.energy) for t, table in enumerate(row)}
        return {**tables, "image": np.array([self.image], dtype=np.int64)}

    def _changes(self, home: int, bond: Bond) -> list[IntArray]:
        """By sublattice: energy of a unit charge there with one at the far end less that with one at the near end."""
        b, dx, dy, dz, end = bond
        result = []
        for t in range(len(self.context.supercell.crystal.sublattices)):
            far = np.roll(self.energy[home][t][end], (dx, dy, dz), axis=(1, 2, 3))
            change = far - self.energy[home][t][b]
            if t == home:  # the two ends are the exchanging pair
                nx, ny, nz = self.context.supercell.repeats
                change[b, 0, 0, 0] = change[end, dx % nx, dy % ny, dz % nz] = 0
            result.append(change)
        return result


def coulomb_term(context: EnergyContext) -> Coulomb | None:
    """The Coulomb energies of a model on a supercell; None where the model has none. InputError for too many sites."""
    spec = context.model.coulomb
    if spec is None:
        return None
    if context.supercell.n_sites > MOST_SITES:
        raise InputError(
            f"coulomb: the supercell has {context.supercell.n_sites} sites; at most {MOST_SITES} are allowed, because "
            "every hop changes the potentials of all of them"
        )
    energy, image = pair_table(context.supercell, spec.relative_permittivity.value)
    return Coulomb(context, energy, image)


def pair_table(supercell: Supercell, relative_permittivity: float) -> tuple[tuple[tuple[IntArray, ...], ...], int]:
    """(energy, image) of unit charges in microelectronvolt, as in `Coulomb`."""
    factor = COULOMB_EV_ANGSTROM / relative_permittivity * MICRO
    n = len(supercell.crystal.sublattices)
    table: list[list[IntArray]] = [[np.zeros(0, dtype=np.int64)] * n for _ in range(n)]
    for s in range(n):
        for t in range(s, n):
            table[s][t] = _pairs(supercell, s, t, factor)
            table[t][s] = _reversed(table[s][t])
        table[s][s] = np.maximum(table[s][s], _reversed(table[s][s]))  # rounding must not distinguish r from -r
    image = round(factor * float(ewald_potential(supercell.vectors_angstrom, np.zeros((1, 3)))[0]))
    return tuple(tuple(row) for row in table), image


def _pairs(supercell: Supercell, s: int, t: int, factor: float) -> IntArray:
    """(B_s, B_t, nx, ny, nz) energies of unit charges on two sublattices."""
    crystal = supercell.crystal
    here, there = crystal.sublattices[s].basis, crystal.sublattices[t].basis
    nx, ny, nz = supercell.repeats
    offsets = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), np.arange(nz), indexing="ij"), axis=-1)
    places = (offsets + there[None, :, None, None, None] - here[:, None, None, None, None]) @ crystal.cell_angstrom
    flat = places.reshape(-1, 3)
    values = np.rint(factor * ewald_potential(supercell.vectors_angstrom, flat)).astype(np.int64)
    folded = np.linalg.solve(supercell.vectors_angstrom.T, flat.T).T
    same = np.linalg.norm((folded - np.rint(folded)) @ supercell.vectors_angstrom, axis=1) < 1e-6
    return np.where(same, 0, values).reshape(places.shape[:-1])


def _reversed(table: IntArray) -> IntArray:
    """The table seen from the other end: bases exchanged, offsets with the opposite sign."""
    flipped = np.swapaxes(table, 0, 1)[:, :, ::-1, ::-1, ::-1]
    return np.ascontiguousarray(np.roll(flipped, (1, 1, 1), axis=(2, 3, 4)))
