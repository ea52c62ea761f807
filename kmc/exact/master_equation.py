"""Exact transport of a very small periodic cell: every state enumerated, the generator solved.

The states are all arrangements that hops reach from a given one, with its dopants fixed; rates come from the integers
of the event tables, turned into exp(-Eb/kT). With Q the generator, pi its stationary distribution, d the displacement
of a transition and b(s) = sum over s' of w d: h solves Q h = -(b - <b>), and

    D_ab = 1/2 sum_s pi_s sum_s' w (d_a + h_a(s') - h_a(s)) (d_b + h_b(s') - h_b(s)),

the martingale form, valid also in a field where detailed balance fails (derived; textbook homogenisation of a
Markov additive process). The one oracle that covers interactions, gates, polarons and fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.state.replicas import exchange_potential
from kmc.tables.barriers import kra_barrier2, marcus_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from kmc.tables.bonds import neighbour_sites
from kmc.tables.event_tables import EventTables, unpack_image
from kmc.tables.pair_energies import split
from lattices.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MOST_STATES = 20_000


@dataclass(frozen=True)
class Chain:
    """A Markov chain with displacements.

    states: n. source, target: (m,) state indices. rate: (m,) per second. moved: (m, K) float64 displacement in metres,
    K = 3 for each carrier. stationary: (n,) probabilities.
    """

    states: int
    source: IntArray
    target: IntArray
    rate: FloatArray
    moved: FloatArray
    stationary: FloatArray


@dataclass(frozen=True)
class SmallCell:
    """All states of a cell and the hops between them.

    occupants: (n, N) uint8 species of every site. source, target: (m,) state indices; family: (m,) hop family;
    start, end: (m,) sites that exchange; rate: (m,) per second, above zero: ions that stand still have no hops here;
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

        The (3 K, 3 K) moments of K carriers hold those of each on the diagonal and their cross terms beside it.
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
        if len(state) > 15 * MOST_STATES:
            raise InputError(f"{len(state)} tagged states: at most {15 * MOST_STATES} are solved")
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


def enumerate_cell(model: Model, tables: EventTables, occupants: NDArray[np.uint8]) -> SmallCell:
    """Every arrangement that hops reach from `occupants` (N,); InputError beyond 20000 of them."""
    known = {occupants.tobytes(): 0}
    found, frontier = [occupants.copy()], [0]
    rows: list[tuple[Any, ...]] = []
    bonds = _all_bonds(tables)
    while frontier:
        states = np.array(frontier)
        here = np.array([found[k] for k in frontier])
        frontier = []
        for which, family, start, end, rate, moved in _hops(model, tables, here, bonds):
            after = here[which].copy()
            after[:, [start, end]] = after[:, [end, start]]
            for k, row in zip(which, after, strict=True):
                key = row.tobytes()
                if key not in known:
                    known[key] = len(found)
                    found.append(row)
                    frontier.append(known[key])
                    if len(found) > MOST_STATES:
                        raise InputError(f"the cell has more than {MOST_STATES} states; take a smaller one")
                rows.append((states[k], known[key], family, start, end, rate[k], *moved))
    table = np.array(rows).reshape(len(rows), 9)
    whole = table[:, :5].astype(np.int64)
    source, target, family, start, end = whole.T
    return SmallCell(tables, np.array(found), source, target, family, start, end, table[:, 5], table[:, 6:])


def lumped(chain: Chain, label: IntArray) -> Chain:
    """The chain of classes of states that a symmetry keeping displacements (a translation) maps onto each other.

    label: (n,) class of every state. One state stands for its class; the classes must be orbits of the symmetry.
    """
    classes, first, member = np.unique(label, return_index=True, return_inverse=True)
    kept = np.isin(chain.source, first)
    weight = np.bincount(member, weights=chain.stationary, minlength=len(classes)).astype(np.float64)
    source, target = member[chain.source[kept]], member[chain.target[kept]]
    return Chain(len(classes), source, target, chain.rate[kept], chain.moved[kept], weight)


def diffusivity(chain: Chain) -> FloatArray:
    """(K, K) D_ab of the chain's displacement in m2/s: lim <X_a X_b>/(2 t), drift taken out."""
    return _diffusivity(chain, corrector_of(chain))


def _diffusivity(chain: Chain, corrector: FloatArray) -> FloatArray:
    step = chain.moved + corrector[chain.target] - corrector[chain.source]
    flow = chain.stationary[chain.source] * chain.rate
    return np.asarray(0.5 * (step * flow[:, None]).T @ step)


def mean_square_at(chain: Chain, time_s: float) -> FloatArray:
    """(K, K) <X_a X_b> after a time, from a stationary start; for chains in detailed balance (no field).

    2 t D + 2 <h_a (1 - exp(Q t)) h_b> with pi as the weight (derived by integrating the current's correlation twice).
    """
    from scipy.sparse.linalg import expm_multiply

    corrector = corrector_of(chain)
    relaxed = expm_multiply(_generator(chain) * time_s, corrector)
    weighted = chain.stationary[:, None] * corrector
    return np.asarray(2 * time_s * _diffusivity(chain, corrector) + 2 * weighted.T @ (corrector - relaxed))


def drift(chain: Chain) -> FloatArray:
    """(K,) mean velocity of the displacement in m/s."""
    return np.asarray((chain.stationary[chain.source] * chain.rate) @ chain.moved)


def corrector_of(chain: Chain) -> FloatArray:
    """(n, K) h with Q h = -(b - <b>) and <h> = 0."""
    width = chain.moved.shape[1]
    local = np.zeros((chain.states, width))
    np.add.at(local, chain.source, chain.rate[:, None] * chain.moved)
    right = drift(chain) - local
    if chain.states == 1:
        return np.zeros((1, width))
    inner = _factors(_generator(chain)).solve(right[1:])
    result = np.concatenate([np.zeros((1, width)), inner])
    return np.asarray(result - chain.stationary @ result)


def stationary_of(states: int, source: IntArray, target: IntArray, rate: FloatArray) -> FloatArray:
    """(n,) null vector of the transposed generator, normalised."""
    if states == 1:
        return np.ones(1)
    generator = _matrix(states, source, target, rate).T
    inner = _factors(generator).solve(-generator[1:, [0]].toarray()[:, 0])
    weights = np.concatenate([[1.0], inner])
    return np.asarray(weights / weights.sum())


def _factors(generator: Any) -> Any:
    """Sparse LU of all but the first state. Every hop can be undone: an ordering for symmetric patterns fits."""
    from scipy.sparse.linalg import splu

    return splu(generator.tocsc()[1:, 1:], permc_spec="MMD_AT_PLUS_A")


def _generator(chain: Chain) -> Any:
    return _matrix(chain.states, chain.source, chain.target, chain.rate)


def _matrix(states: int, source: IntArray, target: IntArray, rate: FloatArray) -> Any:
    """Sparse generator: rates off the diagonal, rows that sum to zero."""
    from scipy.sparse import csr_matrix, diags

    off = csr_matrix((rate, (source, target)), shape=(states, states))
    return (off - diags(np.asarray(off.sum(axis=1)).ravel())).tocsr()


def _all_bonds(tables: EventTables) -> list[tuple[int, int, int, int, int, FloatArray, IntArray]]:
    """(family, basis, direction, start, end, displacement in m, gate sites) of every bond of the cell."""
    supercell, crystal = tables.supercell, tables.supercell.crystal
    bonds = []
    for f in range(tables.n_families):
        s = int(tables.sublattice[f])
        basis = crystal.sublattices[s].basis
        for local in range(supercell.n_sites_of(s)):
            x, y, z, b = (int(c) for c in supercell.coordinates_of(s, np.array([local], dtype=np.int64))[0])
            for d in range(int(tables.directions[f])):
                end_basis = int(tables.bond_basis[f, b, d])
                if end_basis < 0:
                    continue
                cell = tables.bond_cell[f, b, d].astype(np.int64)
                true_cell = cell + unpack_image(tables.bond_image[f, b, d]) * np.asarray(supercell.repeats)
                end = int(neighbour_sites(supercell, s, np.array([[x, y, z]]) + cell, end_basis)[0])
                moved = (true_cell + basis[end_basis] - basis[b]) @ crystal.cell_angstrom * 1e-10
                gate = [
                    int(
                        neighbour_sites(
                            supercell, int(tables.gate_sublattice[f, g]), np.array([[x, y, z]]) + c, int(t)
                        )[0]
                    )
                    for g, (c, t) in enumerate(zip(tables.gate_cell[f, b, d], tables.gate_basis[f, b, d], strict=True))
                    if t >= 0
                ]
                start = supercell.offset_of(s) + local
                bonds.append((f, b, d, start, end, moved, np.array(gate, dtype=np.int64)))
    return bonds


def _hops(model: Model, tables: EventTables, occupants: NDArray[np.uint8], bonds: list[Any]) -> list[tuple[Any, ...]]:
    """(rows that can hop, family, start, end, rate of every row, displacement), bond by bond."""
    potential = exchange_potential(tables, occupants).astype(np.int64)
    result = []
    for f, b, d, start, end, moved, gate in bonds:
        possible = (occupants[:, start] == tables.carrier[f]) & (occupants[:, end] == tables.partner[f])
        packed = np.full(len(occupants), tables.bond_energy[f, b, d])
        if tables.potential_offset[f] >= 0:
            shift = int(tables.potential_offset[f] - tables.site_offset[tables.sublattice[f]])
            packed = packed + potential[:, shift + end] - potential[:, shift + start]
        contacts, d_energy = split(packed)
        if tables.marcus_lambda[f]:
            barrier2 = marcus_barrier2(int(tables.marcus_lambda[f]), int(tables.marcus_coupling2[f]), d_energy)
        else:
            code = sum(
                (tables.gate_weight[f, g][occupants[:, site]] for g, site in enumerate(gate)),
                np.zeros(1, dtype=np.int64),
            )
            barrier2 = kra_barrier2(tables.barrier2[f][code], d_energy)
        rate = np.zeros(len(occupants)) + tables.proposal_rate_per_s[f] * np.exp(
            -(barrier2 - tables.reference2[f]) * 0.5e-6 / (BOLTZMANN_EV_K * tables.temperature_K)
        )
        which = np.flatnonzero(possible & (contacts == 0) & (rate > 0.0))
        if len(which):
            result.append((which, f, start, end, rate, moved))
    return result
