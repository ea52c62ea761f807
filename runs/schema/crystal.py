"""The schema of [crystal] in a run file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kmc.model.entries import PrototypeName

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Temperature = Annotated[float, Field(strict=True, ge=1, le=10_000, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0)]
AtLeastOne = Annotated[int, Field(strict=True, ge=1, le=2**24)]


def or_single(schema: dict[str, Any]) -> None:
    """JSON schema of a list that may also be written as its only entry."""
    of_list = {key: schema.pop(key) for key in ("type", "items", "minItems") if key in schema}
    schema["anyOf"] = [of_list, of_list["items"]]


def short_forms(schema: JsonSchemaValue, *others: JsonSchemaValue) -> JsonSchemaValue:
    """JSON schema of a table that may also be written in other ways."""
    return {"anyOf": [schema, *others]}


class Strict(BaseModel):
    """A table whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileSpec(Strict):
    """A site fraction that varies along lattice vector 0, 1 or 2; see lattices.doping.DopingProfile."""

    axis: Annotated[int, Field(strict=True, ge=0, le=2)]
    fractions: Annotated[tuple[Fraction, ...], Field(min_length=1)]
    interpolation: Literal["linear", "step"] = "step"


class AmountSpec(Strict):
    """Exactly one of: fraction of the sublattice's sites, number, sites (indices), profile. A bare number: fraction."""

    fraction: Fraction | None = None
    number: Count | None = None
    sites: tuple[Count, ...] | None = None
    profile: ProfileSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, dict | AmountSpec):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"fraction": float(value)}
        raise ValueError(f"{value!r} was given; {cls.wording()}")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The table, a bare number or one of the words."""
        return short_forms(handler.resolve_ref_schema(handler(core)), {"type": "number"}, *cls.words())

    @classmethod
    def words(cls) -> list[JsonSchemaValue]:
        """JSON schema of the words that stand for a table."""
        return []

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
    def _as_written(self) -> object:
        key = next(iter(self.model_fields_set))
        value = getattr(self, key)
        if key == "fraction":
            return value
        return {key: value.model_dump() if isinstance(value, BaseModel) else value}


class CarrierSpec(AmountSpec):
    """An amount, "charge-balance" (makes the supercell neutral), or delta (per formula unit of a prototype)."""

    charge_balance: Literal[True] | None = None
    delta: Annotated[float, Field(strict=True, ge=0, le=3, allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _balance(cls, value: object) -> object:
        return {"charge_balance": True} if value == "charge-balance" else value

    @classmethod
    def words(cls) -> list[JsonSchemaValue]:
        """JSON schema of the words that stand for a table."""
        return [{"const": "charge-balance"}]

    @classmethod
    def wording(cls) -> str:
        """What is allowed, for messages."""
        return '"charge-balance", { delta = ... }, ' + AmountSpec.wording()

    @model_serializer
    def _as_written(self) -> object:
        return "charge-balance" if self.charge_balance else AmountSpec._as_written(self)


class ExpansionSpec(Strict):
    """Chemical (and thermal) expansion of the lattice parameter; see lattices.expansion.expansion_strain."""

    material: Literal["ceria", "lsf64"]
    set: str | None = None
    reference_delta: NotNegative = 0.0
    reference_temperature_K: Temperature | None = None


class AnnealSpec(Strict):
    """Dopants in equilibrium at a temperature from which they are frozen; see kmc/state/anneal.py."""

    temperature_K: Temperature
    sweeps: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 200


class CrystalSpec(Strict):
    """[crystal]: a prototype with hosts, or a structure file with named sublattices; repeats; doping; carriers.

    shell_tolerance: relative gap between distances that separates two neighbour shells; default 0.02. allow_net_charge:
    accept a supercell that is not neutral, such as one of vacancies alone.
    """

    prototype: PrototypeName | None = None
    host: dict[str, str] = {}
    file: str | None = None
    sublattices: dict[str, str | list[str] | list[int]] = {}
    shell_tolerance: Annotated[float, Field(strict=True, ge=1e-6, le=0.2)] | None = None
    lattice_parameter_angstrom: Positive | None = None
    expansion: ExpansionSpec | None = None
    repeats: tuple[Annotated[int, Field(strict=True, ge=1, le=32767)], ...]
    doping: dict[str, AmountSpec] = {}
    anneal: AnnealSpec | None = None
    vacancies: CarrierSpec | None = None
    carriers: dict[str, CarrierSpec] = {}
    allow_net_charge: Annotated[bool, Field(strict=True)] = False

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
