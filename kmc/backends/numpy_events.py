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
class Choice:
    """Trials as flat arrays: what each proposes."""

    lane: Ints
    family: Ints | int
    listed: Ints  # place in the list of carriers
    start: Ints  # (n, 4) coordinates of the carrier
    end: Ints  # (n, 4) coordinates of the far site
    image: Ints  # packed images that the carrier crosses
    site: Ints
    target: Ints
    fraction: Words
    energy: Ints  # constant of the bond, packed
    direction: Ints
    possible: NDArray[np.bool_]


class Events:
    """The rules on the tables and the state of a walk; changes the state in place."""

    def __init__(self, tables: EventTables, state: State) -> None:
        self.tables = tables
        self.state = state
        self.single = tables.n_families == 1
        self._repeats = np.asarray(tables.supercell.repeats, dtype=np.int64)
        pad = np.zeros((*tables.bond_basis.shape, 1), dtype=np.int16)
        self._bond = np.concatenate([tables.bond_cell, pad], axis=-1).astype(np.int64)
        self._bond[..., 3] = tables.bond_basis

    def look(self, lane: Ints, family: Ints | int, listed: Ints, direction: Ints, fraction: Words) -> Choice:
        """What trials propose; listed is the carriers' place in the list of all carriers."""
        t, s = self.tables, self.state
        packed = s.coordinates.view(np.int64)[..., 0]
        start = packed[lane, listed].view(np.int16).reshape(-1, 4).astype(np.int64)
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
        return Choice(lane, family, listed, start, end, image, site, target, fraction, energy, direction, possible)

    def _site(self, sublattice: Ints | int, where: Ints) -> Ints:
        """Site index of coordinates on a sublattice."""
        t = self.tables
        _, ny, nz = t.supercell.repeats
        cell = (where[:, 0] * ny + where[:, 1]) * nz + where[:, 2]
        return np.asarray(t.site_offset[sublattice] + cell * t.n_basis[sublattice] + where[:, 3])

    def barrier(self, choice: Choice, f: int, mine: Ints) -> tuple[Ints, Ints]:
        """(forbidden contacts that would arise, 2 Eb) of the trials `mine`, all of family f."""
        t, s = self.tables, self.state
        lane = choice.lane[mine]
        packed = choice.energy[mine]
        if t.potential_offset[f] >= 0:
            shift = int(t.potential_offset[f] - t.site_offset[t.sublattice[f]])
            there = s.potential[lane, shift + choice.target[mine]].astype(np.int64)
            packed = packed + there - s.potential[lane, shift + choice.site[mine]]
        contacts, d_energy = split(packed)
        if t.marcus_lambda[f]:
            barrier2 = marcus_barrier2(int(t.marcus_lambda[f]), int(t.marcus_coupling2[f]), d_energy)
        else:
            code = self._gate_code(choice, f, mine)
            barrier2 = kra_barrier2(t.barrier2[f][code], d_energy)
        return contacts, barrier2

    def check_bound(self, choice: Choice, f: int, mine: Ints, barrier2: Ints, below: NDArray[np.bool_]) -> None:
        """BarrierBelowBound for the lowest of the trials that lie `below` their proven bound."""
        if below.any():
            worst = int(np.argmin(np.where(below, barrier2, np.iinfo(np.int64).max)))
            lane, site = int(choice.lane[mine][worst]), int(choice.site[mine][worst])
            raise self.tables.below_bound(f, lane, site, int(barrier2[worst]))

    def _gate_code(self, choice: Choice, f: int, mine: Ints) -> Ints:
        t, s = self.tables, self.state
        code = np.zeros(len(mine), dtype=np.int64)
        lane, start, direction = choice.lane[mine], choice.start[mine], choice.direction[mine]
        for g in range(t.gate_basis.shape[-1]):
            basis = t.gate_basis[f, start[:, 3], direction, g].astype(np.int64)
            if basis[0] < 0:
                continue
            cell = start[:, :3] + t.gate_cell[f, start[:, 3], direction, g]
            cell -= (cell >= self._repeats) * self._repeats
            site = self._site(int(t.gate_sublattice[f, g]), np.column_stack([cell, basis]))
            code += t.gate_weight[f, g][s.occupants[lane, site]]
        return code

    def apply(self, choice: Choice, hit: Ints) -> None:
        """Carry out accepted exchanges, at most one per lane."""
        if len(hit) == 0:
            return
        t, s = self.tables, self.state
        lane, site, target = choice.lane[hit], choice.site[hit], choice.target[hit]
        family = choice.family if self.single else np.asarray(choice.family)[hit]
        carrier, partner = t.carrier[family], t.partner[family]
        s.occupants[lane, site] = partner
        s.occupants[lane, target] = carrier
        mover = choice.listed[hit] - t.list_offset[carrier] + t.first_particle[carrier]
        s.image[lane, mover] += choice.image[hit]
        s.coordinates[lane, choice.listed[hit]] = choice.end[hit]
        if t.tracked:
            other = s.particle_at[lane, target]
            s.particle_at[lane, site] = other
            s.particle_at[lane, target] = mover
            s.image[lane, other] -= choice.image[hit]
            self._apply_partner(choice, hit, lane, np.broadcast_to(partner, lane.shape), other)
        if t.n_potential:
            for f in [0] if self.single else range(t.n_families):
                mine = hit if self.single else hit[np.asarray(choice.family)[hit] == f]
                if len(mine):
                    self._update_potential(choice, f, mine)

    def _apply_partner(self, choice: Choice, hit: Ints, lane: Ints, partner: Ints, other: NDArray[np.int32]) -> None:
        """Where the partner is a carrier of another family, its place in the list follows."""
        t = self.tables
        place = t.list_offset[partner]
        if (place < 0).all():
            return
        rows = np.flatnonzero(place >= 0)
        listed = place[rows] + other[rows] - t.first_particle[partner[rows]]
        self.state.coordinates[lane[rows], listed] = choice.start[hit[rows]]

    def _update_potential(self, choice: Choice, source: int, mine: Ints) -> None:
        """Exchange potentials of every family around the two sites of hops of family `source`."""
        t = self.tables
        for f in np.flatnonzero(t.potential_offset >= 0):
            shift = int(t.potential_offset[f] - t.site_offset[t.sublattice[f]])
            for where, sign in ((choice.end[mine], 1), (choice.start[mine], -1)):
                lane, site, change = self.near(where, choice.lane[mine], source, int(f))
                np.add.at(self.state.potential, (lane, shift + site), (sign * change).astype(np.int32))

    def near(self, where: Ints, lane: Ints, source: int, f: int) -> tuple[Ints, Ints, Ints]:
        """(lane, site, change) of the potentials of family f that a carrier of `source` at (n, 4) `where` changes."""
        t = self.tables
        basis = t.influence_basis[source, f, where[:, 3]].astype(np.int64)
        cell = where[:, None, :3] + t.influence_cell[source, f, where[:, 3]]
        cell -= (cell >= self._repeats) * self._repeats
        row, column = np.nonzero(basis >= 0)
        site = self._site(int(t.sublattice[f]), np.column_stack([cell[row, column], basis[row, column]]))
        return lane[row], site, t.influence_delta[source, f, where[:, 3]][row, column]


def multiply(words: Words, count: Ints | int) -> tuple[Ints, Words]:
    """High and low 64 bits of word * count: a number below count, and the unused rest as a new word."""
    n = np.asarray(count).astype(np.uint64)
    low = (words & _LOW) * n
    high = (words >> _HALF) * n + (low >> _HALF)
    return (high >> _HALF).astype(np.int64), (high << _HALF) | (low & _LOW)
