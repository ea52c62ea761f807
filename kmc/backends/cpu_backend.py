"""The compiled CPU backend."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kmc.backends.base import Backend, GrandWalker, Walker

if TYPE_CHECKING:
    from kmc.state.domains import Domains
    from kmc.state.grand_state import GrandState
    from kmc.state.rejection_free import RateBounds
    from kmc.state.replicas import State
    from kmc.state.system import System


def _problem() -> str:
    from kmc.backends.cpu_library import problem

    return problem()


def _walker(system: System, state: State, bounds: RateBounds | None, lags: int) -> Walker:
    from kmc.backends.cpu_walk import CpuWalker

    return CpuWalker(system.tables, state, system.seed, system.temperature_index, bounds)


def _domain_walker(system: System, state: State, domains: Domains, lags: int) -> Walker:
    from kmc.backends.cpu_domains import CpuDomainWalker

    return CpuDomainWalker(system.tables, state, system.seed, system.temperature_index, domains)


def _grand_walker(system: System, grand: GrandState) -> GrandWalker:
    from kmc.backends.cpu_grand import CpuGrandWalker

    return CpuGrandWalker(system.tables, grand, system.seed, system.temperature_index)


def _cores() -> float:
    return float(len(os.sched_getaffinity(0)))


BACKEND = Backend("cpu", 1, _problem, _walker, _domain_walker, _grand_walker, cores=_cores)
