"""Arrays on the host or on a CUDA device, handled by the same code, and copies to the host."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # of any dtype; functions that work on a device take CuPy arrays as well

CHUNK = 1 << 21  # elements per chunk where a temporary array for all replicas would be too large


def module_of(array: Any) -> Any:
    """The module that an array belongs to: numpy, or cupy for an array on a device."""
    cupy = sys.modules.get("cupy")
    return cupy if cupy is not None and isinstance(array, cupy.ndarray) else np


def to_host(array: Any) -> NDArray[Any]:
    """The array as a NumPy array; it is copied only from a device."""
    return np.asarray(array if module_of(array) is np else array.get())


def replica_chunks(replicas: int, per_replica: int) -> Iterator[slice]:
    """Slices that cover all replicas, each of about CHUNK elements."""
    step = max(1, CHUNK // max(per_replica, 1))
    for first in range(0, replicas, step):
        yield slice(first, min(first + step, replicas))
