"""Nonsense for fuzzing, as strategies of hypothesis: mutated tables of TOML or JSON, and damaged bytes."""

from __future__ import annotations

import copy
import datetime
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Table = dict[str, Any]
Path = tuple[str | int, ...]

ODD_TEXTS = ("", "X", "O", "V_O", "Ce", "Gd", "anion", "cation", "charge-balance", "auto", "\0", "é\n", "../..")
ODD_NUMBERS = (0, 1, -1, 2, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 0.0, -0.0, 1e-300, 1e300, math.inf, math.nan)
ODD_OTHERS = (
    "a" * 3000,
    True,
    False,
    [],
    [[]],
    {},
    [0, 0, 0],
    {"value": 1.0},
    {"a": {"b": 1}},
    datetime.date(2000, 1, 1),
)


def odd_values() -> st.SearchStrategy[Any]:
    """A value that a key may not have, or may."""
    return st.one_of(
        st.sampled_from([*ODD_TEXTS, *ODD_NUMBERS, *ODD_OTHERS]),
        st.floats(),
        st.floats(0.0, 1.0),
        st.integers(-10, 10),
        st.text(max_size=6),
        st.lists(st.one_of(st.floats(), st.integers(-3, 9), st.text(max_size=2)), max_size=4),
    )


@dataclass(frozen=True)
class Mutation:
    """What happens to the value at one place of a table; `other` is the place from which "copy" takes a value."""

    place: int
    other: int
    kind: str
    value: Any


def mutations(most: int = 3) -> st.SearchStrategy[list[Mutation]]:
    """One to `most` mutations."""
    kinds = st.sampled_from(["set", "set", "set", "copy", "scale", "scale", "remove", "rename", "repeat", "add"])
    place = st.integers(0, 10_000)
    return st.lists(st.builds(Mutation, place, place, kinds, odd_values()), min_size=1, max_size=most)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value inside a table."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in inner:
        yield (*path, key)
        yield from places(entry, (*path, key))


def mutated(table: Table, changes: list[Mutation]) -> tuple[Table, set[str]]:
    """(a mutated copy, the names that a refusal may mention: keys on the changed paths and those next to them)."""
    table = copy.deepcopy(table)
    named: set[str] = set()
    for change in changes:
        paths = list(places(table))
        if not paths:
            break
        path = paths[change.place % len(paths)]
        named |= {key for key in path if isinstance(key, str)}
        another = value_at(table, paths[change.other % len(paths)])
        named |= _apply(value_at(table, path[:-1]), path[-1], another, change)
    return table, named


def value_at(table: Table, path: Path) -> Any:
    """The value at a path."""
    value: Any = table
    for key in path:
        value = value[key]
    return value


def _apply(parent: Any, key: str | int, another: Any, change: Mutation) -> set[str]:
    """Change one value of a table or list; returns names that have been added."""
    match change.kind:
        case "set":
            parent[key] = copy.deepcopy(change.value)
        case "copy":
            parent[key] = copy.deepcopy(another)
        case "scale":
            parent[key] = scaled(parent[key], change.place + change.other)
        case "remove":
            del parent[key]
        case "rename" if isinstance(parent, dict):
            name = change.value if isinstance(change.value, str) else "renamed"
            parent[name] = parent.pop(key)
            return {name}
        case "repeat" if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        case _ if isinstance(parent, dict):
            parent["added"] = copy.deepcopy(change.value)
            return {"added"}
    return set()


def scaled(value: Any, number: int) -> Any:
    """A number that differs by a factor or a sign; an integer remains one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    factor = (-1, 2, 3, 10, 0.5, 0.1, 0.999, 1000, 1e6, 1e-6)[number % 10]
    return type(value)(value * factor) if math.isfinite(value) else value


@dataclass(frozen=True)
class Damage:
    """What happens to the bytes from a fraction `at` of a file onwards."""

    at: float
    kind: str
    content: bytes
    length: int


def damages(most: int = 3) -> st.SearchStrategy[list[Damage]]:
    """One to `most` damages of a file."""
    kinds = st.sampled_from(["flip", "flip", "replace", "insert", "remove", "cut"])
    odd = st.sampled_from([b"\0", b"\xff\xff\xff\xff", b"nan", b"\n", b"-1"])
    content = st.one_of(st.binary(min_size=1, max_size=4), odd)
    one = st.builds(Damage, st.floats(0, 1, exclude_max=True), kinds, content, st.integers(1, 64))
    return st.lists(one, min_size=1, max_size=most)


def damaged(content: bytes, changes: list[Damage]) -> bytes:
    """The bytes after all damages."""
    for change in changes:
        at = int(change.at * len(content))
        match change.kind:
            case "flip" if content:
                content = content[:at] + bytes([content[at] ^ 1 << change.length % 8]) + content[at + 1 :]
            case "replace":
                content = content[:at] + change.content + content[at + len(change.content) :]
            case "insert":
                content = content[:at] + change.content + content[at:]
            case "remove":
                content = content[:at] + content[at + change.length :]
            case "cut":
                content = content[:at]
    return content
