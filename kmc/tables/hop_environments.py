"""Hop environments: the sites whose species decide the barrier of a bond, and the barrier of each occupation.

A parameter file calls them the gate of a hop: the two cations of the edge that an oxygen ion passes in fluorite, the
triangle of two A cations and one B cation in perovskite. The species on these sites are numbered by a code, the sum of
one weight per site and species; `barrier2` holds 2 E0 by code.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from kmc.model.entries import Hop
from kmc.model.parameters import Model
from kmc.tables.bonds import bonds_of, wrap
from kmc.tables.cluster_barriers import cluster_barriers
from kmc.tables.energy_terms import EnergyContext, IntArray
from kmc.tables.event_tables import HopEnvironments
from kmc.tables.pair_energies import to_micro
from lattices.crystal import Crystal, Supercell
from lattices.environment_order import OrderedSites, ordered_sites
from lattices.errors import InputError
from lattices.hop_environments import Site, environment_sites
from lattices.stencils import Stencil

MOST_CODES = 1_000_000  # occupations of one environment, each an entry of the table of barriers


def hop_environments(context: EnergyContext) -> tuple[HopEnvironments, list[list[float]]]:
    """The environment sites of every bond, the barriers of their occupations, and ln(nu_max/nu) by family and code.

    InputError for bonds of one family that differ in their number of sites, an environment listed twice or with a wrong
    number of species, and one that can occur in the supercell but has no barrier.
    """
    model, supercell = context.model, context.supercell
    bonds = [family.bonds for family in context.families]
    found = [_sites(supercell, hop, stencil) for hop, stencil in zip(model.hops, bonds, strict=True)]
    orders = [_order(supercell, hop, stencil, *of) for hop, stencil, of in zip(model.hops, bonds, found, strict=True)]
    n_slots = max(len(slots) for slots, _ in found)
    n_basis = max(len(stencil.basis) for stencil in bonds)
    width = max(stencil.coordination for stencil in bonds)
    shape = (len(bonds), n_basis, width, n_slots)
    sublattice = np.zeros((len(bonds), n_slots), dtype=np.int64)
    cell, basis = np.zeros((*shape, 3), dtype=np.int16), np.full(shape, -1, dtype=np.int16)
    weight = np.zeros((len(bonds), n_slots, len(model.names)), dtype=np.int64)
    barriers, log_ratios = [], []
    for f, (hop, (slots, sites), order) in enumerate(zip(model.hops, found, orders, strict=True)):
        sublattice[f, : len(slots)] = slots
        for (b, d), row in (order.sites if order else sites).items():
            for g, site in enumerate(row):
                cell[f, b, d, g] = wrap(supercell, site[:3])[0]
                basis[f, b, d, g] = site[3]
        weight[f, : len(slots)], radix = _code_weights(model, supercell, hop, slots)
        if order:
            energies = cluster_barriers(model, supercell, hop, slots, order, context.counts, weight[f], radix)
            ratios = [0.0]
        else:
            energies, ratios = _barriers(model, supercell, hop, slots, context.counts, weight[f], radix)
        barriers.append(energies)
        log_ratios.append(ratios)
    table = np.full((len(bonds), max(len(row) for row in barriers)), -1, dtype=np.int64)
    for f, values in enumerate(barriers):
        table[f, : len(values)] = values
    return HopEnvironments(sublattice, cell, basis, weight, table), log_ratios


def _sites(supercell: Supercell, hop: Hop, stencil: Stencil) -> tuple[list[int], dict[tuple[int, int], list[Site]]]:
    """Sublattice of each environment site of a family, and the sites of every bond in the same order."""
    crystal = supercell.crystal
    chosen = list(dict.fromkeys(crystal.index(name) for name in hop.gate))
    slots: list[int] | None = None
    sites: dict[tuple[int, int], list[Site]] = {(b, d): [] for b, d, _ in bonds_of(stencil)}
    found = [(s, environment_sites(crystal, stencil, s, hop.environment_rule)) for s in chosen]
    home = stencil.origin
    ends = {(b, d): [(home, (0, 0, 0, b)), (home, bond[1:])] for b, d, bond in bonds_of(stencil)}
    for (b, d), row in sites.items():
        here: list[int] = []
        for s, table in found:
            row.extend(table[b][d])
            here.extend([s] * len(table[b][d]))
        if slots is not None and here != slots:
            raise InputError(
                f"hop {hop.name!r}: its bonds differ in the number of gate sites ({_numbers(crystal, slots)} and "
                f"{_numbers(crystal, here)}); give gate_distance_angstrom or gate_end_distance_angstrom, or split the "
                "bonds into several hops by distance_angstrom"
            )
        slots = here
        _check_images(supercell, hop, [(s, site) for s, site in zip(here, row, strict=True)], ends[b, d])
    if hop.gate and not slots:
        raise InputError(f"hop {hop.name!r}: no site of {', '.join(hop.gate)} {hop.environment_rule}")
    return slots or [], sites


def _order(
    supercell: Supercell, hop: Hop, stencil: Stencil, slots: list[int], sites: dict[tuple[int, int], list[Site]]
) -> OrderedSites | None:
    """The sites in the order of a cluster expansion; None for a hop without one, whose gates have no order."""
    if hop.cluster_expansion is None:
        return None
    try:
        return ordered_sites(supercell.crystal, stencil, slots, sites)
    except InputError as error:
        raise InputError(f"hop {hop.name!r}: {error}") from error


def _numbers(crystal: Crystal, slots: list[int]) -> str:
    """Numbers of environment sites by sublattice, for messages."""
    counted = [f"{slots.count(s)} of {crystal.sublattices[s].name}" for s in dict.fromkeys(slots)]
    return ", ".join(counted) or "none"


def _check_images(supercell: Supercell, hop: Hop, row: list[tuple[int, Site]], ends: list[tuple[int, Site]]) -> None:
    """InputError if two environment sites of one bond, or one of them and an end, are one site of the supercell.

    row, ends: (sublattice, site) of the environment sites and of the two ends of the bond.
    """
    wrapped = [(s, *wrap(supercell, site[:3])[0].tolist(), site[3]) for s, site in (*row, *ends)]
    if len(set(wrapped)) != len(wrapped):
        raise InputError(
            f"crystal.repeats = {list(supercell.repeats)}: too small for hop {hop.name!r}, whose gate meets its own "
            "periodic image; use more cells"
        )


def _code_weights(model: Model, supercell: Supercell, hop: Hop, slots: list[int]) -> tuple[IntArray, int]:
    """((G, S) weight of a species on a site, number of codes): a mixed-radix number with one digit per site."""
    weight = np.zeros((len(slots), len(model.names)), dtype=np.int64)
    radix = 1
    for g, s in enumerate(slots):
        names = model.on_sublattice(supercell.crystal.sublattices[s].name)
        for digit, name in enumerate(names):
            weight[g, model.code(name)] = digit * radix
        radix *= len(names)
    if radix > MOST_CODES:
        raise InputError(
            f"hop {hop.name!r}: its gate of {len(slots)} sites has {radix:.1e} occupations; at most {MOST_CODES:.0e} "
            "are allowed: narrow the range of gate distances"
        )
    return weight, radix


def _barriers(
    model: Model,
    supercell: Supercell,
    hop: Hop,
    slots: list[int],
    counts: NDArray[np.int64],
    weight: IntArray,
    radix: int,
) -> tuple[list[int], list[float]]:
    """(2 E0, ln(nu_max/nu)) by code. InputError if an environment that can occur has no barrier."""
    if hop.rate == "marcus":
        return [0], [0.0]
    given = {tuple(sorted(barrier.gate)): barrier for barrier in hop.barriers}
    if len(given) != len(hop.barriers):
        raise InputError(f"hop {hop.name!r}: barriers: a gate is listed twice")
    for gate in given:
        if len(gate) != len(slots):
            raise InputError(
                f"hop {hop.name!r}: gate {list(gate)} names {len(gate)} species; the bonds have {len(slots)}"
            )
    table, log_ratio = [-1] * radix, [0.0] * radix
    choices = [model.on_sublattice(supercell.crystal.sublattices[s].name) for s in slots]
    for combination in itertools.product(*choices):
        code = sum(int(weight[g, model.code(name)]) for g, name in enumerate(combination))
        key = tuple(sorted(combination))
        possible = all(counts[model.code(name)] >= key.count(name) for name in set(key))
        if key in given:
            table[code] = 2 * to_micro(given[key].energy_eV)
            log_ratio[code] = math.log(hop.highest_frequency_Hz / hop.frequency_Hz(given[key]))
        elif possible:
            raise InputError(
                f"hop {hop.name!r}: no barrier for the gate [{', '.join(key)}], which can occur in this supercell; "
                f"given are {', '.join('[' + ', '.join(k) + ']' for k in given)}"
            )
    return table, log_ratio
