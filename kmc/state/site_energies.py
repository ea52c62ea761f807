"""Pair energies between the sites of a supercell as tables: what an exchange of two occupants costs.

Unlike the event tables, which hold what hops change, these contain every pair of the model, dopants among dopants too.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.bonds import neighbour_sites
from kmc.tables.pair_energies import to_micro
from lattices.crystal import Supercell
from lattices.neighbours import Neighbours
from lattices.stencils import Stencil, check_fits, stencil_of

IntArray = NDArray[np.int64]
FORBIDDEN_MICRO = 10**12  # energy of a forbidden contact, above any sum of pair energies


class SiteEnergies:
    """Neighbours and pair energies of every sublattice. N sites, S species; code S stands for no neighbour.

    Raises InputError for a supercell so small that a neighbour is met twice.
    """

    def __init__(self, model: Model, supercell: Supercell) -> None:
        self.model, self.supercell = model, supercell
        self.n_sites = supercell.n_sites
        self._matrices: list[IntArray] = [np.zeros((len(model.names) + 1,) * 2, dtype=np.int64)]
        self._near: dict[int, IntArray] = {}
        self._column: dict[int, IntArray] = {}
        for s in range(len(supercell.crystal.sublattices)):
            self._near[s], self._column[s] = self._columns(s)

    @cached_property
    def sublattices(self) -> list[int]:
        """Sublattices whose species have a pair energy."""
        return [s for s, near in self._near.items() if near.shape[1]]

    @cached_property
    def matrices(self) -> IntArray:
        """(M, S + 1, S + 1) microelectronvolt of the species on a site and on its neighbour."""
        return np.stack(self._matrices)

    def start_of(self, s: int) -> int:
        """First site of a sublattice."""
        return self.supercell.offset_of(s)

    def size_of(self, s: int) -> int:
        """Number of sites of a sublattice."""
        return self.supercell.n_sites_of(s)

    def sites_of(self, s: int) -> slice:
        """The sites of a sublattice."""
        return slice(self.start_of(s), self.start_of(s) + self.size_of(s))

    def near(self, s: int, sites: IntArray) -> IntArray:
        """(n, Z) neighbours of sites of a sublattice; N where there is none."""
        return self._near[s][sites - self.start_of(s)]

    def batch_of(self, s: int) -> int:
        """Exchanges that are drawn in one step: about a quarter of those drawn share a neighbourhood."""
        return max(self.n_sites // (8 * (self._near[s].shape[1] + 1)), 1)

    def padded(self, occupants: NDArray[np.uint8]) -> IntArray:
        """(R, N + 1) species, with the code of no neighbour at the end."""
        none = np.full((len(occupants), 1), len(self.model.names), dtype=np.int64)
        return np.concatenate([occupants.astype(np.int64), none], axis=1)

    def exchange(self, state: IntArray, s: int, replica: IntArray, a: IntArray, b: IntArray) -> IntArray:
        """(n,) energy in microelectronvolt of exchanging the occupants of sites a and b of configurations `replica`."""
        change = np.zeros(len(a), dtype=np.int64)
        for here, other in ((a, b), (b, a)):
            near = self.near(s, here)
            around = state[replica[:, None], near]
            old, new = state[replica, here][:, None], state[replica, other][:, None]
            matrices, column = self.matrices, self._column[s]
            gain = matrices[column, new, around] - matrices[column, old, around]
            gain[near == other[:, None]] = 0  # the two remain neighbours of each other
            change += gain.sum(axis=1)
        return change

    def total(self, occupants: NDArray[np.uint8]) -> IntArray:
        """(R,) sum of all pair energies in microelectronvolt."""
        state = self.padded(occupants)
        twice = np.zeros(len(occupants), dtype=np.int64)
        for s in self.sublattices:
            here = state[:, self.sites_of(s)][:, :, None]
            twice += self.matrices[self._column[s], here, state[:, self._near[s]]].sum(axis=(1, 2))
        return twice // 2

    def _columns(self, s: int) -> tuple[IntArray, IntArray]:
        """((n, Z) neighbours of the sites of a sublattice, (Z,) number of the matrix of each)."""
        near, column = [], []
        for (target, neighbours), matrix in self._pairs_of(s).items():
            stencil = stencil_of(self.supercell.crystal, s, target, neighbours)
            check_fits(self.supercell, stencil, f"the pair energies of {neighbours}")
            near.append(_sites_near(self.supercell, stencil))
            column += [len(self._matrices)] * stencil.coordination
            self._matrices.append(matrix)
        if not near:
            return np.zeros((self.size_of(s), 0), dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate(near, axis=1), np.array(column)

    def _pairs_of(self, s: int) -> dict[tuple[int, Neighbours], IntArray]:
        """Energies of a species on a site of sublattice s and one on a neighbour, by sublattice and neighbours."""
        model, crystal = self.model, self.supercell.crystal
        found: dict[tuple[int, Neighbours], IntArray] = {}
        for pair in model.pairs:
            energy = FORBIDDEN_MICRO if pair.forbidden else to_micro(pair.energy_eV)
            for one, other in {pair.species, pair.species[::-1]}:
                if crystal.index(model.species[one].sublattice) == s and energy:
                    key = (crystal.index(model.species[other].sublattice), pair.neighbours)
                    matrix = found.setdefault(key, np.zeros_like(self._matrices[0]))
                    matrix[model.code(one), model.code(other)] += energy
        return found


def _sites_near(supercell: Supercell, stencil: Stencil) -> IntArray:
    """(n, Z) neighbours of the sites of the stencil's origin; the number of all sites where there is none."""
    n, n_basis = supercell.n_sites_of(stencil.origin), len(stencil.basis)
    found = np.full((n, stencil.coordination), supercell.n_sites, dtype=np.int64)
    for b in range(n_basis):
        local = np.arange(b, n, n_basis, dtype=np.int64)
        cells = supercell.coordinates_of(stencil.origin, local)[:, :3].astype(np.int64)
        for d, (x, y, z, t) in enumerate(stencil.neighbours(b)):
            found[local, d] = neighbour_sites(supercell, stencil.target, cells + np.array([x, y, z]), t)
    return found
