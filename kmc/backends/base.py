"""Interfaces of a backend: the walkers that the engine uses, and the entry in the registry."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from kmc.rng.poisson import WindowLengths
from kmc.state.carrier_sums import CarrierSums
from kmc.state.frame_sums import FrameSums
from kmc.state.grand_state import GrandState
from kmc.state.replicas import State

if TYPE_CHECKING:
    from kmc.state.domains import Domains
    from kmc.state.rejection_free import RateBounds
    from kmc.state.system import System


class Walker(Protocol):
    """A walk of all replicas, window by window. kernel: what it launches on a device, for messages; "" on the host."""

    name: str
    kernel: str

    @property
    def sums(self) -> FrameSums | None:
        """Sums over the particles of a frame on the device of the walk; None where NumPy computes them."""

    @property
    def window(self) -> int:
        """Index of the next window."""

    def advance(self, trials: NDArray[np.int64], sweeps: int = 1) -> None:
        """Walk one window.

        trials: (R,) number of trials of each replica. A rejection-free walk covers the time that these trials take on
        average. With domains the same time is divided into `sweeps` sweeps, each of them a window of its own;
        otherwise `sweeps` has no effect.
        """

    def advance_windows(self, windows: int, lengths: WindowLengths, sums: CarrierSums) -> NDArray[np.int64]:
        """Walk W windows of the given lengths, one after another, as `advance` does; not with domains.

        Returns (W, R, C, 3) int64, on the host: the summed positions of the carriers after each.
        """

    def advance_poisson(self, mean: int, key: tuple[int, int]) -> None:
        """Walk one window of `window_counts(mean, key, ...)` trials (kmc/rng/poisson.py)."""

    def positions(self) -> NDArray[np.int32]:
        """(R, M, 3) int32 unwrapped positions of all particles with ids, where the state is; a new array at each call.

        DisplacementOverflow where a particle has moved too far for its counters.
        """

    def counters(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(R, F) trials and accepted hops since the start. Read only."""

    def read(self) -> State:
        """The state after the last window, on the host. Read only."""

    def live(self) -> State:
        """The state after the last window; its arrays stay on the device of the walk, if there is one. Read only."""


class GrandWalker(Protocol):
    """A grand-canonical walk of all replicas."""

    def advance(self, trials: int, stage: int) -> None:
        """Walk one window of `trials` trials per replica with the random numbers of a stage."""

    def clear(self) -> None:
        """Reset the histogram."""

    def read(self) -> GrandState:
        """The state after the last window, on the host."""


@dataclass(frozen=True)
class Work:
    """What a run offers to a device at the same time, from which "auto" decides whether a backend pays.

    lanes: independent walks: replicas, or the blocks of one colour. unit: what a lane is, for messages. rejection_free:
    whether the selection is rejection-free, or may become so.
    """

    lanes: int
    unit: str = "replicas"
    rejection_free: bool = False


@dataclass(frozen=True)
class Backend:
    """An implementation of the walks. A module kmc/backends/*_backend.py that exports it as BACKEND is found by name.

    name: as in the run file. preference: "auto" takes the usable backend with the lowest one. problem: returns "" if
    the backend is usable, else one line that says why not and what to do; takes the number of a device where `on` is
    given, which makes that device the current one of a thread. walker, domain_walker, grand_walker: make a
    walker that owns the given state. bounds: None selects trials by rejection. lags: number of position snapshots
    that the run will keep beside the state, for the memory check of a device. The factories import their modules when
    called, so that asking for the list of backends stays cheap. lanes_per_core: how many lanes of a work this backend
    walks as fast as one core of the compiled one walks a single lane; None if it pays for any work. cores: such cores
    that this backend is worth. failure: one line on an error of a device, its memory or its driver; "" for any other.
    check_memory: InputError unless the bytes that a number of replicas needs are free on the device.
    """

    name: str
    preference: int
    problem: Callable[..., str]
    walker: Callable[[System, State, RateBounds | None, int], Walker]
    domain_walker: Callable[[System, State, Domains, int], Walker]
    grand_walker: Callable[[System, GrandState], GrandWalker]
    lanes_per_core: Callable[[Work], int] | None = None
    cores: Callable[[], float] = lambda: 0.0
    failure: Callable[[BaseException], str] = lambda error: ""
    on: Callable[[int], AbstractContextManager[object]] | None = None
    check_memory: Callable[[Callable[[int], int], int], None] = lambda needed, replicas: None
