"""The devices that the stand-in plays, and the failures that a test asks of them.

FAKE_CUPY_DEVICES: number of devices (1). FAKE_CUPY_MEMORY: bytes of each (8e9). FAKE_CUPY_FAIL=launch:7 makes the
seventh call of a kind fail; a test in the same process sets FAIL. Kinds: launch of a kernel, memory (an allocation),
compile, driver (a copy, or a question to the driver). As on a real device, after a failed launch or copy every later
call of the process fails too.
"""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

DEVICES = int(os.environ.get("FAKE_CUPY_DEVICES", "1"))
MEMORY = int(float(os.environ.get("FAKE_CUPY_MEMORY", "8e9")))
MOST_SHARED_BYTES = 227 * 1024  # of a block, on sm_90
KINDS = ("launch", "memory", "compile", "driver")
CALLS = dict.fromkeys(KINDS, 0)
FAIL = {kind: int(number) for kind, _, number in [os.environ.get("FAKE_CUPY_FAIL", "").partition(":")] if kind}
LOST: list[str] = []  # what every call fails with, once the context is lost
POOLS = [{"used": 0, "held": 0} for _ in range(DEVICES)]  # freed memory stays with the process, as in CuPy's pool
LOCK = threading.RLock()
_thread = threading.local()


class CUDARuntimeError(RuntimeError):
    """As in cupy_backends.cuda.api.runtime."""


class CUDADriverError(RuntimeError):
    """As in cupy_backends.cuda.api.driver."""


class OutOfMemoryError(MemoryError):
    """As in cupy.cuda.memory."""


class CompileException(Exception):
    """As in cupy.cuda.compiler."""


def call(kind: str) -> None:
    """Count a call of a kind, and fail if it is its turn or the context is lost."""
    CALLS[kind] += 1
    if LOST and kind != "compile":
        raise CUDARuntimeError(LOST[0])
    if FAIL.get(kind) != CALLS[kind]:
        return
    if kind == "memory":
        raise OutOfMemoryError("Out of memory allocating 512 bytes (allocated so far: 0 bytes).")
    if kind == "compile":
        raise CompileException('walk.cu(7): error: identifier "played" is undefined\n\n1 error detected.\n')
    if kind == "launch":
        LOST.append("cudaErrorIllegalAddress: an illegal memory access was encountered")
        raise CUDADriverError("CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure")
    LOST.append("cudaErrorDevicesUnavailable: all CUDA-capable devices are busy or unavailable")
    raise CUDARuntimeError(LOST[0])


def mend() -> None:
    """As in a new process: nothing has been called, nothing fails."""
    CALLS.update(dict.fromkeys(KINDS, 0))
    FAIL.clear()
    LOST.clear()


def current() -> int:
    """Number of the current device of this thread."""
    return getattr(_thread, "device", 0)


class Device:
    """A device: the current one of the thread without a number, and in `with` the current one."""

    compute_capability = "90"
    attributes = {"MaxSharedMemoryPerBlockOptin": MOST_SHARED_BYTES}  # noqa: RUF012

    def __init__(self, device: int | None = None) -> None:
        self.id = current() if device is None else device
        self._before: list[int] = []

    @property
    def mem_info(self) -> tuple[int, int]:
        """(free, total) bytes; memory held by the pool is not free."""
        call("driver")
        return max(MEMORY - POOLS[self.id]["held"], 0), MEMORY

    def use(self) -> Device:
        """Make it the current one of this thread."""
        if not 0 <= self.id < DEVICES:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        _thread.device = self.id
        return self

    def synchronize(self) -> None:
        """Wait, and learn of failures."""
        call("driver")

    def __enter__(self) -> Device:
        self._before.append(current())
        return self.use()

    def __exit__(self, *_: Any) -> None:
        _thread.device = self._before.pop()


def _device_count() -> int:
    call("driver")
    return DEVICES


def pool() -> Any:
    """CuPy's pool of the current device."""
    mine = POOLS[current()]
    return SimpleNamespace(
        free_all_blocks=lambda: mine.update(held=mine["used"]),
        used_bytes=lambda: mine["used"],
        total_bytes=lambda: mine["held"],
        free_bytes=lambda: mine["held"] - mine["used"],
    )


cuda = SimpleNamespace(
    Device=Device,
    runtime=SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        driverGetVersion=lambda: 13000,
        getDeviceCount=_device_count,
        getDeviceProperties=lambda _: {"name": b"stand-in"},
    ),
    driver=SimpleNamespace(CUDADriverError=CUDADriverError),
    memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    compiler=SimpleNamespace(CompileException=CompileException),
    nvrtc=SimpleNamespace(getVersion=lambda: (13, 0)),
)
