"""The run file: read with overrides from the command line, written as resolved, and what it builds."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from kmc.model import Model, first_error, load_model, shipped_models
from kmc.polarons import ELECTRONIC
from lattices.errors import InputError
from runs.schema import AmountSpec, CarrierSpec, CrystalSpec, RunConfig

if TYPE_CHECKING:
    from kmc.composition import Amount, Composition
    from kmc.polarons import Mode
    from kmc.schedule import Settings
    from kmc.system import System
    from kmc.thermodynamics import Thermodynamics
    from lattices.crystal import Crystal, Supercell

__all__ = ["RunConfig", "load_config", "resolved_toml", "settings_of", "shipped_examples", "system_of"]

FIRST_STRETCH_HOPS = 500.0  # hops per carrier of the first stretch of a run that is to reach a precision
FREE_ON_RESUME = ("backend", "checkpoint_every_s")  # may change when a run goes on: they decide nothing


def shipped_examples() -> list[str]:
    """Names of the example run files."""
    folder = resources.files("runs") / "examples"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_config(name_or_path: str | Path, overrides: Sequence[str] = ()) -> tuple[RunConfig, Path]:
    """(the run file with overrides applied, the folder its relative paths start from).

    overrides: "key.key=TOML value". InputError with file, key, what was given and what is allowed.
    """
    text, where, base = _read(name_or_path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(data, override)
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {first_error(error)}{_allowed_keys(error)}") from error
    config._where = where
    return config, base


def _read(name_or_path: str | Path) -> tuple[str, str, Path]:
    """(text, how to call it in messages, folder of relative paths) of a run file or shipped example."""
    path = Path(name_or_path)
    if str(name_or_path) in shipped_examples() and not path.is_file():
        entry = resources.files("runs") / "examples" / f"{name_or_path}.toml"
        return entry.read_text(encoding="utf-8"), f"example {name_or_path}", Path.cwd()
    try:
        return path.read_text(encoding="utf-8"), str(path), path.resolve().parent
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        known = ", ".join(shipped_examples())
        raise InputError(f"{path}: cannot be read: {reason}; a run file is needed, or an example: {known}") from error


def _apply(data: dict[str, Any], override: str) -> None:
    """Set one key from "key.key=value"; a value that is not TOML is taken as text."""
    key, equals, text = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise InputError(f"--set {override}: key=value is needed, such as run.replicas=4")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    place = data
    for part in parts[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {override}: {part} is a value, not a table")
    place[parts[-1]] = value


def _allowed_keys(error: ValidationError) -> str:
    """What is allowed in place of an unknown key, to be added to the message; nothing for other errors."""
    problem = error.errors()[0]
    if problem["type"] != "extra_forbidden":
        return ""
    schema: Any = RunConfig
    for part in problem["loc"][:-1]:
        if isinstance(schema, type) and issubclass(schema, BaseModel) and part in schema.model_fields:
            schema = schema.model_fields[str(part)].annotation
        arguments = getattr(schema, "__args__", (schema,))  # dict[str, X], X | None
        models = [entry for entry in arguments if isinstance(entry, type) and issubclass(entry, BaseModel)]
        schema = models[0] if models else schema
    return f"; allowed are {', '.join(schema.model_fields)}" if hasattr(schema, "model_fields") else ""


@contextmanager
def naming(config: RunConfig) -> Iterator[None]:
    """Bad input found on lower floors is told with the name of the run file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{config.where}: {error}") from error


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


def resolved_toml(config: RunConfig, decided: dict[str, Any] | None = None) -> str:
    """The run file as TOML. decided: what goes into [resolved]."""
    import tomli_w

    tables = config.model_dump(mode="json", exclude={"resolved"})
    return tomli_w.dumps(_without_empty(tables) | ({"resolved": _without_empty(decided)} if decided else {}))


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null; empty tables are left out for the reader's sake."""
    kept = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
    return {k: v for k, v in kept.items() if v != {}}


def first_difference(one: RunConfig, other: RunConfig) -> str | None:
    """A key in which two resolved run files differ, with both values; None if they describe the same walk."""
    dumps = [config.model_dump(mode="json", exclude={"resolved"}) for config in (one, other)]
    tables = [{name: table or {} for name, table in dump.items()} for dump in dumps]
    for section in tables[0]:
        for key in tables[0][section] | tables[1][section]:
            values = [table[section].get(key) for table in tables]
            if values[0] != values[1] and key not in FREE_ON_RESUME:
                return f"{section}.{key} = {values[0]}, not {values[1]}"
    return None


def model_of(config: RunConfig, base: Path) -> Model:
    """The model that the run names; a relative path starts from the run file."""
    beside = base / config.model.parameters
    return load_model(beside if beside.is_file() else config.model.parameters)


def crystal_of(config: RunConfig, base: Path, model: Model) -> Crystal:
    """The unit cell."""
    from lattices.crystal import with_layers
    from lattices.fluorite import fluorite
    from lattices.from_atoms import crystal_from_file
    from lattices.perovskite import perovskite

    spec = config.crystal
    if spec.file is not None:
        return with_layers(crystal_from_file(base / spec.file, spec.sublattices), model.layers)
    if model.prototype is not None and model.prototype != spec.prototype:
        raise InputError(f"crystal.prototype = {spec.prototype!r}: model {model.name!r} is for {model.prototype}")
    build = fluorite if spec.prototype == "fluorite" else perovskite
    return with_layers(build(spec.host, _lattice_parameter(config, model)), model.layers)


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


def composition_of(config: RunConfig, model: Model, supercell: Supercell) -> Composition:
    """Particle numbers: doping, vacancies and other carriers."""
    from kmc.composition import compose

    spec = config.crystal
    doping = {name: _amount(value) for name, value in spec.doping.items()}
    carriers = {name: _amount(value) for name, value in spec.carriers.items()}
    if spec.vacancies is not None:
        name = _vacancy(model)
        if name in carriers:
            raise InputError(f"crystal.carriers.{name} and crystal.vacancies are both given")
        carriers[name] = _vacancies(spec)
    given = [name for name, value in spec.carriers.items() if name in ELECTRONIC and not value.charge_balance]
    found = compose(model, supercell, doping, carriers)
    if found.net_charge and given:
        balance = " ".join(
            f"{model.species[name].charge * number:+d} ({name})"
            for name, number in found.counts.items()
            if model.species[name].charge * number
        )
        raise InputError(
            f"crystal.carriers.{given[0]}: the supercell is not neutral: {balance} = {found.net_charge:+d} e; "
            'give one carrier as "charge-balance"'
        )
    return found


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
    from kmc.system import build_system

    run = config.run
    with naming(config):
        model = model_of(config, base)
        supercell = supercell_of(config, base, model)
        return build_system(
            model,
            supercell,
            composition_of(config, model, supercell),
            run.temperatures_K[number],
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

    A wanted precision begins with a first stretch that is doubled as needed.
    """
    from kmc.profile import ProfileSettings
    from kmc.schedule import DomainSettings, Settings

    run = config.run
    hops, domains = run.duration.hops_per_carrier, run.parallel.domains
    return Settings(
        equilibration_hops_per_carrier=run.equilibration.hops_per_carrier,
        equilibration_time_s=run.equilibration.time_s,
        hops_per_carrier=FIRST_STRETCH_HOPS if run.duration.precision is not None else hops,
        time_s=run.duration.time_s,
        frames=run.frames,
        positions=run.positions,
        checkpoint_every_s=run.checkpoint_every_s,
        selection=run.selection,
        profile=ProfileSettings(**run.profile.model_dump()) if run.profile else None,
        domains=DomainSettings(domains.block, domains.hops_per_visit) if domains else None,
        thermodynamics=_thermodynamics(config, model),
    )


def _thermodynamics(config: RunConfig, model: Model) -> Thermodynamics | None:
    from kmc.oxygen import relative_mu_eV
    from kmc.thermodynamics import Relaxation, Thermodynamics

    spec = config.thermodynamics
    if spec is None:
        return None
    pressures = [relative_mu_eV(model, config.run.temperatures_K[0], pressure) for pressure in spec.pO2_bar]
    wave = Relaxation(**spec.relaxation.model_dump()) if spec.relaxation else None
    return Thermodynamics(spec.points, spec.step_kT, tuple(pressures) or spec.mu_eV, spec.trials_per_carrier, wave)
