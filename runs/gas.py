"""From a gas to numbers of carriers: the defect equilibrium of a material decides what a run starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.equilibria import Equilibrium, solve_equilibrium
from kmc.polarons import ELECTRONIC
from lattices.doping import Doping
from lattices.errors import InputError
from runs.schema import GasSpec

if TYPE_CHECKING:
    from kmc.composition import Amount
    from kmc.model import Model
    from lattices.crystal import Supercell

MINORITY = 0.01  # of the electronic carriers that a model knows: more of the other kind is told
WITHIN_ROUNDING = 1.0  # dopants, by which a fixed composition may miss its name


def carriers_of_gas(
    gas: GasSpec, model: Model, supercell: Supercell, doping: dict[str, Amount], temperature_K: float
) -> tuple[dict[str, Amount], list[str]]:
    """(species -> amount in equilibrium with the gas, lines to tell).

    The last carrier takes what neutrality needs in whole numbers. InputError where the model has no material, or lacks
    a carrier that the equilibrium needs.
    """
    material = gas.material or model.equilibrium_material
    if material is None:
        raise InputError(f"gas.material is missing: model {model.name!r} names none; see kmc equilibrium --help")
    found = solve_equilibrium(
        material, temperature_K, gas.pO2_bar, gas.pH2O_bar, _dopant(material, model, supercell, doping), gas.constants
    )
    amounts = _amounts(found, model, supercell)
    lines = [_told(found), *(f"warning: {line}" for line in found.warnings), *_left_out(found, model)]
    return amounts, lines


def _dopant(material: str, model: Model, supercell: Supercell, doping: dict[str, Amount]) -> float | None:
    """Site fraction of acceptors; None where it is that of the material but for whole numbers."""
    from analysis.constant_sets import find_material
    from lattices.doping import number_of

    known, share = find_material(material), 0.0
    for name, amount in doping.items():
        species = model.species[model.names[model.code(name)]]
        sublattice = supercell.crystal.index(species.sublattice)
        spec = amount if isinstance(amount, Doping) else Doping(fraction=float(amount))
        share -= species.charge * number_of(supercell, sublattice, spec) / supercell.n_sites_of(sublattice)
    if known.dopant_fixed and known.dopant_fraction is not None:
        if abs(share - known.dopant_fraction) <= WITHIN_ROUNDING / supercell.n_cells:
            return None
        raise InputError(
            f"gas.material = {material!r} holds {known.dopant_fraction:g} acceptors per site, the doping gives "
            f"{share:.4g}; a general material (ceria, lsf, bzy, bcy) takes any"
        )
    return share


def _amounts(found: Equilibrium, model: Model, supercell: Supercell) -> dict[str, Amount]:
    """Vacancies by number, protons by number where another carrier balances, the rest by charge balance."""
    vacancies = model.vacancies
    if len(vacancies) != 1:
        raise InputError(f"gas: model {model.name!r} has {len(vacancies)} kinds of vacancy; one is needed")
    home = supercell.crystal.index(model.species[vacancies[0]].sublattice)
    oxygen = supercell.n_sites_of(home)
    number = round(found.site_fractions["V_O"] * oxygen)
    amounts: dict[str, Amount] = {vacancies[0]: Doping(number=number)}
    electronic = [name for name in model.species if name in ELECTRONIC]
    protons = "H" in model.species and "H" in found.site_fractions
    if electronic:
        if protons:
            amounts["H"] = Doping(number=round(found.site_fractions["H"] * oxygen))
        amounts[electronic[0]] = "charge-balance"
    elif protons:
        amounts["H"] = "charge-balance"
    else:
        amounts[vacancies[0]] = "charge-balance"
    return amounts


def _told(found: Equilibrium) -> str:
    water = "" if found.pH2O_bar is None else f", pH2O = {found.pH2O_bar:g} bar"
    parts = {"V_O": "O site", "H": "O site", "electron": "cation", "hole": "cation"}
    known = found.site_fractions
    fractions = [f"{name} {known[name]:.4g} per {of}" for name, of in parts.items() if name in known]
    return (
        f"gas: pO2 = {found.pO2_bar:g} bar{water} at {found.temperature_K:g} K: {found.material} has delta = "
        f"{found.delta:.4g} ({', '.join(fractions)}; constants {found.constant_set})"
    )


def _left_out(found: Equilibrium, model: Model) -> list[str]:
    """Carriers of the equilibrium that the model does not have, where they matter."""
    lines = []
    known = max((found.site_fractions.get(name, 0.0) for name in ELECTRONIC if name in model.species), default=0.0)
    for name in ("electron", "hole", "H"):
        share = found.site_fractions.get(name, 0.0)
        if name not in model.species and share > max(MINORITY * known, 1e-6):
            lines.append(
                f"warning: {name} ({share:.3g} per site in equilibrium) is not in model {model.name!r}: "
                "this gas is outside its range"
            )
    return lines


def format_equilibrium(found: Equilibrium) -> str:
    """Lines for people."""
    lines = [_told(found)]
    for key in ("thermodynamic_factor_O", "thermodynamic_factor_V"):
        value = getattr(found, key)
        lines.append(f"{key} = {value:.6g}" if value is not None else f"{key}: none ({found.reasons[key]})")
    lines.append(f"formula: {found.formula}")
    numbers = ", ".join(f"{k} = {q.value:g} {q.unit} ({q.mark}: {q.source})" for k, q in found.constants.items())
    return "\n".join([*lines, f"constants: {numbers}", *found.notes, *(f"warning: {line}" for line in found.warnings)])
