"""Crystals, the site order of supercells, and structures from files and from ASE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from lattices.crystal import FALLBACK_GRID, Crystal, Sublattice, Supercell
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms, crystal_from_file
from lattices.prototypes import fluorite, perovskite

CERIA = fluorite({"cation": "Ce"}, 5.411)
LSF = perovskite({"A": "La", "B": "Fe"}, 3.94)
BOTH = pytest.mark.parametrize("crystal", [CERIA, LSF], ids=["fluorite", "perovskite"])
SALT = bulk("NaCl", "rocksalt", a=5.64, cubic=True)


def test_prototypes_have_their_sites() -> None:
    assert [(s.name, s.element, s.n_basis) for s in CERIA.sublattices] == [("anion", "O", 8), ("cation", "Ce", 4)]
    assert [(s.name, s.element, s.n_basis) for s in LSF.sublattices] == [
        ("anion", "O", 3),
        ("B", "Fe", 1),
        ("A", "La", 1),
    ]
    assert np.allclose(CERIA.cell_angstrom, 5.411 * np.eye(3))
    assert (CERIA.grid, LSF.grid) == (4, 2)


@BOTH
def test_site_order_is_sublattice_then_cell_then_basis(crystal: Crystal) -> None:
    """Every site once, in the documented order: ((x ny + y) nz + z) n_basis + basis within a sublattice."""
    supercell = Supercell(crystal, (2, 3, 4))
    expected = 0
    for s, sublattice in enumerate(crystal.sublattices):
        assert supercell.offset_of(s) == expected
        coordinates = supercell.coordinates_of(s, np.arange(supercell.n_sites_of(s), dtype=np.int64))
        for row in coordinates.tolist():
            assert supercell.site_index(s, row[:3], row[3]) == expected
            expected += 1
        assert coordinates[:, 3].max() == sublattice.n_basis - 1
    assert expected == supercell.n_sites == len(supercell.to_atoms())


@BOTH
def test_positions_follow_from_cell_and_basis(crystal: Crystal) -> None:
    """The integer grid is exact: positions equal (cell + basis) . vectors to 1e-9 angstrom."""
    supercell = Supercell(crystal, (2, 3, 4))
    for s, sublattice in enumerate(crystal.sublattices):
        coordinates = supercell.coordinates_of(s, np.arange(supercell.n_sites_of(s), dtype=np.int64))
        exact = (coordinates[:, :3] + sublattice.basis[coordinates[:, 3]]) @ crystal.cell_angstrom
        assert np.abs(supercell.positions_angstrom(s) - exact).max() < 1e-9


def test_site_index_wraps() -> None:
    supercell = Supercell(CERIA, (2, 3, 4))
    assert supercell.site_index(1, (-1, 3, 9), 2) == supercell.site_index(1, (1, 0, 1), 2)


def test_volume_and_atoms() -> None:
    supercell = Supercell(CERIA, (2, 3, 4))
    atoms = supercell.to_atoms()
    assert supercell.volume_m3 == pytest.approx(24 * 5.411e-10**3, rel=1e-12)
    assert atoms.get_volume() == pytest.approx(24 * 5.411**3, rel=1e-12)
    assert str(atoms.symbols) == "O192Ce96" and atoms.pbc.all()
    distances = supercell.to_atoms().get_all_distances(mic=True)[0]
    assert np.sort(distances)[1] == pytest.approx(5.411 * np.sqrt(3) / 4)  # cation next to an anion
    vacancy_first = ["X"] + ["O"] * 191 + ["Ce"] * 96
    assert supercell.to_atoms(vacancy_first).symbols[0] == "X"


@pytest.mark.parametrize("repeats", [(0, 2, 2), (2, 2), (2, 2, 40000), (-1, 1, 1)])
def test_bad_repeats_are_refused(repeats: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="three whole numbers from 1 to 32767"):
        Supercell(CERIA, repeats)  # type: ignore[arg-type]  # what a run file may hold


def test_unknown_sublattice_is_named() -> None:
    with pytest.raises(InputError, match="no sublattice 'B'; this crystal has anion, cation"):
        CERIA.index("B")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fluorite({"A": "Ce"}, 5.4), "needs exactly the keys cation"),
        (lambda: perovskite({"cation": "Ce"}, 3.9), "needs exactly the keys A, B"),
        (lambda: fluorite({"cation": "Ce"}, -5.4), "-5.4: a length from 1 to 100"),
        (lambda: perovskite({"A": "La", "B": "Fe"}, float("nan")), "nan: a length from 1 to 100"),
    ],
)
def test_bad_prototypes_are_refused(build, message) -> None:
    with pytest.raises(InputError) as caught:
        build()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fluorite({"cation": "Qq"}, 5.4), "crystal.host.cation = 'Qq': a chemical symbol"),
        (lambda: fluorite({"cation": ""}, 5.4), "crystal.host.cation = ''"),
        (lambda: fluorite({"cation": "Ce2"}, 5.4), "crystal.host.cation = 'Ce2'"),
        (lambda: perovskite({"A": "La", "B": "X"}, 3.9), "crystal.host.B = 'X'"),
    ],
)
def test_unknown_elements_are_refused(build, message) -> None:
    with pytest.raises(InputError) as caught:
        build()
    assert message in str(caught.value)


def test_sublattices_by_symbol_and_by_index_agree() -> None:
    by_symbol = crystal_from_atoms(SALT, {"anion": "Cl", "cation": ["Na"]})
    indices = [i for i, symbol in enumerate(SALT.symbols) if symbol == "Cl"]
    others = [i for i, symbol in enumerate(SALT.symbols) if symbol == "Na"]
    by_index = crystal_from_atoms(SALT, {"anion": indices, "cation": others})
    for one, other in zip(by_symbol.sublattices, by_index.sublattices, strict=True):
        assert (one.name, one.element) == (other.name, other.element)
        assert np.array_equal(one.basis, other.basis)


def test_positions_outside_the_cell_are_wrapped() -> None:
    moved = SALT.copy()
    moved.set_scaled_positions(np.add(moved.get_scaled_positions(wrap=False), [3, -2, -1e-12]))
    crystal = crystal_from_atoms(moved, {"anion": "Cl", "cation": "Na"})
    for sublattice, unmoved in zip(
        crystal.sublattices, crystal_from_atoms(SALT, {"anion": "Cl", "cation": "Na"}).sublattices, strict=True
    ):
        assert np.allclose(sublattice.basis, unmoved.basis) and (sublattice.basis < 1).all()


@pytest.mark.parametrize(
    ("atoms", "sublattices", "message"),
    [
        (SALT, {"anion": "Cl"}, "atoms in no sublattice: Na"),
        (SALT, {"anion": "Cl", "cation": ["Na", "Cl"]}, "already belongs to another sublattice"),
        (SALT, {"anion": "O", "cation": "Na"}, "no atom matches 'O'; the structure has Cl, Na"),
        (SALT, {"anion": [0, 99], "cation": "Na"}, "atom indices must lie from 0 to 7"),
        (Atoms("H"), {"anion": "H"}, "no three-dimensional cell"),
    ],
)
def test_bad_sublattices_are_refused(atoms, sublattices, message) -> None:
    with pytest.raises(InputError) as caught:
        crystal_from_atoms(atoms, sublattices)
    assert message in str(caught.value)


def test_a_cif_gives_the_same_crystal(tmp_path: Path) -> None:
    write(tmp_path / "ceria.cif", bulk("CeO2", "fluorite", a=5.411, cubic=True))
    crystal = crystal_from_file(tmp_path / "ceria.cif", {"anion": "O", "cation": "Ce"})
    assert np.allclose(crystal.cell_angstrom, CERIA.cell_angstrom, atol=1e-6)
    for read, built in zip(crystal.sublattices, CERIA.sublattices, strict=True):
        assert sorted(map(tuple, read.basis.round(6))) == sorted(map(tuple, built.basis.round(6)))
    assert crystal.grid == 4


@pytest.mark.parametrize("content", [None, "not a structure\n", "data_x\n_cell_length_a 5\n", b"\xff\x00\xfe"])
def test_an_unreadable_cif_gives_a_one_line_error(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "broken.cif"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"cannot read the structure file .*broken\.cif") as caught:
        crystal_from_file(path, {"anion": "O"})
    assert "\n" not in str(caught.value)


def test_many_structures_in_one_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "two.extxyz", [SALT, SALT])
    with pytest.raises(InputError, match=r"two\.extxyz holds 2 structures; one is needed"):
        crystal_from_file(tmp_path / "two.extxyz", {"anion": "Cl", "cation": "Na"})


def test_arbitrary_coordinates_use_a_fine_grid() -> None:
    odd = Crystal(4.0 * np.eye(3), (Sublattice("anion", "O", np.array([[0.0, 0.0, 0.0], [0.123457, 0.5, 0.7071068]])),))
    assert odd.grid == FALLBACK_GRID
    error = odd.basis_on_grid(0) / odd.grid - odd.sublattices[0].basis
    assert np.abs(error).max() <= 0.5 / FALLBACK_GRID
