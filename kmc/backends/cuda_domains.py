"""Domains on CUDA: a thread per block of the active colour, a launch per colour."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kmc.backends import cuda_device
from kmc.backends.cuda_walk import CudaWalker
from kmc.backends.layout import DOMAINS, domain_values, walk_kind
from kmc.backends.numpy_domains import carriers_from_sites
from kmc.backends.structs import DeviceArray
from kmc.state.domains import Domains, sweep_plan, visit_tables
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

KERNELS = ("visit_energies", "visit_single_barrier")  # by layout.walk_kind


class CudaDomainWalker(CudaWalker):
    """Walks the blocks of every replica on the current CUDA device."""

    def __init__(
        self, tables: EventTables, state: State, seed: int, temperature_index: int, domains: Domains, lags: int = 0
    ) -> None:
        super().__init__(tables, state, seed, temperature_index, lags=lags)
        self.seed, self.temperature_index, self.domains = seed, temperature_index, domains
        self.kernel = KERNELS[walk_kind(tables, None)]
        self._visit = cuda_device.kernel(self.kernel)
        self._lanes = domains.per_colour * state.replicas
        self._scratch = _scratch(self._lanes, domains.capacity)

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk `sweeps` sweeps that together last as long as `trials` (R,) mean trials, equal for all replicas."""
        import cupy

        visits = visit_tables(self.tables, self.domains, Fraction(int(trials[0]), sweeps))
        kept = cuda_device.on_device(domain_values(self.tables, self.domains, visits))
        struct = cuda_device.to_device(DOMAINS.pack(kept))
        origin, colours = sweep_plan(self.tables, self.seed, self.temperature_index, self.window, sweeps)
        origins = cupy.asarray(origin)
        replicas = np.int64(self._state.replicas)
        for s in range(sweeps):
            words = (np.uint32(self.key[0]), np.uint32(self.key[1]), np.uint32(self.window))
            for colour in colours[s]:
                arguments = (self._tables, self._arrays, struct, origins[s], colour, replicas, *words, self._scratch)
                cuda_device.launch(self._visit, self._lanes, arguments)
            self.window += 1
        self._changed()

    def read(self) -> State:
        """The state after the last window, copied to the host."""
        fresh = self._fresh
        state = super().read()
        if not fresh:
            state.coordinates = carriers_from_sites(self.tables, state)
        return state


def _scratch(lanes: int, capacity: int) -> DeviceArray:
    """(lanes, capacity) uint64 lists of the carriers of each block; InputError if they do not fit."""
    import cupy

    needed, free = 8 * lanes * capacity, cuda_device.free_bytes()
    if needed > free:
        raise InputError(
            f"run.parallel.domains: the lists of the blocks need {needed / 1e9:.2f} GB of device memory, "
            f"{free / 1e9:.2f} GB are free; smaller blocks need less"
        )
    made: DeviceArray = cupy.empty((lanes, capacity), dtype=cupy.uint64)
    return made
