"""Crystals from any ASE Atoms or structure file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Sublattice
from lattices.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Members = str | Sequence[str] | Sequence[int]


def crystal_from_atoms(atoms: Atoms, sublattices: Mapping[str, Members]) -> Crystal:
    """The unit cell `atoms` with its atoms sorted into named sublattices.

    sublattices: name -> chemical symbol(s) or atom indices, in the order of the engine's sites; list those
    whose atoms move first. Every atom must belong to exactly one sublattice.
    Raises InputError for a cell without volume, a symbol that does not occur, or an atom in none or two.
    """
    if abs(atoms.cell.volume) < 1e-6:
        raise InputError("the structure has no three-dimensional cell")
    owner = np.full(len(atoms), -1)
    built = []
    symbols = np.array(atoms.get_chemical_symbols())
    scaled = np.mod(np.round(atoms.get_scaled_positions(wrap=True), 9), 1.0)
    for number, (name, members) in enumerate(sublattices.items()):
        chosen = _select(name, members, symbols)
        if (owner[chosen] >= 0).any():
            raise InputError(f"sublattice {name!r}: an atom already belongs to another sublattice")
        owner[chosen] = number
        built.append(Sublattice(name, str(symbols[chosen[0]]), scaled[chosen]))
    if (owner < 0).any():
        left = sorted(set(symbols[owner < 0].tolist()))
        raise InputError(f"atoms in no sublattice: {', '.join(left)}; name one for each")
    return Crystal(np.array(atoms.cell[:], dtype=float), tuple(built))


def crystal_from_file(path: Path | str, sublattices: Mapping[str, Members]) -> Crystal:
    """Like `crystal_from_atoms`, reading a CIF or anything else that ASE reads; InputError if it cannot."""
    from ase.io import read

    try:
        atoms = read(str(path))
    except Exception as error:  # ASE's readers raise whatever their parsers do
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"cannot read the structure file {path}: {reason}") from error
    if isinstance(atoms, list):
        raise InputError(f"the structure file {path} holds {len(atoms)} structures; one is needed")
    return crystal_from_atoms(atoms, sublattices)


def _select(name: str, members: Members, symbols: NDArray[np.str_]) -> NDArray[np.int64]:
    """Atom indices that `members` names; InputError if none or out of range."""
    wanted: list[Any] = [members] if isinstance(members, str) else list(members)
    if wanted and all(isinstance(entry, str) for entry in wanted):
        chosen = np.flatnonzero(np.isin(symbols, wanted))
    else:
        chosen = np.array([int(entry) for entry in wanted], dtype=np.int64)
        if len(chosen) and (chosen.min() < 0 or chosen.max() >= len(symbols)):
            raise InputError(f"sublattice {name!r}: atom indices must lie from 0 to {len(symbols) - 1}")
    if len(chosen) == 0:
        present = ", ".join(sorted(set(symbols.tolist())))
        raise InputError(f"sublattice {name!r}: no atom matches {members!r}; the structure has {present}")
    return chosen
