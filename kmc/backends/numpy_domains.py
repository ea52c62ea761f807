"""Domains on NumPy: the blocks of one colour, of all replicas, advance in lockstep. Twin of kernels/domain.cuh."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kmc.backends.numpy_events import Ints, Words, multiply
from kmc.backends.numpy_walk import NumpyWalker
from kmc.rng.philox import high64, words64
from kmc.state.domains import Domains, VisitTables, owned, sweep_plan, visit_tables
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables


@dataclass
class _Visits:
    """The V visits of one colour: its blocks times the replicas.

    replica, number: (V,) replica and number of the block. start: (V, 3) first cell. edge: (V, 3) cells. counts:
    (F, V) carriers of each family. carrier_index: carrier indices of all visits, species by species; first: (F, V)
    entry of each visit's first carrier in it.
    """

    replica: Ints
    number: Ints
    start: Ints
    edge: Ints
    counts: Ints
    first: Ints
    carrier_index: Ints


class NumpyDomainWalker(NumpyWalker):
    """Walks the blocks of every replica in place."""

    def __init__(self, tables: EventTables, state: State, seed: int, temperature_index: int, domains: Domains) -> None:
        super().__init__(tables, state, seed, temperature_index)
        self.seed, self.temperature_index, self.domains = seed, temperature_index, domains
        self._repeats = np.asarray(tables.supercell.repeats, dtype=np.int64)

    def advance(self, trials: Ints, sweeps: int = 1) -> None:
        """Walk `sweeps` sweeps that together last as long as `trials` (R,) mean trials, equal for all replicas."""
        visits = visit_tables(self.tables, self.domains, Fraction(int(trials[0]), sweeps))
        plan = sweep_plan(self.tables, self.seed, self.temperature_index, self.state.window, sweeps)
        for origin, colours in zip(*plan, strict=True):
            for colour in colours:
                self._visit(self._blocks(origin, int(colour)), visits)
            self.state.window += 1

    def _blocks(self, origin: Ints, colour: int) -> _Visits:
        """The blocks of a colour and the carriers in each, ordered by x, y, z and basis from the start of the block."""
        d, t, s = self.domains, self.tables, self.state
        begins = [d.begins(axis, int(self._repeats[axis])) for axis in range(3)]
        mine = [np.arange(colour >> axis & 1, int(d.blocks[axis]), 2) for axis in range(3)]
        grid = np.stack(np.meshgrid(*mine, indexing="ij"), axis=-1).reshape(-1, 3)
        start = np.stack([(origin[a] + begins[a][grid[:, a]]) % self._repeats[a] for a in range(3)], axis=1)
        edge = np.stack([begins[a][grid[:, a] + 1] - begins[a][grid[:, a]] for a in range(3)], axis=1)
        number = (grid[:, 0] * d.blocks[1] + grid[:, 1]) * d.blocks[2] + grid[:, 2]
        lane, local = self._lanes(origin, colour, begins)
        blocks, replicas = len(grid), s.replicas
        counts, first, carrier_index, filled = {}, {}, [], 0
        for code in dict.fromkeys(int(c) for c in t.carrier):
            here = slice(int(t.carrier_offset[code]), int(t.carrier_offset[code] + t.counts[code]))
            rows, columns = np.nonzero(lane[:, here] >= 0)
            columns = columns + here.start
            visit = rows * blocks + lane[rows, columns]
            where = local[rows, columns]
            order = np.lexsort((s.coordinates[rows, columns, 3], where[:, 2], where[:, 1], where[:, 0], visit))
            counts[code] = np.bincount(visit, minlength=blocks * replicas)
            first[code] = filled + np.cumsum(counts[code]) - counts[code]
            carrier_index.append(columns[order])
            filled += len(order)
        return _Visits(
            np.repeat(np.arange(replicas), blocks),
            np.tile(number, replicas),
            np.tile(start, (replicas, 1)),
            np.tile(edge, (replicas, 1)),
            np.stack([counts[int(c)] for c in t.carrier]),
            np.stack([first[int(c)] for c in t.carrier]),
            np.concatenate(carrier_index),
        )

    def _lanes(self, origin: Ints, colour: int, begins: list[Ints]) -> tuple[Ints, Ints]:
        """((R, C) block of the colour whose cells or rim hold each carrier, or -1; (R, C, 3) local cell)."""
        d = self.domains
        cells = (self.state.coordinates[..., :3].astype(np.int64) - origin) % self._repeats
        lane = np.zeros(cells.shape[:2], dtype=np.int64)
        inside = np.ones(cells.shape[:2], dtype=np.bool_)
        local = np.empty_like(cells)
        for a in range(3):
            block = np.searchsorted(begins[a], cells[..., a], side="right") - 1
            local[..., a] = cells[..., a] - begins[a][block]
            previous = (block - 1) % d.blocks[a]
            rim = ((block & 1) != (colour >> a & 1)) & (local[..., a] < d.rim[a])
            local[..., a] += rim * (begins[a][previous + 1] - begins[a][previous])
            block = np.where(rim, previous, block)
            inside &= (block & 1) == (colour >> a & 1)
            lane = lane * (d.blocks[a] // 2) + block // 2
        return np.where(inside, lane, -1), local

    def _visit(self, v: _Visits, tables: VisitTables) -> None:
        """Walk every block for its number of trials."""
        trials, call = self._numbers(v, tables)
        for k in range(int(trials.max(initial=0))):
            active = np.flatnonzero(k < trials)
            counter = call[active] + (k >> 1 if self._events.single else k)
            pair = words64((counter, self.state.window, v.number[active] + 1, v.replica[active]), self.key)
            if self._events.single:
                self._step(v, active, 0, pair[k & 1])
            else:
                self._step(v, active, self._families(v, tables, active, pair[0]), pair[1])

    def _numbers(self, v: _Visits, tables: VisitTables) -> tuple[Ints, Ints]:
        """((V,) trials, (V,) calls used to draw them): a Poisson count per power of two in the number of carriers."""
        trials, used = np.zeros(len(v.replica), dtype=np.int64), np.zeros(len(v.replica), dtype=np.int64)
        for f, carriers in enumerate(v.counts):
            for level in range(tables.n_levels):
                last = level == tables.n_levels - 1
                times = carriers >> level if last else carriers >> level & 1
                for k in range(int(times.max(initial=0))):
                    rows = np.flatnonzero(times > k)
                    pair = words64((used[rows] >> 1, self.state.window, v.number[rows] + 1, v.replica[rows]), self.key)
                    word = np.where(used[rows] & 1, pair[1], pair[0])
                    begin, end = int(tables.row[f, level]), int(tables.row[f, level + 1])
                    found = np.searchsorted(tables.cumulative[begin:end], word, side="right")
                    trials[rows] += tables.first_count[f, level] + np.minimum(found, end - begin - 1)
                    used[rows] += 1
        return trials, (used + 1) >> 1

    def _families(self, v: _Visits, tables: VisitTables, active: Ints, words: Words) -> Ints:
        """The family of one trial in each of the visits `active`."""
        shares = v.counts[:, active].astype(np.uint64) * tables.weight[:, None]
        ends = np.cumsum(shares, axis=0, dtype=np.uint64)
        return np.asarray((ends <= high64(words, ends[-1])[None]).sum(axis=0))

    def _step(self, v: _Visits, active: Ints, family: Ints | int, words: Words) -> None:
        """One trial in each of the visits `active`."""
        t, s = self.tables, self.state
        families = np.broadcast_to(np.asarray(family), active.shape)
        populated = v.counts[families, active] > 0
        active, families, words = active[populated], families[populated], words[populated]
        carrier, rest = multiply(words, v.counts[families, active])
        direction, fraction = multiply(rest, t.directions[families])
        carrier_index = v.carrier_index[v.first[families, active] + carrier]
        lane = v.replica[active]
        position = s.coordinates[lane, carrier_index].astype(np.int64)
        local = (position[:, :3] - v.start[active]) % self._repeats
        mine = owned(local, v.edge[active], self.domains.back[families, position[:, 3], direction])
        lane, families = lane[mine], families[mine]
        proposals = self._events.propose(
            lane, 0 if self._events.single else families, carrier_index[mine], direction[mine], fraction[mine]
        )
        accepted = self._accept(proposals)
        np.add.at(s.trials, (lane, families), 1)
        np.add.at(s.accepted, (lane, families), accepted.astype(np.int64))
        self._events.apply(proposals, np.flatnonzero(accepted))


def carriers_from_sites(tables: EventTables, state: State) -> NDArray[np.int16]:
    """(R, C, 4) coordinates of all carriers, found from the ids on the sites."""
    coordinates = state.coordinates.copy()
    for code in np.flatnonzero(tables.carrier_offset >= 0):
        s, first, count = int(tables.sublattice_of[code]), int(tables.first_particle[code]), int(tables.counts[code])
        begin = int(tables.site_offset[s])
        ids = state.particle_at[:, begin : begin + tables.supercell.n_sites_of(s)]
        rows, local = np.nonzero((ids >= first) & (ids < first + count))
        carrier_index = int(tables.carrier_offset[code]) + ids[rows, local] - first
        coordinates[rows, carrier_index] = tables.supercell.coordinates_of(s, local)
    return coordinates
