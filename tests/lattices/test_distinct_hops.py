"""Numbers of distinct hops and environments that can be counted by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms

from lattices.crystal import Crystal
from lattices.distinct_hops import DistinctHop, distinct_hops, distinct_occupations
from lattices.from_atoms import crystal_from_atoms
from lattices.hop_environments import EnvironmentRule
from lattices.prototypes import fluorite, perovskite
from lattices.stencils import shells


def hops_of(crystal: Crystal, sublattice: str, environment: Sequence[str], shell: int = 1) -> list[DistinctHop]:
    home = crystal.index(sublattice)
    bonds = shells(crystal, home, home, shell)[-1]
    return distinct_hops(crystal, bonds, [crystal.index(name) for name in environment], EnvironmentRule())


def test_fluorite_has_one_hop_and_three_edges() -> None:
    (hop,) = hops_of(fluorite({"cation": "Ce"}, 5.4), "anion", ["cation"])
    assert hop.per_cell == 8 * 6
    assert hop.length_angstrom == pytest.approx(2.7)
    found = distinct_occupations(hop, [["Ce", "Gd"]] * 2)
    assert found == [(("Ce", "Ce"), 1), (("Ce", "Gd"), 2), (("Gd", "Gd"), 1)]


def test_perovskite_has_six_triangles() -> None:
    """Two A cations and one B cation, two species each: 3 x 2."""
    (hop,) = hops_of(perovskite({"A": "La", "B": "Fe"}, 3.9), "anion", ["A", "B"])
    choices = [["La", "Sr"] if s == 2 else ["Fe", "Co"] for s, _ in hop.sites]
    found = distinct_occupations(hop, choices)
    assert len(found) == 6
    assert sum(number for _, number in found) == 8


def test_a_square_of_four_sites_has_six_occupations() -> None:
    """A hop along <100> of a caesium-chloride crystal passes a square: necklaces of four beads in two colours."""
    atoms = Atoms("CuPd", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=[3.0] * 3, pbc=True)
    (hop,) = hops_of(crystal_from_atoms(atoms, {"a": "Cu", "b": "Pd"}), "a", ["b"])
    assert len(hop.sites) == 4
    assert len(hop.permutations) == 8
    found = distinct_occupations(hop, [["Pd", "Au"]] * 4)
    assert sorted(number for _, number in found) == [1, 1, 2, 4, 4, 4]


def test_a_tetragonal_cell_has_two_hops() -> None:
    atoms = Atoms("Cu", cell=[3.0, 3.0, 3.03], pbc=True)
    first, second = hops_of(crystal_from_atoms(atoms, {"a": "Cu"}), "a", [])
    assert sorted([first.per_cell, second.per_cell]) == [2, 4]
    assert np.allclose(sorted([first.length_angstrom, second.length_angstrom]), [3.0, 3.03])
    assert distinct_occupations(first, []) == [((), 1)]
