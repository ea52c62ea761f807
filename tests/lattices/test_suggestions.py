"""The closest allowed word."""

from __future__ import annotations

import pytest

from lattices.suggestions import did_you_mean


@pytest.mark.parametrize(
    ("given", "allowed", "meant"),
    [
        ("dopping", ["host", "doping", "repeats"], "doping"),
        ("replica", ["frames", "replicas", "replicas_per_configuration"], "replicas"),
        ("gd", ["Ce", "Gd", "GD2"], "Gd"),
        ("v_o", ["O", "V_O", "h"], "V_O"),
        ("GDC", ["bzy", "gdc", "lsf64"], "gdc"),
    ],
)
def test_a_close_word_is_suggested(given: str, allowed: list[str], meant: str) -> None:
    assert did_you_mean(given, allowed) == f"; did you mean {meant!r}?"


@pytest.mark.parametrize(("given", "allowed"), [("Sm", ["Ce", "Gd", "O"]), ("x", []), (3, ["3"]), ("", ["a"])])
def test_nothing_is_suggested_where_nothing_is_close(given: object, allowed: list[str]) -> None:
    assert did_you_mean(given, allowed) == ""
