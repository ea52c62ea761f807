"""Crystal prototypes: fluorite and perovskite. A new prototype is one entry of PROTOTYPES."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lattices.crystal import Crystal
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms
from lattices.suggestions import did_you_mean


@dataclass(frozen=True)
class Prototype:
    """A crystal structure that run files select by name.

    build: (host, lattice_parameter_angstrom) -> Crystal, called with checked arguments. anions_per_formula: sites of
    the sublattice "anion" in a formula unit. host_keys: keys of crystal.host, each a chemical symbol.
    """

    build: Callable[[Mapping[str, str], float], Crystal]
    anions_per_formula: int
    host_keys: tuple[str, ...]


def fluorite(host: Mapping[str, str], lattice_parameter_angstrom: float, anion: str = "O") -> Crystal:
    """Conventional cubic cell with sublattices "anion" (8 sites) and "cation" (4 sites).

    host: {"cation": symbol}. InputError for another key, an unknown symbol or a parameter that is not positive.
    """
    from ase import Atoms  # not ase.build, whose import takes half a second

    check_host("fluorite", host)
    check_elements({**host, "anion": anion})
    check_lattice_parameter(lattice_parameter_angstrom)
    cations = np.array([(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)])
    triples = [cations, cations + 0.25, cations + 0.75]
    atoms = Atoms(
        [host["cation"], anion, anion] * len(cations),
        scaled_positions=np.stack(triples, axis=1).reshape(-1, 3) % 1.0,
        cell=[lattice_parameter_angstrom] * 3,
        pbc=True,
    )
    return crystal_from_atoms(atoms, {"anion": anion, "cation": host["cation"]})


def perovskite(host: Mapping[str, str], lattice_parameter_angstrom: float, anion: str = "O") -> Crystal:
    """Cubic cell with sublattices "anion" (3 sites), "B" and "A" (one site each); B at the origin.

    host: {"A": symbol, "B": symbol}. InputError for other keys, an unknown symbol or a parameter that is not positive.
    """
    from ase import Atoms

    check_host("perovskite", host)
    check_elements({**host, "anion": anion})
    check_lattice_parameter(lattice_parameter_angstrom)
    half = 0.5
    atoms = Atoms(
        [anion] * 3 + [host["B"], host["A"]],
        scaled_positions=[(half, 0, 0), (0, half, 0), (0, 0, half), (0, 0, 0), (half, half, half)],
        cell=[lattice_parameter_angstrom] * 3,
        pbc=True,
    )
    return crystal_from_atoms(atoms, {"anion": [0, 1, 2], "B": [3], "A": [4]})


def crystal_of_prototype(name: str, host: Mapping[str, str], lattice_parameter_angstrom: float) -> Crystal:
    """The conventional cell of a prototype by name.

    host: the chemical symbol of each of its host keys. InputError for an unknown name, other keys, an unknown symbol
    or a lattice parameter out of range.
    """
    check_host(name, host)
    check_elements(host)
    check_lattice_parameter(lattice_parameter_angstrom)
    try:
        return PROTOTYPES[name].build(host, lattice_parameter_angstrom)
    except InputError as error:  # atoms too dense or too close
        raise InputError(f"lattice_parameter_angstrom = {lattice_parameter_angstrom:g}: {error}") from error


def check_host(name: str, host: Mapping[str, str]) -> None:
    """InputError unless a prototype of that name is registered and the host has exactly the keys that it needs."""
    if name not in PROTOTYPES:
        raise InputError(
            f"prototype = {name!r}: known prototypes are {', '.join(PROTOTYPES)}{did_you_mean(name, PROTOTYPES)}"
        )
    keys = PROTOTYPES[name].host_keys
    if set(host) != set(keys):
        raise InputError(f"crystal.host = {dict(host)}: {name} needs exactly the keys {', '.join(keys)}")


def check_elements(host: Mapping[str, str]) -> None:
    """InputError unless every value is a chemical symbol."""
    from ase.data import chemical_symbols

    for name, symbol in host.items():
        if symbol not in chemical_symbols[1:]:
            raise InputError(f"crystal.host.{name} = {symbol!r}: a chemical symbol is needed")


def check_lattice_parameter(lattice_parameter_angstrom: float) -> None:
    """InputError unless the length lies between 1 and 100 angstrom."""
    if not 1.0 <= lattice_parameter_angstrom <= 100.0:
        raise InputError(f"lattice_parameter_angstrom = {lattice_parameter_angstrom}: a length from 1 to 100 is needed")


PROTOTYPES: dict[str, Prototype] = {
    "fluorite": Prototype(fluorite, 2, ("cation",)),
    "perovskite": Prototype(perovskite, 3, ("A", "B")),
}
