"""The current CUDA device: whether it can be used, its free memory, and the kernels compiled for it through CuPy."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata, resources
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kmc.backends.layout import DeviceArray, layout_hash
from lattices.errors import InputError

OLDEST_CAPABILITY = 70
THREADS_PER_BLOCK = 64
WARP = 32
INCLUDE = re.compile(r'#include "([^"]+)"')

Argument = DeviceArray | np.generic


class Kernel(Protocol):
    """The part of the interface of a CuPy kernel that the backends use."""

    max_dynamic_shared_size_bytes: int

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Argument, ...], *, shared_mem: int = 0
    ) -> None:
        """Launch it."""


class Module(Protocol):
    """The part of the interface of a CuPy RawModule that is used."""

    def compile(self) -> None:
        """Compile it for the current device."""

    def get_function(self, name: str) -> Kernel:
        """One of its kernels."""


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


def _installed(wheel: str) -> bool:
    try:
        metadata.version(wheel)
    except metadata.PackageNotFoundError:
        return False
    return True


def shared_bytes() -> int:
    """Shared memory that a block can have on the current device."""
    import cupy

    return int(cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"])


def free_bytes() -> int:
    """Free memory of the current device."""
    import cupy

    return int(cupy.cuda.Device().mem_info[0])


def to_device(array: NDArray[np.generic]) -> DeviceArray:
    """A contiguous copy of the array on the device."""
    import cupy

    copied: DeviceArray = cupy.asarray(np.ascontiguousarray(array))
    return copied


def on_device(values: Mapping[str, int | list[int] | NDArray[np.generic]]) -> dict[str, int | list[int] | DeviceArray]:
    """Members of a struct with their arrays copied to the device."""
    return {name: to_device(value) if isinstance(value, np.ndarray) else value for name, value in values.items()}


def launch(function: Kernel, lanes: int, arguments: tuple[Argument, ...]) -> None:
    """Run a kernel with one thread per lane."""
    function((-(-lanes // THREADS_PER_BLOCK),), (THREADS_PER_BLOCK,), arguments)


@lru_cache(maxsize=64)
def kernel(name: str, source: str = "walk.cu", constants: tuple[tuple[str, int], ...] = ()) -> Kernel:
    """A compiled kernel of a file; InputError with the compiler's first line if it does not compile.

    constants: macros and their values.
    """
    try:
        module = _module(source, constants)
        compiled: Kernel = module.get_function(name)
    except Exception as error:  # CuPy's CompileException, or the driver's own errors
        first = next((line for line in str(error).splitlines() if "error" in line), str(error).splitlines()[0])
        raise InputError(f"the CUDA kernels do not compile on this machine: {first}; please report it") from error
    return compiled


@lru_cache(maxsize=16)
def _module(source: str, constants: tuple[tuple[str, int], ...]) -> Module:
    import cupy

    module: Module = cupy.RawModule(code=joined_source(source), options=compiler_options(constants))
    module.compile()
    return module


def compiler_options(constants: tuple[tuple[str, int], ...] = ()) -> tuple[str, ...]:
    """Options of NVRTC; KMC_ABI makes kernels with another struct layout than layout.py a compiler error."""
    return ("--std=c++14", f"-DKMC_ABI={layout_hash()}u", *(f"-D{name}={value}" for name, value in constants))


def joined_source(name: str = "walk.cu") -> str:
    """A file of kernels with its headers as one text, each once: CuPy's cache does not see what an #include names.

    #line keeps the file and line of the sources in compiler messages.
    """
    return _expanded(name, set())


def _expanded(name: str, seen: set[str]) -> str:
    seen.add(name)
    text = (resources.files("kmc") / "kernels" / name).read_text(encoding="utf-8")
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(text.splitlines(), start=1):
        if (include := INCLUDE.match(line)) is None:
            lines.append("" if line == "#pragma once" else line)
        elif include[1] in seen:
            lines.append("")
        else:
            lines += [_expanded(include[1], seen), f'#line {number + 1} "{name}"']
    return "\n".join(lines)
