"""The schema of the lengths of a run: equilibration, and duration with a precision to be reached."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, model_validator

from runs.schema.crystal import NotNegative, Positive, Strict


class _OneOf(Strict):
    @model_validator(mode="after")
    def _one(self) -> _OneOf:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)} is needed")
        return self


class EquilibrationSpec(_OneOf):
    """Length of the simulation before the first frame."""

    hops_per_carrier: NotNegative | None = None
    time_s: NotNegative | None = None


LENGTHS = ("hops_per_carrier", "time_s", "precision")


def _relative_errors(value: object) -> object:
    """A number above 0 and below 1, or a table of them by dotted key, which TOML reads as nested unless quoted."""
    if value is None:
        return None
    found = _flat(value) if isinstance(value, dict) else {"": value}
    for key, error in found.items():
        if isinstance(error, bool) or not isinstance(error, float | int) or not 0 < error < 1:
            raise ValueError(f"{f'{key} = ' if key else ''}{error!r}: a number above 0 and below 1 is needed")
    return found if isinstance(value, dict) else value


def _flat(table: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in table.items():
        inner = _flat(value) if isinstance(value, dict) else {"": value}
        found |= {f"{key}.{name}".rstrip("."): each for name, each in inner.items()}
    return found


class DurationSpec(Strict):
    """Hops per carrier of the slowest mobile species, simulated time in s, or relative errors to be reached.

    precision: of D* of the first mobile species, or a table of estimates by their keys in results.json. wall_time_s or
    wall_time_h: of each trajectory, after which it ends with the precision that it has reached.
    """

    hops_per_carrier: Positive | None = None
    time_s: Positive | None = None
    precision: Annotated[float | dict[str, float] | None, BeforeValidator(_relative_errors)] = None
    wall_time_s: Positive | None = None
    wall_time_h: Positive | None = None

    @model_validator(mode="after")
    def _one_length(self) -> DurationSpec:
        if len(self.model_fields_set & set(LENGTHS)) != 1 or self.precision == {}:
            raise ValueError(f"exactly one of {', '.join(LENGTHS)} is needed")
        caps = [name for name in ("wall_time_s", "wall_time_h") if getattr(self, name) is not None]
        if len(caps) > 1 or (caps and self.precision is None):
            raise ValueError(f"{' and '.join(caps)}: one of wall_time_s, wall_time_h is allowed, with precision")
        return self

    @property
    def most_wall_s(self) -> float | None:
        """The cap in wall time, in s."""
        return self.wall_time_s if self.wall_time_h is None else 3600.0 * self.wall_time_h
