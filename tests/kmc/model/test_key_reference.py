"""The reference of the keys of parameter files: complete, without stale entries, with examples that are valid."""

from __future__ import annotations

from importlib import resources
from typing import Annotated

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from kmc.model.entries import Barrier, Hop, Species
from kmc.model.key_reference import Meanings, example_value, keys_of, read_meanings, tables_of, type_words
from kmc.model.parameters import Model

MEANINGS = read_meanings(resources.files("kmc") / "model" / "keys.toml")


def check_complete(root: type[BaseModel], meanings: Meanings) -> None:
    """Every key has a meaning and an example that its type accepts, and nothing else has."""
    tables = {table.__name__: table for table in tables_of(root)}
    assert {name: list(keys) for name, keys in meanings.items()} == {
        name: list(table.model_fields) for name, table in tables.items()
    }
    for name, keys in meanings.items():
        for key, (meaning, example) in keys.items():
            assert len(meaning) > 5, key
            field = tables[name].model_fields[key]
            TypeAdapter(Annotated[field.annotation, field]).validate_python(example_value(example))


def test_every_key_is_documented_with_a_valid_example() -> None:
    check_complete(Model, MEANINGS)


def test_a_missing_or_invalid_entry_is_detected() -> None:
    without = {name: dict(keys) for name, keys in MEANINGS.items()}
    del without["Hop"]["gate"]
    with pytest.raises(AssertionError):
        check_complete(Model, without)
    wrong = {name: dict(keys) for name, keys in MEANINGS.items()}
    wrong["Barrier"]["energy_eV"] = ("the barrier", "-1.0")
    with pytest.raises(ValidationError):
        check_complete(Model, wrong)


def test_types_units_limits_and_defaults_follow_from_the_schema() -> None:
    barrier = {key.name: key for key in keys_of(Barrier, MEANINGS)}
    assert (barrier["energy_eV"].type, barrier["energy_eV"].unit) == ("number", "eV")
    assert barrier["energy_eV"].allowed == "≥ 0, ≤ 20" and barrier["energy_eV"].default is None
    assert barrier["mark"].allowed == '"read", "computed", "derived", "assumed"'
    hop = {key.name: key for key in keys_of(Hop, MEANINGS)}
    assert hop["rate"].default == '"kra"' and hop["barriers"].type == "list of tables Barrier"
    assert hop["gate_distance_angstrom"].type == "list of 2 numbers"
    species = {key.name: key for key in keys_of(Species, MEANINGS)}
    assert (species["charge"].type, species["charge"].allowed) == ("whole number", "≥ -10, ≤ 10")
    assert type_words(dict[str, Species] | None) == "table of tables Species by name"
