"""The NumPy backend, the reference that every other backend must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmc.backends.base import Backend, GrandWalker, Walker

if TYPE_CHECKING:
    from kmc.state.domains import Domains
    from kmc.state.grand_state import GrandState
    from kmc.state.rejection_free import RateBounds
    from kmc.state.replicas import State
    from kmc.state.system import System

CORES = 1 / 16  # of the compiled backend, which was 19 to 79 times as fast on one core (README.md)


def _walker(system: System, state: State, bounds: RateBounds | None, lags: int) -> Walker:
    if bounds is not None:
        from kmc.backends.numpy_rejection_free import NumpyRejectionFreeWalker

        return NumpyRejectionFreeWalker(system.tables, state, system.seed, system.temperature_index, bounds)
    from kmc.backends.numpy_walk import NumpyWalker

    return NumpyWalker(system.tables, state, system.seed, system.temperature_index)


def _domain_walker(system: System, state: State, domains: Domains, lags: int) -> Walker:
    from kmc.backends.numpy_domains import NumpyDomainWalker

    return NumpyDomainWalker(system.tables, state, system.seed, system.temperature_index, domains)


def _grand_walker(system: System, grand: GrandState) -> GrandWalker:
    from kmc.backends.numpy_grand import NumpyGrandWalker

    return NumpyGrandWalker(system.tables, grand, system.seed, system.temperature_index)


BACKEND = Backend("numpy", 2, lambda: "", _walker, _domain_walker, _grand_walker, cores=lambda: CORES)
