"""The NumPy backend: null-event (rejection) walks for arrays of trials. Every other backend must equal it.

One trial of a lane:

1. one or two 64-bit words select family, carrier and direction; the unused part of the last word is the fraction,
2. the exchange is possible if the partner species occupies the target site and no forbidden contact is created,
3. Eb2 follows from hop environment, energies and field; the exchange is accepted if
   ``x == 0 or fraction < threshold(x)`` with x = Eb2 - reference2.

Lanes advance together. At low acceptance several trials per lane are evaluated against the frozen state and the first
accepted one is applied; random numbers are addressed by counters, so the result is the same for any lookahead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmc.backends.in_place import InPlaceWalker
from kmc.backends.numpy_events import Events, Ints, Proposals, Words, multiply
from kmc.rng.philox import STREAM_TRIALS, stream_key, words64
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables

TARGET_LOOKAHEAD = 4096  # trials of all lanes that are evaluated at once at low acceptance


class NumpyWalker(InPlaceWalker):
    """Walks all replicas of a state in place.

    lookahead: trials per lane and evaluation; None adapts it to the measured acceptance. It never changes the result.
    """

    name = "numpy"

    def __init__(
        self, tables: EventTables, state: State, seed: int, temperature_index: int = 0, lookahead: int | None = None
    ) -> None:
        self.tables = tables
        self.state = state
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        self._fixed_lookahead = lookahead
        self._events = Events(tables, state)
        self._counts = np.array([tables.counts[c] for c in tables.carrier], dtype=np.int64)
        self._carrier_offset = np.array([tables.carrier_offset[c] for c in tables.carrier], dtype=np.int64)

    def advance(self, trials: Ints, sweeps: int = 1) -> None:
        """Walk one window of `trials` (R,) trials per replica."""
        done = np.zeros(self.state.replicas, dtype=np.int64)
        lanes = np.flatnonzero(trials > 0)
        proposed = self.state.trials.sum()
        accepted = self.state.accepted.sum()
        while len(lanes):
            lookahead = self._fixed_lookahead or self._lookahead(len(lanes), int(proposed), int(accepted))
            if lookahead == 1:
                self._lockstep(lanes, done, trials)
            else:
                self._look_ahead(lanes, done, trials, lookahead)
            lanes = lanes[done[lanes] < trials[lanes]]
            proposed, accepted = self.state.trials.sum(), self.state.accepted.sum()
        self.state.window += 1

    def _lookahead(self, lanes: int, proposed: int, accepted: int) -> int:
        """Trials per lane: about as many as one accepted hop needs, and enough to fill an evaluation."""
        if proposed < 1000:
            return 4
        expected = proposed / max(accepted, 1)
        return 1 if expected < 2 else int(min(1.5 * expected, max(TARGET_LOOKAHEAD / lanes, 2)))

    def _lockstep(self, lanes: Ints, done: Ints, trials: Ints) -> None:
        """One trial per lane and step, for as many steps as all lanes at the same trial have left."""
        first = int(done[lanes].min())
        together = lanes[done[lanes] == first]
        left = trials[together] - first
        steps = int(min(left.min(), max(2, 2**17 // len(together))))
        picks, words = self._words(together[None, :], first + np.arange(steps, dtype=np.int64)[:, None])
        for k in range(steps):
            proposals = self._choose(together, None if picks is None else picks[k], words[k])
            accepted = self._accept(proposals)
            self._count(proposals, together, accepted)
            self._events.apply(proposals, np.flatnonzero(accepted))
        done[together] += steps

    def _look_ahead(self, lanes: Ints, done: Ints, trials: Ints, lookahead: int) -> None:
        """Evaluate `lookahead` trials per lane against the frozen state; apply the first accepted one of each lane."""
        ahead = np.arange(lookahead, dtype=np.int64)[None, :]
        index = done[lanes][:, None] + ahead
        inside = index < trials[lanes][:, None]
        picks, words = self._words(lanes[:, None], index)
        lane = np.repeat(lanes, lookahead)
        proposals = self._choose(lane, None if picks is None else picks.reshape(-1), words.reshape(-1))
        accepted = self._accept(proposals).reshape(-1, lookahead) & inside
        any_accepted = accepted.any(axis=1)
        first = np.where(any_accepted, accepted.argmax(axis=1), lookahead)
        used = np.minimum(np.minimum(first + 1, lookahead), trials[lanes] - done[lanes])
        rows = np.flatnonzero(any_accepted)
        hit = rows * lookahead + first[rows]
        consumed = (ahead < used[:, None]).reshape(-1)
        self._count_block(proposals, consumed, hit)
        self._events.apply(proposals, hit)
        done[lanes] += used

    def _words(self, lanes: Ints, index: Ints) -> tuple[Words | None, Words]:
        """Random words of trials. One family: two trials share a Philox call; several: one call each."""
        window = self.state.window
        if not self._events.single:
            return words64((index, window, 0, lanes), self.key)
        if index.shape[1] == 1:  # consecutive trials along the first axis, equal for all lanes
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

    def _choose(self, lane: Ints, picks: Words | None, words: Words) -> Proposals:
        t = self.tables
        family: Ints | int = 0
        if picks is not None:
            family = (picks[:, None] >= t.family_limit[None, :-1]).sum(axis=1)
        carrier, rest = multiply(words, self._counts[family])
        direction, fraction = multiply(rest, t.directions[family])
        return self._events.propose(lane, family, carrier + self._carrier_offset[family], direction, fraction)

    def _accept(self, proposals: Proposals) -> NDArray[np.bool_]:
        """(n,) which trials are accepted, each judged against the current state."""
        if self.tables.single_barrier.all():
            return proposals.possible
        accepted = proposals.possible.copy()
        chosen = np.flatnonzero(proposals.possible)
        families = [0] if self._events.single else range(self.tables.n_families)
        for f in families:
            mine = chosen if self._events.single else chosen[np.asarray(proposals.family)[chosen] == f]
            if len(mine) and not self.tables.single_barrier[f]:
                accepted[mine] = self._judge(proposals, f, mine)
        return accepted

    def _judge(self, proposals: Proposals, f: int, mine: Ints) -> NDArray[np.bool_]:
        t = self.tables
        contacts, barrier2 = self._events.barrier(proposals, f, mine)
        x = barrier2 - t.reference2[f]
        self._events.check_bound(proposals, f, mine, barrier2, (contacts == 0) & (x < 0))
        fraction = proposals.fraction[mine]
        return (contacts == 0) & ((x == 0) | (fraction < t.acceptance.threshold(np.maximum(x, 0))))

    def _count(self, proposals: Proposals, lanes: Ints, accepted: NDArray[np.bool_]) -> None:
        """Counters of one trial per lane."""
        family = np.broadcast_to(proposals.family, lanes.shape)
        self.state.trials[lanes, family] += 1
        self.state.accepted[lanes, family] += accepted

    def _count_block(self, proposals: Proposals, consumed: NDArray[np.bool_], hit: Ints) -> None:
        """Counters of blocks of trials."""
        family = np.broadcast_to(proposals.family, proposals.lane.shape)
        np.add.at(self.state.trials, (proposals.lane[consumed], family[consumed]), 1)
        self.state.accepted[proposals.lane[hit], family[hit]] += 1
