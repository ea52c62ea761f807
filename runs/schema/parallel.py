"""The schema of run.parallel: independent replicas, or one large supercell in domains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from runs.schema.crystal import AtLeastOne, Strict, short_forms


class DomainsSpec(Strict):
    """One large supercell in parallel. block: smallest edge in cells. hops_per_visit: of the fastest carrier.

    block = "auto": the smallest edge whose expected bias is at most 0.2 %, on every backend. A GPU needs many blocks.
    extrapolate: run three lengths of a visit (1, 0.71 and 0.5 times the given one) and report estimates at zero length.
    """

    block: AtLeastOne | Literal["auto"] = 12
    hops_per_visit: Annotated[float, Field(strict=True, ge=0.01, le=16)] = 0.5
    extrapolate: bool = False

    @property
    def cells(self) -> int:
        """The edge as a number, once the run file is resolved."""
        assert self.block != "auto"
        return self.block

    @model_validator(mode="after")
    def _short_visits(self) -> DomainsSpec:
        if self.extrapolate and self.hops_per_visit > 1:
            raise ValueError(f"extrapolate = true with hops_per_visit = {self.hops_per_visit}; at most 1 is allowed")
        return self


class ParallelSpec(Strict):
    """Either "replicas" or { domains = { block, hops_per_visit } }."""

    domains: DomainsSpec | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The table or the word."""
        return short_forms(handler.resolve_ref_schema(handler(core)), {"const": "replicas"})

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        if isinstance(value, dict | ParallelSpec):
            return value
        if value == "replicas":
            return {}
        raise ValueError(f'{value!r} was given; "replicas" or {{ domains = {{ block, hops_per_visit }} }} is allowed')

    @model_serializer
    def _as_written(self) -> object:
        return "replicas" if self.domains is None else {"domains": self.domains.model_dump()}
