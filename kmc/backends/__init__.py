"""Backends: the same walk on NumPy, on compiled CPU code and on CUDA. Trajectories are equal, bit for bit."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from kmc.backends.base import Backend, GrandWalker, Walker, Work
from kmc.state.domains import build_domains
from kmc.state.grand_state import GrandState
from kmc.state.rejection_free import build_rate_bounds
from kmc.state.replicas import State
from kmc.state.system import System
from lattices.errors import InputError
from lattices.suggestions import did_you_mean

__all__ = [
    "Backend",
    "GrandWalker",
    "Walker",
    "Work",
    "available_backends",
    "backend_named",
    "choose_backend",
    "make_grand_walker",
    "make_walker",
    "on_device",
    "too_little_work",
]

SELECTIONS = ("rejection", "rejection-free")
SUFFIX = "_backend"


def _registry() -> dict[str, Backend]:
    """Name -> backend, in the order in which "auto" tries them: every module *_backend of this package."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.endswith(SUFFIX))
    found: list[Backend] = [importlib.import_module(f"{__name__}.{name}").BACKEND for name in names]
    return {backend.name: backend for backend in sorted(found, key=lambda backend: backend.preference)}


def backend_named(name: str) -> Backend:
    """The backend of that name; InputError for a name that no backend has."""
    registry = _registry()
    if name not in registry:
        raise InputError(f"backend = {name!r}: auto, {', '.join(registry)} are allowed{did_you_mean(name, registry)}")
    return registry[name]


def available_backends() -> dict[str, str]:
    """Name -> "" if usable, else one line that says why not and what to do."""
    return {name: backend.problem() for name, backend in _registry().items()}


def choose_backend(name: str, work: Work | None = None, devices: Sequence[int] = ()) -> tuple[str, str]:
    """(name of a usable backend, why it was chosen).

    "auto" takes the first usable one that pays for the work, or the first usable one if no work is given. devices:
    numbers of the devices to be used; () for the current one. InputError for an unknown name, or for a named backend
    that cannot be used: a requested backend is never replaced by another one.
    """
    if name != "auto":
        if problem := _problem(backend_named(name), devices, asked_for=True):
            raise InputError(f"backend {name} cannot be used: {problem}")
        return name, "asked for"
    reasons: list[str] = []
    for candidate, backend in _registry().items():
        doubt = _problem(backend, devices) or (too_little_work(candidate, work) if work else "")
        if not doubt:
            return candidate, "; ".join([*reasons, _usable(candidate, work)])
        reasons.append(f"{candidate}: {doubt}")
    raise InputError(f"no backend can be used: {'; '.join(reasons)}")


def _problem(backend: Backend, devices: Sequence[int], asked_for: bool = False) -> str:
    """Why a backend cannot be used on these devices; "" if it can."""
    if not devices or backend.on is None:
        return backend.problem() or (f"it has no devices, {list(devices)} were given" if devices and asked_for else "")
    return next((problem for device in devices if (problem := backend.problem(device))), "")


@contextmanager
def on_device(name: str, devices: Sequence[int]) -> Iterator[None]:
    """Inside the with block the first device is the current one of this thread, if the backend has devices."""
    on = backend_named(name).on
    with on(devices[0]) if devices and on else nullcontext():
        yield


def too_little_work(name: str, work: Work) -> str:
    """Why another usable backend is expected to be faster for this work; "" if none is.

    The rule compares numbers of lanes and of cores, and never times anything, so that the choice can be foreseen.
    """
    if (needed := _lanes_needed(name, work)) <= work.lanes:
        return ""
    return f"{work.lanes} {work.unit} are too few, {_condition(name, work, needed)}"


def _usable(name: str, work: Work | None) -> str:
    needed = _lanes_needed(name, work) if work else 0
    if not work or not needed:
        return f"{name} is usable"
    return f"{name} is usable and pays: {work.lanes} {work.unit}, {_condition(name, work, needed)}"


def _condition(name: str, work: Work, needed: int) -> str:
    other = _competitor(name)
    against = f"{other.cores():g} cores" if other.cores() >= 1 else other.name
    return f"{needed} are needed to exceed {against}" + (" (rejection-free selection)" if work.rejection_free else "")


def _lanes_needed(name: str, work: Work) -> int:
    """From how many lanes a backend pays; 0 if it pays for any work."""
    per_core = backend_named(name).lanes_per_core
    return 0 if per_core is None else math.ceil(per_core(work) * _competitor(name).cores())


def _competitor(name: str) -> Backend:
    """The fastest usable backend other than this one."""
    others = [backend for backend in _registry().values() if backend.name != name and not backend.problem()]
    return max(others, key=lambda backend: backend.cores())


def make_walker(
    name: str,
    system: System,
    state: State,
    selection: str = "rejection",
    lags: int = 0,
    block: int | None = None,
) -> Walker:
    """A walker of a usable backend that owns `state`.

    selection: "rejection" or "rejection-free". lags: number of position snapshots that the run will keep beside the
    state. block: edge of the blocks in cells where the supercell is divided into domains. InputError for an unknown
    backend or selection, or for a supercell that cannot be divided that way.
    """
    backend = backend_named(name)
    if selection not in SELECTIONS:
        raise InputError(f"selection = {selection!r}: {', '.join(SELECTIONS)} are allowed")
    if block is not None:
        return backend.domain_walker(system, state, build_domains(system.tables, block), lags)
    bounds = build_rate_bounds(system.tables, state) if selection == "rejection-free" else None
    return backend.walker(system, state, bounds, lags)


def make_grand_walker(name: str, system: System, grand: GrandState) -> GrandWalker:
    """A grand-canonical walker of a usable backend that owns `grand`; InputError for an unknown backend."""
    return backend_named(name).grand_walker(system, grand)
