"""The cubic perovskite prototype ABX3."""

from __future__ import annotations

from collections.abc import Mapping

from lattices.crystal import Crystal
from lattices.errors import InputError
from lattices.fluorite import check_elements, check_lattice_parameter
from lattices.from_atoms import crystal_from_atoms


def perovskite(host: Mapping[str, str], lattice_parameter_angstrom: float, anion: str = "O") -> Crystal:
    """Cubic cell with sublattices "anion" (3 sites), "B" and "A" (one site each); B at the origin.

    host: {"A": symbol, "B": symbol}. InputError for other keys, an unknown symbol or a parameter that is not positive.
    """
    from ase import Atoms

    if set(host) != {"A", "B"}:
        raise InputError(f"crystal.host = {dict(host)}: perovskite needs exactly the keys A and B")
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
