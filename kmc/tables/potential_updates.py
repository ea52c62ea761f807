"""Exchange potentials as tables: where each family stores them, and which ones a hop changes by how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kmc.tables.energy_terms import EnergyContext, EnergyTerm, IntArray, Updates
from kmc.tables.event_tables import PotentialTables


def potential_tables(context: EnergyContext, terms: Sequence[EnergyTerm]) -> PotentialTables:
    """Storage of the exchange potentials, and the updates of all energy terms by (hop, family, basis site)."""
    n = len(context.families)
    offset, place = np.full(n, -1, dtype=np.int64), 0
    for f, family in enumerate(context.families):
        if any(term.has_potential(f) for term in terms):
            offset[f], place = place, place + context.supercell.n_sites_of(family.sublattice)
    bases = [context.supercell.crystal.sublattices[family.sublattice].n_basis for family in context.families]
    rows: dict[tuple[int, int, int], Updates] = {}
    for hop in range(n):
        for f in np.flatnonzero(offset >= 0).tolist():
            for b in range(bases[hop]):
                rows[hop, f, b] = _joined([term.updates(hop, f, b) for term in terms])
    width = max((len(row[1]) for row in rows.values()), default=0)
    cell = np.zeros((n, n, max(bases), width, 3), dtype=np.int16)
    basis = np.full((n, n, max(bases), width), -1, dtype=np.int16)
    change = np.zeros((n, n, max(bases), width), dtype=np.int64)
    repeats = np.asarray(context.supercell.repeats, dtype=np.int64)
    for key, (cells, ends, deltas) in rows.items():
        cell[key][: len(ends)] = cells % repeats
        basis[key][: len(ends)] = ends
        change[key][: len(ends)] = deltas
    return PotentialTables(offset, place, cell, basis, change)


def _joined(updates: Sequence[Updates]) -> Updates:
    """The updates of several terms, one after the other."""
    parts: list[IntArray] = [np.concatenate([one[k] for one in updates]) for k in range(3)]
    return parts[0], parts[1], parts[2]
