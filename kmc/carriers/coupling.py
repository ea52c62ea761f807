"""Which carriers feel one another. Where none of a model's energies, barriers, bans or sites joins two of them, their
walks are independent within each arrangement of dopants, and the cross terms of the Onsager matrix are exactly zero.
"""

from __future__ import annotations

from kmc.model.parameters import Hop, Model
from kmc.tables.event_tables import EventTables


def coupled_groups(model: Model, tables: EventTables) -> list[list[str]]:
    """The carriers that are present, in groups that share no energy, barrier, ban or sublattice with one another."""
    active = [hop for hop in model.hops if tables.counts[tables.species.index(hop.carrier)]]
    groups = [{hop.carrier} for hop in active]
    for one in active:
        for other in active:
            if one.carrier != other.carrier and _feels(model, one, other):
                joined = [group for group in groups if group & {one.carrier, other.carrier}]
                groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    order = list(dict.fromkeys(hop.carrier for hop in active))
    found = {frozenset(group) for group in groups}
    return sorted((sorted(group, key=order.index) for group in found), key=lambda group: order.index(group[0]))


def _feels(model: Model, one: Hop, other: Hop) -> bool:
    """Whether hops of `other` can change what a hop of `one` costs, or where it can go."""
    home, away = (model.species[hop.carrier].sublattice for hop in (one, other))
    charged = [model.species[hop.carrier].charge != model.species[hop.partner].charge for hop in (one, other)]
    if home == away or (model.coulomb is not None and all(charged)):
        return True
    mine, theirs = ({hop.carrier, hop.partner} for hop in (one, other))
    for pair in model.pairs:
        a, b = pair.species
        acts = pair.forbidden or pair.energy_eV != 0.0
        if acts and ((a in mine and b in theirs) or (b in mine and a in theirs)):
            return True
    return _barrier_depends(one, theirs)


def _barrier_depends(hop: Hop, species: set[str]) -> bool:
    """Whether the barriers of a hop tell these species on its gate from one another."""
    seen: dict[tuple[str, ...], float] = {}
    any_of = min(species)
    for barrier in hop.barriers:
        key = tuple(sorted(any_of if name in species else name for name in barrier.gate))
        if seen.setdefault(key, barrier.energy_eV) != barrier.energy_eV:
            return True
    return False
