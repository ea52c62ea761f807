"""`System.at`: another temperature, mode or seed with the same particles, without rebuilding their energies."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import kmc.state.system
from kmc.model.composition import compose
from kmc.model.parameters import load_model
from kmc.state.system import System, build_system
from kmc.tables.event_tables import EventTables
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.prototypes import fluorite


def ceria(**more: object) -> System:
    """Reduced ceria: vacancies and electrons in the same supercell."""
    model = load_model("ceria-reduced")
    supercell = Supercell(fluorite({"cation": "Ce"}, 5.411), (3, 3, 3))
    numbers = compose(model, supercell, {}, {"V_O": 0.05, "electron": "charge-balance"})
    return build_system(model, supercell, numbers, **({"temperature_K": 1200.0} | more))  # type: ignore[arg-type]


def assert_equal(one: EventTables, other: EventTables) -> None:
    """Assert that all tables are equal, bit for bit."""
    assert one.digest == other.digest
    for entry in fields(one):
        a, b = getattr(one, entry.name), getattr(other, entry.name)
        if isinstance(a, np.ndarray | float | int):
            assert np.array_equal(a, b), entry.name
    assert np.array_equal(one.acceptance.mantissa, other.acceptance.mantissa)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature_K": 900.0},
        {"mode": "scaled", "scale": 3.0},
        {"mode": "frozen-ions"},
        {"temperature_K": 1400.0, "mode": "scaled", "seed": 7, "temperature_index": 5, "replicas": 3},
    ],
)
def test_a_changed_system_equals_a_newly_built_one(changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """For every change, with bonds and energies shared."""
    built = ceria(**changes)
    start = ceria(mode="scaled", temperature_K=700.0, scale=2.0)
    monkeypatch.setattr(kmc.state.system, "build_tables", None)
    changed = start.at(**({"temperature_K": 1200.0, "mode": "kinetic", "scale": 10.0} | changes))  # type: ignore[arg-type]
    assert_equal(changed.tables, built.tables)
    assert changed.rate_factor == built.rate_factor
    assert np.shares_memory(changed.tables.bond_energy, start.tables.bond_energy)
    names = ("seed", "temperature_index", "replicas", "replicas_per_configuration", "mode", "scale")
    assert [getattr(changed, name) for name in names] == [getattr(built, name) for name in names]
    assert np.array_equal(changed.initial_state().occupants, built.initial_state().occupants)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature_K": 0.0}, "from 1 to 10000"),
        ({"seed": -1}, "seed = -1"),
        ({"replicas": 0}, "replicas = 0"),
        ({"replicas_per_configuration": 0}, "per configuration 0"),
        ({"temperature_index": 2**24}, "temperature_index = 16777216"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ceria().at(**changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        ceria(**changes)
