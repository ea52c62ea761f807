"""Every number of a parameter set with its mark and source, for tables."""

from __future__ import annotations

from typing import NamedTuple

from kmc.model.entries import Hop, Sourced
from kmc.model.parameters import Model


class Number(NamedTuple):
    """A number as text."""

    what: str
    value: str
    mark: str
    source: str


def numbers_of(model: Model) -> list[Number]:
    """The numbers of a set, in the order of its file."""
    rows: list[Number] = []
    if model.lattice_parameter_angstrom:
        rows.append(_of("lattice parameter", model.lattice_parameter_angstrom, "Å"))
    if model.proton_sites:
        rows.append(_of("proton place, over the lattice parameter", model.proton_sites.displacement))
    for hop in model.hops:
        rows += _of_hop(hop)
    for pair in model.pairs:
        value = "forbidden" if pair.forbidden else f"{pair.energy_eV:g} eV"
        rows.append(Number(f"{' - '.join(pair.species)}, {pair.neighbours}", value, pair.mark, pair.source))
    if model.oxygen_exchange:
        rows.append(_of("oxygen exchange: enthalpy", model.oxygen_exchange.enthalpy_J_mol, "J/mol"))
        rows.append(_of("oxygen exchange: entropy", model.oxygen_exchange.entropy_J_mol_K, "J/mol/K"))
    for name, reaction in model.defects.reactions.items() if model.defects else ():
        rows.append(_of(f"{name}: enthalpy", reaction.enthalpy_J_mol, "J/mol"))
        rows.append(_of(f"{name}: entropy", reaction.entropy_J_mol_K, "J/mol/K"))
    if model.coulomb:
        rows.append(_of("relative permittivity", model.coulomb.relative_permittivity))
    return rows


def _of(what: str, number: Sourced, unit: str = "") -> Number:
    return Number(what, f"{number.value:g} {unit}".strip(), number.mark, number.source)


def _of_hop(hop: Hop) -> list[Number]:
    rows = [_of(f"{hop.name}: attempt frequency", hop.attempt_frequency_Hz, "Hz")]
    for barrier in hop.barriers:
        gate = f" between {', '.join(barrier.gate)}" if barrier.gate else ""
        rows.append(Number(f"{hop.name}: barrier{gate}", f"{barrier.energy_eV:g} eV", barrier.mark, barrier.source))
        if barrier.attempt_frequency_Hz:
            rows.append(_of(f"{hop.name}: attempt frequency{gate}", barrier.attempt_frequency_Hz, "Hz"))
    if terms := hop.cluster_expansion:
        listed = [("constant", terms.constant_eV)]
        listed += [(f"{t.species} on shell {t.shell}", t.energy_eV) for t in terms.points]
        listed += [
            (f"{' - '.join(t.species)} on shells {t.shells[0]} - {t.shells[1]}", t.energy_eV) for t in terms.pairs
        ]
        rows += [Number(f"{hop.name}: barrier, {what}", f"{e:g} eV", terms.mark, terms.source) for what, e in listed]
    if hop.reorganisation_energy_eV and hop.transfer_integral_eV:
        rows.append(_of(f"{hop.name}: reorganisation energy", hop.reorganisation_energy_eV, "eV"))
        rows.append(_of(f"{hop.name}: transfer integral", hop.transfer_integral_eV, "eV"))
    return rows
