"""Structs and constants that the kernels share with Python: equal on both sides, or refused with a one-line error."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from kmc.backends import available_backends, choose_backend, cpu_library
from kmc.backends.layout import ARRAYS, CONSTANTS, STRUCTS, TABLES, layout_hash, table_values
from kmc.backends.structs import Struct
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system

needs_library = pytest.mark.skipif("cpu" not in BACKENDS, reason="the compiled extension is missing")


def _swapped(struct, one, other):
    names = list(struct.members)
    i, j = names.index(one), names.index(other)
    names[i], names[j] = names[j], names[i]
    return replace(struct, members={name: struct.members[name] for name in names})


def _renamed(struct, old, new):
    return replace(struct, members={new if name == old else name: words for name, words in struct.members.items()})


CHANGES = {
    "two members swapped": lambda: layout_hash((_swapped(TABLES, "carrier", "partner"), *STRUCTS[1:])),
    "a member renamed": lambda: layout_hash((TABLES, _renamed(ARRAYS, "tree", "sums"), *STRUCTS[2:])),
    "the last member missing": lambda: layout_hash(
        (*STRUCTS[:3], replace(STRUCTS[3], members=dict(list(STRUCTS[3].members.items())[:-1])))
    ),
    "a member of another size": lambda: layout_hash(
        (*STRUCTS[:2], replace(STRUCTS[2], members={**STRUCTS[2].members, "rim": 4}), STRUCTS[3])
    ),
    "a constant of another value": lambda: layout_hash(constants={**CONSTANTS, "FAN": 8}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_layout_changes_the_hash(change):
    assert CHANGES[change]() != layout_hash()


@pytest.mark.skipif(cpu_library.library_path() is None, reason="the compiled extension is missing")
def test_the_library_here_was_built_from_these_sources():
    """Otherwise every test of the cpu backend would be skipped silently."""
    assert cpu_library.problem() == ""


@needs_library
@pytest.mark.parametrize("change", CHANGES)
def test_a_library_of_another_layout_is_refused_in_one_line(change, monkeypatch):
    """Checked where the library is opened: the error says to rebuild it, and auto selects another backend."""
    other = CHANGES[change]()
    monkeypatch.setattr(cpu_library, "layout_hash", lambda: other)
    cpu_library.open_library.cache_clear()
    try:
        said = available_backends()["cpu"]
        assert said.startswith("the compiled extension was built from other kernel sources; rebuild it")
        assert "\n" not in said
        with pytest.raises(InputError, match=r"backend cpu cannot be used: .* rebuild it"):
            choose_backend("cpu")
        assert choose_backend("auto")[0] != "cpu"
        with pytest.raises(OSError, match="rebuild it"):
            cpu_library.open_library()
    finally:
        cpu_library.open_library.cache_clear()


def test_constants_are_equal_on_both_sides():
    """Names, values and order of kernels/constants.cuh, read as text: no compiler is needed to see a difference."""
    text = (resources.files("kmc") / "kernels" / "constants.cuh").read_text(encoding="utf-8")
    found = re.findall(r"\bC\((\w+), (\w+)\)", text)
    assert [(name, int(value, 0)) for name, value in found] == list(CONSTANTS.items())
    assert int(CONSTANTS["LN2"]) == round(2 ** CONSTANTS["LOG_BITS"] * np.log(2))


def test_a_struct_is_its_values_in_order():
    struct = Struct("S", {"a": 1, "b": 2, "c": 1})
    array = np.arange(3)
    assert struct.pack({"c": array, "b": [5, 6], "a": -1}).tolist() == [2**64 - 1, 5, 6, array.ctypes.data]
    with pytest.raises(KeyError, match=r"struct S: \['c', 'd'\]"):
        struct.pack({"a": 1, "b": [5, 6], "d": 1})


def test_the_values_of_the_tables_are_eight_bytes_wide():
    """The kernels read every array of the tables as words of 64 bits, but the acceptance as words of 32."""
    tables = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (4, 4, 4), vacancies=3).tables
    values = table_values(tables)
    assert list(values) == list(TABLES.members)
    for name, value in values.items():
        width = 4 if name in ("mantissa", "shift", "fine") else 8
        assert isinstance(value, int) or (value.itemsize == width and value.flags.c_contiguous), name
