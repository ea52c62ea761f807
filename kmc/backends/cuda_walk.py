"""The CUDA backend: kernels/walk.cu through a CuPy RawModule, bit for bit the NumPy backend.

The state stays on the device for the whole run; `read` copies it back. Kernels are compiled when the walker is made,
so that a machine on which they fail says so at once.
"""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from importlib import metadata, resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import CHUNK
from kmc.backends.layout import STATE_MEMBERS, raise_if_failed, table_arrays, walk_kind
from kmc.backends.numpy_rejection_free import Weights
from kmc.rng.philox import STREAM_TRIALS, stream_key
from kmc.state.rejection_free import Selection
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

OLDEST_CAPABILITY = 70
SCRATCH_BYTES = 200 * CHUNK  # temporaries of the accumulators, a chunk of replicas at a time
THREADS_PER_BLOCK = 64
HEADERS = (
    "platform",
    "philox",
    "tables",
    "lattice",
    "rates",
    "weights",
    "trial",
    "lane",
    "selected",
    "domain",
    "grand",
)
KERNELS = ("walk_energies", "walk_single_barrier", "walk_free")  # by native.walk_kind


def joined_source() -> str:
    """The kernel with its headers as one text: CuPy's cache does not see what an #include names.

    #line keeps the file and line of the sources in compiler messages.
    """
    folder = resources.files("kmc") / "kernels"
    parts = []
    for name in (*(f"{header}.cuh" for header in HEADERS), "walk.cu"):
        text = (folder / name).read_text(encoding="utf-8")
        text = re.sub(r'^#(include "[^"]*"|pragma once)', r"// \g<0>", text, flags=re.MULTILINE)
        parts.append(f'#line 1 "{name}"\n{text}')
    return "\n".join(parts)


def problem() -> str:
    """Why the backend cannot be used, and what to do; "" if it can."""
    wheels = [name for name in ("cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x", "cupy") if _installed(name)]
    if len(wheels) > 1:
        return f"both {' and '.join(wheels)} are installed; uninstall all but the one for your driver"
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is missing; install miec-kmc[cuda12] or miec-kmc[cuda13]"
    try:
        import cupy

        devices = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises its own kinds, and ImportError for missing CUDA libraries
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"no usable NVIDIA GPU or driver ({reason}); check nvidia-smi"
    if devices == 0:
        return "no NVIDIA GPU found; check nvidia-smi"
    capability = int(cupy.cuda.Device().compute_capability)
    if capability < OLDEST_CAPABILITY:
        return f"the GPU has compute capability {capability / 10}; {OLDEST_CAPABILITY / 10} or newer is needed"
    return ""


class CudaWalker:
    """Walks all replicas of a state on the current CUDA device."""

    name = "cuda"

    def __init__(
        self,
        tables: EventTables,
        state: State,
        seed: int,
        temperature_index: int = 0,
        selection: Selection | None = None,
        lags: int = 0,
    ) -> None:
        import cupy

        self.tables = tables
        self._state = state
        self.window = state.window
        self._fresh = True  # whether the host copy is up to date
        self.key = stream_key(seed, temperature_index, STREAM_TRIALS)
        check_memory(tables, state.replicas, free_bytes(), lags)
        self._kernel = _kernel(KERNELS[walk_kind(tables, selection)])
        self._horizon_per_trial = selection.horizon_per_trial if selection else 0.0
        self._device = {name: cupy.asarray(np.ascontiguousarray(getattr(state, name))) for name in STATE_MEMBERS}
        self._errors = cupy.zeros((state.replicas, 4), dtype=cupy.int64)
        self._kept = {name: _on_device(value) for name, value in table_arrays(tables, selection)}
        self._free = _free_arrays(selection, tables, state)
        self._tables = cupy.asarray(np.array([_member(v) for v in self._kept.values()], dtype=np.uint64))
        pointers = [self._device[name].data.ptr for name in STATE_MEMBERS] + [self._errors.data.ptr]
        pointers += [array.data.ptr for array in self._free] or [0, 0, 0]
        self._arrays = cupy.asarray(np.array(pointers, dtype=np.uint64))

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window of `trials` (R,) trials per replica; rejection-free, of that many mean trials."""
        import cupy

        replicas = self._state.replicas
        length = trials * self._horizon_per_trial if self._free else trials.astype(np.int64)
        blocks = -(-replicas // THREADS_PER_BLOCK)
        arguments = (
            self._tables,
            self._arrays,
            cupy.asarray(length),
            np.int64(replicas),
            np.uint32(self.key[0]),
            np.uint32(self.key[1]),
            np.uint32(self.window),
        )
        self._kernel((blocks,), (THREADS_PER_BLOCK,), arguments)
        self.window += 1
        self._fresh = False

    def counters(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R, F) trials and accepted hops since the start."""
        raise_if_failed(self.tables, self._errors.get())
        return self._device["trials"].get(), self._device["accepted"].get()

    def read(self) -> State:
        """The state after the last window, copied to the host."""
        if not self._fresh:
            raise_if_failed(self.tables, self._errors.get())
            for name in STATE_MEMBERS:
                setattr(self._state, name, self._device[name].get())
            self._state.window = self.window
            self._fresh = True
        return self._state

    def live(self) -> State:
        """The state after the last window, on the device."""
        raise_if_failed(self.tables, self._errors.get())
        return State(**self._device, window=self.window)


def bytes_per_replica(tables: EventTables, lags: int = 0) -> int:
    """Device memory of one replica: the walk, the snapshots of so many lags, and positions for two frames."""
    particles = 8 * tables.n_particles + (4 * tables.n_mobile_sites if tables.tracked else 0)
    carriers = tables.n_listed * 8
    walk = tables.supercell.n_sites + particles + carriers + 4 * tables.n_potential + 16 * tables.n_families + 40
    return walk + 12 * tables.n_particles * (lags + 2 if lags else 0)


def largest_replicas(tables: EventTables, free_bytes: int, lags: int = 0) -> int:
    """How many replicas fit; a tenth of the free memory is left to CuPy's pool."""
    return max(int(0.9 * free_bytes - SCRATCH_BYTES) // bytes_per_replica(tables, lags), 0)


def free_bytes() -> int:
    """Free memory of the current device."""
    import cupy

    return int(cupy.cuda.Device().mem_info[0])


def check_memory(tables: EventTables, replicas: int, free: int, lags: int = 0) -> None:
    """InputError with the largest number of replicas that fits, if these do not."""
    each, most = bytes_per_replica(tables, lags), largest_replicas(tables, free, lags)
    if replicas > most:
        raise InputError(
            f"run.replicas = {replicas}: they need {replicas * each / 1e9:.2f} GB of device memory, "
            f"{free / 1e9:.2f} GB are free; at most {most} replicas fit"
        )


@lru_cache(maxsize=8)
def _kernel(name: str) -> Any:
    """A compiled kernel of walk.cu; InputError with the compiler's first line if it does not compile."""
    import cupy

    module = cupy.RawModule(code=joined_source(), options=("--std=c++14",))
    try:
        module.compile()
        return module.get_function(name)
    except Exception as error:  # CuPy's CompileException, or the driver's own errors
        first = next((line for line in str(error).splitlines() if "error" in line), str(error).splitlines()[0])
        raise InputError(f"the CUDA kernels do not compile on this machine: {first}; please report it") from error


def _free_arrays(selection: Selection | None, tables: EventTables, state: State) -> list[Any]:
    """base2, weights and tree on the device; empty where rejection is used."""
    import cupy

    if selection is None:
        return []
    weights = Weights(selection, tables, state)
    return [cupy.asarray(array) for array in (selection.base2, weights.weight, weights.tree)]


def _installed(wheel: str) -> bool:
    try:
        metadata.version(wheel)
    except metadata.PackageNotFoundError:
        return False
    return True


def _on_device(value: int | NDArray[Any]) -> Any:
    import cupy

    return value if isinstance(value, int) else cupy.asarray(value)


def _member(value: Any) -> int:
    return value if isinstance(value, int) else int(value.data.ptr)
