"""Which carriers are coupled by the model.

Where no energy, barrier, forbidden contact or sublattice joins two of them, their motions are independent for each
arrangement of the dopants, and the cross terms of the Onsager matrix are exactly zero.
"""

from __future__ import annotations

import numpy as np

from kmc.model.entries import Hop
from kmc.model.parameters import Model
from kmc.tables.event_tables import EventTables


def coupled_groups(model: Model, tables: EventTables) -> list[list[str]]:
    """The carriers that are present, in groups that share no energy, barrier, forbidden contact or sublattice."""
    active = np.flatnonzero(tables.counts[tables.carrier]).tolist()
    groups = [{model.hops[f].carrier} for f in active]
    for f in active:
        for g in active:
            pair = {model.hops[f].carrier, model.hops[g].carrier}
            if len(pair) == 2 and _coupled(model, tables, f, g):
                joined = [group for group in groups if group & pair]
                groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    order = list(dict.fromkeys(model.hops[f].carrier for f in active))
    found = {frozenset(group) for group in groups}
    return sorted((sorted(group, key=order.index) for group in found), key=lambda group: order.index(group[0]))


def _coupled(model: Model, tables: EventTables, f: int, g: int) -> bool:
    """Whether hops of family g can change the energy or the barrier of a hop of family f, or where it can go."""
    if tables.sublattice[f] == tables.sublattice[g] or tables.influence_delta[g, f].any():
        return True
    return _barrier_depends(model.hops[f], {model.hops[g].carrier, model.hops[g].partner})


def _barrier_depends(hop: Hop, species: set[str]) -> bool:
    """Whether the barriers of a hop distinguish between these species in its environment."""
    if hop.cluster_expansion and hop.cluster_expansion.species & species:
        return True
    seen: dict[tuple[str, ...], float] = {}
    any_of = min(species)
    for barrier in hop.barriers:
        key = tuple(sorted(any_of if name in species else name for name in barrier.gate))
        if seen.setdefault(key, barrier.energy_eV) != barrier.energy_eV:
            return True
    return False
