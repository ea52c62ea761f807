"""Named sets of equilibrium constants, from package data (constants/*.toml) with source, mark and range."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

from lattices.errors import InputError
from lattices.validity import ValidityRange

FAMILIES = ("ceria", "lsf", "proton_perovskites")
# What a user's own mapping may set beyond the shipped numbers of a form.
_OPTIONAL_VALUES = {
    "proton-perovskite": ("hole_oxidation_enthalpy_J_mol", "hole_oxidation_entropy_J_mol_K"),
}


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

    unknown: inputs whose range the source does not tell, as far as it was read, with what is known of it.
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
    family: str
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
            family=data["family"],
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


def find_material(name: str) -> Material:
    """The material of that name; InputError lists the known ones."""
    materials = load_materials()
    if name not in materials:
        raise InputError(f"material = {name!r}: known materials are {', '.join(sorted(materials))}")
    return materials[name]


def dopant_of(material: Material, given: float | None) -> float:
    """Site fraction of the acceptor; InputError if missing, outside 0 <= x < 1, or not the fixed one."""
    if given is None:
        if material.dopant_fraction is None:
            raise InputError(f"dopant_fraction is missing: {material.name} needs 0 <= dopant_fraction < 1")
        return material.dopant_fraction
    if not (isinstance(given, (int, float)) and 0.0 <= given < 1.0):
        raise InputError(f"dopant_fraction = {given!r}: allowed is 0 <= dopant_fraction < 1")
    if material.dopant_fixed and given != material.dopant_fraction:
        raise InputError(
            f"dopant_fraction = {given}: {material.name} is fixed at {material.dopant_fraction}; "
            "use the general material (ceria, lsf, bzy, bcy) for another"
        )
    return float(given)


def choose_set(material: Material, constants: str | Mapping[str, Any] | None) -> tuple[ConstantSet, list[str]]:
    """The constant set to use and warnings about user numbers.

    constants: None for the material's default, the name of a shipped set, or a mapping whose keys are "set"
    (a name), "source" (text) and numbers that replace or add to that set. InputError for anything else.
    """
    if isinstance(constants, Mapping):
        base = _named_set(material, constants.get("set"))
        return _with_user_values(base, {k: v for k, v in constants.items() if k != "set"})
    return _named_set(material, constants), []


def _named_set(material: Material, name: Any) -> ConstantSet:
    chosen = material.default_set if name is None else name
    if chosen not in material.sets:
        raise InputError(f"constants = {chosen!r}: sets for {material.name} are {', '.join(sorted(material.sets))}")
    return material.sets[chosen]


def _with_user_values(base: ConstantSet, user: Mapping[str, Any]) -> tuple[ConstantSet, list[str]]:
    allowed = sorted({*base.values, *_OPTIONAL_VALUES.get(base.form, ())})
    source = user.get("source")
    values = dict(base.values)
    numbers = {key: number for key, number in user.items() if key != "source"}
    for key, number in numbers.items():
        if key not in allowed:
            raise InputError(f"constants.{key}: numbers of set {base.name} are {', '.join(allowed)}")
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise InputError(f"constants.{key} = {number!r}: a finite number is needed")
        unit = values[key].unit if key in values else ("J/mol/K" if key.endswith("J_mol_K") else "J/mol")
        values[key] = Quantity(float(number), unit, str(source or "none given"), "user")
    warnings = []
    if numbers and not source:
        warnings.append(f"user constants without a source: {', '.join(numbers)}")
    return replace(base, values=values), warnings
