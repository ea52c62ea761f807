"""What a run file builds: model, supercell, composition, system, and what the engine is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kmc.model.entries import CoulombSpec, Sourced
from kmc.model.parameters import Model, load_model, shipped_models
from lattices.errors import InputError
from lattices.notes import Note
from runs.config import RunConfig, naming
from runs.file_composition import species_of_file
from runs.schema.crystal import AmountSpec, CarrierSpec, CrystalSpec

if TYPE_CHECKING:
    from kmc.carriers.polaron_modes import Mode
    from kmc.model.composition import Amount, Composition
    from kmc.run.settings import Hops, Seconds, Settings, Thermodynamics
    from kmc.state.system import System
    from lattices.crystal import Crystal, Supercell
    from lattices.doping import Doping
    from runs.schema.run_file import DurationSpec, EquilibrationSpec


def resolve(config: RunConfig, base: Path, backend: str) -> RunConfig:
    """The run file as it is carried out: backend chosen, defaults filled in, paths absolute."""
    parameters = config.model.parameters
    if parameters not in shipped_models() or (base / parameters).is_file():
        parameters = str((base / parameters).resolve())
    crystal: dict[str, Any] = {}
    if config.crystal.file is not None:
        crystal["file"] = str((base / config.crystal.file).resolve())
    else:
        with naming(config):
            crystal["lattice_parameter_angstrom"] = _lattice_parameter(config, model_of(config, base))
    return config.model_copy(
        update={
            "crystal": config.crystal.model_copy(update=crystal),
            "model": config.model.model_copy(update={"parameters": parameters}),
            "run": config.run.model_copy(update={"backend": backend}),
        }
    )


def model_of(config: RunConfig, base: Path) -> Model:
    """The model that the run names; a relative path starts from the run file."""
    beside = base / config.model.parameters
    model = load_model(beside if beside.is_file() else config.model.parameters)
    permittivity = config.model.relative_permittivity
    if permittivity is None:
        return model
    value = Sourced(value=permittivity, source="given in the run file", mark="derived")
    return model.model_copy(update={"coulomb": CoulombSpec(relative_permittivity=value)})


def crystal_of(config: RunConfig, base: Path, model: Model) -> Crystal:
    """The unit cell."""
    from lattices.crystal import SHELL_TOLERANCE
    from lattices.from_atoms import crystal_from_file
    from lattices.prototypes import fluorite, perovskite

    spec = config.crystal
    if spec.file is not None:
        tolerance = SHELL_TOLERANCE if spec.shell_tolerance is None else spec.shell_tolerance
        return _with_more_sites(crystal_from_file(base / spec.file, spec.sublattices, tolerance), model)
    if model.prototype is not None and model.prototype != spec.prototype:
        raise InputError(f"crystal.prototype = {spec.prototype!r}: model {model.name!r} is for {model.prototype}")
    build = fluorite if spec.prototype == "fluorite" else perovskite
    return _with_more_sites(build(spec.host, _lattice_parameter(config, model)), model)


def _with_more_sites(crystal: Crystal, model: Model) -> Crystal:
    """The crystal with the layers and proton sites of a model."""
    from lattices.crystal import with_layers
    from lattices.protons import with_protons

    crystal = with_layers(crystal, model.layers)
    if model.proton_sites is None:
        return crystal
    sites = model.proton_sites
    return with_protons(crystal, sites.sublattice, sites.oxygen, sites.cation, sites.displacement.value)


def _lattice_parameter(config: RunConfig, model: Model) -> float:
    """In angstrom: the run file's, else the model's."""
    if config.crystal.lattice_parameter_angstrom is not None:
        return config.crystal.lattice_parameter_angstrom
    if model.lattice_parameter_angstrom is None:
        raise InputError("crystal.lattice_parameter_angstrom is missing, and the model gives none")
    return model.lattice_parameter_angstrom.value


def supercell_of(config: RunConfig, base: Path, model: Model) -> Supercell:
    """The supercell."""
    from lattices.crystal import Supercell

    nx, ny, nz = config.crystal.repeats
    return Supercell(crystal_of(config, base, model), (nx, ny, nz))


def composition_of(config: RunConfig, model: Model, supercell: Supercell, temperature_K: float) -> Composition:
    """Particle numbers: doping, vacancies and other carriers, or what a gas makes of them."""
    from kmc.model.composition import balance_words, compose

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
    electronic = [hop.carrier for hop in model.hops if hop.carrier in model.electronic]
    if found.net_charge and electronic:
        remedy = 'give one carrier as "charge-balance"'
        if "charge-balance" in carriers.values():
            remedy = "change a number by one"
        raise InputError(
            f"crystal.carriers: the supercell is not neutral: {balance_words(model, found.counts)}; {remedy}"
        )
    return replace(found, notes=(*file_notes, *found.notes))


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


def _expanded(
    config: RunConfig, model: Model, supercell: Supercell, composition: Composition, temperature_K: float
) -> tuple[Supercell, list[Note]]:
    """The supercell at the lattice parameter of its composition and temperature, with notes on the strain.

    For doped ceria only reduction expands: delta less what the dopants' charge brings.
    """
    from lattices.crystal import Crystal, Supercell
    from lattices.expansion import check_expansion_host, expansion_strain

    spec = config.crystal.expansion
    assert spec is not None
    check_expansion_host(spec.material, supercell)
    per_formula = ANIONS_PER_FORMULA[str(config.crystal.prototype)]
    counts = composition.counts
    vacancy = _vacancy(model)
    formulas = supercell.n_sites_of(supercell.crystal.index(model.species[vacancy].sublattice)) / per_formula
    delta = counts[vacancy] / formulas
    if spec.material == "ceria":
        still = [name for name in composition.placed if name not in model.mobile]
        delta += sum(model.species[name].charge * counts[name] for name in still) / 2.0 / formulas
    found = expansion_strain(
        spec.material, max(delta, 0.0), temperature_K, spec.reference_delta, spec.reference_temperature_K, spec.set
    )
    crystal = supercell.crystal
    grown = Crystal(crystal.cell_angstrom * (1.0 + found.strain), crystal.sublattices)
    parameter = _lattice_parameter(config, model)
    text = (
        f"expansion: strain {found.strain:+.5f}, lattice parameter {parameter:.5f} -> "
        f"{parameter * (1.0 + found.strain):.5f} angstrom ({found.formula}; {found.source})"
    )
    notes = [Note(text), *(Note(line, True) for line in found.warnings)]
    return Supercell(grown, supercell.repeats), notes


ANIONS_PER_FORMULA = {"fluorite": 2, "perovskite": 3}


def _vacancies(spec: CrystalSpec) -> Amount:
    """The amount of vacancies; delta is a number per formula unit."""
    from lattices.doping import Doping

    assert spec.vacancies is not None
    delta = spec.vacancies.delta
    if delta is None:
        return _amount(spec.vacancies)
    if spec.prototype is None:
        raise InputError(f"crystal.vacancies.delta = {delta}: for a structure file give a fraction or a number")
    per_formula = ANIONS_PER_FORMULA[spec.prototype]
    if delta > per_formula:
        raise InputError(f"crystal.vacancies.delta = {delta}: at most {per_formula}, the anions of a formula unit")
    return Doping(fraction=delta / per_formula)


def _vacancy(model: Model) -> str:
    """The one species of the model that is an empty site (element "X")."""
    empty = model.vacancies
    if len(empty) != 1:
        raise InputError(
            f"crystal.vacancies: model {model.name!r} has {len(empty)} kinds of vacancy "
            f"({', '.join(empty) or 'none'}); name species in crystal.carriers"
        )
    return empty[0]


def _amount(value: AmountSpec) -> Amount:
    from lattices.doping import Doping, Profile

    if isinstance(value, CarrierSpec) and value.charge_balance:
        return "charge-balance"
    profile = Profile(**value.profile.model_dump()) if value.profile else None
    return Doping(value.fraction, value.number, value.sites, profile)


def system_of(config: RunConfig, base: Path, number: int, mode: Mode | None = None) -> System:
    """Everything that fixes the walk at temperature `number` of the list; InputError names the run file.

    mode: of the electronic carriers, in place of the run file's.
    """
    from kmc.state.system import build_system

    run = config.run
    with naming(config):
        model = model_of(config, base)
        temperature_K = run.temperatures_K[number]
        supercell = supercell_of(config, base, model)
        composition = composition_of(config, model, supercell, temperature_K)
        if config.crystal.expansion:
            supercell, notes = _expanded(config, model, supercell, composition, temperature_K)
            composition = replace(composition, notes=(*composition.notes, *notes))
        return build_system(
            model,
            supercell,
            composition,
            temperature_K,
            seed=run.seed,
            temperature_index=run.temperature_index + number,
            replicas=run.replicas,
            replicas_per_configuration=run.replicas_per_configuration,
            field_V_per_m=run.field_V_per_m,
            tracked=run.track == "all",
            mode=mode or ("kinetic" if config.polarons.mode == "auto" else config.polarons.mode),
            scale=config.polarons.scale,
        )


def settings_of(config: RunConfig, model: Model) -> Settings:
    """What the engine is asked for at the first temperature.

    Raises InputError for values out of range.
    """
    from kmc.measure.profile import ProfileSettings
    from kmc.run.settings import DomainSettings, Precision, Settings

    run, domains = config.run, config.run.parallel.domains
    return Settings(
        equilibration=_length(run.equilibration),
        duration=Precision(wanted) if (wanted := run.duration.precision) else _length(run.duration),
        frames=run.frames,
        positions=run.positions,
        checkpoint_every_s=run.checkpoint_every_s,
        selection=run.selection,
        profile=ProfileSettings(**run.profile.model_dump()) if run.profile else None,
        domains=DomainSettings(domains.block, domains.hops_per_visit) if domains else None,
        thermodynamics=_thermodynamics(config, model),
    )


def _length(spec: EquilibrationSpec | DurationSpec) -> Hops | Seconds:
    """Hops per carrier or seconds, whichever the run file gives."""
    from kmc.run.settings import Hops, Seconds

    return Hops(spec.hops_per_carrier) if spec.hops_per_carrier is not None else Seconds(spec.time_s or 0.0)


def _thermodynamics(config: RunConfig, model: Model) -> Thermodynamics | None:
    from kmc.model.oxygen_gas import relative_mu_eV
    from kmc.run.settings import Relaxation, Thermodynamics

    spec = config.thermodynamics
    if spec is None:
        return None
    pressures = [relative_mu_eV(model, config.run.temperatures_K[0], pressure) for pressure in spec.pO2_bar]
    wave = Relaxation(**spec.relaxation.model_dump()) if spec.relaxation else None
    return Thermodynamics(spec.points, spec.step_kT, tuple(pressures) or spec.mu_eV, spec.trials_per_carrier, wave)
