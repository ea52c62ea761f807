"""Grand-canonical moves on the compiled CPU backend."""

from __future__ import annotations

from pathlib import Path

from kmc.backends.cpu_library import open_library, usable_threads
from kmc.backends.layout import ARRAYS, GRAND, GRAND_ARRAYS, TABLES, grand_integers, table_values
from kmc.rng.philox import STREAM_GRAND, stream_key
from kmc.state.grand_state import GrandState
from kmc.tables.event_tables import EventTables


class CpuGrandWalker:
    """Walks all replicas of a grand-canonical state in place. threads, library: as in CpuWalker."""

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
        self.threads = threads or usable_threads()
        self.key = stream_key(seed, temperature_index, STREAM_GRAND)
        self._library = open_library(library)
        table_members = table_values(tables)
        self._kept = table_members  # the structs hold addresses only
        self._tables = TABLES.pack(table_members)
        unused = dict.fromkeys(ARRAYS.members, 0)
        self._arrays = ARRAYS.pack({**unused, "occupants": grand.occupants, "potential": grand.potential})

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of `trials` trials per replica with the random numbers of a stage."""
        arrays = {name: getattr(self.grand, name) for name in GRAND_ARRAYS}
        grand = GRAND.pack({**grand_integers(self.grand), **arrays})
        self._library.kmc_grand(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            grand.ctypes.data,
            trials,
            self.grand.replicas,
            *self.key,
            self.grand.window,
            stage,
            self.threads,
        )
        self.grand.window += 1

    def clear(self) -> None:
        """Reset the histogram."""
        self.grand.clear()

    def read(self) -> GrandState:
        """The state after the last window."""
        return self.grand
