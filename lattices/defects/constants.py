"""Named sets of equilibrium constants, from package data (constants/*.toml) with source, mark and range."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from lattices.errors import InputError
from lattices.suggestions import did_you_mean
from lattices.validity import ValidityRange

FAMILIES = ("ceria", "lsf", "proton_perovskites")


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, its source and how it was obtained (mark: read, computed, derived, user)."""

    value: float
    unit: str
    source: str
    mark: str


@dataclass(frozen=True)
class ConstantSet:
    """One set: form names the equations, values holds the numbers, ranges the validity by input name.

    unknown: inputs whose range the source does not give, as far as it was read, with what is known of it.
    """

    name: str
    form: str
    title: str
    values: Mapping[str, Quantity]
    ranges: Mapping[str, ValidityRange]
    unknown: Mapping[str, str]
    notes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def value(self, key: str) -> float:
        """The bare number; KeyError for a key that the set does not hold."""
        return self.values[key].value


@dataclass(frozen=True)
class Material:
    """A name that solve_equilibrium accepts. dopant_fraction None: the user must give one.

    host: element of the cation sites that carry electrons and holes, with oxygen_per_host oxygen sites for each.
    """

    name: str
    description: str
    host: str
    oxygen_per_host: int
    default_set: str
    dopant_fraction: float | None
    dopant_fixed: bool
    sets: Mapping[str, ConstantSet] = field(repr=False)


@cache
def load_materials() -> Mapping[str, Material]:
    """All materials by name, from the shipped files."""
    found: dict[str, Material] = {}
    for family in FAMILIES:
        text = (resources.files("lattices") / "defects" / f"{family}.toml").read_text(encoding="utf-8")
        found.update(_materials_of(tomllib.loads(text)))
    return found


def _materials_of(data: Mapping[str, Any]) -> dict[str, Material]:
    sets = {name: _constant_set(name, entry) for name, entry in data["sets"].items()}
    return {
        name: Material(
            name=name,
            description=entry["description"],
            host=entry["host"],
            oxygen_per_host=entry["oxygen_per_host"],
            default_set=entry["default_set"],
            dopant_fraction=entry.get("dopant_fraction"),
            dopant_fixed=entry["dopant_fixed"],
            sets={key: s for key, s in sets.items() if not s.hosts or name in s.hosts},
        )
        for name, entry in data["materials"].items()
    }


def _constant_set(name: str, entry: Mapping[str, Any]) -> ConstantSet:
    return ConstantSet(
        name=name,
        form=entry["form"],
        title=entry["title"],
        values={key: Quantity(**number) for key, number in entry["values"].items()},
        ranges={key: ValidityRange(**limits) for key, limits in entry["ranges"].items()},
        unknown=entry.get("unknown", {}),
        notes=tuple(entry["notes"]),
        hosts=tuple(entry.get("hosts", ())),
    )


def find_material(name: str | Material) -> Material:
    """The material of that name, or the one that is given; InputError lists the known ones."""
    if isinstance(name, Material):
        return name
    materials = load_materials()
    if name not in materials:
        raise InputError(
            f"material = {name!r}: known materials are {', '.join(sorted(materials))}{did_you_mean(name, materials)}"
        )
    return materials[name]
