"""Neighbour shells of crystals with experimental coordinates and of distorted prototypes are complete and exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from lattices.crystal import Crystal
from lattices.errors import InputError
from lattices.hop_environments import EnvironmentRule, environment_sites
from lattices.neighbours import Neighbours
from lattices.prototypes import fluorite, perovskite
from lattices.stencils import Stencil, shells, stencil_of
from tests import crystals
from tests.crystals import by_element

CERIA, LSF = fluorite({"cation": "Ce"}, 5.411), perovskite({"A": "La", "B": "Fe"}, 3.94)


def coordination(stencil: Stencil) -> list[int]:
    """Numbers of neighbours of the basis sites."""
    return [len(stencil.neighbours(b)) for b in range(len(stencil.basis))]


def test_three_almost_equal_axes_are_one_shell() -> None:
    """Six bonds along axes of 4.0000, 4.0008 and 4.0016 angstrom, and twelve face diagonals in the next shell."""
    first, second = shells(by_element(crystals.orthorhombic_metal()), 0, 0, 2)
    assert coordination(first) == [6] and coordination(second) == [12]
    assert first.length_angstrom == pytest.approx(np.sqrt((16 + 4.0008**2 + 4.0016**2) / 3), abs=1e-12)


@pytest.mark.parametrize("build", [crystals.ceria, crystals.ceria_primitive, crystals.strained_ceria])
def test_ceria_keeps_its_bonds(build) -> None:
    crystal = by_element(build())
    anion, cation = crystal.index("O"), crystal.index("Ce")
    for origin, target, expected in [
        (anion, anion, [6, 12, 8, 6]),
        (anion, cation, [4, 12]),
        (cation, anion, [8, 24]),
        (cation, cation, [12, 6]),
    ]:
        found = shells(crystal, origin, target, len(expected))
        assert [set(coordination(shell)) for shell in found] == [{z} for z in expected]


def test_a_tetragonal_perovskite_keeps_its_bonds() -> None:
    crystal = by_element(crystals.tetragonal_perovskite())
    assert [coordination(shell) for shell in shells(crystal, 0, 0, 2)] == [[8, 8, 8], [6, 6, 6]]


@pytest.mark.parametrize(
    ("build", "element", "expected"),
    [
        (crystals.pnma_perovskite, "O", {8}),
        (crystals.rhombohedral_perovskite, "O", {4}),  # the other edges of the octahedron are 2.1 % longer
        (crystals.k2nif4, "N", {4}),
        (crystals.hcp, "Mg", {12}),
        (crystals.pyrochlore, "O", {4}),
        (crystals.garnet, "O", {3}),
        (crystals.rutile, "O", {1}),
    ],
)
def test_first_shells_of_measured_crystals(build, element: str, expected: set[int]) -> None:
    crystal = by_element(build())
    s = crystal.index(element)
    assert set(coordination(shells(crystal, s, s, 1)[0])) == expected


@settings(derandomize=True, deadline=None, max_examples=60)
@given(prototype=st.sampled_from([CERIA, LSF]), seed=st.integers(0, 2**32 - 1), largest=st.floats(1e-7, 0.01))
def test_distorted_prototypes_have_the_bonds_of_the_prototype(prototype: Crystal, seed: int, largest: float) -> None:
    """A strain with principal values within 1 % changes distances by at most 1 %, less than the tolerance of 2 %."""
    strain = crystals.random_strain(np.random.default_rng(seed), largest)
    distorted = replace(prototype, cell_angstrom=prototype.cell_angstrom @ (np.eye(3) + strain))
    for origin in range(len(prototype.sublattices)):
        for target in range(len(prototype.sublattices)):
            for ideal, found in zip(
                shells(prototype, origin, target, 3), shells(distorted, origin, target, 3), strict=True
            ):
                assert np.array_equal(ideal.cells, found.cells) and np.array_equal(ideal.basis, found.basis)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), largest=st.floats(0.0, 0.012))
def test_displaced_atoms_keep_the_bonds_of_the_prototype(seed: int, largest: float) -> None:
    """Displacements of up to 0.012 angstrom per atom change a bond by at most 0.024 angstrom, 1 % of the shortest."""
    generator = np.random.default_rng(seed)
    for prototype in (CERIA, LSF):
        moved = [
            replace(s, basis=s.basis + generator.uniform(-1, 1, s.basis.shape) * largest / 3**0.5 / 5.411)
            for s in prototype.sublattices
        ]
        distorted = replace(prototype, sublattices=tuple(moved))
        for origin in range(len(moved)):
            for target in range(len(moved)):
                for ideal, found in zip(
                    shells(prototype, origin, target, 2), shells(distorted, origin, target, 2), strict=True
                ):
                    assert np.array_equal(ideal.cells, found.cells) and np.array_equal(ideal.basis, found.basis)


def test_the_tolerance_can_be_set() -> None:
    """Axes that differ by 1 %: one shell of six bonds, or three of two bonds each."""
    crystal = by_element(Atoms("Na", cell=[4.0, 4.04, 4.08], pbc=True))
    assert coordination(shells(crystal, 0, 0, 1)[0]) == [6]
    strict = replace(crystal, shell_tolerance=0.005)
    assert [coordination(shell) for shell in shells(strict, 0, 0, 3)] == [[2], [2], [2]]
    with pytest.raises(InputError, match=r"shell_tolerance = 0\.3: a relative gap from"):
        replace(crystal, shell_tolerance=0.3)


def test_a_list_of_shells_gives_their_union() -> None:
    both = stencil_of(CERIA, 0, 0, Neighbours((1, 2)))
    one, other = shells(CERIA, 0, 0, 2)
    for b in range(8):
        assert both.neighbours(b) == sorted(one.neighbours(b) + other.neighbours(b))
    assert both.length_angstrom**2 == pytest.approx((6 * 5.411**2 / 4 + 12 * 5.411**2 / 2) / 18)


def test_a_range_of_distances_includes_both_ends() -> None:
    bond = 5.411 / 2
    found = stencil_of(CERIA, 0, 0, Neighbours(distance_angstrom=(bond, 5.411 / 2**0.5)))
    assert coordination(found) == [18] * 8
    assert stencil_of(CERIA, 0, 0, Neighbours(distance_angstrom=(2.6, 2.8))).neighbours(3) == shells(CERIA, 0, 0, 1)[
        0
    ].neighbours(3)
    with pytest.raises(InputError, match=r"\[2\.8, 3\]: no neighbours of 'anion' on 'anion' lie there"):
        stencil_of(CERIA, 0, 0, Neighbours(distance_angstrom=(2.8, 3.0)))


def test_shells_beyond_twelve_exist() -> None:
    """Simple cubic anions: shell 14 is (4, 0, 0), of squared length 16; no vector has 7 or 15."""
    found = shells(CERIA, 0, 0, 14)
    squares = [round((shell.length_angstrom / 2.7055) ** 2) for shell in found]
    assert squares == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16]


def test_distances_without_a_gap_are_refused() -> None:
    generator = np.random.default_rng(3)
    atoms = Atoms("Na60", scaled_positions=generator.uniform(size=(60, 3)), cell=[9, 9, 9], pbc=True)
    crystal = Crystal(np.array(atoms.cell[:]), by_element(Atoms("Na", cell=[9, 9, 9], pbc=True)).sublattices)
    crowd = replace(crystal.sublattices[0], basis=atoms.get_scaled_positions())
    with pytest.raises(InputError, match=r"continue without a gap of 2\.00%; give distance_angstrom") as caught:
        shells(replace(crystal, sublattices=(crowd,)), 0, 0, 40)
    assert "\n" not in str(caught.value)


def test_pnma_bonds_share_their_iron() -> None:
    """Each oxygen has eight octahedron edges, and the Fe at the centre of the octahedron is next to each of them."""
    crystal = by_element(crystals.pnma_perovskite())
    o, fe = crystal.index("O"), crystal.index("Fe")
    bonds = shells(crystal, o, o, 1)[0]
    gates = environment_sites(crystal, bonds, fe, EnvironmentRule())
    assert {len(sites) for row in gates for sites in row} == {1}
    assert gates == environment_sites(crystal, bonds, fe, EnvironmentRule(ends_angstrom=(1.9, 2.1)))
    assert gates == environment_sites(crystal, bonds, fe, EnvironmentRule(middle_angstrom=(0.0, 1.5)))


@pytest.mark.parametrize(
    "rule", [EnvironmentRule(), EnvironmentRule(middle_angstrom=(1.8, 2.0)), EnvironmentRule(ends_angstrom=(2.3, 2.4))]
)
def test_the_three_rules_find_the_cations_of_a_fluorite_edge(rule: EnvironmentRule) -> None:
    """Two cations, a sqrt(3)/4 from the ends and a sqrt(2)/4 = 1.913 angstrom from the midpoint of the bond."""
    bonds = shells(CERIA, 0, 0, 1)[0]
    assert environment_sites(CERIA, bonds, 1, rule) == environment_sites(CERIA, bonds, 1, EnvironmentRule())
    assert {len(sites) for row in environment_sites(CERIA, bonds, 1, rule) for sites in row} == {2}
