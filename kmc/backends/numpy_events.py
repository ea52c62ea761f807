"""The rules of an exchange for NumPy arrays of trials: proposing a trial, its barrier, and carrying it out.

Trials are selected in numpy_walk.py (rejection) and numpy_rejection_free.py. Every other backend must equal these
rules, integer for integer; their twins are kernels/trial.cuh, kernels/rates.cuh and kernels/lattice.cuh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.state.replicas import State
from kmc.tables.barriers import kra_barrier2, marcus_barrier2
from kmc.tables.event_tables import IMAGE_BITS, EventTables
from kmc.tables.pair_energies import split

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Proposals:
    """What trials propose, as flat arrays with one entry per trial."""

    lane: Ints
    family: Ints | int
    carrier_index: Ints
    start: Ints  # (n, 4) coordinates of the carrier
    end: Ints  # (n, 4) coordinates of the target site
    image: Ints  # packed images that the carrier crosses
    site: Ints
    target: Ints
    fraction: Words
    energy: Ints  # constant of the bond, packed
    direction: Ints
    possible: NDArray[np.bool_]


class Events:
    """The rules applied to the tables and the state of a walk; the state is changed in place."""

    def __init__(self, tables: EventTables, state: State) -> None:
        self.tables = tables
        self.state = state
        self.single = tables.n_families == 1
        self._repeats = np.asarray(tables.supercell.repeats, dtype=np.int64)
        pad = np.zeros((*tables.bond_basis.shape, 1), dtype=np.int16)
        self._bond = np.concatenate([tables.bond_cell, pad], axis=-1).astype(np.int64)
        self._bond[..., 3] = tables.bond_basis

    def propose(
        self, lane: Ints, family: Ints | int, carrier_index: Ints, direction: Ints, fraction: Words
    ) -> Proposals:
        """What trials propose, from the carrier and direction of each."""
        t, s = self.tables, self.state
        packed = s.coordinates.view(np.int64)[..., 0]
        start = packed[lane, carrier_index].view(np.int16).reshape(-1, 4).astype(np.int64)
        basis = start[:, 3]
        bond = self._bond[family, basis, direction]
        end = start + bond
        over = end[:, :3] >= self._repeats
        end[:, :3] -= over * self._repeats
        end[:, 3] = bond[:, 3]
        image = t.bond_image[family, basis, direction] + (
            over[:, 0] + (over[:, 1].astype(np.int64) << IMAGE_BITS) + (over[:, 2].astype(np.int64) << (2 * IMAGE_BITS))
        )
        sublattice = t.sublattice[family]
        site, target = self._site(sublattice, start), self._site(sublattice, end)
        possible = (end[:, 3] >= 0) & (s.occupants[lane, target] == t.partner[family])
        energy = t.bond_energy[family, basis, direction]
        return Proposals(
            lane, family, carrier_index, start, end, image, site, target, fraction, energy, direction, possible
        )

    def _site(self, sublattice: Ints | int, where: Ints) -> Ints:
        """Site index of coordinates on a sublattice."""
        t = self.tables
        _, ny, nz = t.supercell.repeats
        cell = (where[:, 0] * ny + where[:, 1]) * nz + where[:, 2]
        return np.asarray(t.site_offset[sublattice] + cell * t.n_basis[sublattice] + where[:, 3])

    def barrier(self, proposals: Proposals, f: int, mine: Ints) -> tuple[Ints, Ints]:
        """(number of forbidden contacts created, 2 Eb) of the trials `mine`, all of family f."""
        t, s = self.tables, self.state
        lane = proposals.lane[mine]
        packed = proposals.energy[mine]
        if t.potential_offset[f] >= 0:
            shift = int(t.potential_offset[f] - t.site_offset[t.sublattice[f]])
            there = s.potential[lane, shift + proposals.target[mine]].astype(np.int64)
            packed = packed + there - s.potential[lane, shift + proposals.site[mine]]
        contacts, d_energy = split(packed)
        if t.marcus_lambda[f]:
            barrier2 = marcus_barrier2(int(t.marcus_lambda[f]), int(t.marcus_coupling2[f]), d_energy)
        else:
            code = self._environment_code(proposals, f, mine)
            barrier2 = kra_barrier2(t.barrier2[f][code], d_energy)
        return contacts, barrier2

    def check_bound(self, proposals: Proposals, f: int, mine: Ints, barrier2: Ints, below: NDArray[np.bool_]) -> None:
        """BarrierBelowBound for the lowest of the trials that lie `below` their proven bound."""
        if below.any():
            worst = int(np.argmin(np.where(below, barrier2, np.iinfo(np.int64).max)))
            lane, site = int(proposals.lane[mine][worst]), int(proposals.site[mine][worst])
            raise self.tables.below_bound(f, lane, site, int(barrier2[worst]))

    def _environment_code(self, proposals: Proposals, f: int, mine: Ints) -> Ints:
        t, s = self.tables, self.state
        code = np.zeros(len(mine), dtype=np.int64)
        lane, start, direction = proposals.lane[mine], proposals.start[mine], proposals.direction[mine]
        for g in range(t.environment_basis.shape[-1]):
            basis = t.environment_basis[f, start[:, 3], direction, g].astype(np.int64)
            if basis[0] < 0:
                continue
            cell = start[:, :3] + t.environment_cell[f, start[:, 3], direction, g]
            cell -= (cell >= self._repeats) * self._repeats
            site = self._site(int(t.environment_sublattice[f, g]), np.column_stack([cell, basis]))
            code += t.environment_weight[f, g][s.occupants[lane, site]]
        return code

    def apply(self, proposals: Proposals, hit: Ints) -> None:
        """Carry out the accepted exchanges `hit`, at most one per lane."""
        if len(hit) == 0:
            return
        t, s = self.tables, self.state
        lane, site, target = proposals.lane[hit], proposals.site[hit], proposals.target[hit]
        family = proposals.family if self.single else np.asarray(proposals.family)[hit]
        carrier, partner = t.carrier[family], t.partner[family]
        s.occupants[lane, site] = partner
        s.occupants[lane, target] = carrier
        mover = proposals.carrier_index[hit] - t.carrier_offset[carrier] + t.first_particle[carrier]
        s.image[lane, mover] += proposals.image[hit]
        s.coordinates[lane, proposals.carrier_index[hit]] = proposals.end[hit]
        if t.tracked:
            other = s.particle_at[lane, target]
            s.particle_at[lane, site] = other
            s.particle_at[lane, target] = mover
            s.image[lane, other] -= proposals.image[hit]
            self._apply_partner(proposals, hit, lane, np.broadcast_to(partner, lane.shape), other)
        if t.n_potential:
            for f in [0] if self.single else range(t.n_families):
                mine = hit if self.single else hit[np.asarray(proposals.family)[hit] == f]
                if len(mine):
                    self._update_potential(proposals, f, mine)

    def _apply_partner(
        self, proposals: Proposals, hit: Ints, lane: Ints, partner: Ints, other: NDArray[np.int32]
    ) -> None:
        """Update the coordinates of partners that are carriers themselves."""
        t = self.tables
        offset = t.carrier_offset[partner]
        if (offset < 0).all():
            return
        rows = np.flatnonzero(offset >= 0)
        carrier_index = offset[rows] + other[rows] - t.first_particle[partner[rows]]
        self.state.coordinates[lane[rows], carrier_index] = proposals.start[hit[rows]]

    def _update_potential(self, proposals: Proposals, source: int, mine: Ints) -> None:
        """Update the exchange potentials of every family around both sites of hops of family `source`."""
        t = self.tables
        for f in np.flatnonzero(t.potential_offset >= 0):
            shift = int(t.potential_offset[f] - t.site_offset[t.sublattice[f]])
            for where, sign in ((proposals.end[mine], 1), (proposals.start[mine], -1)):
                lane, site, change = self.near(where, proposals.lane[mine], source, int(f))
                np.add.at(self.state.potential, (lane, shift + site), (sign * change).astype(np.int32))

    def near(self, where: Ints, lane: Ints, source: int, f: int) -> tuple[Ints, Ints, Ints]:
        """(lane, site, change) of the exchange potentials of family f around carriers of `source` at (n, 4) `where`."""
        t = self.tables
        basis = t.influence_basis[source, f, where[:, 3]].astype(np.int64)
        cell = where[:, None, :3] + t.influence_cell[source, f, where[:, 3]]
        cell -= (cell >= self._repeats) * self._repeats
        row, column = np.nonzero(basis >= 0)
        site = self._site(int(t.sublattice[f]), np.column_stack([cell[row, column], basis[row, column]]))
        return lane[row], site, t.influence_delta[source, f, where[:, 3]][row, column]


def multiply(words: Words, count: Ints | int) -> tuple[Ints, Words]:
    """High and low 64 bits of word * count: a number below count, and the unused fraction as a new word."""
    n = np.asarray(count).astype(np.uint64)
    low = (words & _LOW) * n
    high = (words >> _HALF) * n + (low >> _HALF)
    return (high >> _HALF).astype(np.int64), (high << _HALF) | (low & _LOW)
