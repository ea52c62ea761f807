"""Structure files: space-group symbols, occupancies, and unphysical structures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms, crystal_from_file
from lattices.space_group_table import space_group
from lattices.space_groups import symmetry_operations

CELL_KEYS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
PBNM = ((5.5560, 5.5647, 7.8551, 90, 90, 90), ["La 0.9929 0.0285 0.25", "Fe 0.5 0 0", "O 0.0710 0.4879 0.25"])
PBNM_SITES = [*PBNM[1], "O 0.7226 0.2812 0.0391"]
R3C_R = ((5.3700, 5.3700, 5.3700, 60.8, 60.8, 60.8), ["La 0.25 0.25 0.25", "Co 0 0 0", "O 0.8 0.7 0.25"])
R3C_H = ((5.4437, 5.4437, 13.0957, 90, 90, 120), ["La 0 0 0.25", "Co 0 0 0", "O 0.451 0 0.25"])
CUBIC = (5.14, 5.14, 5.14, 90, 90, 90)
YSZ = ["Zr 0 0 0 0.85", "Y 0 0 0 0.15", "O 0.25 0.25 0.25 0.9625"]


def cif(folder: Path, cell: tuple[object, ...], sites: list[str], symbol: str | None = None, more: str = "") -> Path:
    """A CIF without symmetry operations. sites: "element x y z [occupancy]"."""
    lines = ["data_test", *(f"_cell_{key} {value}" for key, value in zip(CELL_KEYS, cell, strict=True)), more]
    if symbol is not None:
        lines.append(f"_symmetry_space_group_name_H-M '{symbol}'")
    lines += ["loop_", "_atom_site_type_symbol", *(f"_atom_site_fract_{axis}" for axis in "xyz")]
    lines += ["_atom_site_occupancy", *(site if len(site.split()) == 5 else f"{site} 1.0" for site in sites)]
    path = folder / "test.cif"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def group_number(crystal: Crystal) -> int:
    """Number of the space group that spglib finds in the crystal."""
    atoms = Supercell(crystal, (1, 1, 1)).to_atoms()
    return space_group(atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers).number


@pytest.mark.parametrize(
    ("symbol", "cell", "sites", "formulas", "number"),
    [
        ("P b n m", PBNM[0], PBNM_SITES, 4, 62),
        ("Pbnm", PBNM[0], PBNM_SITES, 4, 62),
        ("P_b_n_m", PBNM[0], PBNM_SITES, 4, 62),
        ("P 21/b 21/n 21/m", PBNM[0], PBNM_SITES, 4, 62),
        ("R -3 c :R", *R3C_R, 2, 167),
        ("R -3 c R", *R3C_R, 2, 167),
        ("R -3 c", *R3C_R, 2, 167),  # the cell decides between the settings
        ("R -3 c :H", *R3C_H, 6, 167),
        ("R-3c", *R3C_H, 6, 167),
    ],
)
def test_spellings_of_space_groups(tmp_path, symbol, cell, sites, formulas, number) -> None:
    cations = [site.split()[0] for site in sites if not site.startswith("O")]
    crystal = crystal_from_file(cif(tmp_path, cell, sites, symbol), {"anion": "O", "A": cations[0], "B": cations[1]})
    assert [s.n_basis for s in crystal.sublattices] == [3 * formulas, formulas, formulas]
    assert group_number(crystal) == number


def test_monoclinic_settings_are_distinguished() -> None:
    """P 1 21/n 1 is cell choice 2 of P 1 21/c 1, and the unique axis follows from the cell."""
    b_unique = np.array([[5.5, 0, 0], [0, 5.6, 0], [-0.5, 0, 7.8]])
    assert set(symmetry_operations("P 21/n", None, b_unique)) != set(symmetry_operations("P 21/c", None, b_unique))
    assert set(symmetry_operations("P 21/c", None, b_unique)) == set(symmetry_operations("P 1 21/c 1", None, b_unique))
    c_unique = np.array([[5.5, 0, 0], [-0.5, 5.6, 0], [0, 0, 7.8]])
    assert "x,-y,z" not in symmetry_operations("P 2/m", None, c_unique)
    assert "x,y,-z" in symmetry_operations("P 2/m", None, c_unique)


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("P q q q", "space group P q q q: not a known Hermann-Mauguin symbol; list the symmetry operations"),
        ("F d -3 m", "space group F d -3 m: has two choices of origin; write :1 or :2 after the symbol"),
    ],
)
def test_ambiguous_space_groups_are_refused_with_advice(tmp_path: Path, symbol: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        crystal_from_file(cif(tmp_path, CUBIC, ["Ti 0 0 0"], symbol), {"B": "Ti"})
    assert message in str(caught.value) and "test.cif" in str(caught.value)


def test_the_origin_choice_is_read(tmp_path: Path) -> None:
    sites = ["Ti 0 0 0", "Gd 0.5 0.5 0.5"]
    crystal = crystal_from_file(
        cif(tmp_path, (10.2, 10.2, 10.2, 90, 90, 90), sites, "F d -3 m :2"), {"B": "Ti", "A": "Gd"}
    )
    assert [s.n_basis for s in crystal.sublattices] == [16, 16]


def test_a_space_group_number_is_read(tmp_path: Path) -> None:
    path = cif(tmp_path, CUBIC, YSZ, more="_symmetry_Int_Tables_number 225")
    assert [s.n_basis for s in crystal_from_file(path, {"anion": "O", "cation": "Zr"}).sublattices] == [8, 4]


@pytest.mark.parametrize("members", ["Zr", ["Zr", "Y"], ["Y", "Zr"]])
def test_occupancies_become_site_contents(tmp_path: Path, members: str | list[str]) -> None:
    crystal = crystal_from_file(cif(tmp_path, CUBIC, YSZ, "F m -3 m"), {"anion": "O", "cation": members})
    anion, cation = crystal.sublattices
    assert (anion.element, cation.element) == ("O", "Zr")
    assert anion.contents == ({"O": 0.9625},) * 8
    assert cation.contents == ({"Zr": 0.85, "Y": 0.15},) * 4


def test_occupancies_that_ase_has_read_are_not_lost(tmp_path: Path) -> None:
    """This holds from Python as well: Atoms that ASE read from a CIF carry the occupancies."""
    path = cif(tmp_path, CUBIC, YSZ, more="_symmetry_Int_Tables_number 225")
    atoms = read(path)
    cation = crystal_from_atoms(atoms, {"anion": "O", "cation": "Zr"}).sublattices[1]
    assert cation.contents == ({"Zr": 0.85, "Y": 0.15},) * 4
    atoms.symbols[[i for i, symbol in enumerate(atoms.symbols) if symbol == "Zr"][1]] = "Sc"
    with pytest.raises(InputError, match=r"is Sc, but the occupancies of its site are Zr 0\.85, Y 0\.15"):
        crystal_from_atoms(atoms, {"anion": "O", "cation": ["Zr", "Sc"]})


def test_full_sites_have_no_contents(tmp_path: Path) -> None:
    sites = ["Zr 0 0 0 1.0", "O 0.25 0.25 0.25 1.0"]
    crystal = crystal_from_file(cif(tmp_path, CUBIC, sites, "F m -3 m"), {"anion": "O", "cation": "Zr"})
    assert [s.contents for s in crystal.sublattices] == [(), ()]


def test_occupancies_above_one_are_refused(tmp_path: Path) -> None:
    path = cif(tmp_path, CUBIC, ["Zr 0 0 0 0.85", "Y 0 0 0 0.3"], "F m -3 m")
    with pytest.raises(InputError, match=r"occupancies of a site add up to more than 1: Zr 0\.85, Y 0\.3"):
        crystal_from_file(path, {"cation": "Zr"})


@pytest.mark.parametrize("members", [["Ce", "Gd"], ["Gd", "Ce"]])
def test_ordered_dopants_keep_their_sites(members: list[str]) -> None:
    atoms = bulk("CeO2", "fluorite", a=5.411, cubic=True)
    cations = [i for i, symbol in enumerate(atoms.symbols) if symbol == "Ce"]
    atoms.symbols[cations[2]] = "Gd"
    cation = crystal_from_atoms(atoms, {"anion": "O", "cation": members}).sublattices[1]
    assert cation.element == "Ce"
    assert cation.contents == ({"Ce": 1.0}, {"Ce": 1.0}, {"Gd": 1.0}, {"Ce": 1.0})


SALT = bulk("NaCl", "rocksalt", a=5.64, cubic=True)


def changed(**keys: object) -> Atoms:
    atoms = SALT.copy()
    for key, value in keys.items():
        getattr(atoms, f"set_{key}")(value)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (SALT + Atoms("Cl", positions=[SALT.positions[1]]), "are 0 angstrom apart; at least 0.5 is needed"),
        (SALT + Atoms("Cl", positions=[SALT.positions[1] + [0.005, 0, 0]]), "are 0.005 angstrom apart"),
        (Atoms("NaCl", positions=[(0, 0, 0), (0, 0, 4.8)], cell=[5, 5, 5], pbc=True), "are 0.2 angstrom apart"),
        (Atoms(SALT, cell=SALT.cell / 10, positions=SALT.positions / 10), "0.0224 cubic angstrom per atom"),
        (changed(pbc=[True, True, False]), "pbc = T T F; only structures periodic in three dimensions"),
        (changed(pbc=False), "pbc = F F F"),
        (changed(cell=[5.64, 5.64, math.nan]), "not finite numbers"),
        (changed(cell=[5.64, 5.64, math.inf]), "not finite numbers"),
        (changed(cell=[5.64, 5.64, 1e300]), "at most 1000 is allowed"),
        (changed(cell=[5.64, 5.64, 0]), "no three-dimensional cell"),
        (Atoms(cell=[5, 5, 5], pbc=True), "no atoms"),
    ],
)
def test_unphysical_structures_are_refused(atoms: Atoms, message: str) -> None:
    with pytest.raises(InputError) as caught:
        crystal_from_atoms(atoms, {"anion": "Cl", "cation": "Na"})
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sublattices", "message"),
    [
        ({"anion": [0, 0, 2, 4, 6], "cation": "Cl"}, "sublattice 'anion': an atom index is listed twice"),
        (
            {"anion": [0, 2, 4, 6], "cation": [0, 1, 3, 5, 7]},
            "atom 0 (Na) already belongs to another sublattice, 'anion'",
        ),
        ({"anion": ["Cl", 3], "cation": "Na"}, "chemical symbols or atom indices are needed"),
        ({"anion": ["Cl", "O"], "cation": "Na"}, "no atom matches 'O'; the structure has Cl, Na"),
        ({"anion": [], "cation": "Na"}, "chemical symbols or atom indices are needed"),
    ],
)
def test_atoms_named_twice_are_refused(sublattices: dict[str, list[int]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        crystal_from_atoms(SALT, sublattices)
    assert message in str(caught.value)


def test_two_structures_in_a_cif_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "two.cif", [SALT, SALT])
    with pytest.raises(InputError, match="holds 2 structures; one is needed"):
        crystal_from_file(tmp_path / "two.cif", {"anion": "Cl", "cation": "Na"})


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
def test_comments_with_accents_are_read(tmp_path: Path, encoding: str) -> None:
    path = cif(tmp_path, CUBIC, ["Zr 0 0 0", "O 0.25 0.25 0.25"], "F m -3 m")
    path.write_text("# Schr\u00f6dinger, \u00c5ngstr\u00f6m\n" + path.read_text("utf-8"), encoding)
    assert [s.n_basis for s in crystal_from_file(path, {"anion": "O", "cation": "Zr"}).sublattices] == [8, 4]
