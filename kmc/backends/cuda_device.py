"""The current CUDA device: whether it can be used, its free memory, and the kernels compiled for it through CuPy."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kmc.backends.layout import layout_hash
from kmc.backends.structs import DeviceArray
from lattices.errors import InputError

OLDEST_CAPABILITY, OLDEST_SINCE_13 = 70, 75  # NVRTC 13 no longer compiles for older ones
THREADS_PER_BLOCK = 64
WARP = 32
INCLUDE = re.compile(r'#include "([^"]+)"')
DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
LINE = 'extern "C" __global__ void kmc_line(int* to) { *to = 1; }'

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


def problem(device: int | None = None) -> str:
    """Why the backend cannot be used on a device (None: the current one), and what to do; "" if it can."""
    wheels = [name for name in ("cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x", "cupy") if _installed(name)]
    if len(wheels) > 1:
        return f"both {' and '.join(wheels)} are installed; uninstall all but the one for your driver"
    found = importlib.util.find_spec("cupy")
    if found is None:
        return "CuPy is missing; install miec-kmc[cuda12] or miec-kmc[cuda13]"
    if without := _driver_problem(found.origin):
        return without
    try:
        devices = device_count()
    except Exception as error:  # CuPy raises its own kinds, and ImportError for missing CUDA libraries
        return f"no usable NVIDIA GPU or driver ({_first_line(error)}); check nvidia-smi"
    if devices == 0:
        return "no NVIDIA GPU found; check nvidia-smi"
    number = _current() if device is None else device
    if number >= devices:
        return f"there is no device {number}; the devices of this machine are 0 to {devices - 1}"
    with on(number):
        return _compiler_problem(number)


def on(device: int) -> AbstractContextManager[object]:
    """Makes a device the current one of this thread inside a with block."""
    import cupy

    chosen: AbstractContextManager[object] = cupy.cuda.Device(device)
    return chosen


def _driver_problem(origin: str | None) -> str:
    """Why the driver of CuPy's compiled part cannot be loaded: known without importing CuPy, which takes 0.2 s."""
    if origin is None or not (Path(origin).parents[1] / "cupy_backends").is_dir():
        return ""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return f"no usable NVIDIA GPU or driver ({DRIVER} cannot be loaded); check nvidia-smi"
    return ""


def device_count() -> int:
    """Number of visible devices; an exception of CuPy's without a driver."""
    import cupy

    return int(cupy.cuda.runtime.getDeviceCount())


@lru_cache(maxsize=16)
def _compiler_problem(device: int) -> str:
    """Why kernels do not compile or run on a device: CuPy's wheel holds neither NVRTC nor the headers that it needs."""
    import cupy

    try:
        newest, capability = int(cupy.cuda.nvrtc.getVersion()[0]), int(cupy.cuda.Device().compute_capability)
        oldest = OLDEST_SINCE_13 if newest >= 13 else OLDEST_CAPABILITY
        if capability < oldest:
            with_what = f" with NVRTC {newest}" if newest >= 13 else ""
            return f"the GPU has compute capability {capability / 10}; {oldest / 10} or newer is needed{with_what}"
        cupy.RawModule(code=LINE, options=("--std=c++14",)).get_function("kmc_line")
        if int(cupy.arange(3).sum()) != 3:
            return "the GPU adds wrongly; check nvidia-smi"
    except Exception as error:  # of CuPy, the compiler or the driver
        return f"kernels do not compile or run ({_first_line(error)}); install miec-kmc[cuda12] or [cuda13] again"
    return ""


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[0] if lines else type(error).__name__)


def failure(error: BaseException) -> str:
    """One line on an error of the device, its memory, the driver or the compiler; "" for any other error.

    Notes that were added to the error (window and kernel) are part of the line.
    """
    if type(error).__module__.partition(".")[0] not in ("cupy", "cupy_backends"):
        return ""
    return "; ".join(
        [f"the GPU failed: {_first_line(error)}", *getattr(error, "__notes__", []), f"device {_current()}"]
    )


def _current() -> int:
    import cupy

    return int(cupy.cuda.Device().id)


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
    """Free memory of the current device, with what CuPy's pool has kept of arrays that are gone."""
    import cupy

    return int(cupy.cuda.Device().mem_info[0]) + int(cupy.get_default_memory_pool().free_bytes())


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


def kernel(name: str, source: str = "walk.cu", constants: tuple[tuple[str, int], ...] = ()) -> Kernel:
    """A kernel of a file for the current device; InputError with the compiler's line if it does not compile.

    constants: macros and their values.
    """
    return _kernel_of(name, source, constants, _current())


@lru_cache(maxsize=256)
def _kernel_of(name: str, source: str, constants: tuple[tuple[str, int], ...], device: int) -> Kernel:
    """A function belongs to the device that was current when it was made."""
    try:
        compiled: Kernel = _module_of(source, constants, device).get_function(name)
    except Exception as error:  # CuPy's CompileException, or the driver's own errors
        raise InputError(
            f"the CUDA kernels do not compile on this machine: {_first_line(error)}; kernel {name}, device {device}; "
            "please report it"
        ) from error
    return compiled


@lru_cache(maxsize=64)
def _module_of(source: str, constants: tuple[tuple[str, int], ...], device: int) -> Module:
    """A file of kernels compiled for the current device, whose number is part of the key of the cache."""
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
