"""Symmetry operations of a space group from its name or number, in the setting that the name or the cell implies.

The table of the 530 settings is spglib's (A. Togo, K. Shinohara and I. Tanaka, Sci. Technol. Adv. Mater. Meth. 4,
2384822 (2024)), after S. R. Hall, Acta Cryst. A37, 517 (1981).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lattices.errors import InputError
from lattices.space_group_table import operations_of_setting, space_group_type

SETTINGS = 530
QUALIFIERS = {"1": "1", "2": "2", "S": "1", "Z": "2", "H": "H", "R": "R"}  # S and Z: origin choices of some databases
DENOMINATOR = 12  # translations of every operation are multiples of 1/12


@dataclass(frozen=True)
class Setting:
    """One of the 530 settings: number of the group, choice of axes, cell or origin ("" if there is one only)."""

    hall_number: int
    number: int
    choice: str
    names: frozenset[str]


def symmetry_operations(name: str | None, number: int | None, cell_angstrom: NDArray[np.float64]) -> list[str]:
    """Operations such as "-x,y+1/2,-z" of the space group; ["x,y,z"] where neither name nor number is given.

    name: Hermann-Mauguin symbol, short or full, with or without spaces and underscores ("P b n m", "Pbnm",
    "P 21/n"); ":1", ":2", ":H" or ":R" may follow for the choice of origin or cell. cell_angstrom: (3, 3) vectors, one
    row each; decides between hexagonal and rhombohedral cells and the unique axis. InputError for an unknown name, or
    one that leaves the choice of origin open.
    """
    if name is None and number is None:
        return ["x,y,z"]
    wanted, qualifier = _split(name) if name is not None else ("", "")
    found = [s for s in _settings() if (wanted in s.names if name is not None else s.number == number)]
    if qualifier:
        found = [s for s in found if s.choice == qualifier]
    shown = f"space group {name if name is not None else number}"
    if not found:
        raise InputError(f"{shown}: not a known Hermann-Mauguin symbol; list the symmetry operations in the file")
    return _operations(_chosen(shown, found, cell_angstrom).hall_number)


def _split(name: str) -> tuple[str, str]:
    """The symbol without spaces, and the choice of origin or cell that follows it ("" for none)."""
    text = name.strip().strip("'\"").replace("_", "")
    match = re.fullmatch(r"(.*?)(?:\s*:\s*|\s+)([12SZHRszhr])", text)
    if match and (":" in text or match[2].upper() in "SZHR"):
        symbol, qualifier = match[1], QUALIFIERS[match[2].upper()]
    else:
        symbol, qualifier = text, ""
    symbol = re.sub(r"\s+", "", symbol)
    return symbol[:1].upper() + symbol[1:].lower(), qualifier


def _chosen(shown: str, found: list[Setting], cell: NDArray[np.float64]) -> Setting:
    """The one setting that fits the cell; InputError where only the origin is left open."""
    choices = {setting.choice for setting in found}
    if len(found) > 1 and {"H", "R"} <= choices:
        wanted = "H" if _is_hexagonal(cell) else "R"
        return next(setting for setting in found if setting.choice == wanted)
    if len(found) > 1 and {"1", "2"} <= choices:
        raise InputError(
            f"{shown}: has two choices of origin; write :1 or :2 after the symbol, or list the symmetry operations"
        )
    axis = _unique_axis(cell)
    return next((setting for setting in found if setting.choice.lstrip("-").startswith(axis)), found[0])


def _is_hexagonal(cell: NDArray[np.float64]) -> bool:
    """Whether the third vector is perpendicular to the first two and these enclose 120 degrees."""
    alpha, beta, gamma = _angles_deg(cell)
    return max(abs(alpha - 90.0), abs(beta - 90.0), abs(gamma - 120.0)) < 1.0


def _unique_axis(cell: NDArray[np.float64]) -> str:
    """The axis whose angle differs most from 90 degrees; b where all are right angles."""
    deviation = np.abs(np.array(_angles_deg(cell)) - 90.0)
    return "abc"[int(deviation.argmax())] if deviation.max() > 1e-3 else "b"


def _angles_deg(cell: NDArray[np.float64]) -> tuple[float, float, float]:
    unit = cell / np.linalg.norm(cell, axis=1)[:, None]
    pairs = ((1, 2), (0, 2), (0, 1))
    alpha, beta, gamma = (float(np.degrees(np.arccos(np.clip(unit[i] @ unit[j], -1, 1)))) for i, j in pairs)
    return alpha, beta, gamma


@cache
def _settings() -> tuple[Setting, ...]:
    found: list[Setting] = []
    for hall in range(1, SETTINGS + 1):
        kind = space_group_type(hall)
        full = kind.international_full.replace("_", "")
        names = {full.replace(" ", ""), "".join(part for part in full.split(" ") if part != "1")}
        if not 3 <= kind.number <= 15 or not any(setting.number == kind.number for setting in found):
            # The short symbol of a monoclinic group denotes its standard cell only: P2_1/n is not P2_1/c.
            names.add(kind.international_short.replace("_", ""))
        found.append(Setting(hall, kind.number, kind.choice, frozenset(names)))
    return tuple(found)


def _operations(hall_number: int) -> list[str]:
    rotations, translations = operations_of_setting(hall_number)
    return [
        ",".join(_component(row, shift) for row, shift in zip(rotation, translation, strict=True))
        for rotation, translation in zip(rotations, translations, strict=True)
    ]


def _component(row: NDArray[np.int32], shift: float) -> str:
    """One of the three parts of an operation, such as "x-y+1/3"."""
    terms = "".join(f"{'+' if n > 0 else '-'}{axis}" for n, axis in zip(row.tolist(), "xyz", strict=True) if n)
    fraction = Fraction(round(shift * DENOMINATOR), DENOMINATOR) % 1
    return terms.removeprefix("+") + (f"+{fraction}" if fraction else "")
