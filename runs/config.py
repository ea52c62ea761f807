"""The run file: its schema, overrides from the command line, and what it builds."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kmc.model import Model, first_error, load_model
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.composition import Amount, Composition
    from kmc.schedule import Settings
    from kmc.system import System
    from lattices.crystal import Crystal, Supercell

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileSpec(_Strict):
    """A site fraction that varies along an axis; see lattices.doping.Profile."""

    axis: Annotated[int, Field(ge=0, le=2)]
    fractions: Annotated[tuple[Fraction, ...], Field(min_length=1)]
    interpolation: Literal["linear", "step"] = "step"


class AmountSpec(_Strict):
    """Exactly one of: fraction of the sublattice's sites, number, sites (indices), profile."""

    fraction: Fraction | None = None
    number: Count | None = None
    sites: tuple[Count, ...] | None = None
    profile: ProfileSpec | None = None

    @model_validator(mode="after")
    def _one(self) -> AmountSpec:
        if len(self.model_fields_set) != 1:
            raise ValueError("exactly one of fraction, number, sites, profile is needed")
        return self


class CrystalSpec(_Strict):
    """[crystal]: a prototype with hosts, or a structure file with named sublattices; repeats; doping; carriers."""

    prototype: Literal["fluorite", "perovskite"] | None = None
    host: dict[str, str] = {}
    file: str | None = None
    sublattices: dict[str, str | list[str] | list[int]] = {}
    lattice_parameter_angstrom: Positive | None = None
    repeats: tuple[Annotated[int, Field(ge=1, le=32767)], ...]
    doping: dict[str, Fraction | AmountSpec] = {}
    vacancies: Literal["charge-balance"] | AmountSpec | None = None
    carriers: dict[str, Fraction | AmountSpec | Literal["charge-balance"]] = {}

    @model_validator(mode="after")
    def _complete(self) -> CrystalSpec:
        if (self.prototype is None) == (self.file is None):
            raise ValueError("exactly one of prototype and file is needed")
        if len(self.repeats) != 3:
            raise ValueError(f"repeats = {list(self.repeats)}: three whole numbers are needed")
        if self.file is not None and (not self.sublattices or self.host or self.lattice_parameter_angstrom):
            raise ValueError(
                "a structure file needs sublattices, and takes neither host nor lattice_parameter_angstrom"
            )
        if self.prototype is not None and self.sublattices:
            raise ValueError("a prototype names its sublattices itself")
        return self


class ModelSpec(_Strict):
    """[model]: a shipped parameter set by name, or a path relative to the run file."""

    parameters: str


class EquilibrationSpec(_Strict):
    """How long to walk before anything is recorded."""

    hops_per_carrier: NotNegative | None = None
    time_s: NotNegative | None = None


class DurationSpec(_Strict):
    """Exactly one: hops per carrier of the slowest mobile species, simulated seconds, or relative error of D*."""

    hops_per_carrier: Positive | None = None
    time_s: Positive | None = None
    precision: Annotated[float, Field(gt=0, lt=1)] | None = None


class RunSpec(_Strict):
    """[run]."""

    temperature_K: Annotated[float, Field(ge=1, le=10000)] | list[Annotated[float, Field(ge=1, le=10000)]]
    replicas: Annotated[int, Field(ge=1, le=2**24)] = 8
    replicas_per_configuration: Annotated[int, Field(ge=1)] = 1
    equilibration: EquilibrationSpec = EquilibrationSpec(hops_per_carrier=100.0)
    duration: DurationSpec = DurationSpec(hops_per_carrier=1000.0)
    frames: Annotated[int, Field(ge=2, le=1_000_000)] = 200
    positions: Literal["none", "first", "all"] = "first"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    backend: Literal["auto", "cuda", "cpu", "numpy"] = "auto"
    field_V_per_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    parallel: Literal["replicas"] = "replicas"
    selection: Literal["auto", "rejection"] = "auto"

    @field_validator("equilibration", "duration")
    @classmethod
    def _one(cls, value: BaseModel) -> BaseModel:
        if len(value.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(value).model_fields)} is needed")
        return value

    @field_validator("temperature_K")
    @classmethod
    def _some(cls, value: Any) -> Any:
        if isinstance(value, list) and (not value or len(set(value)) != len(value)):
            raise ValueError("at least one temperature, and none twice")
        return value

    @property
    def temperatures_K(self) -> list[float]:
        """The temperatures as a list."""
        return self.temperature_K if isinstance(self.temperature_K, list) else [self.temperature_K]


class RunConfig(_Strict):
    """A whole run file."""

    crystal: CrystalSpec
    model: ModelSpec
    run: RunSpec


def shipped_examples() -> list[str]:
    """Names of the example run files."""
    folder = resources.files("runs") / "examples"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_config(name_or_path: str | Path, overrides: Sequence[str] = ()) -> tuple[RunConfig, Path]:
    """(the run file with overrides applied, the folder its relative paths start from).

    overrides: "key.key=TOML value". InputError with file, key, what was given and what is allowed.
    """
    path = Path(name_or_path)
    if str(name_or_path) in shipped_examples() and not path.exists():
        text = (resources.files("runs") / "examples" / f"{name_or_path}.toml").read_text(encoding="utf-8")
        where, base = f"example {name_or_path}", Path.cwd()
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            known = ", ".join(shipped_examples())
            raise InputError(f"{path}: cannot be read ({error}); a run file, or an example: {known}") from error
        where, base = str(path), path.resolve().parent
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(data, override)
    try:
        return RunConfig.model_validate(data), base
    except ValidationError as error:
        raise InputError(f"{where}: {first_error(error)}") from error


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


def resolved_toml(config: RunConfig, frozen: dict[str, Any] | None = None) -> str:
    """The run file as resolved; `frozen` is what was decided after equilibration, as comments for people."""
    import tomli_w

    text = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
    lines = [f"# {key} = {value}" for key, value in (frozen or {}).items()]
    return text + ("\n# decided after equilibration, from counts:\n" + "\n".join(lines) + "\n" if lines else "")


def model_of(config: RunConfig, base: Path) -> Model:
    """The model that the run names; a relative path starts from the run file."""
    beside = base / config.model.parameters
    return load_model(beside if beside.is_file() else config.model.parameters)


def crystal_of(config: RunConfig, base: Path, model: Model) -> Crystal:
    """The unit cell."""
    from lattices.fluorite import fluorite
    from lattices.from_atoms import crystal_from_file
    from lattices.perovskite import perovskite

    spec = config.crystal
    if spec.file is not None:
        return crystal_from_file(base / spec.file, spec.sublattices)
    if model.prototype is not None and model.prototype != spec.prototype:
        raise InputError(f"crystal.prototype = {spec.prototype!r}: model {model.name!r} is for {model.prototype}")
    length = spec.lattice_parameter_angstrom
    if length is None:
        if model.lattice_parameter_angstrom is None:
            raise InputError("crystal.lattice_parameter_angstrom is missing, and the model gives none")
        length = model.lattice_parameter_angstrom.value
    return (fluorite if spec.prototype == "fluorite" else perovskite)(spec.host, length)


def supercell_of(config: RunConfig, base: Path, model: Model) -> Supercell:
    """The supercell."""
    from lattices.crystal import Supercell

    nx, ny, nz = config.crystal.repeats
    return Supercell(crystal_of(config, base, model), (nx, ny, nz))


def composition_of(config: RunConfig, model: Model, supercell: Supercell) -> Composition:
    """Particle numbers: doping, vacancies (species V_O) and other carriers."""
    from kmc.composition import compose

    spec = config.crystal
    doping = {name: _amount(value) for name, value in spec.doping.items()}
    carriers = {name: _amount(value) for name, value in spec.carriers.items()}
    if spec.vacancies is not None:
        if "V_O" in carriers:
            raise InputError("crystal.carriers.V_O and crystal.vacancies are both given")
        carriers["V_O"] = _amount(spec.vacancies)
    return compose(model, supercell, doping, carriers)


def _amount(value: float | str | AmountSpec) -> Amount:
    from lattices.doping import Doping, Profile

    if value == "charge-balance":
        return "charge-balance"
    if not isinstance(value, AmountSpec):
        return float(value)
    profile = Profile(**value.profile.model_dump()) if value.profile else None
    return Doping(value.fraction, value.number, value.sites, profile)


def system_of(config: RunConfig, base: Path, temperature_index: int) -> System:
    """Everything that fixes the walk at one temperature of the list."""
    from kmc.system import build_system

    model = model_of(config, base)
    supercell = supercell_of(config, base, model)
    run = config.run
    return build_system(
        model,
        supercell,
        composition_of(config, model, supercell),
        run.temperatures_K[temperature_index],
        seed=run.seed,
        temperature_index=temperature_index,
        replicas=run.replicas,
        replicas_per_configuration=run.replicas_per_configuration,
        field_V_per_m=run.field_V_per_m,
    )


FIRST_STRETCH_HOPS = 200.0  # hops per carrier of the first stretch of a run that is to reach a precision


def settings_of(config: RunConfig) -> Settings:
    """What the engine is asked for; a wanted precision begins with a first stretch that is doubled as needed."""
    from kmc.schedule import Settings

    run = config.run
    hops = run.duration.hops_per_carrier
    return Settings(
        equilibration_hops_per_carrier=run.equilibration.hops_per_carrier,
        equilibration_time_s=run.equilibration.time_s,
        hops_per_carrier=FIRST_STRETCH_HOPS if run.duration.precision is not None else hops,
        time_s=run.duration.time_s,
        frames=run.frames,
        positions=run.positions,
    )
