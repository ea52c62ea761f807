"""The schema of a run file. Keys that it does not know are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Temperature = Annotated[float, Field(strict=True, ge=1, le=10_000, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1, le=2**24)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileSpec(_Strict):
    """A site fraction that varies along a lattice vector (0, 1 or 2); see lattices.doping.Profile."""

    axis: Annotated[int, Field(strict=True, ge=0, le=2)]
    fractions: Annotated[tuple[Fraction, ...], Field(min_length=1)]
    interpolation: Literal["linear", "step"] = "step"


class AmountSpec(_Strict):
    """Exactly one of: fraction of the sublattice's sites, number, sites (indices), profile. A number is a fraction."""

    fraction: Fraction | None = None
    number: Count | None = None
    sites: tuple[Count, ...] | None = None
    profile: ProfileSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict | AmountSpec):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"fraction": float(value)}
        raise ValueError(f"{value!r} was given; {cls.wording()}")

    @classmethod
    def wording(cls) -> str:
        """What is allowed, for messages."""
        return "a site fraction, or a table with one of fraction, number, sites, profile is needed"

    @model_validator(mode="after")
    def _one(self) -> AmountSpec:
        if len(self.model_fields_set) != 1:
            raise ValueError(self.wording())
        return self

    @model_serializer
    def _as_written(self) -> Any:
        key = next(iter(self.model_fields_set))
        value = getattr(self, key)
        if key == "fraction":
            return value
        return {key: value.model_dump() if isinstance(value, BaseModel) else value}


class CarrierSpec(AmountSpec):
    """An amount, "charge-balance": as many as neutrality needs, or delta: per formula unit of a prototype."""

    charge_balance: Literal[True] | None = None
    delta: Annotated[float, Field(strict=True, ge=0, le=3, allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _balance(cls, value: Any) -> Any:
        return {"charge_balance": True} if value == "charge-balance" else value

    @classmethod
    def wording(cls) -> str:
        """What is allowed, for messages."""
        return '"charge-balance", { delta = ... }, ' + AmountSpec.wording()

    @model_serializer
    def _as_written(self) -> Any:
        return "charge-balance" if self.charge_balance else AmountSpec._as_written(self)


class CrystalSpec(_Strict):
    """[crystal]: a prototype with hosts, or a structure file with named sublattices; repeats; doping; carriers."""

    prototype: Literal["fluorite", "perovskite"] | None = None
    host: dict[str, str] = {}
    file: str | None = None
    sublattices: dict[str, str | list[str] | list[int]] = {}
    lattice_parameter_angstrom: Positive | None = None
    expansion: ExpansionSpec | None = None
    repeats: tuple[Annotated[int, Field(strict=True, ge=1, le=32767)], ...]
    doping: dict[str, AmountSpec] = {}
    vacancies: CarrierSpec | None = None
    carriers: dict[str, CarrierSpec] = {}

    @field_validator("repeats")
    @classmethod
    def _three(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) != 3:
            raise ValueError(f"{list(value)} was given; three whole numbers are needed")
        return value

    @model_validator(mode="after")
    def _complete(self) -> CrystalSpec:
        if (self.prototype is None) == (self.file is None):
            raise ValueError("exactly one of prototype and file is needed")
        if self.file is not None and (not self.sublattices or self.host or self.lattice_parameter_angstrom):
            raise ValueError(
                "a structure file needs sublattices, and takes neither host nor lattice_parameter_angstrom"
            )
        if self.file is not None and self.expansion:
            raise ValueError("expansion is for prototypes; a structure file has its own lattice parameters")
        if self.prototype is not None and self.sublattices:
            raise ValueError("a prototype names its sublattices itself; leave sublattices out")
        return self


class ExpansionSpec(_Strict):
    """Chemical (and thermal) expansion of the lattice parameter; see lattices.geometry.expansion_strain."""

    material: Literal["ceria", "lsf64"]
    set: str | None = None
    reference_delta: NotNegative = 0.0
    reference_temperature_K: Temperature | None = None


class GasSpec(_Strict):
    """[gas]: pressures in bar that decide the numbers of carriers, by the defect equilibrium of a material.

    material: as in `kmc equilibrium`, default the model's own. constants: a set by name, or numbers of one's own.
    """

    material: str | None = None
    pO2_bar: Positive
    pH2O_bar: NotNegative | None = None
    constants: str | dict[str, float | str] | None = None


class ModelSpec(_Strict):
    """[model]: a shipped parameter set by name, or a path relative to the run file."""

    parameters: str


class _OneOf(_Strict):
    @model_validator(mode="after")
    def _one(self) -> _OneOf:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)} is needed")
        return self


class EquilibrationSpec(_OneOf):
    """How long to walk before anything is recorded."""

    hops_per_carrier: NotNegative | None = None
    time_s: NotNegative | None = None


class DurationSpec(_OneOf):
    """Hops per carrier of the slowest mobile species, simulated seconds, or the wanted relative error of D*."""

    hops_per_carrier: Positive | None = None
    time_s: Positive | None = None
    precision: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = None


class DomainsSpec(_Strict):
    """One large supercell in parallel: smallest edge of a block in cells, hops of the fastest carrier per visit.

    extrapolate: walk with three lengths of a visit (1, 0.71 and 0.5 of it) and report the figures at zero length.
    """

    block: AtLeastOne = 12
    hops_per_visit: Annotated[float, Field(strict=True, ge=0.01, le=16)] = 0.5
    extrapolate: bool = False

    @model_validator(mode="after")
    def _short_visits(self) -> DomainsSpec:
        if self.extrapolate and self.hops_per_visit > 1:
            raise ValueError(f"extrapolate = true with hops_per_visit = {self.hops_per_visit}; at most 1 is allowed")
        return self


class ParallelSpec(_Strict):
    """The word "replicas", or { domains = { block, hops_per_visit } }."""

    domains: DomainsSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        if isinstance(value, dict | ParallelSpec):
            return value
        if value == "replicas":
            return {}
        raise ValueError(f'{value!r} was given; "replicas" or {{ domains = {{ block, hops_per_visit }} }} is allowed')

    @model_serializer
    def _as_written(self) -> Any:
        return "replicas" if self.domains is None else {"domains": self.domains.model_dump()}


class KeptProfileSpec(_Strict):
    """Site fractions and local diffusivities along a lattice vector, in bins of equal width."""

    axis: Annotated[int, Field(strict=True, ge=0, le=2)] = 0
    bins: AtLeastOne = 20


class RunSpec(_Strict):
    """[run]. track: "all" follows every particle that moves, "carriers" the carriers alone, in less memory.

    temperature_index: random stream of the first temperature; what a temperature of a list has in its own folder, so
    that it can be repeated alone.
    """

    temperature_K: Annotated[list[Temperature], Field(min_length=1)]
    temperature_index: Annotated[int, Field(strict=True, ge=0, lt=2**24)] = 0
    replicas: AtLeastOne = 8
    replicas_per_configuration: AtLeastOne = 1
    equilibration: EquilibrationSpec = EquilibrationSpec(hops_per_carrier=100.0)
    duration: DurationSpec = DurationSpec(hops_per_carrier=1000.0)
    frames: Annotated[int, Field(strict=True, ge=2, le=1_000_000)] = 200
    positions: Literal["none", "first", "all"] = "first"
    checkpoint_every_s: Positive = 60.0
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 1
    backend: Literal["auto", "cuda", "cpu", "numpy"] = "auto"
    field_V_per_m: tuple[Finite, Finite, Finite] = (0.0, 0.0, 0.0)
    parallel: ParallelSpec = ParallelSpec()
    profile: KeptProfileSpec | None = None
    track: Literal["all", "carriers"] = "all"
    selection: Literal["auto", "rejection", "rejection-free"] = "auto"

    @field_validator("temperature_K", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return value if isinstance(value, list) else [value]

    @field_validator("temperature_K")
    @classmethod
    def _different(cls, value: list[float]) -> list[float]:
        if len(set(value)) != len(value):
            raise ValueError(f"{value} was given; no temperature may be listed twice")
        return value

    @field_serializer("temperature_K")
    def _scalar(self, value: list[float]) -> float | list[float]:
        return value[0] if len(value) == 1 else value

    @model_validator(mode="after")
    def _domains_reject(self) -> RunSpec:
        if self.parallel.domains and self.selection == "rejection-free":
            raise ValueError('selection = "rejection-free" was given; with domains, "auto" and "rejection" are allowed')
        return self

    @model_validator(mode="after")
    def _precision_needs_no_field(self) -> RunSpec:
        if self.duration.precision is not None and any(self.field_V_per_m):
            raise ValueError(
                f"duration.precision = {self.duration.precision} was given with a field; it is the error of D*, which "
                "is had at zero field only: give hops_per_carrier or time_s"
            )
        return self

    @property
    def temperatures_K(self) -> list[float]:
        """The temperatures as a list."""
        return list(self.temperature_K)


class PolaronSpec(_Strict):
    """[polarons]: how electronic carriers are walked beside ions; see kmc/polarons.py.

    scale: of the mode "scaled", fastest electronic rate over fastest ionic rate.
    """

    mode: Literal["kinetic", "scaled", "frozen-ions", "auto"] = "kinetic"
    scale: Annotated[float, Field(strict=True, ge=0.5, le=1e6, allow_inf_nan=False)] = 10.0


class RelaxationSpec(_Strict):
    """A wave of composition along a lattice vector, set free after the run; see kmc.thermodynamics.Relaxation."""

    axis: Annotated[int, Field(strict=True, ge=0, le=2)] = 2
    amplitude: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.5
    waves: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 8


class ThermodynamicsSpec(_Strict):
    """[thermodynamics]: density modes and a scan over chemical potentials; see kmc.thermodynamics.Thermodynamics.

    mu_eV or pO2_bar: the points themselves, in place of points and step_kT.
    """

    points: Annotated[int, Field(strict=True, ge=1, le=1000)] = 7
    step_kT: Annotated[float, Field(strict=True, gt=0, le=100)] = 0.5  # kT is a unit
    mu_eV: tuple[Finite, ...] = ()  # eV is a unit
    pO2_bar: tuple[Positive, ...] = ()  # the field's symbol
    trials_per_carrier: Annotated[float, Field(strict=True, ge=1, le=1e9)] = 1000.0
    relaxation: RelaxationSpec | None = None

    @model_validator(mode="after")
    def _one_list(self) -> ThermodynamicsSpec:
        if self.mu_eV and self.pO2_bar:
            raise ValueError("mu_eV and pO2_bar are both given; one of them is allowed")
        return self


class RunConfig(_Strict):
    """A whole run file. resolved: what the program decided, written into the output folder and not read again."""

    crystal: CrystalSpec
    model: ModelSpec
    run: RunSpec
    polarons: PolaronSpec = PolaronSpec()
    thermodynamics: ThermodynamicsSpec | None = None
    gas: GasSpec | None = None

    @model_validator(mode="after")
    def _gas_or_numbers(self) -> RunConfig:
        if self.gas and (self.crystal.vacancies or self.crystal.carriers):
            raise ValueError("[gas] decides the carriers: crystal.vacancies and crystal.carriers must be left out")
        return self

    @model_validator(mode="after")
    def _one_kind_of_parts(self) -> RunConfig:
        if self.polarons.mode != "auto":
            return self
        if self.run.parallel.domains and self.run.parallel.domains.extrapolate:
            raise ValueError('polarons.mode = "auto" takes no extrapolate = true; name a mode')
        if self.run.duration.precision is not None:
            raise ValueError('polarons.mode = "auto" takes no duration.precision; give hops_per_carrier or time_s')
        return self

    resolved: dict[str, Any] = {}

    _where: str = PrivateAttr("run file")

    @property
    def where(self) -> str:
        """How messages call the run file."""
        return self._where
