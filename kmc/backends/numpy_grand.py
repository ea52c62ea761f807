"""Grand-canonical moves on NumPy, all replicas in lockstep. Twin of kernels/grand.cuh.

One trial, from two Philox calls: the first word selects the direction and the ion site, the second and third the sites
of the electronic carriers, the fourth decides. The species of the sites are swapped one after another, so that the pair
energies among them are counted, and swapped back if the move is rejected.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmc.backends.numpy_events import Events, Ints, Words, multiply
from kmc.rng.philox import STREAM_GRAND, high64, stream_key, words64
from kmc.state.grand_state import GrandState
from kmc.state.replicas import State
from kmc.tables.boltzmann import FINE_BITS, AcceptanceTable
from kmc.tables.event_tables import EventTables
from kmc.tables.pair_energies import split

ION, ELECTRONIC = 0, 2  # first columns of the two lists in GrandState.number


class NumpyGrandWalker:
    """Walks all replicas of a grand-canonical state in place."""

    def __init__(self, tables: EventTables, grand: GrandState, seed: int, temperature_index: int) -> None:
        self.tables, self.grand = tables, grand
        self.key = stream_key(seed, temperature_index, STREAM_GRAND)
        empty = np.zeros((grand.replicas, 0), dtype=np.int64)
        state = State(grand.occupants, empty, empty, empty, grand.potential, empty, empty)  # type: ignore[arg-type]  # only sites are used
        self._events = Events(tables, state)

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of `trials` trials per replica with the random numbers of a stage."""
        g = self.grand
        lanes = np.arange(g.replicas)
        for trial in range(trials):
            one = words64((2 * trial, g.window, stage, lanes), self.key)
            two = words64((2 * trial + 1, g.window, stage, lanes), self.key)
            self._trial(lanes, one, two)
            g.histogram[lanes, g.number[:, ION]] += 1
        g.counters[:, 0] += trials
        g.window += 1

    def clear(self) -> None:
        """Reset the histogram."""
        self.grand.clear()

    def read(self) -> GrandState:
        """The state after the last window."""
        return self.grand

    def _trial(self, lanes: Ints, one: tuple[Words, Words], two: tuple[Words, Words]) -> None:
        """One trial of every replica."""
        g, component = self.grand, self.grand.component
        needed = abs(component.electronic)
        direction, word = multiply(one[0], 2)
        forward = direction == 0
        creates_electrons = forward == (component.electronic > 0)
        ion_choices, ion_reverse = self._choices(ION, forward)
        electron_choices, electron_reverse = self._choices(ELECTRONIC, creates_electrons)
        possible = (ion_choices > 0) & (electron_choices >= needed)
        lanes = lanes[possible]
        forward, creates_electrons = forward[possible], creates_electrons[possible]
        ion_choices, electron_choices = ion_choices[possible], electron_choices[possible]
        forward_weight, reverse_weight = ion_choices.astype(np.uint64), ion_reverse[possible].astype(np.uint64)
        for m in range(needed):
            forward_weight = forward_weight * (electron_choices - m).astype(np.uint64)
            reverse_weight = reverse_weight * (electron_reverse[possible] + m).astype(np.uint64)
        pick = multiply(word[possible], ion_choices)[0] + np.where(forward, g.number[lanes, ION], 0)
        contacts, energy = self._swap(ION, lanes, pick, forward)
        for m in range(needed):
            pick = multiply((two[0] if m else one[1])[possible], electron_choices - m)[0]
            pick = pick + np.where(creates_electrons, g.number[lanes, ELECTRONIC], 0)
            more = self._swap(ELECTRONIC, lanes, pick, creates_electrons)
            contacts, energy = contacts + more[0], energy + more[1]
        x = 2 * energy + np.where(forward, g.field2[lanes], -g.field2[lanes])
        accepted = accept_weighted(self.tables.acceptance, x, forward_weight, reverse_weight, two[1][possible])
        accepted &= contacts == 0
        g.counters[lanes[accepted], 1] += 1
        lanes, forward, creates_electrons = lanes[~accepted], forward[~accepted], creates_electrons[~accepted]
        for column, ahead in ((ELECTRONIC, creates_electrons),) * needed + ((ION, forward),):
            number = g.number[lanes, column]
            self._swap(column, lanes, np.where(ahead, number - 1, number), ~ahead)

    def _choices(self, column: int, forward: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """(number of sites that a swap can take, number that the reverse swap will then have)."""
        carriers, both = self.grand.number[:, column], self.grand.number[:, column + 1]
        choices = np.where(forward, both - carriers, carriers)
        return choices, both - choices + 1

    def _swap(self, column: int, lanes: Ints, pick: Ints, forward: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Swap the species of a site per lane; returns the changes of forbidden contacts and of energy."""
        t, g = self.tables, self.grand
        f = g.component.ion_family if column == ION else g.component.electronic_family
        order = g.ion_order if column == ION else g.electronic_order
        sign = np.where(forward, 1, -1)
        local = order[lanes, pick].astype(np.int64)
        border = g.number[lanes, column] - ~forward
        contacts = energy = np.zeros(len(lanes), dtype=np.int64)
        if t.potential_offset[f] >= 0:
            contacts, energy = split(g.potential[lanes, t.potential_offset[f] + local].astype(np.int64))
        s = int(t.sublattice[f])
        g.occupants[lanes, t.site_offset[s] + local] = np.where(forward, t.carrier[f], t.partner[f])
        where = t.supercell.coordinates_of(s, local).astype(np.int64)
        for h in np.flatnonzero(t.potential_offset >= 0):
            shift = int(t.potential_offset[h] - t.site_offset[t.sublattice[h]])
            row, site, change = self._events.near(where, np.arange(len(lanes)), f, int(h))
            np.add.at(g.potential, (lanes[row], shift + site), (sign[row] * change).astype(np.int32))
        order[lanes, pick] = order[lanes, border]
        order[lanes, border] = local
        g.number[lanes, column] += sign
        return sign * contacts, sign * energy


def accept_weighted(
    table: AcceptanceTable, x: Ints, forward_weight: Words, reverse_weight: Words, word: Words
) -> NDArray[np.bool_]:
    """Metropolis with weights: word/2^64 < forward_weight/reverse_weight exp(-x/2 kT), in 128-bit integers.

    x: (n,) half microelectronvolts of either sign. forward_weight, reverse_weight: (n,) uint64 below 2^62, the numbers
    of choices that a move and its reverse have.
    """
    size = np.abs(x)
    row = np.minimum(size >> FINE_BITS, len(table.mantissa) - 1)
    mantissa, shift = table.mantissa[row] * table.fine[size & (2**FINE_BITS - 1)], table.shift[row]
    scaled = _shifted(high64(mantissa, forward_weight), mantissa * forward_weight, shift)
    uphill = _below(high64(word, reverse_weight), word * reverse_weight, *scaled)
    part = high64(word, mantissa)
    downhill = _shifted(high64(part, reverse_weight), part * reverse_weight, shift)[0] < forward_weight
    beyond = size >> FINE_BITS >= len(table.mantissa)
    return np.where(beyond, x < 0, np.where(x >= 0, uphill, downhill))


def _shifted(high: Words, low: Words, by: Words) -> tuple[Words, Words]:
    """128-bit words shifted right by 0 to 127 bits."""
    zero, whole = np.uint64(0), np.uint64(64)
    far = by >= whole
    over = np.where(far, by - whole, zero)
    short = np.where(far, zero, by)
    spill = np.where(short == 0, zero, high << (whole - np.maximum(short, np.uint64(1))))
    near = (high >> short, (low >> short) | spill)
    return np.where(far, zero, near[0]), np.where(far, high >> over, near[1])


def _below(high: Words, low: Words, other_high: Words, other_low: Words) -> NDArray[np.bool_]:
    return (high < other_high) | ((high == other_high) & (low < other_low))
