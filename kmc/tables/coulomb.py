"""Long-range Coulomb energies as a pair table of the periodic supercell: whole microelectronvolts, like all others.

Every charge acts on every other one, images included, in a neutralising background; Kroger-Vink charges, so that the
perfect crystal carries none. A hop changes the exchange potential of every site: exact, in replicas only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.ewald import ewald_potential
from kmc.tables.pair_energies import MAX_ENERGY, MICRO
from lattices.crystal import Supercell
from lattices.errors import InputError

COULOMB_EV_ANGSTROM = 14.399645478  # e^2/(4 pi eps_0), CODATA 2018
MOST_SITES = 100_000
IntArray = NDArray[np.int64]
Bond = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Coulomb:
    """energy[s][t]: (B_s, B_t, nx, ny, nz) int64 of two unit charges, from basis b of sublattice s to basis t of
    sublattice t in the cell at that offset; 0 at the same place. charges: (S,) of the species in e. image: twice the
    energy of a unit charge with its own images and background, which matters only where charges come and go.
    """

    supercell: Supercell
    charges: IntArray
    sublattice_of: IntArray
    energy: tuple[tuple[IntArray, ...], ...]
    image: int

    def own_share(self, home: int, bond: Bond, moved: int) -> int:
        """Share of the exchanging pair itself in potential[j] - potential[i]; moved: charge of carrier less partner."""
        b, dx, dy, dz, end = bond
        nx, ny, nz = self.supercell.repeats
        return moved**2 * int(self.energy[home][home][b, end, dx % nx, dy % ny, dz % nz])

    def rows(self, source: tuple[int, int], f: tuple[int, int], b: int) -> tuple[IntArray, IntArray, IntArray]:
        """(cells (n, 3), basis (n,), changes (n,)) of the potentials of a family that a carrier at basis b changes.

        source, f: (sublattice, charge moved) of the hopping family and of the one whose potentials change.
        """
        (home, moved), (target, own) = source, f
        table = self.energy[home][target][b]  # (B_t, nx, ny, nz)
        t, x, y, z = np.nonzero(table)
        return np.stack([x, y, z], axis=1).astype(np.int64), t.astype(np.int64), moved * own * table[t, x, y, z]

    def potential(self, home: int, moved: int, occupants: NDArray[np.uint8]) -> IntArray:
        """(R, sites of `home`) exchange potentials of (R, N) occupants."""
        cell, crystal = self.supercell, self.supercell.crystal
        result = np.zeros((len(occupants), cell.n_sites_of(home)), dtype=np.int64)
        for s in range(len(crystal.sublattices)):
            first, n_basis = cell.offset_of(s), crystal.sublattices[s].n_basis
            here = self.charges[occupants[:, first : first + cell.n_sites_of(s)]]
            here = here.reshape(len(occupants), *cell.repeats, n_basis)
            for b in range(crystal.sublattices[home].n_basis):
                for t in range(n_basis):
                    # sum over d of q(x + d) e(d): a correlation on the periodic cells, exact after rounding
                    e = np.fft.rfftn(self.energy[home][s][b, t].astype(float))
                    q = np.fft.rfftn(here[..., t].astype(float), axes=(1, 2, 3))
                    field = np.fft.irfftn(q * e.conj(), s=cell.repeats, axes=(1, 2, 3))
                    result[:, b :: crystal.sublattices[home].n_basis] += (
                        np.rint(field).astype(np.int64).reshape(len(occupants), -1)
                    )
        return result * moved

    def lowest(self, home: int, bond: Bond, moved: int, counts: IntArray) -> int:
        """A lower bound of the Coulomb part of dE: each species on the sites that lower it most, its own pair aside."""
        change = self._changes(home, bond)
        total = 0
        for species, number in enumerate(counts.tolist()):
            charge = int(self.charges[species]) * moved
            if number and charge:
                values = np.sort((charge * change[int(self.sublattice_of[species])]).ravel())
                total += int(np.minimum(values[:number], 0).sum())
        return total

    def _changes(self, home: int, bond: Bond) -> list[IntArray]:
        """By sublattice: energy of a unit charge there with one at the far end less that with one at the near end."""
        b, dx, dy, dz, end = bond
        result = []
        for t in range(len(self.supercell.crystal.sublattices)):
            far = np.roll(self.energy[home][t][end], (dx, dy, dz), axis=(1, 2, 3))
            change = far - self.energy[home][t][b]
            if t == home:  # the two ends are the exchanging pair
                nx, ny, nz = self.supercell.repeats
                change[b, 0, 0, 0] = change[end, dx % nx, dy % ny, dz % nz] = 0
            result.append(change)
        return result

    def check_range(self, counts: IntArray) -> None:
        """InputError if the charges around one site could leave the range of the packed integers."""
        reach = 0
        largest = int(np.abs(self.charges).max(initial=0))
        for species, number in enumerate(counts.tolist()):
            s = int(self.sublattice_of[species])
            values = np.concatenate([np.abs(row[s]).ravel() for row in self.energy]) if number else np.zeros(1)
            reach += abs(int(self.charges[species])) * largest * int(np.sort(values)[::-1][:number].sum())
        if reach >= MAX_ENERGY:
            raise InputError(
                f"coulomb: the charges around one site could add up to {reach / MICRO:.1f} eV; at most "
                f"{MAX_ENERGY / MICRO:.1f} eV is allowed: take a larger relative_permittivity or fewer charges"
            )


def coulomb_of(model: Model, supercell: Supercell) -> Coulomb | None:
    """The pair table of a model on a supercell; None where the model has none. InputError for too many sites."""
    if model.coulomb is None:
        return None
    if supercell.n_sites > MOST_SITES:
        raise InputError(
            f"coulomb: {supercell.n_sites} sites; at most {MOST_SITES} are allowed, for every hop changes all of them"
        )
    crystal = supercell.crystal
    factor = COULOMB_EV_ANGSTROM / model.coulomb.relative_permittivity.value * MICRO
    n = len(crystal.sublattices)
    table: list[list[IntArray]] = [[np.zeros(0, dtype=np.int64)] * n for _ in range(n)]
    for s in range(n):
        for t in range(s, n):
            table[s][t] = _pairs(supercell, s, t, factor)
            table[t][s] = _reversed(table[s][t])
        table[s][s] = np.maximum(table[s][s], _reversed(table[s][s]))  # rounding must not tell r from -r
    charges = np.array([species.charge for species in model.species.values()], dtype=np.int64)
    sublattice_of = np.array([crystal.index(species.sublattice) for species in model.species.values()])
    image = round(factor * float(ewald_potential(supercell.vectors_angstrom, np.zeros((1, 3)))[0]))
    return Coulomb(supercell, charges, sublattice_of, tuple(tuple(row) for row in table), image)


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
