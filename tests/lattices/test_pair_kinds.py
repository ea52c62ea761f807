"""Kinds of pairs in fluorite, and their numbers in a supercell."""

import numpy as np
import pytest

from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.pair_kinds import PairKind, count_pairs, pair_kinds
from lattices.prototypes import fluorite
from lattices.stencils import Stencil, shells, stencil_of, stencil_pairs

CRYSTAL = fluorite({"cation": "Ce"}, 5.4)
ANION, CATION = CRYSTAL.index("anion"), CRYSTAL.index("cation")


def kinds_of(stencil: Stencil) -> list[PairKind]:
    return pair_kinds(CRYSTAL, stencil.origin, stencil.target, stencil_pairs(stencil))


def test_pairs_along_the_cube_diagonal_are_of_two_kinds() -> None:
    """With a cation between the two anions, or with an empty cube."""
    stencils = shells(CRYSTAL, ANION, ANION, 4)
    assert [len(kinds_of(stencil)) for stencil in stencils] == [1, 1, 2, 1]
    filled, empty = kinds_of(stencils[2])
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
    kinds = kinds_of(shells(CRYSTAL, ANION, ANION, 3)[shell])
    assert sum(count_pairs(supercell, kind, held, held) for kind in kinds) == expected


def test_pairs_of_two_sublattices() -> None:
    """A cation has 8 anion neighbours and 24 second neighbours."""
    supercell = Supercell(CRYSTAL, (3, 3, 3))
    dopant, vacant = np.zeros(supercell.n_sites, dtype=bool), np.zeros(supercell.n_sites, dtype=bool)
    dopant[supercell.offset_of(CATION)] = True
    vacant[: supercell.n_sites_of(ANION)] = True
    found = [kinds_of(stencil) for stencil in shells(CRYSTAL, ANION, CATION, 2)]
    assert [[count_pairs(supercell, kind, vacant, dopant) for kind in kinds] for kinds in found] == [[8], [24]]


def test_a_model_can_ask_for_one_kind() -> None:
    """Each anion has four neighbours of each kind along <111>; the two kinds together are the shell."""
    filled = stencil_of(CRYSTAL, ANION, ANION, Neighbours((3,), kind=1))
    empty = stencil_of(CRYSTAL, ANION, ANION, Neighbours((3,), kind=2))
    (whole,) = shells(CRYSTAL, ANION, ANION, 3)[2:]
    assert (filled.coordination, empty.coordination, whole.coordination) == (4, 4, 8)
    for b in range(8):
        assert sorted(filled.neighbours(b) + empty.neighbours(b)) == sorted(whole.neighbours(b))
        start = CRYSTAL.sublattices[ANION].basis[b] @ CRYSTAL.cell_angstrom
        for vector in filled.vectors_angstrom[b]:
            middle = np.linalg.solve(CRYSTAL.cell_angstrom.T, start + vector / 2)
            away = middle - CRYSTAL.sublattices[CATION].basis
            assert np.abs(away - np.rint(away)).max(axis=1).min() < 1e-9
    with pytest.raises(InputError, match=r"kind = 3: .* on shell 3 are of 2 kinds"):
        stencil_of(CRYSTAL, ANION, ANION, Neighbours((3,), kind=3))
