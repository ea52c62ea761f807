"""The fluorite prototype MX2: cations on fcc, anions on simple cubic with half the lattice parameter."""

from __future__ import annotations

from collections.abc import Mapping

from lattices.crystal import Crystal
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms


def fluorite(host: Mapping[str, str], lattice_parameter_angstrom: float, anion: str = "O") -> Crystal:
    """Conventional cubic cell with sublattices "anion" (8 sites) and "cation" (4 sites).

    host: {"cation": symbol}. InputError for another key, an unknown symbol or a parameter that is not positive.
    """
    from ase.build import bulk

    if set(host) != {"cation"}:
        raise InputError(f"crystal.host = {dict(host)}: fluorite needs exactly one key, cation")
    check_elements({**host, "anion": anion})
    check_lattice_parameter(lattice_parameter_angstrom)
    atoms = bulk(f"{host['cation']}{anion}2", "fluorite", a=lattice_parameter_angstrom, cubic=True)
    return crystal_from_atoms(atoms, {"anion": anion, "cation": host["cation"]})


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
