"""The hops that are possible in given arrangements and their rates, in floating point from the event tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.exact.markov_chain import FloatArray, IntArray
from kmc.state.replicas import exchange_potential
from kmc.tables.barriers import kra_barrier2, marcus_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from kmc.tables.bonds import neighbour_sites
from kmc.tables.event_tables import EventTables, unpack_image
from kmc.tables.pair_energies import split


@dataclass(frozen=True)
class SiteBond:
    """One bond of a supercell.

    basis, direction: its place in the tables. start, end: sites. moved_m: (3,) displacement from start to end in
    metres. environment: sites that decide its barrier, in the order of the tables.
    """

    family: int
    basis: int
    direction: int
    start: int
    end: int
    moved_m: FloatArray
    environment: IntArray


@dataclass(frozen=True)
class Hops:
    """The hops over one bond. rows: (n,) arrangements in which it is possible. rate: (n,) per second, above zero."""

    bond: SiteBond
    rows: IntArray
    rate: FloatArray


def all_bonds(tables: EventTables) -> list[SiteBond]:
    """Every bond of the supercell, once from each end."""
    supercell, crystal = tables.supercell, tables.supercell.crystal
    bonds = []
    for f in range(tables.n_families):
        s = int(tables.sublattice[f])
        basis = crystal.sublattices[s].basis
        for local in range(supercell.n_sites_of(s)):
            x, y, z, b = (int(c) for c in supercell.coordinates_of(s, np.array([local], dtype=np.int64))[0])
            here = np.array([[x, y, z]])
            for d in range(int(tables.directions[f])):
                end_basis = int(tables.bond_basis[f, b, d])
                if end_basis < 0:
                    continue
                cell = tables.bond_cell[f, b, d].astype(np.int64)
                true_cell = cell + unpack_image(tables.bond_image[f, b, d]) * np.asarray(supercell.repeats)
                cells, bases = tables.environment_cell[f, b, d], tables.environment_basis[f, b, d]
                environment = [
                    int(neighbour_sites(supercell, int(tables.environment_sublattice[f, g]), here + c, int(t))[0])
                    for g, (c, t) in enumerate(zip(cells, bases, strict=True))
                    if t >= 0
                ]
                bonds.append(
                    SiteBond(
                        family=f,
                        basis=b,
                        direction=d,
                        start=supercell.offset_of(s) + local,
                        end=int(neighbour_sites(supercell, s, here + cell, end_basis)[0]),
                        moved_m=(true_cell + basis[end_basis] - basis[b]) @ crystal.cell_angstrom * 1e-10,
                        environment=np.array(environment, dtype=np.int64),
                    )
                )
    return bonds


def hops_over(tables: EventTables, occupants: NDArray[np.uint8], bonds: Sequence[SiteBond]) -> Iterator[Hops]:
    """The hops of (n, N) arrangements, bond by bond; bonds over which nothing can hop are left out."""
    potential = exchange_potential(tables, occupants).astype(np.int64)
    for bond in bonds:
        f = bond.family
        possible = (occupants[:, bond.start] == tables.carrier[f]) & (occupants[:, bond.end] == tables.partner[f])
        packed = np.full(len(occupants), tables.bond_energy[f, bond.basis, bond.direction])
        if tables.potential_offset[f] >= 0:
            shift = int(tables.potential_offset[f] - tables.site_offset[tables.sublattice[f]])
            packed = packed + potential[:, shift + bond.end] - potential[:, shift + bond.start]
        contacts, d_energy = split(packed)
        above = barrier2_of(tables, bond, occupants, d_energy) - tables.reference2[f]
        kt = BOLTZMANN_EV_K * tables.temperature_K
        rate = np.zeros(len(occupants)) + tables.proposal_rate_per_s[f] * np.exp(-above * 0.5e-6 / kt)
        rows = np.flatnonzero(possible & (contacts == 0) & (rate > 0.0))
        if len(rows):
            yield Hops(bond, rows, rate[rows])


def barrier2_of(tables: EventTables, bond: SiteBond, occupants: NDArray[np.uint8], d_energy: IntArray) -> IntArray:
    """(n,) 2 Eb in microelectronvolt of an exchange over a bond that changes the energy by `d_energy`."""
    f = bond.family
    if tables.marcus_lambda[f]:
        return marcus_barrier2(int(tables.marcus_lambda[f]), int(tables.marcus_coupling2[f]), d_energy)
    code = np.zeros(len(occupants), dtype=np.int64)
    for g, site in enumerate(bond.environment):
        code += tables.environment_weight[f, g][occupants[:, site]]
    return kra_barrier2(tables.barrier2[f][code], d_energy)
