"""Structure files with nonsense in them: read, or refused by their name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st

from lattices.errors import InputError
from lattices.from_atoms import crystal_from_file
from tests.fuzz.mutations import Damage, damaged, damages
from tests.fuzz.outcomes import EXAMPLES, fuzz

pytestmark = pytest.mark.slow
fuzz = settings(fuzz, max_examples=max(EXAMPLES // 5, 1))  # ASE takes its time

CIF = """data_zirconia
_cell_length_a 5.14
_cell_length_b 5.14(2)
_cell_length_c 5.14
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Zr1 Zr4+ 0 0 0 0.85
Y1 Y3+ 0 0 0 0.15
O1 O2- 0.25 0.25 0.25 0.9625
"""
TOKENS = (
    "nan",
    "inf",
    "-1",
    "0",
    "1e300",
    "1e-300",
    "99999999999",
    "?",
    ".",
    "'",
    "Xx",
    "X",
    "loop_",
    "\0",
    "0.25000001",
)
FORMATS = {"file.cif": "cif", "POSCAR": "vasp", "file.xyz": "extxyz", "file.json": "json"}
FORMATS |= {"file.res": "res", "file.pdb": "proteindatabank"}


def written(folder: Path, name: str) -> str:
    """Rock salt as ASE writes it, or the CIF above."""
    if name == "own.cif":
        return CIF
    path = folder / f"intact-{name}"
    if not path.exists():
        write(path, bulk("NaCl", "rocksalt", a=5.6), format=FORMATS[name])
    return path.read_text()


@dataclass(frozen=True)
class Edit:
    """What happens to one word of a text."""

    place: int
    kind: str
    word: str


def edits() -> st.SearchStrategy[list[Edit]]:
    """One to three edits."""
    kinds = st.sampled_from(["replace", "replace", "remove", "repeat", "repeat line", "remove line"])
    word = st.one_of(st.sampled_from(TOKENS), st.text(max_size=4), st.floats().map(repr))
    return st.lists(st.builds(Edit, st.integers(0, 10_000), kinds, word), min_size=1, max_size=3)


def edited(text: str, changes: list[Edit]) -> str:
    """The text after all edits."""
    for change in changes:
        lines = text.split("\n")
        number = change.place % len(lines)
        words = lines[number].split(" ")
        which = change.place % len(words)
        match change.kind:
            case "replace":
                words[which] = change.word
            case "remove":
                del words[which]
            case "repeat":
                words[which] = f"{words[which]} {words[which]}"
            case "repeat line":
                words = [*words, "\n", *words]
            case _:
                words = []
        lines[number] = " ".join(words)
        text = "\n".join(lines)
    return text


def check(path: Path, content: bytes) -> None:
    """Read it: a crystal, or a refusal that names the file."""
    path.write_bytes(content)
    try:
        crystal_from_file(path, None)
    except InputError as error:
        message = str(error)
    else:
        return
    assert str(path) in message and "\n" not in message, message


@fuzz
@given(st.sampled_from(["own.cif", *FORMATS]), edits())
def test_edited_structure_files(folder: Path, name: str, changes: list[Edit]) -> None:
    check(folder / name, edited(written(folder, name), changes).encode("utf-8", "surrogatepass"))


@fuzz
@given(st.sampled_from(["own.cif", *FORMATS]), damages())
def test_damaged_structure_files(folder: Path, name: str, changes: list[Damage]) -> None:
    check(folder / name, damaged(written(folder, name).encode(), changes))
