"""The CUDA backend, on the current device through CuPy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from kmc.backends.base import Backend, GrandWalker, Walker, Work

if TYPE_CHECKING:
    from kmc.state.domains import Domains
    from kmc.state.grand_state import GrandState
    from kmc.state.rejection_free import RateBounds
    from kmc.state.replicas import State
    from kmc.state.system import System

# Lanes that equal one core, with a thread per lane: a thread of a GPU takes about 64 times as long for a hop as a core,
# and about 200 times where it selects rejection-free. Estimated from counts of instructions and latencies.
LANES_PER_CORE, LANES_PER_CORE_REJECTION_FREE = 64, 200


def _problem(device: int | None = None) -> str:
    from kmc.backends.cuda_device import problem

    return problem(device) if device is not None else problem()


def _on(device: int) -> AbstractContextManager[object]:
    from kmc.backends.cuda_device import on

    return on(device)


def _walker(system: System, state: State, bounds: RateBounds | None, lags: int) -> Walker:
    from kmc.backends.cuda_walk import CudaWalker

    return CudaWalker(system.tables, state, system.seed, system.temperature_index, bounds, lags)


def _domain_walker(system: System, state: State, domains: Domains, lags: int) -> Walker:
    from kmc.backends.cuda_domains import CudaDomainWalker

    return CudaDomainWalker(system.tables, state, system.seed, system.temperature_index, domains, lags)


def _grand_walker(system: System, grand: GrandState) -> GrandWalker:
    from kmc.backends.cuda_grand import CudaGrandWalker

    return CudaGrandWalker(system.tables, grand, system.seed, system.temperature_index)


def _failure(error: BaseException) -> str:
    from kmc.backends.cuda_device import failure

    return failure(error)


def _check_memory(needed: Callable[[int], int], replicas: int) -> None:
    from kmc.backends.cuda_device import free_bytes
    from kmc.backends.cuda_memory import check_memory

    check_memory(needed, replicas, free_bytes())


def _lanes_per_core(work: Work) -> int:
    return LANES_PER_CORE_REJECTION_FREE if work.rejection_free else LANES_PER_CORE


BACKEND = Backend(
    "cuda",
    0,
    _problem,
    _walker,
    _domain_walker,
    _grand_walker,
    _lanes_per_core,
    failure=_failure,
    on=_on,
    check_memory=_check_memory,
)
