"""One registry of backends: an unknown name is refused everywhere, and a new backend needs nothing but its module."""

from __future__ import annotations

import sys

import pytest

import kmc.backends
from kmc.backends import available_backends, backend_named, choose_backend, make_grand_walker, make_walker
from kmc.carriers.neutral_component import Component, neutral_component
from kmc.state.grand_state import grand_state
from lattices.errors import InputError
from tests.systems import gas_system, made_up_model, made_up_system

TOY = """
from dataclasses import replace
from kmc.backends.numpy_backend import BACKEND as NUMPY
BACKEND = replace(NUMPY, name="toy", preference=9)
"""


@pytest.mark.parametrize("name", ["gpu", "cdua", "", "CPU", "numpy "])
def test_an_unknown_backend_is_refused_everywhere(name):
    """For replicas, domains and grand-canonical walks: NumPy is never used silently instead."""
    system = made_up_system(made_up_model(), (6, 6, 6), vacancies=9)
    gas = gas_system((4.0, 4.0, 4.0), (4, 4, 4), 9, 900.0)
    component = neutral_component(gas.tables, gas.model.vacancies)
    assert isinstance(component, Component)
    grand = grand_state(gas.tables, component, gas.initial_state(), 0)
    calls = [
        lambda: backend_named(name),
        lambda: choose_backend(name),
        lambda: make_walker(name, system, system.initial_state()),
        lambda: make_walker(name, system, system.initial_state(), "rejection-free"),
        lambda: make_walker(name, system, system.initial_state(), block=3),
        lambda: make_grand_walker(name, gas, grand),
    ]
    for call in calls:
        with pytest.raises(InputError, match=f"backend = {name!r}: auto, cuda, cpu, numpy are allowed"):
            call()


def test_an_unknown_selection_is_refused():
    system = made_up_system(made_up_model(), (4, 4, 4), vacancies=3)
    with pytest.raises(InputError, match="selection = 'rejectionfree': rejection, rejection-free are allowed"):
        make_walker("numpy", system, system.initial_state(), "rejectionfree")


def test_a_backend_is_one_module_that_exports_it(tmp_path, monkeypatch):
    """A module *_backend on the package's path is found, named in messages and usable; nothing else is edited."""
    (tmp_path / "toy_backend.py").write_text(TOY, encoding="utf-8")
    monkeypatch.setattr(kmc.backends, "__path__", [*kmc.backends.__path__, str(tmp_path)])
    try:
        assert list(available_backends()) == ["cuda", "cpu", "numpy", "toy"]
        assert choose_backend("toy") == ("toy", "asked for")
        assert choose_backend("auto")[0] != "toy"
        system = made_up_system(made_up_model(), (4, 4, 4), vacancies=3)
        assert make_walker("toy", system, system.initial_state()).name == "numpy"
        with pytest.raises(InputError, match="auto, cuda, cpu, numpy, toy are allowed"):
            choose_backend("gpu")
    finally:
        sys.modules.pop("kmc.backends.toy_backend", None)
