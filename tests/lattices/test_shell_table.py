"""The table of shells: coordination, symmetry-distinct bonds, sites at the bond's midpoint, ambiguous shells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ase import Atoms

from lattices.crystal import with_layers
from lattices.neighbours import Neighbours
from lattices.prototypes import fluorite, perovskite
from lattices.shell_table import ShellRow, shell_table, shell_warnings
from lattices.symmetry import crystal_space_group
from tests import crystals
from tests.crystals import by_element

CERIA, LSF = fluorite({"cation": "Ce"}, 5.411), perovskite({"A": "La", "B": "Fe"}, 3.94)


def row(rows: list[ShellRow], origin: str, target: str, shell: int) -> ShellRow:
    return next(r for r in rows if (r.origin, r.target, r.shell) == (origin, target, shell))


def test_the_edge_of_fluorite_lies_between_two_cations() -> None:
    found = row(shell_table(CERIA, 2), "anion", "anion", 1)
    assert found.neighbours == (6, 6) and found.distinct_bonds == 1
    assert found.middle == ("2 cation at 1.913 angstrom",)  # a/4 sqrt(2)
    assert found.shortest_angstrom == pytest.approx(5.411 / 2)


def test_anions_across_b_and_across_a_are_distinct_in_a_perovskite() -> None:
    """The second shell has two neighbours with B on the line between them, and four without."""
    found = row(shell_table(LSF, 2), "anion", "anion", 2)
    assert found.neighbours == (6, 6) and found.distinct_bonds == 2
    assert sorted(text.split(" angstrom")[0] for text in found.middle)[0] == "1 B at 0.000"


@pytest.mark.parametrize(
    ("build", "element", "distinct"),
    [
        (crystals.ceria, "O", 1),
        (crystals.ceria_primitive, "O", 1),
        (crystals.strained_ceria, "O", 6),  # three directions with two different bonds each: only inversion remains
        (crystals.hcp, "Mg", 2),  # within and between planes
        (crystals.tetragonal_perovskite, "O", 2),
        (crystals.k2nif4, "N", 1),
    ],
)
def test_symmetry_distinct_bonds(build, element: str, distinct: int) -> None:
    rows = shell_table(by_element(build()), 1)
    assert row(rows, element, element, 1).distinct_bonds == distinct


def test_a_layer_does_not_hide_the_symmetry() -> None:
    assert crystal_space_group(with_layers(CERIA, {"polarons": "cation"})).name == crystal_space_group(CERIA).name


def test_shells_of_prototypes_are_unambiguous_and_distorted_ones_are_not() -> None:
    for crystal in (CERIA, LSF):
        for shell in range(1, 6):
            assert shell_warnings(crystal, 0, 0, Neighbours((shell,))) == []
    (warning,) = shell_warnings(by_element(crystals.strained_ceria()), 1, 1, Neighbours((1,)))
    assert "a tenth of the shell tolerance (0.02) would split" in warning
    (warning,) = shell_warnings(by_element(crystals.rhombohedral_perovskite()), 2, 2, Neighbours((1,)))
    assert "the next begins at 2.7608: twice the shell tolerance (0.02) would join them" in warning


def test_ambiguity_depends_on_the_tolerance() -> None:
    """Axes of 4.00, 4.01 and 4.02 angstrom are split by a tenth of 2 %, and not by a tenth of 10 %."""
    crystal = by_element(Atoms("Na", cell=[4.0, 4.01, 4.02], pbc=True))
    assert len(shell_warnings(crystal, 0, 0, Neighbours((1,)))) == 1
    assert shell_warnings(replace(crystal, shell_tolerance=0.1), 0, 0, Neighbours((1,))) == []
