"""Numbers of particles, ranges of particle ids, and carrier indices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kmc.model.parameters import Model
from kmc.tables.event_tables import SpeciesTables
from lattices.crystal import Supercell
from lattices.errors import InputError


def species_tables(model: Model, supercell: Supercell, counts: Mapping[str, int], tracked: bool) -> SpeciesTables:
    """Tables of `counts` particles of each species; InputError unless they fill every site and something moves."""
    crystal = supercell.crystal
    sublattice_of = np.array([crystal.index(s.sublattice) for s in model.species.values()], dtype=np.int64)
    number = np.array([int(counts.get(name, 0)) for name in model.names], dtype=np.int64)
    for s, sublattice in enumerate(crystal.sublattices):
        filled = int(number[sublattice_of == s].sum())
        if filled != supercell.n_sites_of(s) or (number < 0).any():
            raise InputError(
                f"sublattice {sublattice.name!r} has {supercell.n_sites_of(s)} sites; {filled} particles were given"
            )
    moving = sorted({int(sublattice_of[model.code(name)]) for name in model.mobile})
    if not moving:
        raise InputError(f"model {model.name!r} lists no hops: nothing moves")
    n_mobile_sites = supercell.offset_of(moving[-1]) + supercell.n_sites_of(moving[-1])
    carriers = {hop.carrier for hop in model.hops}
    first = np.full(len(number), -1, dtype=np.int64)
    carrier_offset = np.full(len(number), -1, dtype=np.int64)
    n_carriers = 0
    for s in range(moving[-1] + 1):
        start = supercell.offset_of(s)
        for code in np.flatnonzero(sublattice_of == s):
            first[code] = start
            start += int(number[code])
            if model.names[code] in carriers:
                carrier_offset[code] = n_carriers
                n_carriers += int(number[code])
    if not tracked:
        first = carrier_offset
        if both := [hop.name for hop in model.hops if hop.partner in carriers]:
            raise InputError(
                f'run.track = "carriers": hop {both[0]!r} exchanges two carriers and needs all ids; "all" is allowed'
            )
    return SpeciesTables(
        species=model.names,
        charges=np.array([s.charge for s in model.species.values()], dtype=np.int64),
        electronic=np.array([name in model.electronic for name in model.names], dtype=np.bool_),
        counts=number,
        sublattice_of=sublattice_of,
        site_offset=np.array([supercell.offset_of(s) for s in range(len(crystal.sublattices))], dtype=np.int64),
        n_basis=np.array([s.n_basis for s in crystal.sublattices], dtype=np.int64),
        n_mobile_sites=n_mobile_sites,
        tracked=tracked,
        n_particles=n_mobile_sites if tracked else n_carriers,
        first_particle=first,
        carrier_offset=carrier_offset,
        n_carriers=n_carriers,
    )
