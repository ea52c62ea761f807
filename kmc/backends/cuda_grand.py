"""Grand-canonical moves on the current CUDA device."""

from __future__ import annotations

import numpy as np

from kmc.backends import cuda_device
from kmc.backends.layout import ARRAYS, GRAND, GRAND_ARRAYS, TABLES, grand_integers, table_values
from kmc.rng.philox import STREAM_GRAND, stream_key
from kmc.state.grand_state import GrandState
from kmc.tables.event_tables import EventTables

KERNEL = "walk_neutral"
CHANGED = ("occupants", "potential", "ion_order", "electronic_order", "number", "histogram", "counters")


class CudaGrandWalker:
    """Walks all replicas of a grand-canonical state, which stays on the device between reads."""

    def __init__(self, tables: EventTables, grand: GrandState, seed: int, temperature_index: int) -> None:
        self._state = grand
        self.key = stream_key(seed, temperature_index, STREAM_GRAND)
        self._kernel = cuda_device.kernel(KERNEL)
        self._kept = cuda_device.on_device(table_values(tables))
        self._device = {name: cuda_device.to_device(getattr(grand, name)) for name in (*CHANGED, "field2")}
        self._tables = cuda_device.to_device(TABLES.pack(self._kept))
        sites = {name: self._device[name] for name in ("occupants", "potential")}
        self._arrays = cuda_device.to_device(ARRAYS.pack({**dict.fromkeys(ARRAYS.members, 0), **sites}))
        lists = {name: self._device[name] for name in GRAND_ARRAYS}
        self._grand = cuda_device.to_device(GRAND.pack({**grand_integers(grand), **lists}))

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of `trials` trials per replica with the random numbers of a stage."""
        replicas = self._state.replicas
        self._device["field2"].set(self._state.field2)
        key0, key1 = self.key
        words = (np.uint32(key0), np.uint32(key1), np.uint32(self._state.window), np.uint32(stage))
        arguments = (self._tables, self._arrays, self._grand, np.int64(trials), np.int64(replicas), *words)
        cuda_device.launch(self._kernel, replicas, arguments)
        self._state.window += 1

    def read(self) -> GrandState:
        """The state after the last window, copied to the host."""
        for name in CHANGED:
            getattr(self._state, name)[...] = self._device[name].get()
        return self._state

    def clear(self) -> None:
        """Reset the histogram."""
        self._device["histogram"].set(np.zeros_like(self._state.histogram))
