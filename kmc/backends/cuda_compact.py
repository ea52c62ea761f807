"""Walks on CUDA with a warp per replica and its data in shared memory: which systems fit, and their kernels.

The choice follows from sizes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.backends import cuda_device
from kmc.backends.structs import DeviceArray
from kmc.state.rejection_free import RateBounds
from kmc.tables.event_tables import EventTables

PLAIN, FREE = "walk_plain_warp", "walk_free_warp"
MOST_CELLS, MOST_BASIS, MOST_SITES = 128, 254, 2**16 - 1  # positions of four bytes, ids of two
LEAST_CARRIERS = 8  # fewer give batches of less than three trials
REPLICAS_TOGETHER = 2  # that must fit the shared memory of a multiprocessor
CLAIMS = 512  # as in kernels/plain_warp.cu


@dataclass(frozen=True)
class CompactWalk:
    """A kernel with a warp per replica. shared_bytes: of each. before, size: its own arguments (compact bonds and the
    number of partners; or the number of lanes for the directions of a carrier).
    """

    name: str
    kernel: cuda_device.Kernel
    shared_bytes: int
    before: tuple[DeviceArray, ...]
    size: int

    def launch(
        self, tables: DeviceArray, arrays: DeviceArray, length: DeviceArray, replicas: int, words: tuple[np.uint32, ...]
    ) -> None:
        """Walk one window of every replica. length: (R,) trials or horizons. words: of the key, and the window."""
        sizes = np.int64(replicas), np.uint32(self.size)
        arguments: tuple[cuda_device.Argument, ...] = (tables, arrays, *self.before, length, *sizes, *words)
        self.kernel((replicas,), (cuda_device.WARP,), arguments, shared_mem=self.shared_bytes)


def compact_walk(tables: EventTables, bounds: RateBounds | None) -> CompactWalk | None:
    """The walk with a warp per replica, where the system and the device are suitable."""
    most = cuda_device.shared_bytes()
    if bounds is not None and fits_free(tables, bounds, most):
        kernel = cuda_device.kernel(FREE, "free_warp.cu")
        return _prepared(FREE, kernel, free_bytes(tables, bounds), (), lanes_of_carrier(tables))
    if bounds is None and fits_plain(tables, most):
        kernel = cuda_device.kernel(PLAIN, "plain_warp.cu", lattice_constants(tables))
        bond = cuda_device.to_device(compact_bonds(tables))
        return _prepared(PLAIN, kernel, plain_bytes(tables), (bond,), int(tables.counts[tables.partner[0]]))
    return None


def _prepared(
    name: str, kernel: cuda_device.Kernel, shared_bytes: int, before: tuple[DeviceArray, ...], size: int
) -> CompactWalk:
    kernel.max_dynamic_shared_size_bytes = shared_bytes
    return CompactWalk(name, kernel, shared_bytes, before, size)


def fits_free(tables: EventTables, bounds: RateBounds, shared_bytes: int) -> bool:
    """Whether lanes can share the directions and families, and several replicas fit `shared_bytes`."""
    shared = max(int(tables.directions.max()), tables.n_families) <= cuda_device.WARP
    return shared and REPLICAS_TOGETHER * free_bytes(tables, bounds) <= shared_bytes


def free_bytes(tables: EventTables, bounds: RateBounds) -> int:
    """Shared memory of one replica: the tree, the weights, and the sites that one hop touches."""
    weights = bounds.n_entries * tables.bond_basis.shape[-1]
    return 8 * (bounds.n_tree + weights + tables.influence_basis.shape[-1] + 1)


def lanes_of_carrier(tables: EventTables) -> int:
    """Lanes that compute the weights of one carrier: a power of two, one for every direction."""
    return 1 << max(int(tables.directions.max()) - 1, 0).bit_length()


def fits_plain(tables: EventTables, shared_bytes: int) -> bool:
    """Whether one family with a single barrier hops on a lattice of which several fit `shared_bytes`."""
    if tables.n_families != 1 or not tables.single_barrier.all() or tables.carrier_offset[tables.partner[0]] >= 0:
        return False
    home = int(tables.sublattice[0])
    small = max(tables.supercell.repeats) <= MOST_CELLS and tables.n_basis[home] <= MOST_BASIS
    fits = tables.supercell.n_sites_of(home) < MOST_SITES and REPLICAS_TOGETHER * plain_bytes(tables) <= shared_bytes
    return bool(small and fits and tables.counts[tables.carrier[0]] >= LEAST_CARRIERS)


def plain_bytes(tables: EventTables) -> int:
    """Shared memory of one replica: ids, places and claims."""
    sites = tables.supercell.n_sites_of(int(tables.sublattice[0]))
    return 4 * (-(-sites // 2) + int(tables.counts[tables.carrier[0]]) + 2 * CLAIMS)


def lattice_constants(tables: EventTables) -> tuple[tuple[str, int], ...]:
    """Sizes of the lattice of family 0 as constants of the compilation."""
    nx, ny, nz = (int(n) for n in tables.supercell.repeats)
    sizes = {"NX": nx, "NY": ny, "NZ": nz, "BASIS": int(tables.n_basis[tables.sublattice[0]])}
    sizes |= {"CARRIERS": int(tables.counts[tables.carrier[0]]), "DIRECTIONS": int(tables.directions[0])}
    return tuple((f"KMC_{name}", value) for name, value in sizes.items())


def compact_bonds(tables: EventTables) -> NDArray[np.uint32]:
    """(B, Z) offsets of the bonds of family 0 as four bytes: dx, dy, dz, basis; basis 0xFF where padded."""
    home, z = int(tables.sublattice[0]), int(tables.directions[0])
    cell = tables.bond_cell[0, : tables.n_basis[home], :z].astype(np.uint32)
    basis = tables.bond_basis[0, : tables.n_basis[home], :z].astype(np.uint8).astype(np.uint32)  # -1 wraps to 0xFF
    fields = cell[..., 0] | cell[..., 1] << 8 | cell[..., 2] << 16 | basis << 24
    return np.ascontiguousarray(fields.astype(np.uint32))
