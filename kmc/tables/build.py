"""From a model, a supercell, particle numbers, a temperature and a field to event tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.attempt_frequencies import attempt_frequencies, folded
from kmc.tables.barriers import kra_barrier2, marcus_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K, acceptance_table
from kmc.tables.bonds import bonds_of, wrap
from kmc.tables.coulomb import coulomb_term
from kmc.tables.energy_terms import EnergyContext, EnergyTerm, HopFamily, IntArray, TermFactory
from kmc.tables.event_tables import BondTables, EventTables, RateTables, SpeciesTables, TrialRates, pack_image
from kmc.tables.field import field_applied, field_term
from kmc.tables.hop_environments import hop_environments
from kmc.tables.pair_energies import MAX_ENERGY, MICRO, pair_term, to_micro
from kmc.tables.potential_updates import potential_tables
from kmc.tables.species import species_tables
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.stencils import Stencil, stencil_of

ENERGY_TERMS: tuple[TermFactory, ...] = (pair_term, coulomb_term, field_term)
NO_FIELD = (0.0, 0.0, 0.0)


def build_tables(
    model: Model,
    supercell: Supercell,
    counts: Mapping[str, int],
    temperature_K: float,
    field_V_per_m: Sequence[float] = NO_FIELD,
    tracked: bool = True,
    rate_factor: Mapping[str, float] | None = None,
    energy_terms: Sequence[TermFactory] = (),
) -> EventTables:
    """Event tables for `counts` particles of each species (name -> number, filling every site).

    rate_factor: factors on the attempt frequencies of families, by name (kmc/carriers/polaron_modes.py).
    tracked: follow every particle of the mobile sublattices; False follows only the carriers, in less memory.
    energy_terms: contributions to the energy in addition to those of the model; see kmc/tables/energy_terms.py.

    Raises InputError for a temperature outside 1 to 10000 K, a supercell too small for the interactions, an
    environment without barrier, energies beyond the range of the integers, or no carrier at all.
    """
    _check_temperature(temperature_K)
    species = species_tables(model, supercell, counts, tracked)
    context = _energy_context(model, supercell, species, field_V_per_m)
    made = [factory(context) for factory in (*ENERGY_TERMS, *energy_terms)]
    terms = tuple(term for term in made if term is not None)
    _check_range(context, terms)
    bonds = _bond_tables(context, terms)
    environments, log_ratios = hop_environments(context)
    lowest = _lowest_d_energy(context, terms)
    rates = _rate_tables(context, terms, environments.barrier2, bonds, lowest)
    frequencies = attempt_frequencies(environments, rates, log_ratios, lowest)
    if frequencies:
        environments, rates = folded(environments, rates, frequencies, temperature_K)
    clock = _trial_rates(model, species.counts, rates.reference2, bonds.directions, temperature_K, rate_factor or {})
    return EventTables(
        supercell=supercell,
        temperature_K=float(temperature_K),
        field_V_per_m=field_applied(supercell, terms),
        family=tuple(family.name for family in context.families),
        carrier=np.array([family.carrier for family in context.families], dtype=np.int64),
        partner=np.array([family.partner for family in context.families], dtype=np.int64),
        acceptance=acceptance_table(temperature_K),
        terms=terms,
        frequencies=frequencies,
        **_fields(species, bonds, environments, rates, clock, potential_tables(context, terms)),
    )


def with_clock(
    tables: EventTables, model: Model, temperature_K: float, rate_factor: Mapping[str, float] | None = None
) -> EventTables:
    """The same tables at another temperature in kelvin or with other rate factors; energies are shared, not rebuilt.

    Attempt frequencies that differ between environments are folded into the barriers again.

    model: that of the tables. rate_factor: as in `build_tables`. InputError for a temperature outside 1 to 10000 K.
    """
    _check_temperature(temperature_K)
    if tables.frequencies and temperature_K != tables.temperature_K:
        barrier2, bound2 = tables.frequencies.barrier2(temperature_K), tables.frequencies.bound2(temperature_K)
        tables = replace(tables, barrier2=barrier2, reference2=bound2)
    clock = _trial_rates(model, tables.counts, tables.reference2, tables.directions, temperature_K, rate_factor or {})
    acceptance = tables.acceptance
    if temperature_K != tables.temperature_K:
        acceptance = acceptance_table(temperature_K)
    return replace(tables, temperature_K=float(temperature_K), acceptance=acceptance, **_fields(clock))


def field_work(
    model: Model, supercell: Supercell, field_V_per_m: Sequence[float]
) -> list[tuple[Stencil, NDArray[np.int64]]]:
    """(bonds, (B, Z) work of a hop over each of them in microelectronvolt) by family, as the tables hold it."""
    nothing = np.zeros(len(model.species), dtype=np.int64)
    families = _families(model, supercell)
    term = field_term(EnergyContext(model, supercell, families, nothing, nothing, nothing, field_V_per_m))
    found = []
    for f, family in enumerate(families):
        work = np.zeros(family.bonds.basis.shape, dtype=np.int64)
        if term:
            for b, d, bond in bonds_of(family.bonds):
                work[b, d] = term.bond_energy(f, bond)
        found.append((family.bonds, work))
    return found


def _fields(*parts: Any) -> dict[str, Any]:
    """The members of the parts of `EventTables`, by name."""
    return {name: value for part in parts for name, value in vars(part).items()}


def _check_temperature(temperature_K: float) -> None:
    if not 1.0 <= temperature_K <= 10_000.0:
        raise InputError(f"temperature_K = {temperature_K}: from 1 to 10000 is allowed")


def _families(model: Model, supercell: Supercell) -> tuple[HopFamily, ...]:
    families = []
    for hop in model.hops:
        carrier, partner = model.species[hop.carrier], model.species[hop.partner]
        home = supercell.crystal.index(carrier.sublattice)
        moved = carrier.charge - partner.charge
        bonds = stencil_of(supercell.crystal, home, home, hop.neighbours)
        families.append(HopFamily(hop.name, home, model.code(hop.carrier), model.code(hop.partner), moved, bonds))
    return tuple(families)


def _energy_context(
    model: Model, supercell: Supercell, species: SpeciesTables, field_V_per_m: Sequence[float]
) -> EnergyContext:
    return EnergyContext(
        model=model,
        supercell=supercell,
        families=_families(model, supercell),
        charges=species.charges,
        sublattice_of=species.sublattice_of,
        counts=species.counts,
        field_V_per_m=field_V_per_m,
    )


def _check_range(context: EnergyContext, terms: Sequence[EnergyTerm]) -> None:
    """InputError if all terms together could leave the range of the packed integers at one site."""
    for f, family in enumerate(context.families):
        reach = {term.name: term.reach(f) for term in terms}
        if sum(reach.values()) >= MAX_ENERGY:
            parts = ", ".join(f"{name} {energy / MICRO:.1f} eV" for name, energy in reach.items())
            advice = "; take a larger relative_permittivity or fewer charges" if "coulomb" in reach else ""
            raise InputError(
                f"hop {family.name!r}: the energies around one site could add up to {sum(reach.values()) / MICRO:.1f} "
                f"eV ({parts}); at most {MAX_ENERGY / MICRO:.1f} eV is allowed{advice}"
            )


def _bond_tables(context: EnergyContext, terms: Sequence[EnergyTerm]) -> BondTables:
    stencils = [family.bonds for family in context.families]
    shape = (len(stencils), max(len(s.basis) for s in stencils), max(s.coordination for s in stencils))
    cell = np.zeros((*shape, 3), dtype=np.int16)
    basis = np.full(shape, -1, dtype=np.int16)
    image = np.zeros(shape, dtype=np.int64)
    energy = np.zeros(shape, dtype=np.int64)
    for f, family in enumerate(context.families):
        for b, d, bond in bonds_of(family.bonds):
            wrapped, added = wrap(context.supercell, bond[1:4])
            if bond[4] == b and not wrapped.any():
                raise InputError(
                    f"crystal.repeats = {list(context.supercell.repeats)}: too small, a bond of hop {family.name!r} "
                    "joins a site with itself; use more cells"
                )
            cell[f, b, d] = wrapped
            basis[f, b, d] = bond[4]
            image[f, b, d] = pack_image(-added)
            energy[f, b, d] = sum(term.bond_energy(f, bond) for term in terms)
    return BondTables(
        sublattice=np.array([stencil.origin for stencil in stencils], dtype=np.int64),
        directions=np.array([stencil.coordination for stencil in stencils], dtype=np.int64),
        hop_length_angstrom=np.array([stencil.length_angstrom for stencil in stencils]),
        bond_cell=cell,
        bond_basis=basis,
        bond_image=image,
        bond_energy=energy,
    )


def _lowest_d_energy(context: EnergyContext, terms: Sequence[EnergyTerm]) -> IntArray:
    """(F,) proven lower bound of the energy difference of any hop of a family."""
    lowest = [
        min(sum(term.lowest_d_energy(f, bond) for term in terms) for _, _, bond in bonds_of(family.bonds))
        for f, family in enumerate(context.families)
    ]
    return np.array(lowest, dtype=np.int64)


def _rate_tables(
    context: EnergyContext,
    terms: Sequence[EnergyTerm],
    barrier2: IntArray,
    bonds: BondTables,
    lowest_d_energy: IntArray,
) -> RateTables:
    """Marcus parameters, the proven lower bound of each family's barrier, and whether it is the only barrier."""
    reorganisation, coupling2, reference, single = [], [], [], []
    for f, hop in enumerate(context.model.hops):
        lam = to_micro(hop.reorganisation_energy_eV.value) if hop.reorganisation_energy_eV else 0
        v2 = 2 * to_micro(hop.transfer_integral_eV.value) if hop.transfer_integral_eV else 0
        lowest = int(lowest_d_energy[f])
        allowed = np.unique(barrier2[f][barrier2[f] >= 0])
        if hop.rate == "marcus":
            bound = int(marcus_barrier2(lam, v2, max(lowest, -lam)))  # 2 Eb falls with dE down to -lambda
        else:
            bound = int(kra_barrier2(int(allowed.min()), lowest))
        reorganisation.append(lam)
        coupling2.append(v2)
        reference.append(bound)
        flat = not any(term.has_potential(f) for term in terms) and not bonds.bond_energy[f].any()
        single.append(flat and (hop.rate == "marcus" or len(allowed) == 1))
    return RateTables(
        marcus_lambda=np.array(reorganisation, dtype=np.int64),
        marcus_coupling2=np.array(coupling2, dtype=np.int64),
        reference2=np.array(reference, dtype=np.int64),
        single_barrier=np.array(single, dtype=np.bool_),
    )


def _trial_rates(
    model: Model,
    counts: IntArray,
    reference2: IntArray,
    directions: IntArray,
    temperature_K: float,
    rate_factor: Mapping[str, float],
) -> TrialRates:
    """Trial rates, and the families' shares of the 64-bit range of the random word that picks one."""
    rate = [
        hop.highest_frequency_Hz
        * rate_factor.get(hop.name, 1.0)
        * math.exp(-int(reference2[f]) * 0.5e-6 / (BOLTZMANN_EV_K * temperature_K))
        for f, hop in enumerate(model.hops)
    ]
    slots = [int(counts[model.code(hop.carrier)] * directions[f]) for f, hop in enumerate(model.hops)]
    weights = [r * n for r, n in zip(rate, slots, strict=True)]
    total = math.fsum(weights)
    if total <= 0 and any(slots):
        raise InputError(
            f"run.temperature_K = {temperature_K:g}: the rate of every hop is zero in double precision (exp(-E/kT) of "
            "its barrier); a higher temperature is needed"
        )
    if total <= 0:
        names = ", ".join(dict.fromkeys(hop.carrier for hop in model.hops))
        raise InputError(
            f"no carrier to move: the supercell contains no {names}; crystal.vacancies or crystal.carriers give numbers"
        )
    limits = [min(int(math.fsum(weights[: f + 1]) / total * 2**64), 2**64 - 1) for f in range(len(weights))]
    limits[-1] = 2**64 - 1
    return TrialRates(
        family_limit=np.array(limits, dtype=np.uint64),
        proposal_rate_per_s=np.array(rate),
        total_rate_per_s=total,
    )
