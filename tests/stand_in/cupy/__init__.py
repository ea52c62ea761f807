"""A stand-in for CuPy without a GPU: device arrays in host memory, kernels compiled by g++ as device code.

With tests/stand_in first in PYTHONPATH the CUDA backend runs on machines without a GPU. The stand-in is stricter than
CuPy: nothing is copied implicitly, host and device arrays cannot be mixed, kernel arguments are checked against the
signature of the kernel, new memory holds garbage, freed memory is overwritten, and guards around every allocation are
checked after each launch. Blocks run one after another in random order; the threads of a block are coroutines that
switch in random order at every warp intrinsic and __syncthreads (block.hpp), and a block whose threads wait for ever is
an error. A name that is missing here raises AttributeError: check that CuPy has it, then add it.

FAKE_CUPY_ORDER: forward or shuffle (the default). FAKE_CUPY_FLAGS: -O1. Devices and failures: played.py.
"""

from __future__ import annotations

import ctypes
import hashlib
import numbers
import operator
import os
import re
import subprocess
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy import bool_, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64  # noqa: F401

from cupy.played import (
    LOCK,
    MEMORY,
    MOST_SHARED_BYTES,
    POOLS,
    CompileException,
    CUDADriverError,
    OutOfMemoryError,
    call,
    cuda,  # noqa: F401
    current,
    pool,
)

GUARD, ALIGNMENT = 512, 512
LAUNCHES: list[tuple[str, int, int]] = []  # (kernel, blocks, threads of a block) of every launch
OPERATION = ("cupy", 0, 0)  # in its place for each operation of CuPy's own: a kernel or a copy on the device
COPIES = {"to_device": 0, "bytes_to_device": 0, "to_host": 0, "bytes_to_host": 0}
_live: weakref.WeakSet[_Memory] = weakref.WeakSet()
_pool = POOLS[0]
MARKS = (
    [getattr(ctypes.CDLL(None), f"__asan_{kind}_memory_region") for kind in ("unpoison", "poison")]
    if "FAKE_CUPY_POISON" in os.environ
    else []
)


class _Memory:
    """One allocation between two guards; overwritten when it is freed."""

    size = 0

    def __init__(self, size: int) -> None:
        call("memory")
        self._pool, self.device = POOLS[current()], current()
        if self._pool["used"] + size > MEMORY:
            raise OutOfMemoryError(
                f"Out of memory allocating {size} bytes (allocated so far: {self._pool['used']} bytes)."
            )
        self.size = size
        self._pool["used"] += size
        self._pool["held"] = max(self._pool.values())
        self._raw = np.full(size + 2 * GUARD + ALIGNMENT, 0xAB, dtype=np.uint8)
        self._begin = GUARD + -(self._raw.ctypes.data + GUARD) % ALIGNMENT
        self.bytes = self._raw[self._begin : self._begin + size]
        self._poison(True)
        with LOCK:
            _live.add(self)

    def sound(self) -> bool:
        end = self._begin + self.size
        return bool((self._raw[: self._begin] == 0xAB).all() and (self._raw[end:] == 0xAB).all())

    def _poison(self, poisoned: bool) -> None:
        """Under an address sanitizer (FAKE_CUPY_POISON) kernels cannot read the guards either."""
        if not MARKS:
            return
        mark = MARKS[poisoned]
        first, end = self._raw.ctypes.data, self._begin + -(-self.size // 8) * 8  # eight bytes have one mark
        for begin, size in ((0, self._begin), (end, len(self._raw) - end)):
            mark(ctypes.c_void_p(first + begin), ctypes.c_size_t(size))

    def __del__(self) -> None:
        if self.size:
            self._poison(False)
            self._pool["used"] -= self.size
            self.bytes.fill(0xCD)


def _operand(value: Any) -> Any:
    """An operand of a device operation: a device array or a scalar."""
    if isinstance(value, (numbers.Number, np.generic)):
        return value
    return _inside(value)


def _index(key: Any) -> Any:
    """An index: numbers, slices, None, ..., and device arrays of integers or booleans."""
    if isinstance(key, tuple):
        return tuple(_index(k) for k in key)
    if key is None or key is Ellipsis or isinstance(key, (slice, int, np.integer)):
        return key
    if isinstance(key, ndarray) and key.dtype.kind in "iub":
        return key._a
    raise IndexError(f"index of {type(key)}: copy it to the device first")


class ndarray:
    """A device array. Host code cannot look inside except by `get`."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: Any, memory: _Memory) -> None:
        self._a, self._memory = array, memory

    @property
    def data(self) -> Any:
        """`.data.ptr`: the address of the first element."""
        return SimpleNamespace(ptr=self._a.ctypes.data, mem=self._memory)

    def get(self) -> Any:
        """A copy on the host."""
        call("driver")
        if not self._a.flags.forc:
            LAUNCHES.append(OPERATION)  # to a contiguous array first
        COPIES["to_host"] += 1
        COPIES["bytes_to_host"] += self.nbytes
        return self._a.copy()

    def set(self, value: Any) -> None:
        """Copy a host array of the same type and shape here."""
        if not isinstance(value, np.ndarray) or value.dtype != self.dtype or value.shape != self.shape:
            raise ValueError(f"{type(value)} cannot be set to {self.dtype} {self.shape}")
        call("driver")
        COPIES["to_device"] += 1
        COPIES["bytes_to_device"] += self.nbytes
        self._a[...] = value

    def astype(self, dtype: Any, copy: bool = True) -> ndarray:
        return self if not copy and self.dtype == dtype else _new(self._a.astype(dtype))

    def reshape(self, *shape: Any) -> ndarray:
        return _of(self._a.reshape(*shape), self)

    def sum(self, axis: Any = None, dtype: Any = None) -> ndarray:
        return _new(self._a.sum(axis=axis, dtype=dtype))

    def __getitem__(self, key: Any) -> ndarray:
        return _of(self._a[_index(key)], self)

    def __setitem__(self, key: Any, value: Any) -> None:
        LAUNCHES.append(OPERATION)
        self._a[_index(key)] = _operand(value)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        plain = method == "__call__" and not keywords
        return _new(ufunc(*(_operand(x) for x in inputs))) if plain else NotImplemented


def _fill_class() -> None:
    """Attributes, operators and reductions all take device arrays and scalars and return device arrays."""
    for name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags"):
        setattr(ndarray, name, property(operator.attrgetter(f"_a.{name}")))
    for kind in (bool, int, float):
        setattr(ndarray, f"__{kind.__name__}__", lambda self, kind=kind: kind(self.get()))
    ndarray.__index__ = lambda self: operator.index(self.get())  # type: ignore[attr-defined]
    for name in ("max", "min", "any", "all", "copy"):
        setattr(ndarray, name, lambda self, axis=None, name=name: _new(getattr(self._a, name)(*_axis(name, axis))))
    ndarray.__len__ = lambda self: len(self._a)  # type: ignore[attr-defined]
    ndarray.__iter__ = lambda self: (self[k] for k in range(len(self)))  # type: ignore[attr-defined]
    compared = ("eq", "ne", "lt", "le", "gt", "ge")
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "and_",
        "or_",
        "xor",
        "lshift",
        "rshift",
        *compared,
    ):
        f, bare = getattr(operator, name), name.rstrip("_")
        setattr(ndarray, f"__{bare}__", lambda self, other, f=f: _new(f(self._a, _operand(other))))
        if name not in compared:
            own = getattr(operator, "i" + bare)
            setattr(ndarray, f"__r{bare}__", lambda self, other, f=f: _new(f(_operand(other), self._a)))
            setattr(ndarray, f"__i{bare}__", lambda self, other, f=own: _changed(self, f, other))
    for name in ("neg", "abs", "invert"):
        setattr(ndarray, f"__{name}__", lambda self, f=getattr(operator, name): _new(f(self._a)))  # noqa: B008


def _axis(name: str, axis: Any) -> tuple[Any, ...]:
    return () if name == "copy" else (axis,)


_fill_class()


def _changed(array: ndarray, operation: Any, other: Any) -> ndarray:
    """The array after an operation in place."""
    LAUNCHES.append(OPERATION)
    operation(array._a, _operand(other))
    return array


def _new(value: Any) -> ndarray:
    """A new device array with the result of an operation."""
    LAUNCHES.append(OPERATION)
    return _made(value)


def _made(value: Any) -> ndarray:
    """A new device array with these values."""
    value = np.asarray(value)
    made = empty(value.shape, value.dtype)
    made._a[...] = value
    return made


def _of(array: Any, owner: ndarray) -> ndarray:
    """A view of the owner's memory if the array is one, else a new array."""
    array = np.asarray(array)
    view = array.size and np.may_share_memory(array, owner._memory.bytes)
    return ndarray(array, owner._memory) if view else _new(array)


def _inside(value: Any) -> Any:
    if not isinstance(value, ndarray):
        raise TypeError(f"Unsupported type {type(value)}: a device array is needed")
    if value._memory.device != current():
        raise ValueError(f"Array device must be same as the current device: {value._memory.device} != {current()}")
    return value._a


def empty(shape: Any, dtype: Any = float64) -> ndarray:
    """Filled with garbage."""
    kind = np.dtype(dtype)
    memory = _Memory(int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
    return ndarray(memory.bytes.view(kind).reshape(shape), memory)


def zeros(shape: Any, dtype: Any = float64) -> ndarray:
    LAUNCHES.append(OPERATION)
    made = empty(shape, dtype)
    made._a[...] = 0
    return made


def asarray(a: Any, dtype: Any = None) -> ndarray:
    """A device array unchanged; a host array copied, with its Fortran order if it has one, as in CuPy."""
    if isinstance(a, ndarray):
        return a if dtype is None or a.dtype == dtype else a.astype(dtype)
    value = np.asarray(a, dtype=dtype)
    call("driver")
    COPIES["to_device"] += 1
    COPIES["bytes_to_device"] += value.nbytes
    if value.flags.f_contiguous and not value.flags.c_contiguous:
        return ndarray((turned := _made(value.T))._a.T, turned._memory)
    return _made(value)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    return _new(np.arange(0, start, step, dtype) if stop is None else np.arange(start, stop, step, dtype))


stack = lambda tup, axis=0: _new(np.stack([_inside(x) for x in tup], axis=axis))  # noqa: E731
concatenate = lambda tup, axis=0: _new(np.concatenate([_inside(x) for x in tup], axis=axis))  # noqa: E731
pad = lambda array, pad_width: _new(np.pad(_inside(array), pad_width))  # noqa: E731
broadcast_to = lambda array, shape: ndarray(np.broadcast_to(_inside(array), shape), array._memory)  # noqa: E731


def bincount(x: Any, weights: Any = None, minlength: int | None = None) -> ndarray:
    return _new(np.bincount(_inside(x), None if weights is None else _inside(weights), minlength or 0))


HEADER = Path(__file__).with_name("block.hpp")
LAUNCH = """
extern "C" const unsigned long sizes_{name}[] = {{ {sizes} }};
static void call_{name}(void** arguments) {{ {name}({given}); }}
extern "C" const char* launch_{name}(unsigned blocks, unsigned threads, unsigned long shared, void** arguments,
                                     const unsigned* order, unsigned long seed)
{{
    return block_launch(call_{name}, blocks, threads, shared, arguments, order, seed);
}}
"""
DYNAMIC = re.compile(r"extern\s+__shared__\s+(\w[\w\s]*?)\s*(\w+)\[\];")
BOUNDS = re.compile(r"#define\s+(\w+)\s+__launch_bounds__\((\d+)")
SHARED_BYTES = 48 * 1024  # of a block, without asking for more
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+([^;{()]*?)\b(\w+)\s*\(([^)]*)\)\s*\{')
KINDS = {"int8_t": "i1", "int16_t": "i2", "int32_t": "i4", "int64_t": "i8", "float": "f4", "double": "f8"}
KINDS |= {f"u{name}": kind.replace("i", "u") for name, kind in KINDS.items() if name.startswith("int")}


class RawModule:
    """Source compiled by g++; kernels are extern "C" functions."""

    def __init__(self, *, code: str, options: tuple[str, ...] = (), backend: str = "nvrtc") -> None:
        self._code, self._options = code, options
        found = KERNEL.findall(code)
        self._kernels = {name: [p.strip() for p in given.split(",")] for _, name, given in found}
        bounds = {macro: int(most) for macro, most in BOUNDS.findall(code)}
        self.most_threads = {
            name: min([1024, *(most for macro, most in bounds.items() if macro in before.split())])
            for before, name, _ in found
        }
        self.library: Any = None

    def compile(self, log_stream: Any = None) -> None:
        """Compile each source once; the libraries are in the folder for temporary files."""
        call("compile")
        code = DYNAMIC.sub(r"\1* \2 = (\1*)block::dynamic_shared;", self._code)
        text = HEADER.read_text(encoding="utf-8") + code + '\n#line 1 "launch"\n'
        for name, parameters in self._kernels.items():
            types = [p[: -len(re.findall(r"\w+$", p)[0])].strip() for p in parameters]
            given = ", ".join(f"*({t}*)arguments[{k}]" for k, t in enumerate(types))
            sizes = ", ".join(f"sizeof({t}), sizeof({t.removesuffix('*')})" for t in types)
            text += LAUNCH.format(name=name, sizes=sizes, given=given)
        flags = [o if o.startswith("-D") else "-" + o.lstrip("-") for o in self._options if "std=" in o or "-D" in o]
        flags += os.environ.get("FAKE_CUPY_FLAGS", "-O1").split()
        folder = Path(tempfile.gettempdir()) / f"fake-cupy-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        library = folder / (hashlib.sha256(repr((text, flags)).encode()).hexdigest()[:24] + ".so")
        if not library.exists():
            source, made = (library.with_suffix(f".{os.getpid()}{end}") for end in (".cpp", ".new"))
            source.write_text(text, encoding="utf-8")
            command = ["g++", *flags, "-shared", "-fPIC", "-w", str(source), "-o", str(made)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise CompileException(done.stderr)
            os.replace(made, library)
        self.library = ctypes.CDLL(str(library))

    def get_function(self, name: str) -> RawKernel:
        if self.library is None:
            self.compile()
        return RawKernel(self, name, self._kernels[name])


class RawKernel:
    """A kernel: (grid, block, arguments)."""

    num_regs = local_size_bytes = 0

    def __init__(self, module: RawModule, name: str, parameters: list[str]) -> None:
        self.name, self._module, self._parameters = name, module, parameters
        self.max_dynamic_shared_size_bytes, self._device = SHARED_BYTES, current()
        self._run = getattr(module.library, f"launch_{name}")
        self._run.restype = ctypes.c_char_p
        self._sizes = (ctypes.c_ulong * (2 * len(parameters))).in_dll(module.library, f"sizes_{name}")

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], *, shared_mem: int = 0
    ) -> None:
        (blocks,), (threads,) = grid, block  # only one axis is supported
        call("launch")
        if self._device != current():
            raise CUDADriverError(
                f"CUDA_ERROR_INVALID_HANDLE: invalid resource handle: a kernel of device {self._device}"
            )
        if not 0 < blocks < 2**31 or not 0 < threads <= self._module.most_threads[self.name]:
            raise CUDADriverError(f"CUDA_ERROR_INVALID_VALUE: invalid argument: grid {grid}, block {block}")
        if not shared_mem <= self.max_dynamic_shared_size_bytes <= MOST_SHARED_BYTES:
            raise CUDADriverError(f"CUDA_ERROR_INVALID_VALUE: invalid argument: {shared_mem} bytes of shared memory")
        held = [self._argument(k, args[k]) for k, _ in zip(range(len(args)), self._parameters, strict=True)]
        order, seed = np.arange(blocks, dtype=np.uint32), 0
        if os.environ.get("FAKE_CUPY_ORDER", "shuffle") == "shuffle":
            order, seed = np.random.default_rng(len(LAUNCHES)).permutation(order), len(LAUNCHES) + 1
        LAUNCHES.append((self.name, blocks, threads))
        pointers = (ctypes.c_void_p * len(held))(*(ctypes.addressof(h) for h in held))
        sizes = ctypes.c_uint(blocks), ctypes.c_uint(threads), ctypes.c_ulong(shared_mem)
        with LOCK:
            failure = self._run(*sizes, pointers, ctypes.c_void_p(order.ctypes.data), ctypes.c_ulong(seed)).decode()
            sound = all(memory.sound() for memory in list(_live))
        if failure:
            raise CUDADriverError(f"CUDA_ERROR_LAUNCH_FAILED: {self.name}: {failure}")
        if not sound:
            raise CUDADriverError(f"CUDA_ERROR_ILLEGAL_ADDRESS: {self.name} wrote outside an array")

    def _argument(self, k: int, value: Any) -> Any:
        """The bytes of one argument in the form that the launch expects."""
        text, size, inside = self._parameters[k], self._sizes[2 * k], self._sizes[2 * k + 1]
        kind = KINDS.get(text.replace("const", "").replace("*", " ").split()[0])
        if "*" not in text:
            number = value if isinstance(value, np.generic) else np.asarray(value)[()]  # int: int64, float: float64
            wanted = np.dtype(kind)
            if number.dtype.itemsize != size or (number.dtype.kind == "f") != (wanted.kind == "f"):
                raise TypeError(f"{self.name}: {text!r} was given {number.dtype}")
            return (ctypes.c_char * size).from_buffer_copy(number.tobytes())
        _inside(value)
        if (kind and value.dtype != kind) or (not kind and value.nbytes < inside) or not value.flags.c_contiguous:
            raise TypeError(f"{self.name}: {text!r} was given {value.dtype} {value.shape}, strides {value.strides}")
        return ctypes.c_void_p(value.data.ptr)


get_default_memory_pool = pool
