"""The initial state of a simulation: dopants and carriers placed at random, forbidden contacts avoided."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from kmc.model.composition import Composition
from kmc.model.parameters import Model
from kmc.rng.philox import STREAM_CARRIERS, STREAM_DOPANTS, sequence, stream_key
from kmc.state.annealed_dopants import AnnealedDopants
from kmc.state.replicas import State, state_from_occupants
from kmc.tables.bonds import neighbour_sites
from kmc.tables.event_tables import EventTables
from lattices.crystal import Supercell
from lattices.doping import Doping, Keys, number_of, place
from lattices.errors import InputError
from lattices.stencils import Stencil, stencil_of


def initial_state(
    model: Model,
    tables: EventTables,
    composition: Composition,
    seed: int,
    temperature_index: int = 0,
    replicas: int = 1,
    replicas_per_configuration: int = 1,
    draw: int = 0,
    annealed: AnnealedDopants | None = None,
) -> State:
    """Random dopants and carriers; replicas r and r' share dopants if r // replicas_per_configuration agrees.

    draw: index of the arrangement of the carriers; different draws place the carriers differently among the same
    dopants. annealed: dopants in equilibrium at another temperature, in place of random ones.
    """
    frozen = None
    if annealed is not None:
        frozen = frozen_dopants(tables, annealed, seed, temperature_index, -(-replicas // replicas_per_configuration))
    occupants = np.empty((replicas, tables.supercell.n_sites), dtype=np.uint8)
    for replica in range(replicas):
        configuration = replica // replicas_per_configuration
        carriers = draw * replicas + replica
        there = None if frozen is None else frozen[configuration]
        occupants[replica] = _occupy(
            model, tables, composition, seed, temperature_index, configuration, carriers, there
        )
    return state_from_occupants(tables, occupants)


def frozen_dopants(
    tables: EventTables, annealed: AnnealedDopants, seed: int, temperature_index: int, configurations: int
) -> NDArray[np.uint8]:
    """(C, N) uint8 species of the configurations after annealing; its carriers are those of the annealing."""
    numbers = (seed, temperature_index)
    starts = [
        _occupy(annealed.model, tables, annealed.composition, *numbers, number, number)
        for number in range(configurations)
    ]
    return annealed.arrangements(*numbers, np.stack(starts))


def _occupy(
    model: Model,
    tables: EventTables,
    composition: Composition,
    seed: int,
    temperature_index: int,
    configuration: int,
    replica: int,
    frozen: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """(N,) uint8 species of one replica. frozen: (N,) species from which the immobile ones are taken."""
    supercell = tables.supercell
    occupants = np.empty(supercell.n_sites, dtype=np.uint8)
    free = np.ones(supercell.n_sites, dtype=np.bool_)
    for s, sublattice in enumerate(supercell.crystal.sublattices):
        start = supercell.offset_of(s)
        occupants[start : start + supercell.n_sites_of(s)] = model.code(
            model.host_of(sublattice.name, sublattice.element)
        )
    for name, doping in composition.placed.items():
        code = model.code(name)
        s = int(tables.sublattice_of[code])
        mobile = name in model.mobile
        stream = STREAM_CARRIERS if mobile else STREAM_DOPANTS
        key, lane = stream_key(seed, temperature_index, stream), replica if mobile else configuration
        start = supercell.offset_of(s)
        here = slice(start, start + supercell.n_sites_of(s))
        if frozen is not None and not mobile:
            occupants[here][frozen[here] == code] = code
            free[here] &= frozen[here] != code
            continue
        keys = partial(sequence, key, lane=code, replica=lane)
        open_sites = free[here].copy()
        banned = _banned_contacts(model, supercell, name)
        for other, stencil in banned:
            open_sites &= ~_touching(supercell, stencil, occupants == model.code(other))
        own = [stencil for other, stencil in banned if other == name]
        if own:
            chosen = _apart(supercell, own, doping, open_sites, keys)
        else:
            chosen = place(supercell, s, doping, open_sites, keys)
        occupants[start + chosen] = code
        free[start + chosen] = False
    return occupants


def _banned_contacts(model: Model, supercell: Supercell, name: str) -> list[tuple[str, Stencil]]:
    """(other species, stencil of the shell) of the contacts that are forbidden for a species."""
    crystal = supercell.crystal
    found = []
    for pair in model.pairs:
        if pair.forbidden and name in pair.species:
            other = pair.species[1] if pair.species[0] == name else pair.species[0]
            home, target = (crystal.index(model.species[n].sublattice) for n in (name, other))
            found.append((other, stencil_of(crystal, home, target, pair.neighbours)))
    return found


def _touching(supercell: Supercell, stencil: Stencil, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which sites of the stencil's origin have a neighbour in `there` (N,)."""
    n = supercell.n_sites_of(stencil.origin)
    n_basis = len(stencil.basis)
    result = np.zeros(n, dtype=np.bool_)
    for b in range(n_basis):
        local = np.arange(b, n, n_basis, dtype=np.int64)
        cells = supercell.coordinates_of(stencil.origin, local)[:, :3].astype(np.int64)
        for x, y, z, t in stencil.neighbours(b):
            result[local] |= there[neighbour_sites(supercell, stencil.target, cells + np.array([x, y, z]), t)]
    return result


def _apart(
    supercell: Supercell, own: list[Stencil], doping: Doping, open_sites: NDArray[np.bool_], keys: Keys
) -> NDArray[np.int64]:
    """Sites of a species that must not be its own neighbour: each site in random order without one so far.

    This is random sequential adsorption; equilibration does the rest. InputError if not all particles find a site.
    """
    s = own[0].origin
    if doping.sites is not None or doping.profile is not None:
        return place(supercell, s, doping, open_sites, keys)  # contacts are refused by check_allowed
    wanted, chosen = number_of(supercell, s, doping), list[int]()
    order = np.argsort(keys(len(open_sites)), kind="stable")
    left = open_sites.copy()
    first = supercell.offset_of(s)
    for site in order.tolist():
        if len(chosen) == wanted:
            break
        if not left[site]:
            continue
        chosen.append(site)
        x, y, z, b = (int(c) for c in supercell.coordinates_of(s, np.array([site], dtype=np.int64))[0])
        for stencil in own:
            for dx, dy, dz, t in stencil.neighbours(b):
                left[supercell.site_index(s, (x + dx, y + dy, z + dz), t) - first] = False
    if len(chosen) < wanted:
        raise InputError(f"{wanted} particles with forbidden contacts need sites; only {len(chosen)} found one")
    return np.array(chosen, dtype=np.int64)
