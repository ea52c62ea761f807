"""What a frame needs, on the current CUDA device: positions, displacements and limits in a few launches.

Twin of the NumPy functions in kmc/state/replicas.py and kmc/measure/msd.py; the kernels are in kernels/frame.cuh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.backends import cuda_device
from kmc.backends.layout import FRAME, SUMS, frame_values, sum_values
from kmc.backends.structs import DeviceArray
from kmc.state.carrier_sums import CarrierSums
from kmc.state.frame_sums import check_moments
from kmc.state.replicas import check_crossed
from kmc.tables.event_tables import EventTables

KERNELS = ("unwrap_positions", "measure_frame", "keep_positions", "sample_carriers")
WINDOWS_KEPT = 8  # whose samples stay on the device before they are copied together
PIECE = 2048  # particles of a warp, as in kernels/frame.cuh
WARP = 32
FLAGS = 6  # as in kernels/frame.cuh: a barrier below its bound, three numbers of images, displacement, second moment


class CudaFrames:
    """Frames of a walk whose event tables and state are on the device as `struct Tables` and `struct Arrays`.

    tables_struct, arrays: these structs. flags: (6,) int64 on the device, raised by the kernels and never reset: a
    barrier below its bound; the largest numbers of periodic images along each axis, displacement component, and second
    moment so far.
    """

    def __init__(
        self, tables: EventTables, replicas: int, flags: DeviceArray, tables_struct: DeviceArray, arrays: DeviceArray
    ) -> None:
        self.tables, self._replicas, self._flags = tables, replicas, flags
        self._tables, self._arrays = tables_struct, arrays
        self._kept = cuda_device.on_device(frame_values(tables))
        self._frame = cuda_device.to_device(FRAME.pack({**self._kept, "flags": flags}))
        self._unwrap, self._measure, self._keep, self._sample = (cuda_device.kernel(name) for name in KERNELS)
        self._sums: tuple[CarrierSums, dict[str, int | list[int] | DeviceArray], DeviceArray] | None = None
        self._threads = replicas * -(-tables.n_particles // PIECE) * WARP

    def positions(self) -> DeviceArray:
        """(R, M, 3) int32 on the device: unwrapped positions. DisplacementOverflow as in `check_images`."""
        import cupy

        found: DeviceArray = cupy.empty((self._replicas, self.tables.n_particles, 3), dtype=cupy.int32)
        arguments = (self._tables, self._arrays, self._frame, np.int64(self._replicas), found)
        cuda_device.launch(self._unwrap, self._threads, arguments)
        check_crossed(self.tables.supercell, self._flags.get()[1:4].astype(np.int64))
        return found

    def add(self, positions: DeviceArray, ended: Sequence[tuple[DeviceArray, DeviceArray]]) -> NDArray[np.int64]:
        """As in `FrameSums`."""
        import cupy

        summed: DeviceArray = cupy.zeros((self._replicas, len(self.tables.species), 3), dtype=cupy.int64)
        addresses = _addresses([array for window in ended for array in window])
        arguments = (
            self._tables,
            self._frame,
            np.int64(self._replicas),
            positions,
            addresses,
            np.int64(len(ended)),
            summed,
        )
        cuda_device.launch(self._measure, self._threads, arguments)
        farthest, largest = (int(value) for value in self._flags.get()[4:6].astype(np.int64))
        check_moments(farthest, self.tables.n_particles, largest)
        return summed.get().astype(np.int64)

    def keep(self, positions: DeviceArray, snapshots: Sequence[DeviceArray]) -> None:
        """As in `FrameSums`."""
        if snapshots:
            words = self._replicas * self.tables.n_particles * 3
            arguments = (positions, _addresses(snapshots), np.int64(len(snapshots)), np.int64(words))
            cuda_device.launch(self._keep, words, arguments)

    def begin_samples(self, windows: int, sums: CarrierSums) -> DeviceSamples:
        """Room for the samples of several windows."""
        import cupy

        if self._sums is None or self._sums[0] is not sums:
            members = cuda_device.on_device(sum_values(sums))
            self._sums = sums, members, cuda_device.to_device(SUMS.pack(members))
        samples = cupy.empty((windows, self._replicas, len(sums.codes), 3), dtype=cupy.int64)
        return DeviceSamples(self, samples)

    def sample(self, sums: DeviceArray) -> None:
        """Write the summed positions of the carriers to (R, C, 3)."""
        assert self._sums is not None
        arguments = (self._tables, self._arrays, self._sums[2], np.int64(self._replicas), sums)
        cuda_device.launch(self._sample, self._replicas * WARP, arguments)


@dataclass(frozen=True)
class DeviceSamples:
    """Summed positions of the carriers after each of several windows: samples (W, R, C, 3) int64 on the device."""

    frames: CudaFrames
    samples: DeviceArray

    def add(self, window: int) -> None:
        """Sample the state after window 0, 1, ..."""
        self.frames.sample(self.samples[window])

    def read(self) -> NDArray[np.int64]:
        """(W, R, C, 3) int64 on the host."""
        return self.samples.get().astype(np.int64)


def _addresses(arrays: Sequence[DeviceArray]) -> DeviceArray:
    """(n,) uint64 on the device: where the arrays are; at least one entry."""
    return cuda_device.to_device(np.array([array.data.ptr for array in arrays] or [0], dtype=np.uint64))
