"""Replicas on the compiled CPU backend: kernels/host.cpp on all cores, bit for bit the NumPy backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kmc.backends.cpu_library import open_library, usable_threads
from kmc.backends.in_place import InPlaceWalker
from kmc.backends.layout import (
    ARRAYS,
    BOUND_MEMBERS,
    ERROR_WORDS,
    STATE_MEMBERS,
    SUMS,
    TABLES,
    raise_if_failed,
    sum_values,
    table_values,
    walk_kind,
)
from kmc.backends.numpy_rejection_free import Weights
from kmc.rng.philox import STREAM_TRIALS, stream_key
from kmc.rng.poisson import WindowLengths
from kmc.state.carrier_sums import CarrierSums
from kmc.state.rejection_free import RateBounds
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables


class CpuWalker(InPlaceWalker):
    """Walks all replicas of a state in place.

    threads: 0 takes `usable_threads`. order: (lanes,) in which lanes are walked, for tests; the
    result does not depend on it. library: another build of the kernels, for tests.
    """

    name = "cpu"

    def __init__(
        self,
        tables: EventTables,
        state: State,
        seed: int,
        temperature_index: int = 0,
        bounds: RateBounds | None = None,
        threads: int = 0,
        order: NDArray[np.int64] | None = None,
        library: Path | None = None,
    ) -> None:
        self.tables = tables
        self.state = state
        self.threads = threads or usable_threads()
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        self._library = open_library(library)
        self._errors = np.zeros((state.replicas, ERROR_WORDS), dtype=np.int64)
        self._failed = np.zeros(1, dtype=np.int64)
        table_members = table_values(tables, bounds)
        array_members = {
            **{name: _contiguous(state, name) for name in STATE_MEMBERS},
            "error": self._errors,
            "failed": self._failed,
            **_bound_arrays(bounds, tables, state),
        }
        self._kept = (table_members, array_members)  # the structs hold addresses only
        self._tables, self._arrays = TABLES.pack(table_members), ARRAYS.pack(array_members)
        self._order = np.arange(state.replicas, dtype=np.int64) if order is None else order.astype(np.int64)
        self._kind = walk_kind(tables, bounds)
        self._horizon_per_trial = bounds.horizon_per_trial if bounds else 0.0

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window of `trials` (R,) trials per replica, or rejection-free the time they take on average."""
        trials = np.ascontiguousarray(trials, dtype=np.int64)
        horizon = trials * self._horizon_per_trial
        self._library.kmc_walk(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            trials.ctypes.data,
            horizon.ctypes.data,
            self._order.ctypes.data,
            self.state.replicas,
            *self.key,
            self.state.window,
            self._kind,
            self.threads,
        )
        raise_if_failed(self.tables, self._errors)
        self.state.window += 1

    def advance_windows(self, windows: int, lengths: WindowLengths, sums: CarrierSums) -> NDArray[np.int64]:
        """Walk several windows; returns the (W, R, C, 3) summed positions of the carriers after each."""
        trials = lengths.of(self.window, windows, self.state.replicas)
        horizon = trials * self._horizon_per_trial
        members = sum_values(sums)
        struct = SUMS.pack(members)
        found = np.empty((*trials.shape, len(sums.codes), 3), dtype=np.int64)
        self._library.kmc_walk_windows(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            struct.ctypes.data,
            trials.ctypes.data,
            horizon.ctypes.data,
            found.ctypes.data,
            windows,
            self._order.ctypes.data,
            self.state.replicas,
            *self.key,
            self.state.window,
            self._kind,
            self.threads,
        )
        raise_if_failed(self.tables, self._errors)
        self.state.window += windows
        return found


def _contiguous(state: State, name: str) -> NDArray[np.generic]:
    """The state's array of that name, made contiguous in place."""
    value = np.ascontiguousarray(getattr(state, name))
    setattr(state, name, value)
    return value


def _bound_arrays(bounds: RateBounds | None, tables: EventTables, state: State) -> dict[str, int | NDArray[np.generic]]:
    """The members of `struct Arrays` for the rejection-free selection; null pointers where rejection is used."""
    if bounds is None:
        return dict.fromkeys(BOUND_MEMBERS, 0)
    weights = Weights(bounds, tables, state)
    return {"base2": bounds.base2, "weight": weights.weight, "tree": weights.tree}
