"""The CUDA backend, on the current device through CuPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmc.backends.base import Backend, GrandWalker, Walker

if TYPE_CHECKING:
    from kmc.state.domains import Domains
    from kmc.state.grand_state import GrandState
    from kmc.state.rejection_free import RateBounds
    from kmc.state.replicas import State
    from kmc.state.system import System


def _problem() -> str:
    from kmc.backends.cuda_device import problem

    return problem()


def _walker(system: System, state: State, bounds: RateBounds | None, lags: int) -> Walker:
    from kmc.backends.cuda_walk import CudaWalker

    return CudaWalker(system.tables, state, system.seed, system.temperature_index, bounds, lags)


def _domain_walker(system: System, state: State, domains: Domains, lags: int) -> Walker:
    from kmc.backends.cuda_domains import CudaDomainWalker

    return CudaDomainWalker(system.tables, state, system.seed, system.temperature_index, domains, lags)


def _grand_walker(system: System, grand: GrandState) -> GrandWalker:
    from kmc.backends.cuda_grand import CudaGrandWalker

    return CudaGrandWalker(system.tables, grand, system.seed, system.temperature_index)


BACKEND = Backend("cuda", 0, _problem, _walker, _domain_walker, _grand_walker)
