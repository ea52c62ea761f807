"""The compiled library of the CPU backend: its location, how it is opened, and whether it matches these sources."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import lru_cache
from pathlib import Path

from kmc.backends.layout import layout_hash

REBUILD = (
    "the compiled extension was built from other kernel sources; rebuild it (reinstall miec-kmc, or "
    "python setup.py build_ext --inplace in a source tree)"
)

OMP_PAUSE_HARD = 2  # omp_pause_hard of omp.h: give back everything, threads included


def problem() -> str:
    """Why the backend cannot be used, and what to do; "" if it can."""
    path = library_path()
    if path is None:
        return "the compiled extension is missing; install a C++ compiler, then reinstall miec-kmc"
    try:
        open_library(path)
    except OSError as error:
        return str(error)
    return ""


def usable_threads() -> int:
    """Cores that this process may use, or OMP_NUM_THREADS of them where that is set and smaller.

    Job schedulers and the workers of a study set it, so that several runs share the cores of one machine.
    """
    cores, wanted = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(wanted)) if wanted.isdecimal() and int(wanted) else cores


def library_path() -> Path | None:
    """The installed library, or None."""
    spec = importlib.util.find_spec("kmc.backends._host")
    return Path(spec.origin) if spec and spec.origin else None


@lru_cache(maxsize=4)
def open_library(path: Path | None = None) -> ctypes.CDLL:
    """The library with its functions declared; None takes the installed one.

    OSError with one line if it is missing, does not load, or was built from kernels with another layout.
    """
    path = path or library_path()
    if path is None:
        raise OSError(problem())
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise OSError(f"the compiled extension does not load ({error}); reinstall miec-kmc") from error
    pointer, number, word = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32
    library.kmc_abi.argtypes, library.kmc_abi.restype = (), ctypes.c_uint64
    if library.kmc_abi() != layout_hash():
        raise OSError(REBUILD)
    library.kmc_walk.argtypes = (*(pointer,) * 5, number, word, word, word, number, number)
    library.kmc_walk.restype = None
    library.kmc_walk_windows.argtypes = (*(pointer,) * 6, number, pointer, number, word, word, word, number, number)
    library.kmc_walk_windows.restype = None
    library.kmc_sweeps.argtypes = (
        *(pointer, pointer, pointer, pointer, pointer, number, pointer, number),
        *(word, word, word, number, pointer, number),
    )
    library.kmc_sweeps.restype = None
    library.kmc_grand.argtypes = (*(pointer,) * 3, number, number, *(word,) * 4, number)
    library.kmc_grand.restype = None
    _end_threads_before_a_fork(library)
    return library


def _end_threads_before_a_fork(library: ctypes.CDLL) -> None:
    """Let OpenMP end its idle threads before a fork (multiprocessing): the child would wait for ever for theirs.

    The threads belong to the thread that began them, and only the one that forks goes on in the child.
    """
    if hasattr(library, "omp_pause_resource_all"):  # of the OpenMP library that is linked; without one there are none
        os.register_at_fork(before=lambda: library.omp_pause_resource_all(OMP_PAUSE_HARD))
