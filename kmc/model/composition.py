"""Numbers of particles of each species in a supercell, from doping, carriers and charge balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kmc.model.parameters import Model
from lattices.crystal import Supercell
from lattices.doping import Doping, check_doping, number_of
from lattices.errors import InputError
from lattices.notes import Note
from lattices.suggestions import did_you_mean

Amount = Doping | float | Literal["charge-balance"]


@dataclass(frozen=True)
class Composition:
    """Particle numbers of one supercell.

    counts: species -> number, hosts included, so that every site is filled. placed: species -> how its sites are
    chosen, in the order of placement (dopants, then carriers). notes: the decisions that were made, one line each.
    """

    counts: Mapping[str, int]
    placed: Mapping[str, Doping]
    net_charge: int
    notes: tuple[Note, ...]


def compose(
    model: Model, supercell: Supercell, doping: Mapping[str, Amount], carriers: Mapping[str, Amount]
) -> Composition:
    """Numbers of particles from amounts of dopants and carriers.

    An amount given as a plain number is a site fraction. At most one carrier is "charge-balance": its number makes the
    supercell neutral. InputError for an unknown species, a fraction out of range, or a balance that would need a
    negative number of carriers or more than there are sites.
    """
    placed: dict[str, Doping] = {}
    notes: list[str] = []
    balancing = [name for name, amount in carriers.items() if amount == "charge-balance"]
    if len(balancing) > 1:
        raise InputError(f"crystal.carriers: only one species can balance the charge; given {', '.join(balancing)}")
    for name, amount in (*doping.items(), *carriers.items()):
        key = _key_of(model, name, doping)
        if name not in model.species:
            known = f"model {model.name!r} knows {', '.join(model.species)}{did_you_mean(name, model.species)}"
            raise InputError(f"{key}: unknown species {name!r}; {known}")
        species = model.species[name]
        if amount == "charge-balance":
            continue
        if name in placed:
            raise InputError(f"crystal.doping.{name} and crystal.carriers.{name}: the species is given twice")
        spec = amount if isinstance(amount, Doping) else Doping(fraction=float(amount))
        where = supercell.crystal.index(species.sublattice)
        check_doping(supercell, where, spec, f"amount of {name} ({key})")
        placed[name] = spec
    numbers = {
        name: number_of(supercell, supercell.crystal.index(model.species[name].sublattice), spec)
        for name, spec in placed.items()
    }
    free = [name for name in carriers if name in placed and placed[name].fraction is not None]
    if balancing:
        numbers[balancing[0]] = _balance(model, numbers, balancing[0], free, notes)
        placed[balancing[0]] = Doping(number=numbers[balancing[0]])
    else:
        _round_to_neutrality(model, numbers, placed, free, notes)
    placed |= {name: Doping(number=numbers[name]) for name in free}
    counts = dict.fromkeys(model.names, 0) | numbers
    for s, sublattice in enumerate(supercell.crystal.sublattices):
        host = model.host_of(sublattice.name, sublattice.element)
        left = supercell.n_sites_of(s) - sum(counts[n] for n in model.on_sublattice(sublattice.name) if n != host)
        if left < 0 or host in numbers:
            raise InputError(
                f"sublattice {sublattice.name!r}: crystal.doping, crystal.vacancies and crystal.carriers need "
                f"{supercell.n_sites_of(s) - left} of {supercell.n_sites_of(s)} sites"
                + (f", and the host {host!r} must not be listed" if host in numbers else "")
            )
        counts[host] = left
    net = sum(model.species[name].charge * n for name, n in counts.items())
    notes.append(f"net charge of the supercell: {net:+d} e" if net else "the supercell is neutral")
    return Composition(counts, placed, net, tuple(Note(line) for line in notes))


def _key_of(model: Model, name: str, doping: Mapping[str, Amount]) -> str:
    """The key of a run file that gives the amount of a species."""
    if name in doping:
        return f"crystal.doping.{name}"
    return f"crystal.vacancies or crystal.carriers.{name}" if name in model.vacancies else f"crystal.carriers.{name}"


def charge_balance_text(model: Model, counts: Mapping[str, int]) -> str:
    """The charges of all species and their sum, such as "-691 (Sr) +94 (V_O) = -597 e"."""
    charges = {name: model.species[name].charge * number for name, number in counts.items()}
    parts = " ".join(f"{charge:+d} ({name})" for name, charge in charges.items() if charge)
    return f"{parts or '0'} = {sum(charges.values()):+d} e"


def _balance(model: Model, numbers: dict[str, int], name: str, free: list[str], notes: list[str]) -> int:
    """The number of the balancing carrier; a note reports it.

    free: carriers given as fractions. If the balance is not a whole number, the first of them whose number, changed by
    one, makes it whole is changed. Otherwise the balancing number is rounded down, and the note says so.
    """
    charge = model.species[name].charge
    if charge == 0:
        raise InputError(f'crystal.carriers.{name} = "charge-balance": it has no charge and cannot balance any')

    def needed() -> float:
        return -sum(model.species[other].charge * n for other, n in numbers.items()) / charge

    if needed() < 0 or needed() % 1:
        for other, step in ((other, step) for other in free for step in (-1, 1)):
            if numbers[other] + step < 0:
                continue
            numbers[other] += step
            if needed() >= 0 and needed() % 1 == 0:
                notes.append(f"whole numbers: {other} {numbers[other] - step} -> {numbers[other]}, for neutrality")
                break
            numbers[other] -= step
    if needed() < 0:
        raise InputError(
            f"crystal.doping: it cannot be neutral: {charge_balance_text(model, numbers)}, and {name!r} with "
            f"{charge:+d} e would be needed in a negative number"
        )
    others, whole = charge_balance_text(model, numbers), int(needed())
    left = round((whole - needed()) * charge)
    rounded = f", rounded down; {left:+d} e remains unbalanced" if left else ""
    notes.append(f"charge balance: {others} of the other species needs {needed():g} {name}: {whole} placed{rounded}")
    return whole


def _round_to_neutrality(
    model: Model, numbers: dict[str, int], placed: Mapping[str, Doping], free: list[str], notes: list[str]
) -> None:
    """Change electronic carriers given as a fraction to the neutral whole number, if only rounding prevents it."""
    net = sum(model.species[name].charge * n for name, n in numbers.items())
    slack = 0.5 * sum(abs(model.species[name].charge) for name, spec in placed.items() if spec.number is None)
    for name in (name for name in free if name in model.electronic and net and abs(net) <= slack):
        step, left = divmod(-net, model.species[name].charge)
        if not left and numbers[name] + step >= 0:
            numbers[name] += step
            notes.append(f"whole numbers: {name} {numbers[name] - step} -> {numbers[name]}, for neutrality")
            return
