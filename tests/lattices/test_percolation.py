"""Dimensionality of bond networks: clusters, chains, layers and frameworks."""

from __future__ import annotations

import pytest
from ase import Atoms

from lattices.neighbours import Neighbours
from lattices.percolation import percolation_dimensions
from lattices.prototypes import fluorite, perovskite
from lattices.stencils import Stencil, shells, stencil_of
from tests import crystals
from tests.crystals import by_element


def bonds(atoms: Atoms, element: str, choice: Neighbours) -> list[Stencil]:
    crystal = by_element(atoms)
    s = crystal.index(element)
    return [stencil_of(crystal, s, s, choice)]


FIRST = Neighbours((1,))


@pytest.mark.parametrize(
    ("cell", "dimensions"), [((4, 9, 11), 1), ((4, 4, 9), 2), ((4, 4, 4), 3), ((4, 4.0008, 4.0016), 3)]
)
def test_chains_layers_and_frameworks(cell: tuple[float, float, float], dimensions: int) -> None:
    assert percolation_dimensions(bonds(Atoms("Na", cell=cell, pbc=True), "Na", FIRST)).tolist() == [dimensions]


@pytest.mark.parametrize("crystal", [fluorite({"cation": "Ce"}, 5.411), perovskite({"A": "La", "B": "Fe"}, 3.94)])
def test_anions_of_the_prototypes_percolate_in_three_dimensions(crystal) -> None:
    assert set(percolation_dimensions([shells(crystal, 0, 0, 1)[0]]).tolist()) == {3}


@pytest.mark.parametrize(
    ("build", "element", "choice", "dimensions"),
    [
        (crystals.pnma_perovskite, "O", FIRST, 3),
        (crystals.pnma_perovskite, "O", Neighbours(distance_angstrom=(2.79, 2.797)), 0),  # only the shortest edge
        (crystals.rhombohedral_perovskite, "O", FIRST, 3),
        (crystals.k2nif4, "N", FIRST, 2),
        (crystals.hcp, "Mg", FIRST, 3),
        (crystals.pyrochlore, "O", FIRST, 3),
        (crystals.pyrochlore, "N", FIRST, 3),
        (crystals.rutile, "O", FIRST, 0),  # pairs of anions
        (crystals.rutile, "O", Neighbours((1, 2)), 3),
    ],
)
def test_measured_crystals(build, element: str, choice: Neighbours, dimensions: int) -> None:
    assert set(percolation_dimensions(bonds(build(), element, choice)).tolist()) == {dimensions}


def test_the_result_does_not_depend_on_the_cell() -> None:
    """A diatomic chain along [1 1 0] of a supercell percolates in one dimension, although along no cell vector."""
    chain = Atoms("Na2", positions=[(0, 0, 0), (2, 2, 0)], cell=[4, 4, 9], pbc=True)
    strict = Neighbours(distance_angstrom=(2.8, 2.9))
    assert set(percolation_dimensions(bonds(chain, "Na", strict)).tolist()) == {2}
    skewed = Atoms("Na", cell=[[2, 2, 0], [9, 0, 0], [0, 0, 9]], pbc=True)
    assert percolation_dimensions(bonds(skewed, "Na", FIRST)).tolist() == [1]
    doubled = skewed.repeat((3, 2, 2))
    assert set(percolation_dimensions(bonds(doubled, "Na", FIRST)).tolist()) == {1}


def test_sites_without_bonds_belong_to_no_network() -> None:
    atoms = Atoms("Na3", positions=[(0, 0, 0), (0, 5, 5), (2, 5, 5)], cell=[4, 10, 10], pbc=True)
    assert percolation_dimensions(bonds(atoms, "Na", Neighbours(distance_angstrom=(1.9, 2.1)))).tolist() == [0, 1, 1]
    along_x = bonds(atoms, "Na", Neighbours(distance_angstrom=(3.9, 4.1)))
    assert percolation_dimensions(along_x).tolist() == [1, 1, 1]


def test_closed_sites_block_the_network() -> None:
    """A chain with two sites per cell: closing one isolates the other. Closing one of a layer leaves a chain."""
    chain = Atoms("Na2", positions=[(0, 0, 0), (2, 0, 0)], cell=[4, 9, 9], pbc=True)
    assert percolation_dimensions(bonds(chain, "Na", FIRST)).tolist() == [1, 1]
    assert percolation_dimensions(bonds(chain, "Na", FIRST), closed={1}).tolist() == [0, 0]
    layer = Atoms("Na2", positions=[(0, 0, 0), (2, 0, 0)], cell=[4, 2, 9], pbc=True)
    assert percolation_dimensions(bonds(layer, "Na", FIRST)).tolist() == [2, 2]
    assert percolation_dimensions(bonds(layer, "Na", FIRST), closed={0}).tolist() == [0, 1]
