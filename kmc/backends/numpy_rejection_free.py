"""Rejection-free selection on NumPy: one exchange per lane and step, selected in proportion to its bound.

Twin of kernels/weights.cuh and kernels/rejection_free.cuh. Lanes advance together until the time of each is used up.
"""

from __future__ import annotations

import numpy as np

from kmc.backends.in_place import InPlaceWalker
from kmc.backends.numpy_events import Events, Ints, Proposals, Words
from kmc.rng.philox import STREAM_TRIALS, high64, stream_key, words64
from kmc.state.rejection_free import FAN, LN2, RateBounds
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from kmc.tables.pair_energies import split

_ALL = np.uint64(2**64 - 1)


class Weights:
    """Weights of all directions of every carrier, and the tree of their sums, for all replicas.

    weight: (R, n_entries, Z) uint64. tree: (R, n_tree) uint64. Both are functions of the state.
    """

    def __init__(self, bounds: RateBounds, tables: EventTables, state: State) -> None:
        self.bounds, self.tables, self.state = bounds, tables, state
        replicas = state.replicas
        self.weight = np.zeros((replicas, bounds.n_entries, tables.bond_basis.shape[-1]), dtype=np.uint64)
        self.tree = np.zeros((replicas, bounds.n_tree), dtype=np.uint64)
        for f in range(tables.n_families):
            count = int(tables.counts[tables.carrier[f]])
            lane = np.repeat(np.arange(replicas), count)
            self.refresh(f, lane, np.tile(np.arange(count), replicas) + tables.carrier_offset[tables.carrier[f]])

    def bond_weight(self, f: int, bound2: Ints) -> Words:
        """Weights that belong to lower bounds of 2 Eb of family f."""
        x = np.maximum(bound2 - self.tables.reference2[f], 0)
        return high64(np.where(x == 0, _ALL, self.tables.acceptance.threshold(x)), self.bounds.scale[f])

    def refresh(self, f: int, lane: Ints, carrier_index: Ints) -> None:
        """Recompute the weights of carriers of family f from the state; a carrier must not occur twice."""
        t, bounds, s = self.tables, self.bounds, self.state
        home, z = int(t.sublattice[f]), int(t.directions[f])
        x, y, n, b = (s.coordinates[lane, carrier_index, k].astype(np.int64) for k in range(4))
        local = ((x * t.supercell.repeats[1] + y) * t.supercell.repeats[2] + n) * t.n_basis[home] + b
        bound2 = bounds.base2[lane[:, None], bounds.base_offset[f] + local[:, None] * z + np.arange(z)].astype(np.int64)
        if t.potential_offset[f] >= 0:
            here = s.potential[lane, t.potential_offset[f] + local].astype(np.int64)
            bound2 -= split(here)[1][:, None]
        node = bounds.entry_offset[f] + carrier_index - t.carrier_offset[t.carrier[f]]
        weight = self.bond_weight(f, bound2)
        self.weight[lane, node, :z] = weight
        change = weight.sum(axis=1) - self.tree[lane, node]
        for offset in bounds.level_offset:
            np.add.at(self.tree, (lane, offset + node), change)
            node = node // FAN

    @property
    def total(self) -> Words:
        """(R,) uint64 sums of all weights."""
        return self.tree[:, self.bounds.level_offset[-1]]

    def find(self, lane: Ints, rest: Words) -> tuple[Ints, Ints, Words]:
        """(entry, direction, remainder) that `rest`, a number below the total of each lane, falls into."""
        entry = np.zeros(len(lane), dtype=np.int64)
        for offset in self.bounds.level_offset[-2::-1]:
            below = self.tree[lane[:, None], offset + entry[:, None] * FAN + np.arange(FAN)]
            child, rest = _fall(below, rest)
            entry = entry * FAN + child
        direction, rest = _fall(self.weight[lane, entry], rest)
        return entry, direction, rest


def _fall(sums: Words, rest: Words) -> tuple[Ints, Words]:
    """Which of (n, k) consecutive intervals holds each of the (n,) numbers `rest`, and the remainder inside it."""
    ends = np.cumsum(sums, axis=1, dtype=np.uint64)
    found = (ends <= rest[:, None]).sum(axis=1)
    rows = np.arange(len(found))
    return found, rest - (ends[rows, found] - sums[rows, found])


def exponential(log_table: Words, words: Words) -> Words:
    """-ln of uniform words in units of 2^-40, accurate to about 1e-10.

    The leading byte is looked up in a table, and a series accounts for the rest.
    """
    words = words | np.uint64(1)
    high = (words >> np.uint64(32)).astype(np.float64)  # exact: 32 bits
    low = (words & np.uint64(2**32 - 1)).astype(np.float64)
    zeros = np.where(high > 0, 32 - np.frexp(high)[1], 64 - np.frexp(low)[1]).astype(np.uint64)
    mantissa = words << zeros
    row = mantissa >> np.uint64(55) & np.uint64(255)
    y = (mantissa >> np.uint64(15) & np.uint64(2**40 - 1)) // (np.uint64(256) + row)
    y2 = y * y >> np.uint64(40)
    log = log_table[row.astype(np.int64)] + y - (y2 >> np.uint64(1)) + (y2 * y >> np.uint64(40)) // np.uint64(3)
    whole = (zeros + np.uint64(1)) * np.uint64(LN2)
    return np.where(whole > log, whole - log, np.uint64(1))


class NumpyRejectionFreeWalker(InPlaceWalker):
    """Walks all replicas of a state in place, rejection-free."""

    name = "numpy"

    def __init__(
        self, tables: EventTables, state: State, seed: int, temperature_index: int, bounds: RateBounds
    ) -> None:
        self.tables = tables
        self.state = state
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        self.bounds = bounds
        self._events = Events(tables, state)
        self._weights = Weights(bounds, tables, state)

    def advance(self, trials: Ints, sweeps: int = 1) -> None:
        """Walk one window that lasts as long as `trials` (R,) trials of a rejection walk on average."""
        horizon = trials * self.bounds.horizon_per_trial
        now = np.zeros(len(trials))
        lanes = np.flatnonzero(self._weights.total > 0)
        call = 0
        while len(lanes):
            first, second = words64((call, self.state.window, 0, lanes), self.key)
            total = self._weights.total[lanes]
            now[lanes] += exponential(self.bounds.log_table, second).astype(np.float64) / total.astype(np.float64)
            inside = now[lanes] < horizon[lanes]
            lanes = lanes[inside]
            self._step(lanes, high64(first[inside], total[inside]))
            lanes = lanes[self._weights.total[lanes] > 0]
            call += 1
        self.state.window += 1

    def _step(self, lanes: Ints, rest: Words) -> None:
        """One selected exchange per lane."""
        t, bounds, s = self.tables, self.bounds, self.state
        entry, direction, rest = self._weights.find(lanes, rest)
        family = np.searchsorted(bounds.entry_offset, entry, side="right") - 1
        np.add.at(s.trials, (lanes, family), 1)
        carrier_index = entry - bounds.entry_offset[family] + t.carrier_offset[t.carrier[family]]
        proposals = self._events.propose(lanes, 0 if self._events.single else family, carrier_index, direction, rest)
        for f in range(t.n_families):
            mine = np.flatnonzero(proposals.possible & (family == f))
            if len(mine):
                contacts, barrier2 = self._events.barrier(proposals, f, mine)
                rate = self._weights.bond_weight(f, barrier2)
                bound = self._weights.weight[lanes[mine], entry[mine], direction[mine]]
                self._events.check_bound(proposals, f, mine, barrier2, (contacts == 0) & (rate > bound))
                hit = mine[(contacts == 0) & (rest[mine] < rate)]
                self._events.apply(proposals, hit)
                s.accepted[lanes[hit], f] += 1
                self._refresh(proposals, f, hit)

    def _refresh(self, proposals: Proposals, f: int, hit: Ints) -> None:
        """Recompute the weights of every carrier that moved or whose potential changed."""
        t, s = self.tables, self.state
        lane = proposals.lane[hit]
        moved = [(lane, proposals.target[hit]), (lane, proposals.site[hit])]
        for g in range(t.n_families):
            touched = list(moved) if t.sublattice[g] == t.sublattice[f] else []
            if t.potential_offset[g] >= 0:
                touched += [self._events.near(where[hit], lane, f, g)[:2] for where in (proposals.end, proposals.start)]
            if not touched:
                continue
            lanes, sites = (np.concatenate(parts) for parts in zip(*touched, strict=True))
            here = s.occupants[lanes, sites] == t.carrier[g]
            pairs = np.unique(np.stack([lanes[here], sites[here]]), axis=1)
            ids = s.particle_at[pairs[0], pairs[1]]
            species = int(t.carrier[g])
            self._weights.refresh(g, pairs[0], ids - t.first_particle[species] + t.carrier_offset[species])
