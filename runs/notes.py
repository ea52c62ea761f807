"""Notes of a run on its system: composition, electronic carriers, field and domains, with warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lattices.notes import Note
from runs.config import RunConfig
from runs.networks import network_notes
from runs.precision import precision_lines

if TYPE_CHECKING:
    from kmc.state.system import System

AUTO = 'polarons.mode = "auto": each estimate comes from the mode that yields it; the parts are in sub-folders'
WORST_ROUNDING = 0.01  # of the work per hop in a field, before a warning
MINORITY = 0.01  # ratio of missing to present electronic carriers above which a warning is given


def with_notes(system: System, config: RunConfig) -> System:
    """The system with notes on its charge balance, field and bonds added to those on its composition.

    InputError for carriers that cannot travel (see `network_notes`).
    """
    more = [*balance_notes(system), *field_notes(system, config.run.field_V_per_m)]
    more += network_notes(system, config.run.allow_localised_carriers)
    more += [*caution_notes(system), *band_notes(system)]
    if config.gas is None:
        more += minority_notes(system)
    notes = (*system.composition.notes, *more)
    return replace(system, composition=replace(system.composition, notes=notes))


def describe_system(system: System, config: RunConfig) -> list[str]:
    """Lines on sites, particles, charge balance, field, domains and mode of a system with its notes."""
    tables, composition = system.tables, system.composition
    parts = [f"{name} {n}" for name, n in composition.counts.items() if n]
    return [
        f"{system.model.name}: {tables.supercell.n_sites} sites, {system.replicas} replicas: {', '.join(parts)}",
        *(note.line for note in composition.notes),
        *domain_lines(system, config),
        *precision_lines(config.run.duration),
        *([AUTO] if config.polarons.mode == "auto" else mode_lines(system)),
    ]


def further_notes(system: System, first: System) -> list[Note]:
    """Notes on a system at another temperature that differ from those of the first one."""
    return [note for note in system.composition.notes if note not in first.composition.notes]


def anneal_lines(system: System) -> list[str]:
    """How the dopants were annealed, and their short-range order. This carries out the annealing."""
    if system.annealed is None:
        return []
    settings, names = system.annealed.settings, ", ".join(system.annealed.names)
    text = f"{names} annealed at {settings.temperature_K:g} K for {settings.sweeps} sweeps of exchanges, then frozen"
    return [text, *(str(order) for order in system.short_range_order())]


def mode_lines(system: System) -> list[str]:
    """The mode of the electronic carriers, and the factors on rates."""
    if system.mode == "kinetic":
        kinds = {
            hop.carrier in system.model.electronic
            for hop in system.model.hops
            if system.composition.counts[hop.carrier]
        }
        return ['polarons.mode = "kinetic": all true rates'] if len(kinds) == 2 else []
    factors = ", ".join(f"{name} x {factor:.3g}" for name, factor in system.rate_factor.items())
    return [f'polarons.mode = "{system.mode}": rates of {factors}']


def balance_notes(system: System) -> list[Note]:
    """delta, mean oxidation state and electronic carriers per cation, where the model gives oxidation states."""
    model, counts = system.model, system.composition.counts
    charged = {name: s for name, s in model.species.items() if s.oxidation_state is not None}
    vacancies = model.vacancies
    if not charged or len(vacancies) != 1:
        return []
    sublattice = next(iter(charged.values())).sublattice
    cations = system.tables.supercell.n_sites_of(system.tables.supercell.crystal.index(sublattice))
    ions = sum(counts[name] for name in charged)
    mean = sum((s.oxidation_state or 0) * counts[name] for name, s in charged.items()) / ions
    element = next(iter(charged.values())).element
    net = sum(model.species[name].charge * counts[name] for name in model.electronic & set(charged))
    fixed = sum(
        s.charge * counts[name] for name, s in model.species.items() if name not in model.electronic | set(vacancies)
    )
    text = (
        f"delta = {counts[vacancies[0]] / cations:.4f}; mean oxidation state of {element} = {mean:.4f}; "
        f"p - n = {net / cations:.4f} per {sublattice} site (neutrality: {-fixed / cations:.4f} - 2 delta)"
    )
    return [Note(text)]


def caution_notes(system: System) -> list[Note]:
    """Cautions of the parameter set on hops of carriers that are present and that no given conductivity replaces."""
    model, counts = system.model, system.composition.counts
    return [
        Note(f"{hop.name}: {hop.caution}", warning=True)
        for hop in model.hops
        if hop.caution and counts[hop.carrier] and not (system.band and hop.carrier in model.electronic)
    ]


def band_notes(system: System) -> list[Note]:
    """The given electronic conductivity, its source, and what follows from it."""
    band, model = system.band, system.model
    if band is None:
        return []
    text = (
        f"electronic conductivity {band.conductivity_S_m:g} S/m at {system.tables.temperature_K:g} K, given "
        f"({band.source}): t_e, sigma_amb, tau and D~ follow from L_ee = sigma_e/(z_e e)^2 and L_Ve = 0"
    )
    notes = [Note(text)]
    hopping = [hop.carrier for hop in model.hops if hop.carrier in model.electronic]
    if hopping:
        text = f"the hops of {hopping[0]} are simulated, but the given conductivity replaces theirs in all of these"
    else:
        text = (
            "the model has no electronic carrier: Theta is that of the ions alone, as beside a metal whose electrons "
            "keep their chemical potential"
        )
    notes.append(Note(text, warning=bool(hopping)))
    return notes


def minority_notes(system: System) -> list[Note]:
    """A warning where the equilibrium of the model's material holds too many electronic carriers of the other sign.

    Too many: more than MINORITY of those that the model has, from K_i = p n/m^2 with p, n and m the holes, electrons
    and hosts per cation. Nothing for a model without a material, or for a material without K_i.
    """
    from kmc.model.defect_material import material_of
    from lattices.defects.forms import form_of
    from lattices.defects.request import choose_set

    tables, model = system.tables, system.model
    known = [hop for hop in model.hops if hop.carrier in model.electronic]
    material = material_of(model)
    if material is None or len(known) != 1:
        return []
    constants = choose_set(material, None)[0]
    pair_constant = form_of(constants).pair_constant
    if pair_constant is None:
        return []
    sites = tables.supercell.n_sites_of(int(tables.sublattice_of[model.code(known[0].carrier)]))
    present = system.composition.counts[known[0].carrier] / sites
    host = system.composition.counts[known[0].partner] / sites
    other = pair_constant(constants, tables.temperature_K) * host**2 / max(present, 1e-300)
    if other <= MINORITY * present:
        return []
    name = "electron" if model.species[known[0].carrier].charge > 0 else "hole"
    text = (
        f"beside {present:.3g} {known[0].carrier} per cation the equilibrium of {material.name} ({constants.name}) "
        f"holds {min(other, 1.0):.2g} {name}, which model {model.name!r} lacks: outside its range"
    )
    return [Note(text, warning=True)]


def domain_lines(system: System, config: RunConfig) -> list[str]:
    """The blocks and the expected bias. InputError if the supercell cannot be divided into them."""
    asked = config.run.parallel.domains
    if asked is None:
        return []
    from kmc.state.domains import build_domains, edge_in_hops, expected_bias

    domains = build_domains(system.tables, asked.cells)
    edge = edge_in_hops(system.tables, domains)
    bias = expected_bias(asked.hops_per_visit, edge)
    return [
        f"domains: {' x '.join(str(n) for n in domains.blocks)} blocks in eight colours, {domains.per_colour} of a "
        f"colour, {asked.hops_per_visit:g} hops of the fastest carrier per visit; expected bias of D* {bias:+.2%} "
        f"(-3.4 % h^2/edge, edge {edge:.1f} hops)"
    ]


def field_notes(system: System, wanted: tuple[float, float, float]) -> list[Note]:
    """The field that is applied after rounding, and a warning where rounding changes the work of a hop by over 1 %.

    wanted: the field of the run file in V/m.
    """
    if not any(wanted):
        return []
    error = work_rounding(system, wanted)
    notes = [Note(f"field applied: {[float(f'{value:.6g}') for value in system.tables.field_V_per_m]} V/m")]
    if error > WORST_ROUNDING:
        text = (
            f"rounding to whole microelectronvolts changes the work per hop by up to {error:.1%}; "
            "a stronger field is needed"
        )
        notes.append(Note(text, warning=True))
    return notes


def work_rounding(system: System, wanted: tuple[float, float, float]) -> float:
    """Largest error of the work of any hop in the field over the largest work, from rounded and exact energies.

    wanted: the field of the run file in V/m.
    """
    from kmc.tables.build import field_work

    model, supercell = system.model, system.tables.supercell
    worst = largest = 0.0
    for hop, (stencil, work) in zip(model.hops, field_work(model, supercell, wanted), strict=True):
        charge = model.species[hop.carrier].charge - model.species[hop.partner].charge
        exact = -charge * (stencil.vectors_angstrom @ np.asarray(wanted)) * 1e-10 * 1e6
        worst = max(worst, float(np.abs(work - exact).max()))
        largest = max(largest, float(np.abs(exact).max()))
    return worst / largest if largest else 0.0
