"""Sources of the numbers in the shipped parameter sets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources

import pytest

from kmc.model.parameters import shipped_models

VAGUE = ("the project's references", "free parameter", "as read for", "customary value, as in")


def entries(value: object) -> Iterator[dict[str, object]]:
    """Every table with a source and a mark."""
    if isinstance(value, dict):
        if "source" in value and "mark" in value:
            yield value
        for inner in value.values():
            yield from entries(inner)
    if isinstance(value, list):
        for inner in value:
            yield from entries(inner)


@pytest.mark.parametrize("name", shipped_models())
def test_a_reader_can_find_the_source_and_knows_what_is_assumed(name: str) -> None:
    """An assumed number says so in its mark and in its source, and no assumed number is marked as read."""
    text = (resources.files("kmc") / "model" / "parameter_sets" / f"{name}.toml").read_text(encoding="utf-8")
    for entry in entries(tomllib.loads(text)):
        source = str(entry["source"])
        assert not any(phrase in source for phrase in VAGUE), source
        assert ("assumed" in source) == (entry["mark"] == "assumed"), source
        assert (entry["mark"] != "computed") or re.search("computed (for this project )?with", source), source
