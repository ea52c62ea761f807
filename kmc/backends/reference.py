"""The NumPy backend: the rules of one trial, written for arrays of trials. Every other backend must equal it.

One trial of a lane (see DESIGN in the documentation):

1. one or two 64-bit words pick family, carrier and direction; what is left of the last word is the fraction,
2. the exchange is possible if the partner species stands on the far site and no forbidden contact arises,
3. Eb2 from gate, energies and field; the exchange happens if ``x == 0 or fraction < threshold(x)``,
   x = Eb2 - reference2.

Lanes advance together. Where few trials are accepted a block of trials per lane is evaluated against the frozen
state and the first accepted one applied; the counters of the random numbers make the result the same for any block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.errors import BarrierBelowBound
from kmc.pairs import split
from kmc.philox import STREAM_TRIALS, stream_key, words64
from kmc.rates import kra_barrier2, marcus_barrier2
from kmc.state import State
from kmc.tables import IMAGE_BITS, EventTables

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
TARGET_BLOCK = 4096  # trials evaluated at once, all lanes together, where acceptance is low


@dataclass(frozen=True)
class _Choice:
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


class ReferenceWalker:
    """Walks all replicas of a state in place.

    lookahead: trials per lane and evaluation; None adapts it to the acceptance seen. It never changes the result.
    """

    name = "numpy"

    def __init__(
        self, tables: EventTables, state: State, seed: int, temperature_index: int = 0, lookahead: int | None = None
    ) -> None:
        self.tables = tables
        self.state = state
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        self._fixed_block = lookahead
        self._repeats = np.asarray(tables.supercell.repeats, dtype=np.int64)
        n_families = tables.n_families
        self._single = n_families == 1
        pad = np.zeros((*tables.bond_basis.shape, 1), dtype=np.int16)
        self._bond = np.concatenate([tables.bond_cell, pad], axis=-1).astype(np.int64)
        self._bond[..., 3] = tables.bond_basis
        self._counts = np.array([tables.counts[c] for c in tables.carrier], dtype=np.int64)
        self._list = np.array([tables.list_offset[c] for c in tables.carrier], dtype=np.int64)

    @property
    def window(self) -> int:
        """Index of the next window."""
        return self.state.window

    def counters(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R, F) trials and accepted hops since the start."""
        return self.state.trials, self.state.accepted

    def read(self) -> State:
        """The state after the last window."""
        return self.state

    live = read

    def advance(self, trials: Ints) -> None:
        """Walk one window of `trials` (R,) trials per replica."""
        done = np.zeros(self.state.replicas, dtype=np.int64)
        lanes = np.flatnonzero(trials > 0)
        proposed = self.state.trials.sum()
        accepted = self.state.accepted.sum()
        while len(lanes):
            block = self._fixed_block or self._block(len(lanes), int(proposed), int(accepted))
            if block == 1:
                self._lockstep(lanes, done, trials)
            else:
                self._look_ahead(lanes, done, trials, block)
            lanes = lanes[done[lanes] < trials[lanes]]
            proposed, accepted = self.state.trials.sum(), self.state.accepted.sum()
        self.state.window += 1

    def _block(self, lanes: int, proposed: int, accepted: int) -> int:
        """Trials per lane: about as many as one acceptance takes, and enough to fill an evaluation."""
        if proposed < 1000:
            return 4
        expected = proposed / max(accepted, 1)
        return 1 if expected < 2 else int(min(1.5 * expected, max(TARGET_BLOCK / lanes, 2)))

    def _lockstep(self, lanes: Ints, done: Ints, trials: Ints) -> None:
        """One trial per lane and step, for as many steps as every lane that is at the same trial has left."""
        first = int(done[lanes].min())
        together = lanes[done[lanes] == first]
        left = trials[together] - first
        steps = int(min(left.min(), max(2, 2**17 // len(together))))
        picks, words = self._words(together[None, :], first + np.arange(steps, dtype=np.int64)[:, None])
        for k in range(steps):
            choice = self._choose(together, None if picks is None else picks[k], words[k])
            accepted = self._accept(choice)
            self._count(choice, together, accepted)
            self._apply(choice, np.flatnonzero(accepted))
        done[together] += steps

    def _look_ahead(self, lanes: Ints, done: Ints, trials: Ints, block: int) -> None:
        """Evaluate `block` trials per lane against the frozen state; apply the first accepted one of each lane."""
        ahead = np.arange(block, dtype=np.int64)[None, :]
        index = done[lanes][:, None] + ahead
        inside = index < trials[lanes][:, None]
        picks, words = self._words(lanes[:, None], index)
        lane = np.repeat(lanes, block)
        choice = self._choose(lane, None if picks is None else picks.reshape(-1), words.reshape(-1))
        accepted = self._accept(choice).reshape(-1, block) & inside
        any_accepted = accepted.any(axis=1)
        first = np.where(any_accepted, accepted.argmax(axis=1), block)
        used = np.minimum(np.minimum(first + 1, block), trials[lanes] - done[lanes])
        rows = np.flatnonzero(any_accepted)
        hit = rows * block + first[rows]
        consumed = (ahead < used[:, None]).reshape(-1)
        self._count_block(choice, consumed, hit)
        self._apply(choice, hit)
        done[lanes] += used

    def _words(self, lanes: Ints, index: Ints) -> tuple[Words | None, Words]:
        """Random words of trials. One family: two trials share a Philox call; several: a call each, (family, slot)."""
        window = self.state.window
        if not self._single:
            return words64((index, window, 0, lanes), self.key)
        if index.shape[1] == 1:  # consecutive trials down the first axis, equal for all lanes
            begin = int(index[0, 0])
            calls = np.arange(begin >> 1, (int(index[-1, 0]) >> 1) + 1, dtype=np.int64)[:, None]
            both = np.stack(words64((calls, window, 0, lanes), self.key), axis=1)
            flat = both.reshape(-1, lanes.shape[-1])
            return None, flat[begin & 1 : (begin & 1) + len(index)]
        start = index[:, :1]
        calls = (start >> 1) + np.arange(index.shape[1] // 2 + 1, dtype=np.int64)[None, :]
        flat = np.stack(words64((calls, window, 0, lanes), self.key), axis=-1).reshape(len(index), -1)
        odd = (start & 1) == 1
        width = index.shape[1]
        return None, np.where(odd, flat[:, 1 : width + 1], flat[:, :width])

    def _choose(self, lane: Ints, picks: Words | None, words: Words) -> _Choice:
        t, s = self.tables, self.state
        family: Ints | int = 0
        if picks is not None:
            family = (picks[:, None] >= t.family_limit[None, :-1]).sum(axis=1)
        carrier, rest = _multiply(words, self._counts[family])
        direction, fraction = _multiply(rest, t.directions[family])
        listed = carrier + self._list[family]
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
        return _Choice(lane, family, listed, start, end, image, site, target, fraction, energy, direction, possible)

    def _site(self, sublattice: Ints | int, where: Ints) -> Ints:
        """Site index of coordinates on a sublattice."""
        t = self.tables
        _, ny, nz = t.supercell.repeats
        cell = (where[:, 0] * ny + where[:, 1]) * nz + where[:, 2]
        return np.asarray(t.site_offset[sublattice] + cell * t.n_basis[sublattice] + where[:, 3])

    def _accept(self, choice: _Choice) -> NDArray[np.bool_]:
        """(n,) which trials happen, each judged against the state as it is."""
        if self.tables.plain.all():
            return choice.possible
        accepted = choice.possible.copy()
        chosen = np.flatnonzero(choice.possible)
        families = [0] if self._single else range(self.tables.n_families)
        for f in families:
            mine = chosen if self._single else chosen[np.asarray(choice.family)[chosen] == f]
            if len(mine) and not self.tables.plain[f]:
                accepted[mine] = self._judge(choice, f, mine)
        return accepted

    def _judge(self, choice: _Choice, f: int, mine: Ints) -> NDArray[np.bool_]:
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
        x = barrier2 - t.reference2[f]
        if (x[contacts == 0] < 0).any():
            worst = int(np.argmin(np.where(contacts == 0, x, 0)))
            raise BarrierBelowBound(t, f, int(lane[worst]), int(choice.site[mine][worst]), int(barrier2[worst]))
        fraction = choice.fraction[mine]
        return (contacts == 0) & ((x == 0) | (fraction < t.acceptance.threshold(np.maximum(x, 0))))

    def _gate_code(self, choice: _Choice, f: int, mine: Ints) -> Ints:
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

    def _count(self, choice: _Choice, lanes: Ints, accepted: NDArray[np.bool_]) -> None:
        """Counters of one trial per lane."""
        family = np.broadcast_to(choice.family, lanes.shape)
        self.state.trials[lanes, family] += 1
        self.state.accepted[lanes, family] += accepted

    def _count_block(self, choice: _Choice, consumed: NDArray[np.bool_], hit: Ints) -> None:
        """Counters of blocks of trials."""
        family = np.broadcast_to(choice.family, choice.lane.shape)
        np.add.at(self.state.trials, (choice.lane[consumed], family[consumed]), 1)
        self.state.accepted[choice.lane[hit], family[hit]] += 1

    def _apply(self, choice: _Choice, hit: Ints) -> None:
        """Carry out accepted exchanges, at most one per lane."""
        if len(hit) == 0:
            return
        t, s = self.tables, self.state
        lane, site, target = choice.lane[hit], choice.site[hit], choice.target[hit]
        family = choice.family if self._single else np.asarray(choice.family)[hit]
        carrier, partner = t.carrier[family], t.partner[family]
        s.occupants[lane, site] = partner
        s.occupants[lane, target] = carrier
        mover = choice.listed[hit] - t.list_offset[carrier] + t.first_particle[carrier]
        other = s.particle_at[lane, target]
        s.particle_at[lane, site] = other
        s.particle_at[lane, target] = mover
        crossed = choice.image[hit]
        s.image[lane, mover] += crossed
        s.image[lane, other] -= crossed
        s.coordinates[lane, choice.listed[hit]] = choice.end[hit]
        self._apply_partner(choice, hit, lane, np.broadcast_to(partner, lane.shape), other)
        if t.n_potential:
            for f in [0] if self._single else range(t.n_families):
                mine = hit if self._single else hit[np.asarray(choice.family)[hit] == f]
                if len(mine):
                    self._update_potential(choice, f, mine)

    def _apply_partner(self, choice: _Choice, hit: Ints, lane: Ints, partner: Ints, other: NDArray[np.int32]) -> None:
        """Where the partner is a carrier of another family, its place in the list follows."""
        t = self.tables
        place = t.list_offset[partner]
        if (place < 0).all():
            return
        rows = np.flatnonzero(place >= 0)
        listed = place[rows] + other[rows] - t.first_particle[partner[rows]]
        self.state.coordinates[lane[rows], listed] = choice.start[hit[rows]]

    def _update_potential(self, choice: _Choice, source: int, mine: Ints) -> None:
        """Exchange potentials of every family around the two sites of hops of family `source`."""
        t, potential = self.tables, self.state.potential
        lane = choice.lane[mine]
        for f in np.flatnonzero(t.potential_offset >= 0):
            home = int(t.sublattice[f])
            shift = int(t.potential_offset[f] - t.site_offset[home])
            for where, sign in ((choice.end[mine], 1), (choice.start[mine], -1)):
                basis = t.influence_basis[source, f, where[:, 3]].astype(np.int64)
                cell = where[:, None, :3] + t.influence_cell[source, f, where[:, 3]]
                cell -= (cell >= self._repeats) * self._repeats
                row, column = np.nonzero(basis >= 0)
                near = np.column_stack([cell[row, column], basis[row, column]])
                site = shift + self._site(home, near)
                change = sign * t.influence_delta[source, f, where[:, 3]][row, column]
                np.add.at(potential, (lane[row], site), change.astype(np.int32))


def _multiply(words: Words, count: Ints | int) -> tuple[Ints, Words]:
    """High and low 64 bits of word * count: a number below count, and the unused rest as a new word."""
    n = np.asarray(count).astype(np.uint64)
    low = (words & _LOW) * n
    high = (words >> _HALF) * n + (low >> _HALF)
    return (high >> _HALF).astype(np.int64), (high << _HALF) | (low & _LOW)
