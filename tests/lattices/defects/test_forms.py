"""A new form of defect equilibrium is one entry of FORMS: nothing else in the packages refers to forms by name."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import lattices.defects.constants
from lattices.defects.brouwer import brouwer_diagram
from lattices.defects.constants import ConstantSet, load_materials
from lattices.defects.equilibrium import solve_equilibrium
from lattices.defects.forms import FORMS, DefectForm
from lattices.defects.mass_action import FloatArray
from lattices.defects.models import Carriers
from lattices.errors import InputError


def power_law(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """delta = 0.01 pO2^(-1/6), two electrons for each vacancy: Theta_V = -1/2 d ln pO2/d ln delta = 3."""
    delta = 0.01 * np.exp(-ln_pO2 / 6.0)
    fractions = {
        "V_O": delta / 2.0,
        "O_O": 1.0 - delta / 2.0,
        "electron": 2.0 * delta,
        "host_cation": 1.0 - 2.0 * delta,
    }
    return Carriers(delta, fractions, delta, np.full_like(delta, 3.0), 3.0 * (2.0 - delta) / delta)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user-defined material "toy" whose constants use the form "power-law"."""
    form = DefectForm(
        "delta = 0.01 pO2^(-1/6)", power_law, {"hole": "no holes in a toy"}, pair_constant=lambda c, t: 1e-3
    )
    monkeypatch.setitem(FORMS, "power-law", form)
    ceria = load_materials()["ceria"]
    own = ConstantSet("toy-set", "power-law", "made up", {}, {}, {})
    toy = replace(ceria, name="toy", default_set="toy-set", sets={"toy-set": own})
    materials = MappingProxyType({**load_materials(), "toy": toy})
    monkeypatch.setattr(lattices.defects.constants, "load_materials", lambda: materials)


@pytest.mark.usefixtures("toy")
def test_a_user_defined_form() -> None:
    found = solve_equilibrium("toy", 1000.0, 1e-6)
    assert found.delta == pytest.approx(0.1)
    assert (found.thermodynamic_factor_V, found.thermodynamic_factor_O) == pytest.approx((3.0, 57.0))
    assert found.formula.startswith("delta = 0.01 pO2^(-1/6)")
    assert found.reasons["site_fraction.hole"] == "no holes in a toy"
    diagram = brouwer_diagram("toy", 1000.0, [1e-6, 1.0])
    assert diagram.delta == pytest.approx([0.1, 0.01])


def test_a_set_of_an_unknown_form_is_refused(toy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FORMS, "power-law")
    with pytest.raises(InputError, match="form = 'power-law' of set toy-set: known forms are ceria-mass-action"):
        solve_equilibrium("toy", 1000.0, 1e-6)
