"""Kinds of pairs in fluorite, and their numbers in a supercell."""

import numpy as np
import pytest

from lattices.crystal import Supercell
from lattices.pair_kinds import count_pairs, pair_kinds
from lattices.prototypes import fluorite
from lattices.stencils import shells

CRYSTAL = fluorite({"cation": "Ce"}, 5.4)
ANION, CATION = CRYSTAL.index("anion"), CRYSTAL.index("cation")


def test_pairs_along_the_cube_diagonal_are_of_two_kinds() -> None:
    """With a cation between the two anions, or with an empty cube."""
    stencils = shells(CRYSTAL, ANION, ANION, 4)
    assert [len(pair_kinds(CRYSTAL, stencil)) for stencil in stencils] == [1, 1, 2, 1]
    filled, empty = pair_kinds(CRYSTAL, stencils[2])
    assert filled.middle_angstrom[CATION] == 0.0
    assert empty.middle_angstrom[CATION] == pytest.approx(2.7)
    assert [len(kind.pairs.origin) for kind in (filled, empty)] == [8 * 4, 8 * 4]


@pytest.mark.parametrize(("shell", "expected"), [(0, 3), (1, 3), (2, 1)])
def test_pairs_of_a_small_cube_are_counted_once(shell: int, expected: int) -> None:
    """Vacancies at (0, 0, 0) and its neighbours along x, y and z: 3 pairs <100>, 3 <110>; <111> after a fifth one."""
    supercell = Supercell(CRYSTAL, (3, 3, 3))
    positions = supercell.positions_angstrom(ANION)
    corner = np.array([1.35, 1.35, 1.35])
    cube = [np.zeros(3), *(2.7 * np.eye(3)), *([[2.7, 2.7, 2.7]] if shell == 2 else [])]
    held = np.zeros(supercell.n_sites, dtype=bool)
    for site in cube:
        held[np.linalg.norm(positions - corner - site, axis=1).argmin()] = True
    kinds = pair_kinds(CRYSTAL, shells(CRYSTAL, ANION, ANION, 3)[shell])
    assert sum(count_pairs(supercell, kind, held, held) for kind in kinds) == expected


def test_pairs_of_two_sublattices() -> None:
    """A cation has 8 anion neighbours and 24 second neighbours."""
    supercell = Supercell(CRYSTAL, (3, 3, 3))
    dopant, vacant = np.zeros(supercell.n_sites, dtype=bool), np.zeros(supercell.n_sites, dtype=bool)
    dopant[supercell.offset_of(CATION)] = True
    vacant[: supercell.n_sites_of(ANION)] = True
    found = [pair_kinds(CRYSTAL, stencil) for stencil in shells(CRYSTAL, ANION, CATION, 2)]
    assert [[count_pairs(supercell, kind, vacant, dopant) for kind in kinds] for kinds in found] == [[8], [24]]
