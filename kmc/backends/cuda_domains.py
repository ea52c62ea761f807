"""Domains on CUDA: a thread per block of the active colour, a launch per colour."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.backends.cuda_walk import THREADS_PER_BLOCK, CudaWalker, _kernel, _member, _on_device, free_bytes
from kmc.backends.layout import domain_members, walk_kind
from kmc.backends.numpy_domains import listed_again
from kmc.state.domains import Domains, sweep_plan, visit_tables
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

KERNELS = ("visit_energies", "visit_single_barrier")  # by native.walk_kind


class CudaDomainWalker(CudaWalker):
    """Walks the blocks of every replica on the current CUDA device."""

    def __init__(
        self, tables: EventTables, state: State, seed: int, temperature_index: int, domains: Domains, lags: int = 0
    ) -> None:
        import cupy

        super().__init__(tables, state, seed, temperature_index, lags=lags)
        self.seed, self.temperature_index, self.domains = seed, temperature_index, domains
        self._visit = _kernel(KERNELS[walk_kind(tables, None)])
        self._lanes = domains.per_colour * state.replicas
        needed, free = 8 * self._lanes * domains.capacity, free_bytes()
        if needed > free:
            raise InputError(
                f"run.parallel.domains: the lists of the blocks need {needed / 1e9:.2f} GB of device memory, "
                f"{free / 1e9:.2f} GB are free; smaller blocks need less"
            )
        self._scratch = cupy.empty((self._lanes, domains.capacity), dtype=cupy.uint64)

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """As many sweeps, together as long as `trials` (R,) mean trials, equal for all replicas."""
        import cupy

        visits = visit_tables(self.tables, self.domains, Fraction(int(trials[0]), sweeps))
        kept: list[Any] = [_on_device(value) for value in domain_members(self.tables, self.domains, visits)]
        struct = cupy.asarray(np.array([_member(value) for value in kept], dtype=np.uint64))
        origin, colours = sweep_plan(self.tables, self.seed, self.temperature_index, self.window, sweeps)
        origins = cupy.asarray(origin)
        replicas = np.int64(self._state.replicas)
        for s in range(sweeps):
            for colour in colours[s]:
                arguments = (self._tables, self._arrays, struct, origins[s], colour, replicas)
                keys = (np.uint32(self.key[0]), np.uint32(self.key[1]), np.uint32(self.window), self._scratch)
                self._visit((-(-self._lanes // THREADS_PER_BLOCK),), (THREADS_PER_BLOCK,), (*arguments, *keys))
            self.window += 1
        self._fresh = False

    def read(self) -> State:
        """The state after the last window, copied to the host."""
        fresh = self._fresh
        state = super().read()
        if not fresh:
            state.coordinates = listed_again(self.tables, state)
        return state
