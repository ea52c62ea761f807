"""Rejection-free selection: the fixed part of every barrier, computed once, and the bound of each rate that it gives.

The barrier of an exchange from i to j depends on the quenched dopants (fixed), on the carriers near i (known: the
exchange potential of i) and on the carriers near j (bounded). So

    2 Eb >= base2[i, direction] - energy of potential[i],

and an exchange picked in proportion to exp(-bound/kT) is accepted with true rate over bound. Weights are integers,
a tree holds their sums; see kernels/weights.cuh and kernels/rejection_free.cuh for the walk.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.state.replicas import State, exchange_potential
from kmc.tables.bonds import Bond, neighbour_sites
from kmc.tables.event_tables import EventTables
from kmc.tables.pair_energies import split

FAN = 32  # children of a node of the tree
NEVER = 2**31 - 1  # base2 of a bond that no exchange can use
LOG_BITS = 40
LOG_UNIT = 2**LOG_BITS  # of logarithms
LN2 = 762123384786  # round(2^40 ln 2)


@dataclass(frozen=True)
class RateBounds:
    """Bounds of the rates for the rejection-free selection. F families, R replicas, Z directions.

    base_offset, entry_offset: (F,) first bond of a family in `base2`, and its first carrier among the entries.
    level_offset: (n_levels,) first node of each level of the tree, leaves first. scale: (F,) uint64 weight of a rate at
    the reference barrier of the family. log_table: (256,) uint64 ln(1 + k/256) in units of 2^-40.
    horizon_per_trial: mean duration of one trial of a rejection walk, in units of 2^-40 over weights.
    base2: (R, n_base) int32 lower bounds in half units, by site and direction.
    """

    base_offset: NDArray[np.int64]
    entry_offset: NDArray[np.int64]
    level_offset: NDArray[np.int64]
    n_entries: int
    n_tree: int
    scale: NDArray[np.uint64]
    log_table: NDArray[np.uint64]
    horizon_per_trial: float
    base2: NDArray[np.int32]


def build_rate_bounds(tables: EventTables, state: State) -> RateBounds:
    """Fold the dopants of every replica into lower bounds, and lay out entries and tree."""
    bonds, entries, padded = bound_sizes(tables)
    slots = sum(tables.proposals(f) for f in range(tables.n_families))
    full = 2**64 // slots - 1
    fastest = float(tables.proposal_rate_per_s.max())
    share = [min(int(rate / fastest * full), full) for rate in tables.proposal_rate_per_s.tolist()]
    return RateBounds(
        base_offset=_starts(bonds),
        entry_offset=_starts(entries),
        level_offset=_starts(padded),
        n_entries=sum(entries),
        n_tree=sum(padded),
        scale=np.array(share, dtype=np.uint64),
        log_table=np.array([round(LOG_UNIT * math.log1p(k / 256)) for k in range(256)], dtype=np.uint64),
        horizon_per_trial=fastest / full / tables.total_rate_per_s * LOG_UNIT,
        base2=_fold(tables, state.occupants),
    )


def bound_sizes(tables: EventTables) -> tuple[list[int], list[int], list[int]]:
    """Numbers of bonds and of carriers of each family, and of nodes of each level of the tree."""
    sizes = [tables.supercell.n_sites_of(int(tables.sublattice[f])) for f in range(tables.n_families)]
    bonds = [size * int(tables.directions[f]) for f, size in enumerate(sizes)]
    entries = [int(tables.counts[c]) for c in tables.carrier]
    levels = [sum(entries)]
    while levels[-1] > 1:
        levels.append(-(-levels[-1] // FAN))
    if len(levels) == 1:
        levels.append(1)
    return bonds, entries, [-(-size // FAN) * FAN for size in levels]


def _starts(sizes: list[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *sizes[:-1]], dtype=np.int64)


def _fold(tables: EventTables, occupants: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(R, n_base) int32; replicas that share their dopants share the work."""
    common = common_species(tables)
    blocks = [_Family(tables, f, common) for f in range(tables.n_families)]
    result = np.empty((len(occupants), sum(block.size for block in blocks)), dtype=np.int32)
    previous = None
    for replica, row in enumerate(occupants):
        folded = common[row]
        if previous is not None and np.array_equal(folded, previous):
            result[replica] = result[replica - 1]
            continue
        potential = exchange_potential(tables, folded[None])[0]
        result[replica] = np.concatenate([block.base2(row, potential).reshape(-1) for block in blocks])
        previous = folded
    return result


def common_species(tables: EventTables) -> NDArray[np.uint8]:
    """(S,) uint8: quenched species stay, mobile ones become the most frequent mobile species of their sublattice."""
    mobile = set(tables.carrier.tolist()) | set(tables.partner.tolist())
    common = np.arange(len(tables.species), dtype=np.uint8)
    for code in mobile:
        beside = [c for c in sorted(mobile) if tables.sublattice_of[c] == tables.sublattice_of[code]]
        common[code] = max(beside, key=lambda c: int(tables.counts[c]))
    return common


class _Family:
    """Geometry of one family's bonds and the constants of their bounds."""

    def __init__(self, tables: EventTables, f: int, common: NDArray[np.uint8]) -> None:
        self.tables, self.f, self.common = tables, f, common
        t, cell = tables, tables.supercell
        home, self.z = int(t.sublattice[f]), int(t.directions[f])
        n_basis = int(t.n_basis[home])
        local = np.arange(cell.n_sites_of(home), dtype=np.int64)
        self.size = len(local) * self.z
        where = cell.coordinates_of(home, local).astype(np.int64)
        self.target = np.zeros((len(local), self.z), dtype=np.int64)
        self.environment = np.zeros((len(local), self.z, t.environment_basis.shape[-1]), dtype=np.int64)
        self.constant = np.zeros((len(local), self.z), dtype=np.int64)
        self.padded = np.zeros((len(local), self.z), dtype=np.bool_)
        energies = split(t.bond_energy[f])[1]
        for b, d in itertools.product(range(n_basis), range(self.z)):
            rows = local[where[:, 3] == b]
            cells, end = where[rows, :3], int(t.bond_basis[f, b, d])
            if end < 0:
                self.padded[rows, d] = True
                continue
            self.target[rows, d] = neighbour_sites(cell, home, cells + t.bond_cell[f, b, d], end)
            for g in range(self.environment.shape[-1]):
                if (basis := int(t.environment_basis[f, b, d, g])) >= 0:
                    shifted = cells + t.environment_cell[f, b, d, g]
                    self.environment[rows, d, g] = neighbour_sites(
                        cell, int(t.environment_sublattice[f, g]), shifted, basis
                    )
            bond = (b, *t.bond_cell[f, b, d].tolist(), end)
            self.constant[rows, d] = int(energies[b, d]) + self._beyond_folded(bond)

    def _beyond_folded(self, bond: Bond) -> int:
        """Lower bound of the potential of j less that of the folded occupants, with the carrier on i."""
        return sum(term.lowest_beyond_folded(self.f, bond, self.common) for term in self.tables.terms)

    def base2(self, occupants: NDArray[np.uint8], potential: NDArray[np.int32]) -> NDArray[np.int32]:
        """(n, Z) int32 of one replica, from its occupants and the potentials of the folded occupants."""
        t, f = self.tables, self.f
        value = self.constant + self._lowest_e0(occupants)
        if t.potential_offset[f] >= 0:
            shift = int(t.potential_offset[f] - t.site_offset[t.sublattice[f]])
            value = value + split(potential[self.target + shift].astype(np.int64))[1]
        movable = self.common[t.carrier[f]] == self.common[occupants[self.target]]
        return np.where(movable & ~self.padded, np.minimum(value, NEVER), NEVER).astype(np.int32)

    def _lowest_e0(self, occupants: NDArray[np.uint8]) -> int | NDArray[np.int64]:
        """2 E0 with the quenched species in the environment; the lowest over the mobile species that may be there."""
        t, f = self.tables, self.f
        if t.marcus_lambda[f]:
            return int(t.marcus_lambda[f]) // 2 - int(t.marcus_coupling2[f])
        used = [g for g in range(self.environment.shape[-1]) if t.environment_weight[f, g].any()]
        choices = []
        for g in used:
            nearby = np.flatnonzero(t.sublattice_of == t.environment_sublattice[f, g])
            mobile = [int(c) for c in nearby if c in t.carrier or c in t.partner]
            choices.append(mobile or [int(nearby[0])])
        lowest = np.full(self.target.shape, NEVER, dtype=np.int64)
        for combination in itertools.product(*choices):
            code = np.zeros(self.target.shape, dtype=np.int64)
            for g, species in zip(used, combination, strict=True):
                here = occupants[self.environment[..., g]]
                moving = np.isin(here, np.concatenate([t.carrier, t.partner]))
                code += t.environment_weight[f, g][np.where(moving, species, here)]
            found = t.barrier2[f][code]
            lowest = np.where(found >= 0, np.minimum(lowest, found), lowest)
        return lowest
