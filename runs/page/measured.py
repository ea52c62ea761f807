"""Measured values of the literature that belong to the results of a run, from measured.toml."""

from __future__ import annotations

import math
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kmc.model.entries import Mark
from kmc.model.oxygen_gas import GAS_CONSTANT_J_MOL_K
from lattices.toml import parse_toml

NEAR_K = 60.0  # a value at one temperature stands beside results at most this far away
ROUNDING_K = 1.0  # of temperatures given in degrees Celsius


class Measured(BaseModel):
    """A value at one temperature, or an Arrhenius expression with its range; units are those of the key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: tuple[str, ...]
    key: str
    value: float | None = None
    temperature_K: float | None = None
    prefactor: float | None = None
    activation_energy_J_mol: float | None = None
    range_K: tuple[float, float] | None = None
    sample: str
    source: Annotated[str, Field(min_length=3)]
    mark: Mark

    @model_validator(mode="after")
    def _one_form(self) -> Measured:
        single = (self.value, self.temperature_K)
        expression = (self.prefactor, self.activation_energy_J_mol, self.range_K)
        if (None in single) == (None in expression):
            raise ValueError("value, temperature_K or prefactor, activation_energy_J_mol, range_K are needed")
        return self

    def beside(self, temperature_K: float) -> tuple[float, float] | None:
        """(value, temperature in K to which it belongs) for results at a temperature; None where there is none."""
        if self.value is not None and self.temperature_K is not None:
            near = abs(self.temperature_K - temperature_K) <= NEAR_K
            return (self.value, self.temperature_K) if near else None
        if self.prefactor is None or self.activation_energy_J_mol is None or self.range_K is None:
            return None
        low, high = self.range_K
        if not low - ROUNDING_K <= temperature_K <= high + ROUNDING_K:
            return None
        exponent = -self.activation_energy_J_mol / (GAS_CONSTANT_J_MOL_K * temperature_K)
        return self.prefactor * math.exp(exponent), temperature_K


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    values: tuple[Measured, ...]


def measured_values(parameter_set: str) -> list[Measured]:
    """The values for the material of a parameter set, in the order of the file."""
    text = (resources.files("runs") / "page" / "measured.toml").read_text(encoding="utf-8")
    return [entry for entry in _File.model_validate(parse_toml(text)).values if parameter_set in entry.sets]
