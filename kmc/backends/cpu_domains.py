"""Domains on the compiled CPU backend: the blocks of one colour are distributed over threads."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kmc.backends.cpu_walk import CpuWalker
from kmc.backends.layout import DOMAINS, domain_values, raise_if_failed
from kmc.backends.numpy_domains import carriers_from_sites
from kmc.state.domains import Domains, sweep_plan, visit_tables
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables


class CpuDomainWalker(CpuWalker):
    """Walks the blocks of every replica in place. `read` brings the coordinates of the carriers up to date."""

    def __init__(
        self,
        tables: EventTables,
        state: State,
        seed: int,
        temperature_index: int,
        domains: Domains,
        threads: int = 0,
        order: NDArray[np.int64] | None = None,
        library: Path | None = None,
    ) -> None:
        lanes = domains.per_colour * state.replicas
        order = np.arange(lanes, dtype=np.int64) if order is None else order
        super().__init__(tables, state, seed, temperature_index, threads=threads, order=order, library=library)
        self.seed, self.temperature_index, self.domains = seed, temperature_index, domains

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk `sweeps` sweeps that together last as long as `trials` (R,) mean trials, equal for all replicas."""
        visits = visit_tables(self.tables, self.domains, Fraction(int(trials[0]), sweeps))
        members = domain_values(self.tables, self.domains, visits)
        struct = DOMAINS.pack(members)
        origin, colours = sweep_plan(self.tables, self.seed, self.temperature_index, self.state.window, sweeps)
        scratch = np.empty((self.threads, self.domains.capacity), dtype=np.uint64)
        self._library.kmc_sweeps(
            self._tables.ctypes.data,
            self._arrays.ctypes.data,
            struct.ctypes.data,
            origin.ctypes.data,
            colours.ctypes.data,
            sweeps,
            self._order.ctypes.data,
            self.state.replicas,
            *self.key,
            self.state.window,
            self._kind,
            scratch.ctypes.data,
            self.threads,
        )
        raise_if_failed(self.tables, self._errors)
        self.state.window += sweeps

    def read(self) -> State:
        """The state after the last window."""
        self.state.coordinates[:] = carriers_from_sites(self.tables, self.state)
        return self.state
