"""Structure files: one complete structure, with the contents of shared or partly vacant sites."""

from __future__ import annotations

import codecs
import io
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattices.errors import InputError
from lattices.space_groups import symmetry_operations

if TYPE_CHECKING:
    from ase import Atoms
    from ase.io.cif import CIFBlock

Content = dict[str, float]  # chemical symbol -> occupancy of a site; the rest to 1 is vacant

OPERATION_KEYS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
NAME_KEYS = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group.name_h-m_alt")
NUMBER_KEYS = ("_space_group_it_number", "_symmetry_int_tables_number", "_space_group.it_number")
SYSTEM_KEYS = ("_space_group_crystal_system", "_symmetry_cell_setting", "_symmetry_space_group_setting")
CIF_SUFFIXES = (".cif", ".mcif")
FULL = 1e-3  # occupancies closer to 1 than this are full


def read_structure(path: Path | str) -> Atoms:
    """The structure in a CIF or anything else that ASE reads.

    A shared site is one atom, of its most frequent element; `site_contents` gives its full contents. InputError for a
    file that cannot be read, holds more than one structure, or names an unknown space group.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ASE, about settings that are decided here
            found = _read_cif(Path(path)) if Path(path).suffix.lower() in CIF_SUFFIXES else _read_any(Path(path))
    except InputError as error:
        raise InputError(f"structure file {path}: {error}") from error
    except Exception as error:  # ASE's readers raise any error of their parsers
        reason = str(error).splitlines()[0] if str(error).strip() else "ASE does not understand it"
        raise InputError(f"cannot read the structure file {path}: {reason}") from error
    if len(found) != 1:
        raise InputError(f"the structure file {path} holds {len(found)} structures; one is needed")
    return found[0]


def _read_any(path: Path) -> list[Atoms]:
    from ase.io import read

    found = read(str(path), index=":")
    return found if isinstance(found, list) else [found]


def _read_cif(path: Path) -> list[Atoms]:
    """The structures of a CIF, each from its symmetry operations, or those of its space group."""
    from ase.io.cif import parse_cif

    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)  # parsed as Latin-1, which accepts names of authors
    blocks = [block for block in parse_cif(io.BytesIO(content)) if block.has_structure()]
    if not blocks:
        raise ValueError("no atom sites")
    return [_expanded(block) for block in blocks]


def _expanded(block: CIFBlock) -> Atoms:
    from ase.io.cif import CIFBlock

    for edge in "abc":
        length = block.get(f"_cell_length_{edge}")
        if isinstance(length, int | float) and length <= 0:
            raise InputError(f"_cell_length_{edge} = {length:g}: a positive number is needed")
    tags: dict[str, Any] = {key: block[key] for key in block if key not in (*NAME_KEYS, *NUMBER_KEYS, *SYSTEM_KEYS)}
    if not any(key in tags for key in OPERATION_KEYS):
        name = next((str(block[key]) for key in NAME_KEYS if key in block and block[key] not in (".", "?")), None)
        number = next((int(str(block[key])) for key in NUMBER_KEYS if key in block), None)
        tags[OPERATION_KEYS[0]] = symmetry_operations(name, number, np.asarray(block.get_cell().array))
    occupancies = tags.get("_atom_site_occupancy")
    if isinstance(occupancies, list):
        tags["_atom_site_occupancy"] = [_occupancy(value) for value in occupancies]
    tags[NUMBER_KEYS[0]] = 1  # ASE requires a number, and uses the operations
    return CIFBlock(block.name, tags).get_atoms(fractional_occupancies=True)


def _occupancy(value: object) -> float:
    """An occupancy of a CIF; "." and "?" stand for a full site."""
    if value in (".", "?"):
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= 1.0 or math.isnan(value):
        raise InputError(f"occupancy {value!r}: a number above 0 and up to 1 is needed")
    return float(value)


def site_contents(atoms: Atoms) -> list[Content]:
    """Contents of the site of each atom: the occupancies that ASE keeps of a CIF, or else the atom itself.

    InputError where the occupancies of a site add up to more than 1, or do not include its atom (changed since).
    """
    symbols = atoms.get_chemical_symbols()
    given = atoms.info.get("occupancy")
    if given is None or "spacegroup_kinds" not in atoms.arrays:
        return [{symbol: 1.0} for symbol in symbols]
    found: list[Content] = []
    for n, (symbol, kind) in enumerate(zip(symbols, atoms.arrays["spacegroup_kinds"].tolist(), strict=True)):
        content = {str(element): float(share) for element, share in given[str(kind)].items()}
        shown = ", ".join(f"{element} {share:g}" for element, share in content.items())
        if sum(content.values()) > 1.0 + FULL:
            raise InputError(f"the occupancies of a site add up to more than 1: {shown}")
        if len(content) == 1 and sum(content.values()) > 1.0 - FULL:
            content = {symbol: 1.0}
        elif symbol not in content:
            raise InputError(f"atom {n} is {symbol}, but the occupancies of its site are {shown}")
        found.append(content)
    return found
