"""Dopants in equilibrium at the temperature from which they were frozen, instead of at random.

Metropolis exchanges of any two occupants of a sublattice, dopants, hosts and carriers alike and at any distance, with
the pair energies of the model. Every decision follows from integers and from Philox, on the host and before a backend
starts: all backends get the same dopants, bit for bit. Afterwards the dopants are frozen, and the carriers are placed
among them as usual.

A step draws many exchanges at once. Those that share a neighbourhood with an earlier one of the step are left out, by
a rule that does not look at the species, so that the rest act on each other in no way: each is accepted on its own,
with probability min(1, exp(-dE/kT)), and detailed balance holds for the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.rng.philox import STREAM_ANNEAL, high64, stream_key, words64
from kmc.state.site_energies import SiteEnergies
from kmc.tables.boltzmann import AcceptanceTable, acceptance_table

IntArray = NDArray[np.int64]
ACCEPT_LANE = 2**16  # lanes below draw the sites of exchanges, by sublattice


@dataclass(frozen=True)
class AnnealSettings:
    """temperature_K: from which the dopants are frozen. sweeps: exchanges drawn for each two sites of a sublattice."""

    temperature_K: float
    sweeps: int


def anneal(
    energies: SiteEnergies,
    occupants: NDArray[np.uint8],
    settings: AnnealSettings,
    seed: int,
    temperature_index: int,
) -> NDArray[np.uint8]:
    """(R, N) uint8 species after the exchanges, from those of configurations 0 ... R - 1, which are left as they are.

    Every configuration has exchanges of its own, and its result does not depend on how many are annealed together.
    """
    key = stream_key(seed, temperature_index, STREAM_ANNEAL)
    table = acceptance_table(settings.temperature_K)
    state = energies.padded(occupants)
    step = 0
    for _ in range(settings.sweeps):
        for s in energies.sublattices:
            for _ in range(-(-energies.size_of(s) // (2 * energies.batch_of(s)))):
                drawn = exchanges_of_step(energies, s, step, len(state), key)
                words = words64((drawn.number, step, ACCEPT_LANE + s, drawn.replica), key)[0]
                _exchange(energies, state, s, drawn, words, table)
                step += 1
    return np.ascontiguousarray(state[:, :-1].astype(np.uint8))


@dataclass(frozen=True)
class Exchanges:
    """Exchanges of one step, (n,) each: configuration, number within its step, the two sites."""

    replica: IntArray
    number: IntArray
    a: IntArray
    b: IntArray

    def where(self, chosen: NDArray[np.bool_]) -> Exchanges:
        """Those for which `chosen` (n,) is True."""
        return Exchanges(self.replica[chosen], self.number[chosen], self.a[chosen], self.b[chosen])


def exchanges_of_step(energies: SiteEnergies, s: int, step: int, replicas: int, key: tuple[int, int]) -> Exchanges:
    """Exchanges on sublattice s that do not act on each other; about a quarter of those drawn are left out."""
    batch, size, start = energies.batch_of(s), energies.size_of(s), energies.start_of(s)
    replica, number = (each.ravel() for each in np.divmod(np.arange(replicas * batch), batch))
    a, b = (start + high64(word, size).astype(np.int64) for word in words64((number, step, s, replica), key))
    near = np.concatenate([a[:, None], b[:, None], energies.near(s, a), energies.near(s, b)], axis=1)
    width = energies.n_sites + 1
    owner = np.full(replicas * width, batch)  # the first exchange that reaches a site
    np.minimum.at(owner, (near + width * replica[:, None]).ravel(), np.repeat(number, near.shape[1]))
    kept = (owner[a + width * replica] >= number) & (owner[b + width * replica] >= number) & (a != b)
    return Exchanges(replica, number, a, b).where(kept)


def _exchange(
    energies: SiteEnergies,
    state: IntArray,
    s: int,
    drawn: Exchanges,
    words: NDArray[np.uint64],
    table: AcceptanceTable,
) -> None:
    """Accept or reject every exchange of a step; only those of different species are looked at."""
    differ = state[drawn.replica, drawn.a] != state[drawn.replica, drawn.b]
    drawn, words = drawn.where(differ), words[differ]
    change = energies.exchange(state, s, drawn.replica, drawn.a, drawn.b)
    done = drawn.where((change <= 0) | (words < table.threshold(2 * np.maximum(change, 0))))
    first, second = (done.replica, done.a), (done.replica, done.b)
    state[first], state[second] = state[second], state[first]
