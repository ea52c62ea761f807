"""The schema of a run file. Keys that it does not know are refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_serializer, field_validator, model_validator

from runs.schema.crystal import (
    AtLeastOne,
    CrystalSpec,
    Finite,
    NotNegative,
    Positive,
    Strict,
    Temperature,
    or_single,
)
from runs.schema.lengths import DurationSpec, EquilibrationSpec
from runs.schema.parallel import ParallelSpec

STREAMS = 2**24  # number of temperature indices in the key of the random numbers (kmc/rng/philox.py)
DRIFT = "drift_conductivity_S_m"  # the estimate of a run in a field
PART_STREAMS = 2**16  # distance between the temperature indices of the parts of a run


class GasSpec(Strict):
    """[gas]: pressures in bar that set the numbers of carriers through the defect equilibrium of a material.

    material: as in `kmc equilibrium`, by default that of the model. constants: the name of a set, or user values.
    """

    material: str | None = None
    pO2_bar: Positive
    pH2O_bar: NotNegative | None = None
    constants: str | dict[str, float | str] | None = None


class ElectronicSpec(Strict):
    """A band-like electronic conductivity, used for t_e, sigma_amb and D~ in place of hopping electronic carriers.

    conductivity_S_m: one value for each temperature of the run; a number for a single temperature. source: where it is
    from.
    """

    conductivity_S_m: Annotated[tuple[Positive, ...], Field(min_length=1, json_schema_extra=or_single)]
    source: Annotated[str, Field(min_length=3)]

    @field_validator("conductivity_S_m", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]

    @field_serializer("conductivity_S_m")
    def _scalar(self, value: tuple[float, ...]) -> float | list[float]:
        return value[0] if len(value) == 1 else list(value)

    def at(self, number: int) -> ElectronicSpec:
        """The conductivity at temperature `number` of the list."""
        return self.model_copy(update={"conductivity_S_m": (self.conductivity_S_m[number],)})


class ModelSpec(Strict):
    """[model]: a shipped parameter set by name, or a path relative to the run file.

    relative_permittivity: of the medium of long-range Coulomb energies, in place of what the set gives.
    electronic: a given electronic conductivity.
    """

    parameters: str
    relative_permittivity: Annotated[float, Field(strict=True, ge=1, le=1e9, allow_inf_nan=False)] | None = None
    electronic: ElectronicSpec | None = None


class KeptProfileSpec(Strict):
    """Site fractions and local diffusivities along a lattice vector, in bins of equal width."""

    axis: Annotated[int, Field(strict=True, ge=0, le=2)] = 0
    bins: AtLeastOne = 20


class RunSpec(Strict):
    """[run]. track: "all" follows every mobile particle, "carriers" only the carriers, which needs less memory.

    temperature_index: random stream of the first temperature. The run file of one temperature of a list holds its own,
    so that it can be repeated alone. allow_localised_carriers: run even if the bonds of a carrier form closed clusters.
    devices: number of the GPU to be used, in a list; empty for the current one.
    """

    temperature_K: Annotated[list[Temperature], Field(min_length=1, json_schema_extra=or_single)]
    temperature_index: Annotated[int, Field(strict=True, ge=0, lt=STREAMS)] = 0
    replicas: AtLeastOne = 8
    replicas_per_configuration: AtLeastOne = 1
    equilibration: EquilibrationSpec = EquilibrationSpec(hops_per_carrier=100.0)
    duration: DurationSpec = DurationSpec(hops_per_carrier=1000.0)
    frames: Annotated[int, Field(strict=True, ge=2, le=1_000_000)] = 200
    positions: Literal["none", "first", "all"] = "first"
    checkpoint_every_s: Positive = 60.0
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 1
    backend: str = "auto"
    devices: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    field_V_per_m: tuple[Finite, Finite, Finite] = (0.0, 0.0, 0.0)
    parallel: ParallelSpec = ParallelSpec()
    profile: KeptProfileSpec | None = None
    track: Literal["all", "carriers"] = "all"
    selection: Literal["auto", "rejection", "rejection-free"] = "auto"
    allow_localised_carriers: bool = False

    @field_validator("temperature_K", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return value if isinstance(value, list) else [value]

    @field_validator("temperature_K")
    @classmethod
    def _different(cls, value: list[float]) -> list[float]:
        if len(set(value)) != len(value):
            raise ValueError(f"{value} was given; no temperature may be listed twice")
        return value

    @field_validator("devices")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"{list(value)} was given; no device may be listed twice")
        if len(value) > 1:
            raise ValueError(f"{list(value)} was given; a run uses one device")
        return value

    @field_validator("backend")
    @classmethod
    def _known(cls, value: str) -> str:
        from kmc.backends import backend_named

        return value if value == "auto" else backend_named(value).name

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
        asked = self.duration.precision
        if asked is not None and any(self.field_V_per_m) and (not isinstance(asked, dict) or set(asked) != {DRIFT}):
            raise ValueError(
                f"duration.precision = {asked} was given with a field, in which the only estimate is the drift: give "
                f"precision = {{ {DRIFT} = ... }}, hops_per_carrier or time_s"
            )
        return self

    @property
    def temperatures_K(self) -> list[float]:
        """The temperatures as a list."""
        return list(self.temperature_K)


class PolaronSpec(Strict):
    """[polarons]: treatment of electronic carriers in the presence of ions; see kmc/carriers/polaron_modes.py.

    scale: of mode "scaled", the fastest electronic rate over the fastest ionic rate.
    """

    mode: Literal["kinetic", "scaled", "frozen-ions", "auto"] = "kinetic"
    scale: Annotated[float, Field(strict=True, ge=0.5, le=1e6, allow_inf_nan=False)] = 10.0


class RelaxationSpec(Strict):
    """Composition waves along a lattice vector that relax after the run; see kmc.run.settings.Relaxation."""

    axis: Annotated[int, Field(strict=True, ge=0, le=2)] = 2
    amplitude: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.5
    waves: Annotated[int, Field(strict=True, ge=1, le=2000)] = 8


class ThermodynamicsSpec(Strict):
    """[thermodynamics]: density modes and a scan over chemical potentials; see kmc.run.settings.Thermodynamics.

    mu_eV or pO2_bar: explicit points, in place of points and step_kT.
    """

    points: Annotated[int, Field(strict=True, ge=1, le=1000)] = 7
    step_kT: Annotated[float, Field(strict=True, gt=0, le=100)] = 0.5
    mu_eV: tuple[Finite, ...] = ()
    pO2_bar: tuple[Positive, ...] = ()
    trials_per_carrier: Annotated[float, Field(strict=True, ge=1, le=1e9)] = 1000.0
    relaxation: RelaxationSpec | None = None

    @model_validator(mode="after")
    def _one_list(self) -> ThermodynamicsSpec:
        if self.mu_eV and self.pO2_bar:
            raise ValueError("mu_eV and pO2_bar are both given; one of them is allowed")
        return self


class RunConfig(Strict):
    """A whole run file. resolved: what the program decided; written into the output folder, never read back."""

    crystal: CrystalSpec
    model: ModelSpec
    run: RunSpec
    polarons: PolaronSpec = PolaronSpec()
    thermodynamics: ThermodynamicsSpec | None = None
    gas: GasSpec | None = None

    @model_validator(mode="after")
    def _gas_or_numbers(self) -> RunConfig:
        if self.gas and (self.crystal.vacancies or self.crystal.carriers):
            raise ValueError(
                "[gas] sets the numbers of carriers: crystal.vacancies and crystal.carriers must be left out"
            )
        return self

    @model_validator(mode="after")
    def _streams_of_their_own(self) -> RunConfig:
        """The parts of a run have random streams PART_STREAMS apart, which a list of temperatures must not reach."""
        first, temperatures = self.run.temperature_index, len(self.run.temperature_K)
        domains = self.run.parallel.domains
        parts = self.polarons.mode == "auto" or (domains is not None and domains.extrapolate)
        most = (PART_STREAMS if parts else STREAMS) - temperatures
        if first > most:
            of = "a run in parts" if parts else "a run"
            raise ValueError(
                f"run.temperature_index = {first}: at most {most} is allowed for {of} of {temperatures} temperatures, "
                "or two trajectories would share their random numbers"
            )
        return self

    @model_validator(mode="after")
    def _one_kind_of_parts(self) -> RunConfig:
        if self.polarons.mode != "auto":
            return self
        if self.run.parallel.domains and self.run.parallel.domains.extrapolate:
            raise ValueError('polarons.mode = "auto" takes no extrapolate = true; name a mode')
        if self.run.duration.precision is not None:
            raise ValueError('polarons.mode = "auto" takes no duration.precision; give hops_per_carrier or time_s')
        if any(self.run.field_V_per_m):
            raise ValueError('polarons.mode = "auto" takes no field; name a mode')
        if self.polarons.scale < 1.0:
            raise ValueError(
                f'polarons.scale = {self.polarons.scale}: at least 1 with mode "auto", which also runs half of it'
            )
        return self

    @model_validator(mode="after")
    def _given_conductivity(self) -> RunConfig:
        given, domains = self.model.electronic, self.run.parallel.domains
        if given is None:
            return self
        values, temperatures = len(given.conductivity_S_m), len(self.run.temperature_K)
        if values != temperatures:
            raise ValueError(
                f"model.electronic.conductivity_S_m holds {values} values for {temperatures} temperatures; one for "
                "each temperature is needed"
            )
        if self.polarons.mode in ("frozen-ions", "auto"):
            raise ValueError(
                f'polarons.mode = "{self.polarons.mode}" determines the electronic conductivity from hops, and '
                'model.electronic gives it; with model.electronic, "kinetic" and "scaled" are allowed'
            )
        if domains and domains.extrapolate:
            raise ValueError("model.electronic was given; extrapolate = true is not allowed with it")
        return self

    resolved: dict[str, object] = Field(default={})

    _where: str = PrivateAttr("run file")

    @property
    def where(self) -> str:
        """Name of the run file in messages."""
        return self._where
