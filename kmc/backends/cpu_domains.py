"""Domains on the compiled CPU backend: the blocks of a colour shared out over threads."""

from __future__ import annotations

import ctypes
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.backends.cpu_walk import HostWalker, _struct
from kmc.backends.layout import domain_members, raise_if_failed
from kmc.backends.numpy_domains import listed_again
from kmc.state.domains import Domains, sweep_plan, visit_tables
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables


class HostDomainWalker(HostWalker):
    """Walks the blocks of every replica in place. The list of carriers is brought up to date by `read`."""

    def __init__(
        self, tables: EventTables, state: State, seed: int, temperature_index: int, domains: Domains, **options: Any
    ) -> None:
        lanes = domains.per_colour * state.replicas
        order = options.pop("order", None)
        super().__init__(tables, state, seed, temperature_index, **options)
        self.seed, self.temperature_index, self.domains = seed, temperature_index, domains
        self._order = np.arange(lanes, dtype=np.int64) if order is None else order.astype(np.int64)

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """As many sweeps, together as long as `trials` (R,) mean trials, equal for all replicas."""
        visits = visit_tables(self.tables, self.domains, Fraction(int(trials[0]), sweeps))
        members = domain_members(self.tables, self.domains, visits)
        struct = _struct(members)
        origin, colours = sweep_plan(self.tables, self.seed, self.temperature_index, self.state.window, sweeps)
        scratch = np.empty((self.threads, self.domains.capacity), dtype=np.uint64)
        self._library.kmc_sweeps(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            struct.ctypes.data,
            origin.ctypes.data,
            colours.ctypes.data,
            ctypes.c_int64(sweeps),
            self._order.ctypes.data,
            ctypes.c_int64(self.state.replicas),
            ctypes.c_uint32(self.key[0]),
            ctypes.c_uint32(self.key[1]),
            ctypes.c_uint32(self.state.window),
            ctypes.c_int64(self._kind),
            scratch.ctypes.data,
            ctypes.c_int64(self.threads),
        )
        raise_if_failed(self.tables, self._errors)
        self.state.window += sweeps

    def read(self) -> State:
        """The state after the last window."""
        self.state.coordinates[:] = listed_again(self.tables, self.state)
        return self.state
