"""Hop environments of users' crystals: the sites that decide a barrier, and cells too small for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmc.model.parameters import Model
from kmc.tables.build import build_tables
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms
from lattices.prototypes import perovskite
from tests import crystals
from tests.systems import NOTE

NU = {"value": 1e13, **NOTE}
PNMA = crystal_from_atoms(crystals.pnma_perovskite(), {"anion": "O", "B": "Fe", "A": "La"})


def model_with(**hop: Any) -> Model:
    """Vacancies among the anions of a perovskite, dopants on B; `hop`: keys of the vacancies' hop."""
    species = {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        "Fe": {"sublattice": "B", "charge": 0, "element": "Fe"},
        "Co": {"sublattice": "B", "charge": 0, "element": "Co"},
        "La": {"sublattice": "A", "charge": 0, "element": "La"},
    }
    keys = {"name": "vacancy", "carrier": "V_O", "partner": "O", "attempt_frequency_Hz": NU, "gate": ["B"]}
    keys["barriers"] = [{"gate": [name], "energy_eV": e, **NOTE} for name, e in (("Fe", 0.7), ("Co", 0.5))]
    return Model.model_validate({"name": "distorted", "species": species, "hops": [keys | hop]})


def counts(supercell: Supercell, cobalt: int = 1) -> dict[str, int]:
    anions, b_sites, a_sites = (supercell.n_sites_of(supercell.crystal.index(name)) for name in ("anion", "B", "A"))
    return {"O": anions - 1, "V_O": 1, "Fe": b_sites - cobalt, "Co": cobalt, "La": a_sites}


@pytest.mark.parametrize(
    "rule", [{}, {"gate_distance_angstrom": [0.0, 1.5]}, {"gate_end_distance_angstrom": [1.9, 2.1]}]
)
def test_every_bond_of_a_pnma_perovskite_has_its_iron_site(rule: dict[str, Any]) -> None:
    supercell = Supercell(PNMA, (2, 2, 2))
    tables = build_tables(model_with(**rule), supercell, counts(supercell), 1000.0)
    bonds = tables.bond_basis[0] >= 0
    assert bonds.sum() == 12 * 8 and ((tables.environment_basis[0] >= 0).sum(axis=-1) == bonds).all()
    assert sorted(np.unique(tables.barrier2).tolist()) == [1_000_000, 1_400_000]


def test_a_distance_without_gate_sites_is_refused() -> None:
    supercell = Supercell(PNMA, (2, 2, 2))
    with pytest.raises(InputError, match=r"no site of B lies 0 to 0\.5 angstrom from the middle of a bond"):
        build_tables(model_with(gate_distance_angstrom=[0.0, 0.5]), supercell, counts(supercell), 1000.0)


def test_bonds_with_unequal_gates_are_refused_with_the_numbers() -> None:
    supercell = Supercell(PNMA, (2, 2, 2))
    with pytest.raises(InputError, match=r"differ in the number of gate sites \(.* of B and .*gate_distance_angstrom"):
        build_tables(model_with(distance_angstrom=[2.7, 3.4]), supercell, counts(supercell), 1000.0)


@pytest.mark.parametrize("repeats", [(1, 1, 1), (2, 1, 1), (1, 2, 2)])
def test_a_gate_that_meets_its_own_image_is_refused(repeats: tuple[int, int, int]) -> None:
    """The two A sites at a bond differ by a lattice vector: in a supercell of one cell along it they coincide."""
    supercell = Supercell(perovskite({"A": "La", "B": "Fe"}, 3.94), repeats)
    model = model_with(gate=["A"], barriers=[{"gate": ["La", "La"], "energy_eV": 0.7, **NOTE}])
    with pytest.raises(InputError, match="whose gate meets its own periodic image; use more cells"):
        build_tables(model, supercell, counts(supercell, cobalt=0), 1000.0)


def test_an_environment_with_too_many_occupations_is_refused() -> None:
    supercell = Supercell(perovskite({"A": "La", "B": "Fe"}, 3.94), (4, 4, 4))
    with pytest.raises(InputError, match=r"gate of 27 sites has 1\.3e\+08 occupations; at most 1e\+06 are allowed"):
        build_tables(model_with(gate_distance_angstrom=[0.0, 7.0]), supercell, counts(supercell), 1000.0)


def test_an_environment_that_holds_an_end_of_its_own_bond_is_refused() -> None:
    """The two anions at an edge of an octahedron: in a single cell along an axis, one is an image of a bond's end."""
    model = model_with(
        gate=["anion"],
        gate_end_distance_angstrom=[2.7, 2.8],
        barriers=[
            {"gate": list(gate), "energy_eV": 0.5, **NOTE} for gate in (["O", "O"], ["O", "V_O"], ["V_O", "V_O"])
        ],
    )
    crystal = perovskite({"A": "La", "B": "Fe"}, 3.94)
    large = Supercell(crystal, (2, 2, 2))
    assert (build_tables(model, large, counts(large, cobalt=0), 1000.0).environment_basis >= 0).sum() == 24 * 2
    small = Supercell(crystal, (1, 3, 3))
    with pytest.raises(InputError, match="meets its own periodic image"):
        build_tables(model, small, counts(small, cobalt=0), 1000.0)
