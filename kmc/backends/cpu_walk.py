"""The compiled CPU backend: kernels/host.cpp on all cores, bit for bit the NumPy backend."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.backends.in_place import InPlaceWalker
from kmc.backends.layout import STATE_MEMBERS, abi, raise_if_failed, table_arrays, walk_kind
from kmc.backends.numpy_rejection_free import Weights
from kmc.rng.philox import STREAM_TRIALS, stream_key
from kmc.state.rejection_free import Selection
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables


def problem() -> str:
    """Why the backend cannot be used, and what to do; "" if it can."""
    if _library_path() is None:
        return "the compiled extension is missing; install a C++ compiler, then reinstall miec-kmc"
    try:
        _library(str(_library_path()))
    except OSError as error:
        return f"the compiled extension does not load ({error}); reinstall miec-kmc"
    return ""


class HostWalker(InPlaceWalker):
    """Walks all replicas of a state in place. threads: 0 takes every core that the process may use."""

    name = "cpu"

    def __init__(
        self,
        tables: EventTables,
        state: State,
        seed: int,
        temperature_index: int = 0,
        selection: Selection | None = None,
        threads: int = 0,
        order: NDArray[np.int64] | None = None,
        library: Path | None = None,
    ) -> None:
        self.tables = tables
        self.state = state
        self.threads = threads or len(os.sched_getaffinity(0))
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        self._library = _library(str(library or _library_path()))
        if self._library.kmc_abi() != abi(tables):
            raise OSError("the compiled extension was built from other sources; reinstall miec-kmc")
        members = table_arrays(tables, selection)
        self._kept = [value for _, value in members if isinstance(value, np.ndarray)]
        self._tables = _struct([value for _, value in members])
        self._errors = np.zeros((state.replicas, 4), dtype=np.int64)
        free: list[int | NDArray[Any]] = [0, 0, 0]
        if selection is not None:
            weights = Weights(selection, tables, state)
            free = [selection.base2, weights.weight, weights.tree]
        self._kept += [value for value in free if isinstance(value, np.ndarray)]
        self._arrays = _struct([*(_contiguous(state, name) for name in STATE_MEMBERS), self._errors, *free])
        self._order = np.arange(state.replicas, dtype=np.int64) if order is None else order.astype(np.int64)
        self._kind = walk_kind(tables, selection)
        self._horizon_per_trial = selection.horizon_per_trial if selection else 0.0

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window of `trials` (R,) trials per replica; rejection-free, of that many mean trials."""
        trials = np.ascontiguousarray(trials, dtype=np.int64)
        horizon = trials * self._horizon_per_trial
        self._library.kmc_walk(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            trials.ctypes.data,
            horizon.ctypes.data,
            self._order.ctypes.data,
            ctypes.c_int64(self.state.replicas),
            ctypes.c_uint32(self.key[0]),
            ctypes.c_uint32(self.key[1]),
            ctypes.c_uint32(self.state.window),
            ctypes.c_int64(self._kind),
            ctypes.c_int64(self.threads),
        )
        raise_if_failed(self.tables, self._errors)
        self.state.window += 1


def _contiguous(state: State, name: str) -> NDArray[Any]:
    """The state's array of that name, made contiguous in place."""
    value = np.ascontiguousarray(getattr(state, name))
    setattr(state, name, value)
    return value


def _struct(members: list[int | NDArray[Any]]) -> NDArray[np.uint64]:
    """Numbers and addresses side by side."""
    return np.array([m if isinstance(m, int) else m.ctypes.data for m in members], dtype=np.uint64)


def _library_path() -> Path | None:
    spec = importlib.util.find_spec("kmc.backends._host")
    return Path(spec.origin) if spec and spec.origin else None


@lru_cache(maxsize=4)
def _library(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    library.kmc_walk.argtypes = (
        [ctypes.c_void_p] * 5 + [ctypes.c_int64] + [ctypes.c_uint32] * 3 + [ctypes.c_int64, ctypes.c_int64]
    )
    library.kmc_walk.restype = None
    pointer, number, word = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32
    library.kmc_sweeps.argtypes = (
        *(pointer, pointer, pointer, pointer, pointer, number, pointer, number),
        *(word, word, word, number, pointer, number),
    )
    library.kmc_sweeps.restype = None
    library.kmc_grand.argtypes = (*(pointer,) * 3, number, number, *(word,) * 4, number)
    library.kmc_grand.restype = None
    library.kmc_abi.restype = ctypes.c_int64
    return library
