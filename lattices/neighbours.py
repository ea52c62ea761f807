"""Neighbours of a hop or a pair energy: shells by number, or all neighbours within a range of distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lattices.errors import InputError


@dataclass(frozen=True, order=True)
class Neighbours:
    """Neighbours by shell number or by distance; exactly one of the two is given.

    shells: numbers counted from 1, nearest first; (0,) is the same position on a sublattice that shares the sites.
    distance_angstrom: (lowest, highest) distance, both included.
    kind: of the pairs of a shell that no symmetry operation maps onto each other, numbered from 1; 0 is all of them.
    """

    shells: tuple[int, ...] = ()
    distance_angstrom: tuple[float, ...] = ()
    kind: int = 0

    def __post_init__(self) -> None:
        if bool(self.shells) == bool(self.distance_angstrom):
            raise InputError("neighbours need either shell numbers or a range of distances")
        if self.kind and (self.kind < 0 or 0 in self.shells or len(self.shells) > 1):
            raise InputError(f"kind = {self.kind}: a number from 1 is needed, with one shell from 1 or a range")
        if self.shells:
            _check_shells(self.shells)
        else:
            _check_range(self.distance_angstrom)

    def __str__(self) -> str:
        """The choice in messages: "shell 1", "shells 1, 2", "2.6 to 2.9 angstrom"."""
        kind = f", kind {self.kind}" if self.kind else ""
        if self.distance_angstrom:
            return f"{self.distance_angstrom[0]:g} to {self.distance_angstrom[1]:g} angstrom{kind}"
        numbers = ", ".join(str(n) for n in self.shells)
        return (f"shell {numbers}" if len(self.shells) == 1 else f"shells {numbers}") + kind


def _check_shells(numbers: Sequence[int]) -> None:
    if min(numbers) < 0:
        raise InputError(f"a neighbour shell is numbered from 1; got {min(numbers)}")
    if len(set(numbers)) != len(numbers):
        raise InputError(f"shell = {list(numbers)}: a shell is listed twice")
    if 0 in numbers and len(numbers) > 1:
        raise InputError(f"shell = {list(numbers)}: shell 0, the same position, cannot be combined with others")


def _check_range(distance_angstrom: Sequence[float]) -> None:
    if len(distance_angstrom) != 2 or not 0.0 < distance_angstrom[0] < distance_angstrom[1] <= 100.0:
        raise InputError(
            f"distance_angstrom = {list(distance_angstrom)}: [lowest, highest] is needed, from 0 to 100 angstrom"
        )
