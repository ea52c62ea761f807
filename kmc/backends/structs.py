"""A struct of the kernels as a row of eight-byte words: whole numbers, and addresses of arrays on host or device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

WORD = 8  # bytes


class _Pointer(Protocol):
    @property
    def ptr(self) -> int: ...


class DeviceArray(Protocol):
    """The part of the interface of a CuPy array that the backends use."""

    @property
    def data(self) -> _Pointer:
        """Its address."""

    @property
    def nbytes(self) -> int:
        """Its size."""

    def get(self) -> NDArray[np.generic]:
        """A copy on the host."""

    def __getitem__(self, row: int) -> DeviceArray:
        """A row, in the same memory."""

    def set(self, value: NDArray[np.generic]) -> None:
        """Copy a host array of the same type and shape to the device."""


Value = int | Sequence[int] | NDArray[np.generic] | DeviceArray


@dataclass(frozen=True)
class Struct:
    """A struct of kmc/kernels. members: name -> number of words, in the order of the struct."""

    name: str
    members: Mapping[str, int]

    @property
    def words(self) -> int:
        """Length of the struct in words."""
        return sum(self.members.values())

    def pack(self, values: Mapping[str, Value]) -> NDArray[np.uint64]:
        """(words,) uint64: the members' values, and the addresses of those that are arrays.

        The arrays must be kept alive as long as the struct is used. KeyError for a missing or unknown member.
        """
        if values.keys() != self.members.keys():
            raise KeyError(f"struct {self.name}: {sorted(values.keys() ^ self.members.keys())}")
        words = [word for name in self.members for word in _words(values[name])]
        return np.array(words, dtype=np.uint64)


def _words(value: Value) -> list[int]:
    if isinstance(value, int):
        return [value % 2**64]
    if isinstance(value, np.ndarray):
        return [value.ctypes.data]
    if isinstance(value, Sequence):
        return [word for entry in value for word in _words(entry)]
    return [value.data.ptr]
