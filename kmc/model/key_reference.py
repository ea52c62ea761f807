"""Every key of a kind of file: type, unit, allowed values, default, meaning and an example, from its schema.

The meanings and examples are in keys.toml beside the schema; the rest follows from the schema itself. The reference
pages (docs/key_pages.py) and the JSON schema for editors are made of these.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kmc.model.problems import table_in
from lattices.toml import parse_toml

# Units by the end of a key's name, the longest first.
UNITS = {
    "_J_mol_K": "J/(mol K)",
    "_V_per_m": "V/m",
    "_angstrom": "Å",
    "_J_mol": "J/mol",
    "_S_m": "S/m",
    "_bar": "bar",
    "_kT": "kT",
    "_eV": "eV",
    "_Hz": "Hz",
    "_K": "K",
    "_s": "s",
}
WORDS = {float: "number", int: "whole number", str: "text", bool: "true or false", object: "any value"}
SIGNS = {"gt": "> {}", "ge": "≥ {}", "lt": "< {}", "le": "≤ {}"}
Meanings = Mapping[str, Mapping[str, tuple[str, str]]]  # table -> key -> (meaning, example as TOML)


@dataclass(frozen=True)
class Key:
    """A key of a table, as text. unit, allowed: empty where there is none. default: None for a key that is needed."""

    name: str
    type: str
    unit: str
    allowed: str
    default: str | None
    meaning: str
    example: str


def read_meanings(file: Traversable) -> Meanings:
    """The content of a keys.toml."""
    tables: Any = parse_toml(file.read_text(encoding="utf-8"))
    return {table: {key: (entry[0], entry[1]) for key, entry in keys.items()} for table, keys in tables.items()}


def tables_of(root: type[BaseModel]) -> list[type[BaseModel]]:
    """The schema of a file and those of all tables within it, each once, in the order in which they appear."""
    found: dict[type[BaseModel], None] = {root: None}
    for field in root.model_fields.values():
        if (table := table_in(field.annotation)) is not None and table is not root:
            found |= dict.fromkeys(tables_of(table))
    return list(found)


def keys_of(table: type[BaseModel], meanings: Meanings) -> list[Key]:
    """The keys of a table. KeyError for one without a meaning."""
    return [_key(name, field, *meanings[table.__name__][name]) for name, field in table.model_fields.items()]


def described_schema(root: type[BaseModel], meanings: Meanings) -> dict[str, Any]:
    """The JSON schema of a file with meanings and examples, for editors that complete and check TOML files."""
    schema = root.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for table, keys in meanings.items():
        entry = schema if table == root.__name__ else schema["$defs"][table]
        properties = entry.get("properties") or next(e for e in entry["anyOf"] if "properties" in e)["properties"]
        for key, (meaning, example) in keys.items():
            properties[key] |= {"description": meaning, "examples": [example_value(example)]}
    return schema


def example_value(example: str) -> object:
    """The value of an example."""
    return parse_toml(f"value = {example}")["value"]


def _key(name: str, field: FieldInfo, meaning: str, example: str) -> Key:
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
    limits = [sign for each in _parts(field.annotation, field.metadata) for sign in _limits(each)]
    words = _choices(field.annotation) or limits
    default = None if field.is_required() else _default(field.get_default(call_default_factory=True))
    return Key(name, type_words(field.annotation), unit, ", ".join(dict.fromkeys(words)), default, meaning, example)


def _default(value: object) -> str:
    if value is None or value in ({}, (), ""):
        return "none"
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True, mode="json")
        if not value:
            return "its own defaults"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_default(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_default(entry) for entry in value) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def type_words(annotation: Any) -> str:
    """The type of a value in words."""
    if annotation in WORDS:
        return WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"table {annotation.__name__}"
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "true or false" if isinstance(parts[0], bool) else "text"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_words(part) for part in parts if part is not type(None)))
    if origin in (tuple, list):
        kinds = list(dict.fromkeys(type_words(part) for part in parts if part is not Ellipsis))
        number = "" if Ellipsis in parts or origin is list else f"{len(parts)} "
        return f"list of {number}{_many(' or '.join(kinds))}"
    if origin is dict:
        return f"table of {_many(type_words(parts[1]))} by name"
    return type_words(parts[0]) if parts else str(annotation)  # Annotated


def _many(words: str) -> str:
    return re.sub(r"^(number|whole number|text|table)\b", lambda found: found[0] + "s", words)


def _parts(annotation: Any, metadata: Iterable[Any]) -> Iterable[Any]:
    """The constraints of a value and of the values within it."""
    yield from metadata
    for part in get_args(annotation):
        if isinstance(part, FieldInfo):
            yield from part.metadata
        elif hasattr(part, "__metadata__"):
            yield from part.__metadata__
            yield from _parts(part, ())
        elif get_origin(part) is not None:
            yield from _parts(part, ())


def _limits(constraint: Any) -> list[str]:
    inner = constraint.metadata if isinstance(constraint, FieldInfo) else [constraint]
    return [
        text.format(f"{value:g}" if isinstance(value, float) else value)
        for each in inner
        for sign, text in SIGNS.items()
        if (value := getattr(each, sign, None)) is not None
    ]


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [_default(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]
