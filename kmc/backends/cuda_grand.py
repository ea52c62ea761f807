"""Grand-canonical moves on the current CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np

from kmc.backends.cuda_walk import THREADS_PER_BLOCK, _kernel, _member, _on_device
from kmc.backends.layout import ERRORS_AND_SELECTION, STATE_MEMBERS, grand_members, table_arrays
from kmc.rng.philox import STREAM_GRAND, stream_key
from kmc.state.grand_state import GrandState
from kmc.tables.event_tables import EventTables

KERNEL = "walk_neutral"
KEPT = ("occupants", "potential", "ion_order", "electronic_order", "number", "histogram", "counters")


class GrandCuda:
    """Walks all replicas; `advance` and `read` as GrandReference. The state lies on the device between reads."""

    def __init__(self, tables: EventTables, grand: GrandState, seed: int, temperature_index: int) -> None:
        import cupy

        self._state = grand
        self.key = stream_key(seed, temperature_index, STREAM_GRAND)
        self._kernel = _kernel(KERNEL)
        self._kept = [_on_device(value) for _, value in table_arrays(tables)]
        self._device: dict[str, Any] = {name: cupy.asarray(getattr(grand, name)) for name in (*KEPT, "field2")}
        self._tables = cupy.asarray(np.array([_member(value) for value in self._kept], dtype=np.uint64))
        pointers = [self._device[name].data.ptr if name in self._device else 0 for name in STATE_MEMBERS]
        self._arrays = cupy.asarray(np.array(pointers + [0] * ERRORS_AND_SELECTION, dtype=np.uint64))
        members = [_member(value) for value in grand_members(grand, self._device)]
        self._grand = cupy.asarray(np.array(members, dtype=np.uint64))

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of so many trials per replica with the random numbers of a stage."""
        replicas = self._state.replicas
        self._device["field2"].set(self._state.field2)
        words = [np.uint32(word) for word in (*self.key, self._state.window, stage)]
        arguments = (self._tables, self._arrays, self._grand, np.int64(trials), np.int64(replicas), *words)
        self._kernel((-(-replicas // THREADS_PER_BLOCK),), (THREADS_PER_BLOCK,), arguments)
        self._state.window += 1

    def read(self) -> GrandState:
        """The state after the last window, copied to the host."""
        for name in KEPT:
            getattr(self._state, name)[...] = self._device[name].get()
        return self._state

    def clear(self) -> None:
        """The histogram from nothing."""
        self._device["histogram"][...] = 0
