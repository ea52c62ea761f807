"""Point groups of crystals from users' files."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from lattices.crystal import Crystal, Sublattice, with_layers
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms
from lattices.prototypes import fluorite, perovskite
from lattices.symmetry import symmetrised, symmetry_of


def double_perovskite(same: bool) -> Crystal:
    """A perovskite of two cells along z; the two B sites of one sublattice, or of two."""
    one = perovskite({"A": "La", "B": "Fe"}, 4.0)
    doubled = {}
    for sublattice in one.sublattices:
        basis = np.concatenate([sublattice.basis / [1, 1, 2] + [0, 0, z] for z in (0.0, 0.5)])
        doubled[sublattice.name] = Sublattice(sublattice.name, sublattice.element, basis)
    cell = np.diag([4.0, 4.0, 8.0])
    if same:
        return Crystal(cell, tuple(doubled.values()))
    first, second = (Sublattice(name, "Fe", doubled["B"].basis[k : k + 1]) for k, name in enumerate(("B", "B2")))
    return Crystal(cell, (doubled["anion"], first, second, doubled["A"]))


@pytest.mark.parametrize(
    ("crystal", "space_group", "cubic"),
    [
        (fluorite({"cation": "Ce"}, 5.411), "Fm-3m (225)", True),
        (perovskite({"A": "La", "B": "Fe"}, 3.9), "Pm-3m (221)", True),
        (with_layers(fluorite({"cation": "Ce"}, 5.411), {"polarons": "cation"}), "Fm-3m (225)", True),
        (double_perovskite(same=True), "Pm-3m (221)", True),
        (double_perovskite(same=False), "P4/mmm (123)", False),
        (crystal_from_atoms(Atoms("Na", cell=[4.0, 4.0, 4.0032], pbc=True), {"site": "Na"}), "P4/mmm (123)", False),
        (crystal_from_atoms(Atoms("Na", cell=[4.0, 4.0, 4.0003], pbc=True), {"site": "Na"}), "Pm-3m (221)", True),
    ],
)
def test_symmetry_of_known_crystals(crystal, space_group, cubic):
    found = symmetry_of(crystal)
    assert (found.space_group, found.cubic) == (space_group, cubic)
    assert np.allclose(found.rotations @ found.rotations.transpose(0, 2, 1), np.eye(3), atol=1e-3)


def test_four_decimals_keep_the_symmetry():
    rounded = [
        Sublattice(s.name, s.element, np.round(s.basis + 1e-9, 4))
        for s in fluorite({"cation": "Ce"}, 5.411).sublattices
    ]
    assert symmetry_of(Crystal(np.eye(3) * 5.411, tuple(rounded))).cubic


def test_a_cubic_group_leaves_a_third_of_the_trace():
    tensor = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.0], [0.1, 0.0, 4.0]])
    rotations = symmetry_of(fluorite({"cation": "Ce"}, 5.411)).rotations
    assert np.allclose(symmetrised(tensor, rotations), np.eye(3) * 7.0 / 3.0)


def test_coinciding_sites_are_refused():
    twice = Sublattice("one", "Na", np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1e-5]]))
    with pytest.raises(InputError, match="symmetry cannot be found"):
        symmetry_of(Crystal(np.eye(3) * 4.0, (twice,)))
