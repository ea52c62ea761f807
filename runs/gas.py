"""Numbers of carriers in equilibrium with a gas, from the defect equilibrium of the material."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from kmc.model.defect_material import material_of
from lattices.defects.constants import Material, find_material
from lattices.defects.equilibrium import Equilibrium, solve_equilibrium
from lattices.doping import Doping, number_of
from lattices.errors import InputError
from lattices.hosts import check_host
from lattices.notes import Note
from runs.notes import MINORITY
from runs.schema.run_file import GasSpec

if TYPE_CHECKING:
    from kmc.model.composition import Amount
    from kmc.model.parameters import Model
    from lattices.crystal import Crystal, Supercell

MISSED = 0.2  # relative deviation of a whole number from its equilibrium value, before a warning
NONE = 0.5  # a smaller equilibrium number counts as zero: placing a particle gives a warning


def carriers_of_gas(
    gas: GasSpec, model: Model, supercell: Supercell, doping: dict[str, Amount], temperature_K: float
) -> tuple[dict[str, Amount], list[Note]]:
    """(species -> amount in equilibrium with the gas, notes for the reader).

    The amounts are the neutral whole numbers nearest to equilibrium. InputError if the model has no material, lacks a
    carrier that the equilibrium needs, or if material, crystal and doping do not belong together.
    """
    material = find_material(gas.material) if gas.material else material_of(model)
    if material is None:
        raise InputError(
            f"gas.material is missing: model {model.name!r} names none and gives no reactions in [defects]; see kmc "
            "equilibrium --help"
        )
    check_material(material, supercell)
    charge, share = _doped(material, model, supercell, doping)
    found = solve_equilibrium(material, temperature_K, gas.pO2_bar, gas.pH2O_bar, share, gas.constants)
    wanted = _wanted(found, material, model, supercell)
    numbers = nearest_neutral(wanted, {key: model.species[key].charge for key in wanted}, charge)
    moving = {hop.carrier for hop in model.hops}
    if numbers and not any(number for key, number in numbers.items() if key in moving):
        raise InputError(f"no carrier to move, none of {', '.join(sorted(moving))}; {_summary(found)}")
    notes = [Note(_summary(found)), *(Note(line, True) for line in found.warnings), *_left_out(found, model)]
    if numbers:
        notes.append(_whole_numbers(numbers, wanted))
    *others, last = wanted
    amounts: dict[str, Amount] = {key: Doping(number=(numbers or {}).get(key, round(wanted[key]))) for key in others}
    return amounts | {last: "charge-balance"}, notes


def check_material(name: str | Material, crystal: Crystal | Supercell) -> None:
    """InputError unless the crystal has the host and the oxygen sites of a material of `kmc equilibrium`."""
    material = find_material(name)
    check_host(f"gas.material = {material.name!r}", material.host, material.oxygen_per_host, crystal)


def _doped(
    material: Material, model: Model, supercell: Supercell, doping: dict[str, Amount]
) -> tuple[int, float | None]:
    """(charge of all dopants in e, acceptors per site, or None if they equal those of the material within rounding)."""
    charge, share, rounding = 0, 0.0, 1e-9
    for name, amount in doping.items():
        species = model.species[model.names[model.code(name)]]
        sublattice = supercell.crystal.index(species.sublattice)
        spec = amount if isinstance(amount, Doping) else Doping(fraction=float(amount))
        number, sites = number_of(supercell, sublattice, spec), supercell.n_sites_of(sublattice)
        charge += species.charge * number
        share -= species.charge * number / sites
        rounding += abs(species.charge) * 0.5 / sites
    if not material.dopant_fixed or material.dopant_fraction is None:
        return charge, share
    if abs(share - material.dopant_fraction) <= rounding:
        return charge, None
    raise InputError(
        f"gas.material = {material.name!r} holds {material.dopant_fraction:g} acceptors per site, the doping gives "
        f"{share:.6g} in whole numbers; change crystal.doping, or name a general material (ceria, lsf, bzy, bcy)"
    )


def _wanted(found: Equilibrium, material: Material, model: Model, supercell: Supercell) -> dict[str, float]:
    """Real-valued numbers in equilibrium: vacancies, protons, electronic carriers. The last one balances the charge."""
    vacancies = model.vacancies
    if len(vacancies) != 1:
        raise InputError(f"gas: model {model.name!r} has {len(vacancies)} species of vacancy; one is needed")
    oxygen = supercell.n_sites_of(supercell.crystal.index(model.species[vacancies[0]].sublattice))
    of_all = sum(supercell.n_sites_of(s) for s, one in enumerate(supercell.crystal.sublattices) if one.element == "O")
    if oxygen != of_all:
        raise InputError(f"gas: {vacancies[0]} can occupy {oxygen} of {of_all} oxygen sites; all are needed")
    wanted = {vacancies[0]: found.site_fractions["V_O"] * oxygen}
    if "H" in model.species and "H" in found.site_fractions:
        wanted["H"] = found.site_fractions["H"] * oxygen
    electronic = [name for name in model.species if name in model.electronic]
    if electronic:
        share = found.site_fractions.get(_kind_of(model, electronic[0]), 0.0)
        wanted[electronic[0]] = share * oxygen / material.oxygen_per_host
    return wanted


def nearest_neutral(wanted: dict[str, float], charges: dict[str, int], charge: int) -> dict[str, int] | None:
    """Whole numbers nearest to `wanted` (least squares) that make the supercell neutral; None if there are none.

    Each is rounded down or up except the last, which follows from neutrality. charge: of all dopants, in e.
    """
    *others, last = wanted
    found = []
    for numbers in itertools.product(*(sorted({math.floor(wanted[key]), math.ceil(wanted[key])}) for key in others)):
        given = dict(zip(others, numbers, strict=True))
        net = charge + sum(charges[key] * number for key, number in given.items())
        given[last], left = divmod(-net, charges[last])
        if not left and given[last] >= 0:
            found.append(given)
    return min(found, key=lambda given: sum((given[key] - wanted[key]) ** 2 for key in wanted), default=None)


def _whole_numbers(numbers: dict[str, int], wanted: dict[str, float]) -> Note:
    """The placed and the equilibrium numbers, as a warning where a small supercell cannot approximate them."""
    parts = ", ".join(f"{key} {number} ({wanted[key]:.2f})" for key, number in numbers.items())
    poor = any(
        abs(number - wanted[key]) > MISSED * wanted[key] if wanted[key] >= NONE else number > 0
        for key, number in numbers.items()
    )
    text = f"whole numbers: {parts}; equilibrium in brackets"
    return Note(f"{text}; a larger supercell approximates them better" if poor else text, poor)


def _summary(found: Equilibrium) -> str:
    water = "" if found.pH2O_bar is None else f", pH2O = {found.pH2O_bar:g} bar"
    if found.pH2O_bar == 0.0:
        water = ", dry (pH2O = 0)"
    parts = {"V_O": "O site", "H": "O site", "electron": "cation", "hole": "cation"}
    known = found.site_fractions
    fractions = [f"{name} {known[name]:.4g} per {of}" for name, of in parts.items() if name in known]
    return (
        f"gas: pO2 = {found.pO2_bar:g} bar{water} at {found.temperature_K:g} K: {found.material} has delta = "
        f"{found.delta:.4g} ({', '.join(fractions)}; constants {found.constant_set})"
    )


def _kind_of(model: Model, name: str) -> str:
    """The name of an electronic carrier in defect equilibria, which follows from the sign of its charge."""
    return "hole" if model.species[name].charge > 0 else "electron"


def _left_out(found: Equilibrium, model: Model) -> list[Note]:
    """Warnings about significant carriers of the equilibrium that the model lacks."""
    notes = []
    held = {_kind_of(model, name) for name in model.electronic} | set(model.species)
    known = max((found.site_fractions.get(name, 0.0) for name in held & {"electron", "hole"}), default=0.0)
    for name in ("electron", "hole", "H"):
        share = found.site_fractions.get(name, 0.0)
        if name not in held and share > max(MINORITY * known, 1e-6):
            text = (
                f"{name} ({share:.3g} per site in equilibrium) is not in model {model.name!r}: "
                "this gas is outside its range"
            )
            notes.append(Note(text, True))
    return notes


def format_equilibrium(found: Equilibrium) -> str:
    """The result of `kmc equilibrium` as text."""
    lines = [_summary(found)]
    for key in ("thermodynamic_factor_O", "thermodynamic_factor_V"):
        value = getattr(found, key)
        lines.append(f"{key} = {value:.6g}" if value is not None else f"{key}: none ({found.reasons[key]})")
    lines.append(f"formula: {found.formula}")
    numbers = ", ".join(f"{k} = {q.value:g} {q.unit} ({q.mark}: {q.source})" for k, q in found.constants.items())
    return "\n".join([*lines, f"constants: {numbers}", *found.notes, *(f"warning: {line}" for line in found.warnings)])
