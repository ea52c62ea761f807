"""Defect equilibria from reactions in a parameter file, against the shipped forms and against mass action."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmc.model.defect_material import find_material_or_file, material_of
from kmc.model.parameters import Model, load_model
from lattices.defects.brouwer import brouwer_diagram
from lattices.defects.constants import Material, find_material
from lattices.defects.equilibrium import solve_equilibrium
from lattices.defects.models import GAS_CONSTANT_J_MOL_K
from lattices.errors import InputError
from tests.systems import NOTE, made_up_model


def reaction(enthalpy: float, entropy: float) -> dict[str, Any]:
    return {"enthalpy_J_mol": {"value": enthalpy, **NOTE}, "entropy_J_mol_K": {"value": entropy, **NOTE}}


def own(**defects: Any) -> Model:
    keys = {"host": "Fe", "oxygen_per_host": 3, "electronic_sites": "all", **defects}
    return Model.model_validate({**made_up_model().model_dump(exclude_none=True), "defects": keys})


def material(**defects: Any) -> Material:
    found = material_of(own(**defects))
    assert found is not None
    return found


@pytest.mark.parametrize("pO2_bar", [1e-18, 1e-4, 1.0])
def test_the_constants_of_lsf_give_the_shipped_equilibrium(pO2_bar: float) -> None:
    ours = material(oxidation=reaction(-95620, -54.27), disproportionation=reaction(95750, -21.63))
    for temperature in (950.0, 1100.0):
        found = solve_equilibrium(ours, temperature, pO2_bar, dopant_fraction=0.4)
        shipped = solve_equilibrium("lsf64", temperature, pO2_bar)
        assert found.delta == pytest.approx(shipped.delta, rel=1e-12)
        assert found.site_fractions == pytest.approx(shipped.site_fractions, rel=1e-9)
        assert found.thermodynamic_factor_O == pytest.approx(shipped.thermodynamic_factor_O, rel=1e-9)


def test_the_constants_of_ceria_and_of_a_proton_conductor_give_theirs() -> None:
    dh, ds = (find_material("ceria").sets["mass-action-bulfin"].value(f"reduction_{k}") for k in KEYS)
    ours = material(host="Ce", oxygen_per_host=2, electronic_sites="host", reduction=reaction(dh, ds))
    for x in (0.0, 0.1):
        found, shipped = (solve_equilibrium(each, 1400.0, 1e-6, dopant_fraction=x) for each in (ours, "ceria"))
        assert found.delta == pytest.approx(shipped.delta, rel=1e-12)
    shipped_set = next(iter(find_material("bzy").sets.values()))
    hydration = reaction(*(shipped_set.value(f"hydration_{key}") for key in KEYS))
    wet = material(host="Zr", hydration=hydration)
    found, shipped = (solve_equilibrium(each, 800.0, 1e-2, 0.02, 0.2) for each in (wet, "bzy"))
    assert found.site_fractions["H"] == pytest.approx(shipped.site_fractions["H"], rel=1e-12)


KEYS = ("enthalpy_J_mol", "entropy_J_mol_K")


@pytest.mark.parametrize("pair", [("reduction", "oxidation"), ("reduction", "disproportionation")])
def test_two_reactions_give_the_third(pair: tuple[str, str]) -> None:
    """K_red K_ox = K_disp^2 holds for what is solved, with any two of them given."""
    numbers = {"reduction": (400e3, 100.0), "oxidation": (-200e3, -120.0), "disproportionation": (100e3, -10.0)}
    found = material(electronic_sites="dopant", **{name: reaction(*numbers[name]) for name in pair})
    T = 1000.0
    for pO2 in (1e-20, 1e-10, 1.0):
        state = solve_equilibrium(found, T, pO2, dopant_fraction=0.35)
        f, delta = state.site_fractions, state.delta
        p, n, m = f["hole"], f["electron"], f["host_cation"]
        assert p + n + m == pytest.approx(0.35, rel=1e-9)  # only dopants hold them
        assert 2 * delta + p == pytest.approx(n + 0.35, rel=1e-9)
        constant = {"reduction": f["V_O"] / f["O_O"] * (n / m) ** 2 * pO2**0.5}
        constant["oxidation"] = f["O_O"] / f["V_O"] * (p / m) ** 2 * pO2**-0.5
        constant["disproportionation"] = p * n / m**2
        for name in pair:
            dh, ds = numbers[name]
            assert np.log(constant[name]) == pytest.approx(ds / GAS_CONSTANT_J_MOL_K - dh / GAS_CONSTANT_J_MOL_K / T)


def test_without_electrons_they_are_missing_with_a_reason() -> None:
    found = solve_equilibrium(material(oxidation=reaction(-95620, -54.27)), 1000.0, 0.1, dopant_fraction=0.4)
    assert "electron" not in found.site_fractions
    assert found.reasons["site_fraction.electron"] == "the parameter file gives no reaction that makes electrons"
    assert any("range of temperature_K, pO2_bar" in line for line in found.warnings)


def test_a_brouwer_diagram_shades_what_is_outside_the_given_range() -> None:
    ours = material(oxidation=reaction(-95620, -54.27), disproportionation=reaction(95750, -21.63), pO2_bar=[1e-6, 1.0])
    diagram = brouwer_diagram(ours, 1000.0, np.array([1e-9, 1e-3]), dopant_fraction=0.4)
    assert diagram.extrapolated.tolist() == [True, False] and diagram.material == "made-up"


@pytest.mark.parametrize(
    ("defects", "message"),
    [
        ({}, "reduction or oxidation is needed"),
        ({"disproportionation": reaction(1.0, 1.0)}, "reduction or oxidation is needed"),
        (
            {name: reaction(1.0, 1.0) for name in ("reduction", "oxidation", "disproportionation")},
            "any two of them give the third",
        ),
        ({"oxidation": reaction(1.0, 1.0), "temperature_K": [1000.0, 900.0]}, "the lowest and then the highest"),
        ({"oxidation": reaction(1.0, 1.0), "electronic_sites": "B"}, "electronic_sites"),
    ],
)
def test_incomplete_reactions_are_refused(defects: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own(**defects)


def test_no_electronic_site_and_no_material_are_refused() -> None:
    only_dopant = material(oxidation=reaction(-95620, -54.27), electronic_sites="dopant", reduction=reaction(4e5, 100))
    with pytest.raises(InputError, match=r"no site can hold electrons or holes; .* above 0 is needed"):
        solve_equilibrium(only_dopant, 1000.0, 0.1, dopant_fraction=0.0)
    with pytest.raises(InputError, match=r"neither \[defects\] nor equilibrium_material"):
        find_material_or_file("ydc-tutorial")
    with pytest.raises(InputError, match=r"or a parameter file with \[defects\]; did you mean 'lsf64'"):
        find_material_or_file("lsf46")
    assert find_material_or_file("lsf64").name == "lsf64" and material_of(load_model("ydc-tutorial")) is None
