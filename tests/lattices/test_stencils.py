"""Shells, distances and gates of bonds against known coordination numbers and ASE's neighbour list."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms
from lattices.hop_environments import EnvironmentRule, environment_sites
from lattices.prototypes import fluorite, perovskite
from lattices.stencils import Stencil, check_fits, shells

A_F, A_P = 5.411, 3.94
CERIA = fluorite({"cation": "Ce"}, A_F)
LSF = perovskite({"A": "La", "B": "Fe"}, A_P)
HCP = crystal_from_atoms(bulk("Mg", "hcp", a=3.2, c=5.1), {"anion": "Mg"})
CRYSTALS = pytest.mark.parametrize("crystal", [CERIA, LSF, HCP], ids=["fluorite", "perovskite", "hcp"])


@pytest.mark.parametrize(
    ("crystal", "origin", "target", "expected"),
    [
        (CERIA, "anion", "anion", [(6, A_F / 2), (12, A_F / 2**0.5), (8, A_F * 0.75**0.5), (6, A_F)]),
        (CERIA, "anion", "cation", [(4, A_F * 3**0.5 / 4), (12, A_F * 11**0.5 / 4), (12, A_F * 19**0.5 / 4)]),
        (CERIA, "cation", "anion", [(8, A_F * 3**0.5 / 4), (24, A_F * 11**0.5 / 4)]),
        (CERIA, "cation", "cation", [(12, A_F / 2**0.5), (6, A_F)]),
        (LSF, "anion", "anion", [(8, A_P / 2**0.5), (6, A_P), (16, A_P * 1.5**0.5)]),
        (LSF, "anion", "B", [(2, A_P / 2), (8, A_P * 1.25**0.5)]),
        (LSF, "anion", "A", [(4, A_P / 2**0.5)]),
        (LSF, "B", "B", [(6, A_P), (12, A_P * 2**0.5)]),
    ],
)
def test_coordination_and_distances(crystal, origin, target, expected) -> None:
    found = shells(crystal, crystal.index(origin), crystal.index(target), len(expected))
    assert [shell.coordination for shell in found] == [z for z, _ in expected]
    assert [shell.length_angstrom for shell in found] == pytest.approx([length for _, length in expected], abs=1e-9)
    assert all((shell.basis >= 0).all() for shell in found)


@CRYSTALS
def test_shells_hold_what_ase_finds(crystal: Crystal) -> None:
    """All pairs of the first five shells agree with an independent neighbour list."""
    found = shells(crystal, 0, 0, 5)
    reach = found[-1].length_angstrom + 1e-3
    atoms = Supercell(crystal, (1, 1, 1)).to_atoms()[: crystal.sublattices[0].n_basis]
    i, j, offset = neighbor_list("ijS", atoms, reach)
    expected = sorted((int(a), *map(int, s), int(b)) for a, b, s in zip(i, j, offset, strict=True))
    ours = sorted(
        (b, *neighbour) for shell in found for b in range(len(shell.basis)) for neighbour in shell.neighbours(b)
    )
    assert ours == expected


@CRYSTALS
def test_vectors_are_those_of_the_neighbours(crystal: Crystal) -> None:
    basis = crystal.sublattices[0].basis
    for shell in shells(crystal, 0, 0, 4):
        for b in range(len(shell.basis)):
            for d, (dx, dy, dz, end) in enumerate(shell.neighbours(b)):
                vector = (basis[end] + [dx, dy, dz] - basis[b]) @ crystal.cell_angstrom
                assert np.allclose(shell.vectors_angstrom[b, d], vector, atol=1e-9)
                assert np.linalg.norm(vector) == pytest.approx(shell.length_angstrom, rel=0.02)


@CRYSTALS
def test_every_bond_has_its_reverse(crystal: Crystal) -> None:
    for shell in shells(crystal, 0, 0, 4):
        for b in range(len(shell.basis)):
            for dx, dy, dz, end in shell.neighbours(b):
                assert (-dx, -dy, -dz, b) in shell.neighbours(end)


def test_rows_of_unequal_length_are_padded() -> None:
    """Of two anions of a chain with one cation, only one has a neighbour at the given distance."""
    from ase import Atoms

    atoms = Atoms("OOCe", positions=[(0, 0, 0), (2, 0, 0), (0, 1.5, 0)], cell=[7, 9, 11], pbc=True)
    crystal = crystal_from_atoms(atoms, {"anion": "O", "cation": "Ce"})
    shell = shells(crystal, 0, 1, 1)[0]
    assert shell.length_angstrom == pytest.approx(1.5)
    assert [len(shell.neighbours(b)) for b in (0, 1)] == [1, 0]
    assert (shell.basis[1] == -1).all() and not shell.vectors_angstrom[1].any()


def test_a_shell_below_the_first_is_refused() -> None:
    with pytest.raises(InputError, match="numbered from 1; got 0"):
        shells(CERIA, 0, 0, 0)


def gate_sets(crystal: Crystal, gate: str) -> tuple[Stencil, list[list[list[tuple[int, int, int, int]]]]]:
    bonds = shells(crystal, crystal.index("anion"), crystal.index("anion"), 1)[0]
    return bonds, environment_sites(crystal, bonds, crystal.index(gate), EnvironmentRule())


def test_a_fluorite_edge_has_two_cations() -> None:
    _, gates = gate_sets(CERIA, "cation")
    assert {len(sites) for row in gates for sites in row} == {2}


def test_a_perovskite_hop_passes_a_triangle_of_two_a_and_one_b() -> None:
    for gate, count in (("A", 2), ("B", 1)):
        _, gates = gate_sets(LSF, gate)
        assert {len(sites) for row in gates for sites in row} == {count}


@pytest.mark.parametrize(("crystal", "gate"), [(CERIA, "cation"), (LSF, "A"), (LSF, "B")])
def test_gate_sites_are_those_next_to_their_bond(crystal: Crystal, gate: str) -> None:
    """They are at the nearest distance from both ends, and the same for the reverse bond."""
    bonds, gates = gate_sets(crystal, gate)
    s = crystal.index(gate)
    anions, others = crystal.sublattices[0].basis, crystal.sublattices[s].basis
    nearest = shells(crystal, 0, s, 1)[0].length_angstrom
    for b, row in enumerate(gates):
        for d, (sites, (dx, dy, dz, end)) in enumerate(zip(row, bonds.neighbours(b), strict=True)):
            for x, y, z, t in sites:
                vector = (others[t] + [x, y, z] - anions[b]) @ crystal.cell_angstrom
                assert np.linalg.norm(vector) == pytest.approx(nearest)
                assert np.linalg.norm(vector - bonds.vectors_angstrom[b, d]) == pytest.approx(nearest)
            back = bonds.neighbours(end).index((-dx, -dy, -dz, b))
            assert sorted((x + dx, y + dy, z + dz, t) for x, y, z, t in gates[end][back]) == sites


@pytest.mark.parametrize(
    ("crystal", "shell", "repeats", "fits"),
    [
        (CERIA, 1, (1, 1, 1), False),  # both directions along x lead to the same site
        (CERIA, 1, (2, 2, 2), True),
        (CERIA, 4, (2, 2, 2), False),
        (CERIA, 4, (3, 3, 3), True),
        (CERIA, 4, (3, 3, 2), False),
        (CERIA, 4, (1, 3, 3), False),  # a lattice vector maps a site onto itself
        (LSF, 1, (1, 1, 1), False),
        (LSF, 1, (2, 2, 2), True),
        (LSF, 2, (2, 2, 2), False),
        (LSF, 2, (3, 3, 3), True),
    ],
)
def test_cells_too_small_for_a_shell_are_refused(crystal, shell, repeats, fits) -> None:
    stencil = shells(crystal, 0, 0, shell)[-1]
    if fits:
        check_fits(Supercell(crystal, repeats), stencil, "the hop")
        return
    with pytest.raises(InputError, match=r"crystal\.repeats = .*too small for the hop .*use more cells"):
        check_fits(Supercell(crystal, repeats), stencil, "the hop")
