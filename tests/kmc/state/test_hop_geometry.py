"""Mean bond tensors of hop families, and the symmetry of a system."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kmc.state.hop_geometry import mean_bond_tensor_angstrom2
from lattices.doping import Doping
from tests.systems import gas_system, made_up_model, made_up_system


@pytest.mark.parametrize(("prototype", "squared"), [("fluorite", 2.7**2), ("perovskite", 4.0**2 / 2)])
def test_equivalent_bonds_give_a_third_of_the_squared_length(prototype, squared):
    """Edges of 2.7 angstrom between anions of ceria, and of 4/sqrt(2) angstrom between those of the perovskite."""
    model = made_up_model(prototype, pairs=[("V_O", "D", 1, -0.1)])
    system = made_up_system(model, (2, 2, 2), vacancies=2, dopants=1)
    assert not system.tables.single_barrier.any()
    found = mean_bond_tensor_angstrom2(system.model, system.tables, 0)
    assert found is not None and np.allclose(found, np.eye(3) * squared / 3)


def test_distinct_bonds_are_averaged_only_where_their_rates_are_equal():
    """A tetragonal lattice with bonds of 4 and 4.001 angstrom in one shell has two classes of bonds."""
    free = gas_system((4.0, 4.0, 4.01), (4, 4, 4), 8, 1000.0)
    found = mean_bond_tensor_angstrom2(free.model, free.tables, 0)
    assert found is not None and np.allclose(found, np.diag([16.0, 16.0, 4.01**2]) / 3)
    interacting = gas_system((4.0, 4.0, 4.01), (4, 4, 4), 8, 1000.0, energy_eV=0.1)
    assert mean_bond_tensor_angstrom2(interacting.model, interacting.tables, 0) is None


def test_layers_and_fields_break_the_symmetry():
    system = made_up_system(made_up_model(), (2, 2, 2), vacancies=2, dopants=1)
    assert system.symmetry.space_group == "Fm-3m (225)" and len(system.symmetry.rotations) == 48
    placed = {**system.composition.placed, "D": Doping(sites=(0,))}
    layered = replace(system, composition=replace(system.composition, placed=placed))
    assert not layered.symmetry.cubic and len(layered.symmetry.rotations) == 1
    driven = made_up_system(made_up_model(), (2, 2, 2), vacancies=2, field_V_per_m=(1e8, 0.0, 0.0))
    assert not driven.symmetry.cubic
