"""Crystals from any ASE Atoms or structure file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Sublattice
from lattices.errors import InputError
from lattices.structure_checks import check_structure
from lattices.structure_files import Content, read_structure, site_contents

if TYPE_CHECKING:
    from ase import Atoms

Members = str | Sequence[str] | Sequence[int]


def crystal_from_atoms(atoms: Atoms, sublattices: Mapping[str, Members]) -> Crystal:
    """The unit cell `atoms` with its atoms sorted into named sublattices.

    sublattices: name -> chemical symbol(s) or atom indices, in the order of the engine's sites; list first the
    sublattices whose atoms move. Every atom must belong to exactly one sublattice. The host of a sublattice with
    several elements is the most frequent one (of equally frequent ones, the first in the alphabet); the others are kept
    as the sublattice's `contents`, as are the occupancies that ASE keeps of a CIF with shared or partly vacant sites.
    Raises InputError for a structure that is not plausible (see structure_checks), a symbol that does not occur, or an
    atom that belongs to no sublattice, to two, or is named twice.
    """
    check_structure(atoms)
    symbols = atoms.get_chemical_symbols()
    sites = site_contents(atoms)
    owner = np.full(len(atoms), -1)
    built = []
    scaled = np.mod(np.round(atoms.get_scaled_positions(wrap=True), 9), 1.0)
    for number, (name, members) in enumerate(sublattices.items()):
        chosen = _select(name, members, sites)
        if (owner[chosen] >= 0).any():
            taken = int(chosen[owner[chosen] >= 0][0])
            other = list(sublattices)[int(owner[taken])]
            raise InputError(
                f"sublattice {name!r}: atom {taken} ({symbols[taken]}) already belongs to another sublattice, {other!r}"
            )
        owner[chosen] = number
        held = [sites[i] for i in chosen.tolist()]
        host = _host(held)
        plain = all(content == {host: 1.0} for content in held)
        built.append(Sublattice(name, host, scaled[chosen], () if plain else tuple(held)))
    if (owner < 0).any():
        left = sorted({symbols[i] for i in np.flatnonzero(owner < 0).tolist()})
        raise InputError(f"atoms in no sublattice: {', '.join(left)}; name one for each")
    return Crystal(np.array(atoms.cell[:], dtype=float), tuple(built))


def crystal_from_file(path: Path | str, sublattices: Mapping[str, Members] | None) -> Crystal:
    """Like `crystal_from_atoms`, from a CIF or anything else that ASE reads; InputError if it cannot be read.

    sublattices: None makes one of each element, named by its symbol.
    """
    atoms = read_structure(path)
    try:
        each: Mapping[str, Members] = {symbol: symbol for symbol in atoms.get_chemical_symbols()}
        return crystal_from_atoms(atoms, each if sublattices is None else sublattices)
    except InputError as error:
        raise InputError(f"structure file {path}: {error}") from error


def _host(held: Sequence[Content]) -> str:
    """The most frequent element of a sublattice, independent of the order of the atoms."""
    total: dict[str, float] = {}
    for content in held:
        for symbol, share in content.items():
            total[symbol] = total.get(symbol, 0.0) + share
    return min(total, key=lambda symbol: (-round(total[symbol], 6), symbol))


def _select(name: str, members: Members, sites: Sequence[Content]) -> NDArray[np.int64]:
    """Atom indices that `members` names; InputError if none, out of range or repeated."""
    wanted: list[str | int] = [members] if isinstance(members, str) else list(members)
    present = sorted({symbol for content in sites for symbol in content})
    if wanted and all(isinstance(entry, str) for entry in wanted):
        missing = [entry for entry in wanted if entry not in present]
        if missing:
            raise InputError(
                f"sublattice {name!r}: no atom matches {missing[0]!r}; the structure has {', '.join(present)}"
            )
        return np.flatnonzero([any(symbol in wanted for symbol in content) for content in sites])
    if not wanted or any(isinstance(entry, str | bool) for entry in wanted):
        raise InputError(f"sublattice {name!r} = {members!r}: chemical symbols or atom indices are needed")
    indices = [int(entry) for entry in wanted]  # of any size
    if not 0 <= min(indices) <= max(indices) < len(sites):
        raise InputError(f"sublattice {name!r}: atom indices must lie from 0 to {len(sites) - 1}")
    chosen = np.array(indices, dtype=np.int64)
    if len(np.unique(chosen)) != len(chosen):
        raise InputError(f"sublattice {name!r}: an atom index is listed twice")
    return chosen
