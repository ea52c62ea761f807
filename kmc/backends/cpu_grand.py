"""Grand-canonical moves on the compiled CPU backend."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kmc.backends.cpu_walk import _library, _library_path, _struct
from kmc.backends.layout import ERRORS_AND_SELECTION, STATE_MEMBERS, grand_members, table_arrays
from kmc.rng.philox import STREAM_GRAND, stream_key
from kmc.state.grand_state import GrandState
from kmc.tables.event_tables import EventTables


class GrandHost:
    """Walks all replicas of a grand-canonical state in place; `advance` and `read` as GrandReference."""

    def __init__(
        self,
        tables: EventTables,
        grand: GrandState,
        seed: int,
        temperature_index: int,
        threads: int = 0,
        library: Path | None = None,
    ) -> None:
        self.grand = grand
        self.threads = threads or len(os.sched_getaffinity(0))
        self.key = stream_key(seed, temperature_index, STREAM_GRAND)
        self._library = _library(str(library or _library_path()))
        members = [value for _, value in table_arrays(tables)]
        arrays: list[int | NDArray[Any]] = [getattr(grand, name, 0) for name in STATE_MEMBERS]
        self._kept = [members, arrays]
        self._tables = _struct(members)
        self._arrays = _struct(arrays + [0] * ERRORS_AND_SELECTION)
        self._grand = _struct(grand_members(grand))

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of so many trials per replica with the random numbers of a stage."""
        self._grand = _struct(grand_members(self.grand))
        self._library.kmc_grand(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            self._grand.ctypes.data,
            ctypes.c_int64(trials),
            ctypes.c_int64(self.grand.replicas),
            *(ctypes.c_uint32(word) for word in (*self.key, self.grand.window, stage)),
            ctypes.c_int64(self.threads),
        )
        self.grand.window += 1

    def clear(self) -> None:
        """The histogram from nothing."""
        self.grand.clear()

    def read(self) -> GrandState:
        """The state after the last window."""
        return self.grand
