"""Whether the entries of a parameter file fit together: names exist, sublattices agree, nothing is listed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lattices.suggestions import did_you_mean

if TYPE_CHECKING:
    from kmc.model.entries import Hop
    from kmc.model.parameters import Model

ELECTRONIC_BY_NAME = frozenset({"electron", "hole"})  # species of these names are electronic unless they say otherwise


def problems_of(model: Model) -> list[str]:
    """A line for each problem, in the order of the file."""
    lines: list[str] = []
    if model.defects and model.equilibrium_material:
        lines.append("equilibrium_material and [defects] are both given; one is allowed")
    for hop in model.hops:
        lines += _of_hop(model, hop)
    for pair in model.pairs:
        lines += _unknown(model, pair.species, "an entry of pairs")
    return list(dict.fromkeys([*lines, *_twice(model)]))


def _unknown(model: Model, names: Iterable[str], where: str) -> list[str]:
    return [
        f"{where} names species {name!r}; known are {', '.join(model.species)}{did_you_mean(name, model.species)}"
        for name in names
        if name not in model.species
    ]


def _of_hop(model: Model, hop: Hop) -> list[str]:
    where = f"hop {hop.name!r}"
    lines = _unknown(model, (hop.carrier, hop.partner), f"{where}: carrier or partner")
    if not lines and hop.carrier == hop.partner:
        lines.append(f"{where} exchanges {hop.carrier!r} with itself; carrier and partner must differ")
    elif not lines:
        homes = [model.species[name].sublattice for name in (hop.carrier, hop.partner)]
        if homes[0] != homes[1]:
            joins = f"{where} joins two sublattices, {homes[0]!r} and {homes[1]!r}"
            of = f"species.{hop.carrier}.sublattice and species.{hop.partner}.sublattice must be the same"
            lines.append(f"{joins}; {of}")
        lines += _without_kind(model, hop)
    for barrier in hop.barriers:
        lines += _unknown(model, barrier.gate, f"{where}: a gate")
    if hop.cluster_expansion:
        lines += _unknown(model, sorted(hop.cluster_expansion.species), f"{where}: cluster_expansion")
    return lines


def _without_kind(model: Model, hop: Hop) -> list[str]:
    """A charged carrier whose kind is neither stated nor evident."""
    carrier, partner = model.species[hop.carrier], model.species[hop.partner]
    stated = carrier.kind is not None or hop.carrier in ELECTRONIC_BY_NAME
    ionic = {hop.carrier, hop.partner} & set(model.vacancies) or _among_protons(model, hop)
    if carrier.charge == partner.charge or stated or ionic:
        return []
    return [
        f"species.{hop.carrier}.kind is missing: hop {hop.name!r} moves a charge without a vacancy, so the species "
        'must state kind = "ion" or kind = "electronic"'
    ]


def _among_protons(model: Model, hop: Hop) -> bool:
    return model.proton_sites is not None and model.species[hop.carrier].sublattice == model.proton_sites.sublattice


def _twice(model: Model) -> Iterator[str]:
    seen = [
        (tuple(sorted(p.species)), n, p.neighbours.kind)
        for p in model.pairs
        for n in p.neighbours.shells or (str(p.neighbours),)
    ]
    for species, place, kind in seen:
        if seen.count((species, place, kind)) > 1:
            where = f"shell {place}{f', kind {kind}' * bool(kind)}" if isinstance(place, int) else f"at {place}"
            yield f"the pair {' - '.join(species)} on {where} is listed twice; once is allowed"
