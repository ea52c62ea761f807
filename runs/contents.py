"""Which particles occupy the supercell of a run file at one temperature, and how far the cell has expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kmc.model.parameters import Model
from lattices.errors import InputError
from lattices.notes import Note
from runs.build import lattice_parameter, supercell_of
from runs.config import RunConfig
from runs.file_composition import species_of_file
from runs.schema.crystal import AmountSpec, CarrierSpec, CrystalSpec, ExpansionSpec

if TYPE_CHECKING:
    from kmc.model.composition import Amount, Composition
    from lattices.crystal import Supercell
    from lattices.doping import Doping


@dataclass(frozen=True)
class Contents:
    """Supercell and particle numbers at one temperature. composition: with notes for the reader."""

    supercell: Supercell
    composition: Composition


def composition_of(config: RunConfig, model: Model, supercell: Supercell, temperature_K: float) -> Composition:
    """Particle numbers from doping and carriers, or from the equilibrium with a gas at this temperature."""
    from kmc.model.composition import compose

    spec = config.crystal
    given = species_of_file(model, supercell)
    doping: dict[str, Amount] = {name: amount for name, amount in given.items() if name not in model.vacancies}
    doping |= {name: _amount(value) for name, value in spec.doping.items()}
    file_notes = _file_notes(given, {*spec.doping, *model.vacancies})
    if config.gas:
        from runs.gas import carriers_of_gas

        amounts, notes = carriers_of_gas(config.gas, model, supercell, doping, temperature_K)
        try:
            found = compose(model, supercell, doping, amounts)
        except InputError as error:
            raise InputError(f"{error}; {'; '.join(note.line for note in notes)}") from error
        return replace(found, notes=(*file_notes, *notes, *found.notes))
    carriers: dict[str, Amount] = {name: _amount(value) for name, value in spec.carriers.items()}
    if spec.vacancies is not None:
        name = _vacancy(model)
        if name in carriers:
            raise InputError(f"crystal.carriers.{name} and crystal.vacancies are both given")
        carriers[name] = _vacancies(spec)
    file_notes = _file_notes(given, {*spec.doping, *carriers})
    carriers |= {name: amount for name, amount in given.items() if name in model.vacancies and name not in carriers}
    found = compose(model, supercell, doping, carriers)
    balancing = [name for name, amount in carriers.items() if amount == "charge-balance"]
    charged = _net_charge_notes(model, found, balancing, spec.allow_net_charge)
    return replace(found, notes=(*file_notes, *found.notes, *charged))


def _net_charge_notes(model: Model, found: Composition, balancing: list[str], allowed: bool) -> list[Note]:
    """One rule for every model: a supercell is neutral, up to less than one carrier that balances it.

    A warning for what whole numbers leave over and for a net charge that the run file allows; otherwise InputError.
    """
    if not found.net_charge:
        return []
    left_over = any(abs(found.net_charge) < abs(model.species[name].charge) for name in balancing)
    if not left_over and not allowed:
        from kmc.model.composition import charge_balance_text

        raise InputError(
            f"crystal: the supercell is not neutral: {charge_balance_text(model, found.counts)}; give one carrier as "
            '"charge-balance", or set crystal.allow_net_charge = true'
        )
    why = "whole numbers of carriers leave it" if left_over else "allowed by crystal.allow_net_charge"
    background = "a uniform background balances it" if model.coulomb else "without Coulomb energies it has no effect"
    return [Note(f"net charge {found.net_charge:+d} e: {why}; {background}", warning=True)]


def _file_notes(given: Mapping[str, Doping], in_run_file: set[str]) -> list[Note]:
    """What the structure file says of the composition, and where the run file says otherwise."""
    notes = []
    for name, doping in given.items():
        amount = f"{doping.fraction:.4g} of its sites" if doping.sites is None else f"{len(doping.sites)} ordered sites"
        if name in in_run_file:
            text = f"{name}: the structure file gives {amount}; the run file's amount is used instead"
            notes.append(Note(text, warning=True))
        else:
            notes.append(Note(f"{name}: {amount}, from the structure file"))
    return notes


def contents_of(config: RunConfig, base: Path, model: Model) -> Contents:
    """Supercell and composition at the first temperature of the run file, expanded if the run file asks for it."""
    temperature_K = config.run.temperatures_K[0]
    supercell = supercell_of(config, base, model)
    contents = Contents(supercell, composition_of(config, model, supercell, temperature_K))
    expansion = config.crystal.expansion
    return _expanded(config, expansion, model, contents, temperature_K) if expansion else contents


def _expanded(
    config: RunConfig, spec: ExpansionSpec, model: Model, contents: Contents, temperature_K: float
) -> Contents:
    """The supercell at the lattice parameter of its composition and temperature, with notes on the strain.

    In doped ceria only the reduction expands: delta less the vacancies that compensate the dopants.
    """
    from lattices.crystal import Supercell
    from lattices.expansion import check_expansion_host, expansion_strain

    supercell, counts = contents.supercell, contents.composition.counts
    check_expansion_host(spec.material, supercell)
    vacancy = _vacancy(model)
    sites = supercell.n_sites_of(supercell.crystal.index(model.species[vacancy].sublattice))
    formulas = sites / _anions_per_formula(config.crystal)
    delta = counts[vacancy] / formulas
    if spec.material == "ceria":
        immobile = [name for name in contents.composition.placed if name not in model.mobile]
        delta += sum(model.species[name].charge * counts[name] for name in immobile) / 2.0 / formulas
    found = expansion_strain(
        spec.material, max(delta, 0.0), temperature_K, spec.reference_delta, spec.reference_temperature_K, spec.set
    )
    crystal = supercell.crystal
    expanded = replace(crystal, cell_angstrom=crystal.cell_angstrom * (1.0 + found.strain))
    parameter = lattice_parameter(config, model)
    text = (
        f"expansion: strain {found.strain:+.5f}, lattice parameter {parameter:.5f} -> "
        f"{parameter * (1.0 + found.strain):.5f} angstrom ({found.formula}; {found.source})"
    )
    notes = (*contents.composition.notes, Note(text), *(Note(line, warning=True) for line in found.warnings))
    return Contents(Supercell(expanded, supercell.repeats), replace(contents.composition, notes=notes))


def _anions_per_formula(spec: CrystalSpec) -> int:
    """Of the prototype. InputError for a structure file, whose formula unit is not known."""
    from lattices.prototypes import PROTOTYPES

    if spec.prototype is None:
        raise InputError("crystal.vacancies.delta needs a prototype: for a structure file give a fraction or a number")
    return PROTOTYPES[spec.prototype].anions_per_formula


def _vacancies(spec: CrystalSpec) -> Amount:
    """The amount of vacancies; delta is their number per formula unit."""
    from lattices.doping import Doping

    assert spec.vacancies is not None
    delta = spec.vacancies.delta
    if delta is None:
        return _amount(spec.vacancies)
    per_formula = _anions_per_formula(spec)
    if delta > per_formula:
        raise InputError(f"crystal.vacancies.delta = {delta}: at most {per_formula}, the anions of a formula unit")
    return Doping(fraction=delta / per_formula)


def _vacancy(model: Model) -> str:
    """The one species of the model that is a vacant site (element "X")."""
    vacancies = model.vacancies
    if len(vacancies) != 1:
        raise InputError(
            f"crystal.vacancies: model {model.name!r} has {len(vacancies)} species of vacancy "
            f"({', '.join(vacancies) or 'none'}); name species in crystal.carriers"
        )
    return vacancies[0]


def _amount(value: AmountSpec) -> Amount:
    from lattices.doping import Doping, DopingProfile

    if isinstance(value, CarrierSpec) and value.charge_balance:
        return "charge-balance"
    profile = DopingProfile(**value.profile.model_dump()) if value.profile else None
    return Doping(value.fraction, value.number, value.sites, profile)
