"""The space group of a structure and the table of space groups, from spglib."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lattices.errors import InputError

if TYPE_CHECKING:
    from spglib import SpaceGroupType

DISTANCE_TOLERANCE_ANGSTROM = 2e-3  # larger than the error of four decimals in a cell of 15 angstrom


@dataclass(frozen=True)
class SpaceGroup:
    """Space group of a structure.

    name: Hermann-Mauguin symbol, short. point_group: of the crystal, such as "m-3m". rotations: (n, 3, 3) int32 and
    translations: (n, 3) float64 act on columns of fractional coordinates.
    """

    name: str
    number: int
    point_group: str
    rotations: NDArray[np.int32]
    translations: NDArray[np.float64]


def space_group(
    cell_angstrom: NDArray[np.float64],
    positions: NDArray[np.float64],
    kinds: NDArray[np.int64],
    tolerance_angstrom: float = DISTANCE_TOLERANCE_ANGSTROM,
) -> SpaceGroup:
    """The space group of sites in a cell.

    cell_angstrom: (3, 3), one vector per row. positions: (n, 3) fractional. kinds: (n,) positive integers; sites of
    different kinds are never equivalent. InputError where spglib finds no space group, such as for coinciding sites.
    """
    import spglib

    found = _quietly(spglib.get_symmetry_dataset, (cell_angstrom, positions, kinds), symprec=tolerance_angstrom)
    if found is None:
        raise InputError(f"the crystal's symmetry cannot be found within {tolerance_angstrom:g} angstrom")
    return SpaceGroup(
        found.international,
        int(found.number),
        found.pointgroup,
        np.asarray(found.rotations, dtype=np.int32),
        np.asarray(found.translations, dtype=np.float64),
    )


def space_group_type(hall_number: int) -> SpaceGroupType:
    """Names of one of the 530 settings of the space groups."""
    import spglib

    kind: SpaceGroupType = _quietly(spglib.get_spacegroup_type, hall_number)
    return kind


def operations_of_setting(hall_number: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """(rotations (n, 3, 3), translations (n, 3)) of one of the 530 settings of the space groups."""
    import spglib

    database = _quietly(spglib.get_symmetry_from_database, hall_number)
    return database["rotations"], database["translations"]


def _quietly(call: Callable[..., Any], *arguments: object, **options: object) -> Any:
    """The result of a call of spglib, None on failure, without its notice that failures will become exceptions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return call(*arguments, **options)
        except Exception:  # the class differs between versions of spglib
            return None
