"""Backends: the same walk on NumPy, on compiled CPU code and on CUDA. Trajectories are equal, bit for bit."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kmc.state.domains import build_domains
from kmc.state.grand_state import GrandState
from kmc.state.rejection_free import build_selection
from kmc.state.replicas import State
from kmc.state.system import System
from lattices.errors import InputError

NAMES = ("cuda", "cpu", "numpy")  # in the order in which "auto" tries them


class Walker(Protocol):
    """What the engine asks of a backend."""

    name: str

    @property
    def window(self) -> int:
        """Index of the next window."""

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window of (R,) trials per replica; rejection-free, of the time that so many take on average.

        With domains, that time in so many sweeps, each a window of its own; elsewhere `sweeps` means nothing.
        """

    def counters(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R, F) trials and accepted hops since the start. Not to be changed."""

    def read(self) -> State:
        """The state after the last window, on the host. Not to be changed."""

    def live(self) -> State:
        """The state after the last window, its arrays where the walk has them (CuPy on a device). Not to be changed."""


class GrandWalker(Protocol):
    """What the grand-canonical walk asks of a backend."""

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of so many trials per replica with the random numbers of a stage."""

    def clear(self) -> None:
        """The histogram from nothing."""

    def read(self) -> GrandState:
        """The state after the last window, on the host."""


def available_backends() -> dict[str, str]:
    """Name -> "" if usable, else one line: why not and what to do."""
    return {name: _problem(name) for name in NAMES}


def choose_backend(name: str) -> tuple[str, str]:
    """("numpy" | "cpu" | "cuda", why). An explicit choice that cannot be had is an InputError, never replaced."""
    if name == "auto":
        problems: list[str] = []
        for candidate in NAMES:
            problem = _problem(candidate)
            if not problem:
                return candidate, "; ".join([*problems, f"{candidate} is usable"])
            problems.append(f"{candidate}: {problem}")
    if name not in NAMES:
        raise InputError(f"backend = {name!r}: auto, {', '.join(NAMES)} are allowed")
    problem = _problem(name)
    if problem:
        raise InputError(f"backend {name} cannot be used: {problem}")
    return name, "asked for"


def make_walker(
    name: str, system: System, state: State, selection: str = "rejection", lags: int = 0, block: int | None = None
) -> Walker:
    """A walker of a usable backend that owns `state`.

    selection: "rejection" or "rejection-free". lags: snapshots that the run will keep beside the state. block: edge of
    the blocks where the supercell is cut into domains; InputError if it cannot be cut so.
    """
    if block is not None:
        return _domain_walker(name, system, state, lags, block)
    bounds = build_selection(system.model, system.tables, state) if selection == "rejection-free" else None
    walkers = {"cpu": ("cpu_walk", "HostWalker"), "cuda": ("cuda_walk", "CudaWalker")}
    walkers["numpy"] = ("numpy_rejection_free", "SelectedWalker") if bounds else ("numpy_walk", "ReferenceWalker")
    module, kind = walkers[name]
    walker = getattr(importlib.import_module(f"kmc.backends.{module}"), kind)
    options: dict[str, Any] = {"selection": bounds} if bounds else {}
    options |= {"lags": lags} if name == "cuda" else {}
    made: Walker = walker(system.tables, state, system.seed, system.temperature_index, **options)
    return made


def _domain_walker(name: str, system: System, state: State, lags: int, block: int) -> Walker:
    domains = build_domains(system.tables, block)
    walkers = {"cpu": ("cpu_domains", "HostDomainWalker"), "cuda": ("cuda_domains", "CudaDomainWalker")}
    module, kind = walkers.get(name, ("numpy_domains", "DomainWalker"))
    walker = getattr(importlib.import_module(f"kmc.backends.{module}"), kind)
    options = {"lags": lags} if name == "cuda" else {}
    made: Walker = walker(system.tables, state, system.seed, system.temperature_index, domains=domains, **options)
    return made


def make_grand_walker(name: str, system: System, grand: GrandState) -> GrandWalker:
    """A grand-canonical walker of a usable backend that owns `grand`."""
    walkers = {"cpu": ("cpu_grand", "GrandHost"), "cuda": ("cuda_grand", "GrandCuda")}
    module, kind = walkers.get(name, ("numpy_grand", "GrandReference"))
    walker = getattr(importlib.import_module(f"kmc.backends.{module}"), kind)
    made: GrandWalker = walker(system.tables, grand, system.seed, system.temperature_index)
    return made


def _problem(name: str) -> str:
    """Why a backend cannot be used, or ""."""
    if name == "numpy":
        return ""
    module = importlib.import_module("kmc.backends." + {"cpu": "cpu_walk", "cuda": "cuda_walk"}[name])
    return str(module.problem())
