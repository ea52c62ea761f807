"""How many particles of each species a supercell holds: doping, carriers, and charge balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kmc.model import Model
from lattices.crystal import Supercell
from lattices.doping import Doping, check_doping, number_of
from lattices.errors import InputError

Amount = Doping | float | Literal["charge-balance"]


@dataclass(frozen=True)
class Composition:
    """Particle numbers of one supercell.

    counts: species -> number, hosts included, filling every site. placed: species -> how its sites are chosen, in
    the order of placement (dopants, then carriers). notes: what was decided, one line each.
    """

    counts: Mapping[str, int]
    placed: Mapping[str, Doping]
    net_charge: int
    notes: tuple[str, ...]


def compose(
    model: Model, supercell: Supercell, doping: Mapping[str, Amount], carriers: Mapping[str, Amount]
) -> Composition:
    """Numbers from dopants and carriers; at most one carrier is "charge-balance" and takes what neutrality needs.

    A number stands for a site fraction. InputError for an unknown species, a fraction out of range, or a balance
    that would need a negative number of carriers or more than there are sites.
    """
    placed: dict[str, Doping] = {}
    notes: list[str] = []
    balancing = [name for name, amount in carriers.items() if amount == "charge-balance"]
    if len(balancing) > 1:
        raise InputError(f"only one species can balance the charge; given {', '.join(balancing)}")
    for name, amount in (*doping.items(), *carriers.items()):
        species = model.species[model.names[model.code(name)]]
        if amount == "charge-balance":
            continue
        if name in placed:
            raise InputError(f"species {name!r} is given twice")
        spec = amount if isinstance(amount, Doping) else Doping(fraction=float(amount))
        where = supercell.crystal.index(species.sublattice)
        check_doping(supercell, where, spec, f"amount of {name}")
        placed[name] = spec
    numbers = {
        name: number_of(supercell, supercell.crystal.index(model.species[name].sublattice), spec)
        for name, spec in placed.items()
    }
    if balancing:
        numbers[balancing[0]] = _balance(model, numbers, balancing[0], notes)
        placed[balancing[0]] = Doping(number=numbers[balancing[0]])
    counts = dict.fromkeys(model.names, 0) | numbers
    for s, sublattice in enumerate(supercell.crystal.sublattices):
        host = model.host_of(sublattice.name, sublattice.element)
        left = supercell.n_sites_of(s) - sum(counts[n] for n in model.on_sublattice(sublattice.name) if n != host)
        if left < 0 or host in numbers:
            raise InputError(
                f"sublattice {sublattice.name!r}: dopants and carriers need {supercell.n_sites_of(s) - left} "
                f"of {supercell.n_sites_of(s)} sites"
                + (f", and the host {host!r} must not be listed" if host in numbers else "")
            )
        counts[host] = left
    net = sum(model.species[name].charge * n for name, n in counts.items())
    notes.append(f"net charge of the supercell: {net:+d} e" if net else "the supercell is neutral")
    return Composition(counts, placed, net, tuple(notes))


def _balance(model: Model, numbers: Mapping[str, int], name: str, notes: list[str]) -> int:
    """Number of the balancing carrier; fractions are rounded down and said so."""
    charge = model.species[name].charge
    others = sum(model.species[other].charge * n for other, n in numbers.items())
    if charge == 0:
        raise InputError(f"{name!r} carries no charge and cannot balance any")
    needed = -others / charge
    if needed < 0:
        raise InputError(
            f"the doping cannot be neutral: the other species carry {others:+d} e, and {name!r} with {charge:+d} e "
            "would be needed in a negative number"
        )
    whole = int(needed)
    rounded = "" if whole == needed else f", rounded down; {others + charge * whole:+d} e stays unbalanced"
    notes.append(f"charge balance: {others:+d} e of the other species needs {needed:g} {name}: {whole} placed{rounded}")
    return whole
