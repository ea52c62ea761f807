"""Replicas on CUDA: kernels/walk.cu, or a warp per replica (cuda_compact.py), bit for bit the NumPy backend.

The state stays on the device for the whole run; `read` copies it back. Kernels are compiled when the walker is made,
so that a failure is reported immediately.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmc.backends import cuda_device
from kmc.backends.cuda_compact import compact_walk
from kmc.backends.cuda_frame import FLAGS, WINDOWS_KEPT, CudaFrames
from kmc.backends.cuda_memory import bytes_per_replica, check_memory, table_bytes
from kmc.backends.layout import (
    ARRAYS,
    BOUND_MEMBERS,
    ERROR_WORDS,
    STATE_MEMBERS,
    TABLES,
    raise_if_failed,
    table_values,
    walk_kind,
)
from kmc.backends.numpy_rejection_free import Weights
from kmc.backends.structs import WORD, DeviceArray
from kmc.rng.philox import STREAM_TRIALS, stream_key
from kmc.rng.poisson import WindowLengths, check_mean, poisson_table
from kmc.state.carrier_sums import CarrierSums
from kmc.state.frame_sums import FrameSums
from kmc.state.rejection_free import RateBounds
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables

KERNELS = ("walk_energies", "walk_single_barrier", "walk_rejection_free")  # by layout.walk_kind
DRAW = "draw_trials"


class CudaWalker:
    """Walks all replicas of a state on the current CUDA device.

    lags: number of position snapshots that the run will keep on the device, for the memory check. InputError if the
    replicas do not fit or the kernels do not compile.
    """

    name = "cuda"

    def __init__(
        self,
        tables: EventTables,
        state: State,
        seed: int,
        temperature_index: int = 0,
        bounds: RateBounds | None = None,
        lags: int = 0,
    ) -> None:
        self.tables = tables
        self._state = state
        self.window = state.window
        self._fresh = True  # whether the host copy is up to date
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        each, fixed = bytes_per_replica(tables, lags, bounds is not None), table_bytes(tables)
        check_memory(lambda number: fixed + number * each, state.replicas, cuda_device.free_bytes())
        self.kernel = KERNELS[walk_kind(tables, bounds)]
        self._kernel = cuda_device.kernel(self.kernel)
        self._compact = compact_walk(tables, bounds)
        if self._compact is not None:
            self.kernel = self._compact.name
        self._horizon_per_trial = bounds.horizon_per_trial if bounds else None
        self._device = {name: cuda_device.to_device(getattr(state, name)) for name in STATE_MEMBERS}
        self._errors = cuda_device.to_device(np.zeros((state.replicas, ERROR_WORDS), dtype=np.int64))
        self._flags = cuda_device.to_device(np.zeros(FLAGS, dtype=np.int64))
        self._kept = cuda_device.on_device(table_values(tables, bounds))
        self._bounds = _bound_arrays(bounds, tables, state)
        self._tables = cuda_device.to_device(TABLES.pack(self._kept))
        arrays = {**self._device, "error": self._errors, "failed": self._flags, **self._bounds}
        self._arrays = cuda_device.to_device(ARRAYS.pack(arrays))
        self._counters: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._frames = CudaFrames(tables, state.replicas, self._flags, self._tables, self._arrays)
        self._draw = cuda_device.kernel(DRAW)
        self._given: tuple[NDArray[np.generic], DeviceArray] | None = None  # lengths of the last window
        self._drawn: DeviceArray | None = None  # numbers of trials of a window
        self._poisson: tuple[int, int, DeviceArray] | None = None  # mean, first count and table of the last window

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window of `trials` (R,) trials per replica, or rejection-free the time they take on average."""
        length = trials.astype(np.int64) if self._horizon_per_trial is None else trials * self._horizon_per_trial
        if self._given is None or not np.array_equal(self._given[0], length):
            self._given = length, cuda_device.to_device(length)
        self._walk(self._given[1])

    def advance_poisson(self, mean: int, key: tuple[int, int]) -> None:
        """Walk one window of Poisson numbers of trials, drawn on the device."""
        import cupy

        check_mean(mean)
        if self._poisson is None or self._poisson[0] != mean:
            self._poisson = None
            first, cumulative = poisson_table(mean)
            self._poisson = mean, first, cuda_device.to_device(cumulative)
        if self._drawn is None:
            self._drawn = cupy.empty(self._state.replicas, dtype=cupy.int64)
        _, first, table = self._poisson
        words = (np.uint32(key[0]), np.uint32(key[1]), np.uint32(self.window))
        size = np.int64(table.nbytes // WORD), np.int64(first)
        cuda_device.launch(
            self._draw, self._state.replicas, (table, *size, np.int64(self._state.replicas), *words, self._drawn)
        )
        self._walk(self._drawn)

    def _walk(self, length: DeviceArray) -> None:
        """Walk one window; length: (R,) trials, or horizons of a rejection-free walk."""
        replicas = self._state.replicas
        words = (np.uint32(self.key[0]), np.uint32(self.key[1]), np.uint32(self.window))
        if self._compact is not None:
            self._compact.launch(self._tables, self._arrays, length, replicas, words)
        else:
            cuda_device.launch(self._kernel, replicas, (self._tables, self._arrays, length, np.int64(replicas), *words))
        self.window += 1
        self._changed()

    def _changed(self) -> None:
        """The state on the device is newer than the copies on the host."""
        self._fresh, self._counters = False, None

    @property
    def sums(self) -> FrameSums:
        """Sums over the particles of a frame."""
        return self._frames  # type: ignore[return-value]  # CuPy arrays in place of NumPy's

    def positions(self) -> NDArray[np.int32]:
        """(R, M, 3) int32 unwrapped positions of all particles with ids, on the device."""
        self._check()
        return self._frames.positions()  # type: ignore[return-value]  # a CuPy array

    def advance_windows(self, windows: int, lengths: WindowLengths, sums: CarrierSums) -> NDArray[np.int64]:
        """Walk several windows; returns the (W, R, C, 3) summed positions of the carriers after each."""
        parts = []
        kept = self._frames.begin_samples(min(WINDOWS_KEPT, windows), sums)
        for first in range(0, windows, WINDOWS_KEPT):
            several = min(WINDOWS_KEPT, windows - first)
            for k in range(several):
                if lengths.key is None:
                    self.advance(np.full(self._state.replicas, lengths.mean, dtype=np.int64))
                else:
                    self.advance_poisson(lengths.mean, lengths.key)
                kept.add(k)
            parts.append(kept.read()[:several])
        self._check()
        return np.concatenate(parts)

    def counters(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R, F) trials and accepted hops since the start."""
        if self._counters is None:
            self._check()
            trials, accepted = (self._device[name].get().astype(np.int64) for name in ("trials", "accepted"))
            self._counters = trials, accepted
        return self._counters

    def read(self) -> State:
        """The state after the last window, copied to the host."""
        if not self._fresh:
            self._check()
            for name in STATE_MEMBERS:
                setattr(self._state, name, self._device[name].get())
            self._state.window = self.window
            self._fresh = True
        return self._state

    def live(self) -> State:
        """The state after the last window, on the device."""
        self._check()
        return State(**self._device, window=self.window)  # type: ignore[arg-type]  # CuPy arrays in place of NumPy's

    def _check(self) -> None:
        """BarrierBelowBound if a window met one; the record of every replica is copied only then."""
        if self._flags.get()[0]:
            raise_if_failed(self.tables, self._errors.get().astype(np.int64))


def _bound_arrays(bounds: RateBounds | None, tables: EventTables, state: State) -> dict[str, int | DeviceArray]:
    """The members of `struct Arrays` for the rejection-free selection; null pointers where rejection is used."""
    if bounds is None:
        return dict.fromkeys(BOUND_MEMBERS, 0)
    weights = Weights(bounds, tables, state)
    arrays: dict[str, NDArray[np.generic]] = {"base2": bounds.base2, "weight": weights.weight, "tree": weights.tree}
    return {name: cuda_device.to_device(array) for name, array in arrays.items()}
