"""Exact solution of a very small periodic cell: every state enumerated, the master equation solved.

The states are all arrangements that hops reach from a given one, with its dopants fixed. Rates follow from the integers
of the event tables as exp(-Eb/kT), so that the solution covers interactions, hop environments, polarons and fields; the
walk is tested against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kmc.exact.hop_rates import all_bonds, hops_over
from kmc.exact.markov_chain import Chain, FloatArray, IntArray, stationary_of
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

MOST_STATES = 20_000
MOST_TAGGED_STATES = 15 * MOST_STATES


@dataclass(frozen=True)
class SmallCell:
    """All states of a cell and the hops between them.

    occupants: (n, N) uint8 species of every site. source, target: (m,) state indices. family: (m,) hop family.
    start, end: (m,) sites that exchange. rate: (m,) per second, above zero; frozen ions have no hops here.
    moved: (m, 3) displacement of the carrier in metres.
    """

    tables: EventTables
    occupants: NDArray[np.uint8]
    source: IntArray
    target: IntArray
    family: IntArray
    start: IntArray
    end: IntArray
    rate: FloatArray
    moved: FloatArray

    def stationary(self) -> FloatArray:
        """(n,) stationary probabilities, from the generator."""
        return self._stationary

    @cached_property
    def _stationary(self) -> FloatArray:
        return stationary_of(len(self.occupants), self.source, self.target, self.rate)

    def collective(self, *carriers: str) -> Chain:
        """The chain whose displacement is the sum over all particles of a carrier species; of several, side by side.

        The (3 K, 3 K) moments of K carriers hold those of each carrier on the diagonal and their cross terms off it.
        """
        hops_of = [self.tables.carrier[self.family] == self.tables.species.index(carrier) for carrier in carriers]
        moved = np.concatenate([self.moved * mine[:, None] for mine in hops_of], axis=1)
        return Chain(len(self.occupants), self.source, self.target, self.rate, moved, self.stationary())

    def tagged(self, species: str) -> Chain:
        """The chain of one tagged particle of a species: states are (arrangement, site of the particle)."""
        code = self.tables.species.index(species)
        state, site = np.nonzero(self.occupants == code)
        number = np.full(self.occupants.shape, -1, dtype=np.int64)
        number[state, site] = np.arange(len(state))
        if len(state) > MOST_TAGGED_STATES:
            raise InputError(f"{len(state)} tagged states: at most {MOST_TAGGED_STATES} are solved")
        order = np.argsort(self.source, kind="stable")
        first = np.searchsorted(self.source[order], np.arange(len(self.occupants) + 1))
        count = np.diff(first)[state]
        tagged = np.repeat(np.arange(len(state)), count)
        within = np.arange(len(tagged)) - np.repeat(np.cumsum(count) - count, count)
        hop = order[first[state][tagged] + within]
        here = site[tagged]
        away, back = here == self.start[hop], here == self.end[hop]
        there = np.where(away, self.end[hop], np.where(back, self.start[hop], here))
        moved = self.moved[hop] * (away.astype(float) - back)[:, None]
        share = self.stationary()[state]
        return Chain(len(state), tagged, number[self.target[hop], there], self.rate[hop], moved, share / share.sum())

    def hop_rate(self) -> FloatArray:
        """(F,) mean hops per second of the cell, by family."""
        flow = self.stationary()[self.source] * self.rate
        return np.bincount(self.family, weights=flow, minlength=self.tables.n_families).astype(np.float64)


def enumerate_cell(tables: EventTables, occupants: NDArray[np.uint8]) -> SmallCell:
    """Every arrangement that hops reach from `occupants` (N,); InputError beyond 20000 of them."""
    known = {occupants.tobytes(): 0}
    found, frontier = [occupants.copy()], [0]
    rows: list[tuple[float, ...]] = []
    bonds = all_bonds(tables)
    while frontier:
        states = np.array(frontier)
        here = np.array([found[k] for k in frontier])
        frontier = []
        for hop in hops_over(tables, here, bonds):
            start, end = hop.bond.start, hop.bond.end
            after = here[hop.rows].copy()
            after[:, [start, end]] = after[:, [end, start]]
            for k, rate, row in zip(hop.rows, hop.rate, after, strict=True):
                key = row.tobytes()
                if key not in known:
                    known[key] = len(found)
                    found.append(row)
                    frontier.append(known[key])
                    if len(found) > MOST_STATES:
                        raise InputError(f"the cell has more than {MOST_STATES} states; take a smaller one")
                rows.append((states[k], known[key], hop.bond.family, start, end, rate, *hop.bond.moved_m))
    table = np.array(rows).reshape(len(rows), 9)
    source, target, family, starts, ends = table[:, :5].astype(np.int64).T
    return SmallCell(tables, np.array(found), source, target, family, starts, ends, table[:, 5], table[:, 6:])
