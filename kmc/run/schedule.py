"""How long a run lasts: equilibration until enough hops, then a production schedule frozen from integer counts.

Automatic choices use integer counts and fixed rules only, never timings, so that they repeat on every machine.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kmc.backends import Walker
from kmc.rng.philox import STREAM_POISSON, stream_key, words64
from kmc.rng.poisson import MAX_MEAN, poisson_counts
from kmc.run.settings import Seconds, Settings
from kmc.state.system import System
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

Selection = Literal["rejection", "rejection-free"]
FREE_BELOW = 10  # rejection-free selection where fewer than one trial in so many is accepted
ENOUGH_HOPS, ENOUGH_TRIALS = 1000, 2**22  # of all replicas: either is enough to judge the acceptance
LONGEST_MEAN = 2**50  # of a rejection-free window
PATIENCE = 2**33  # trials of all replicas without a single hop after which nothing is said to move


@dataclass
class Equilibration:
    """Progress of the equilibration; part of the checkpoint.

    mean: length of a window, in mean trials of the rejection clock. elapsed: time of all replicas together in the same
    unit, and what it was half way. selection: as used; "" while "auto" is undecided, where rejection is used. sweep:
    with domains, mean trials of a sweep and replica; else 0.
    """

    mean: int
    selection: str = ""
    elapsed: int = 0
    half_elapsed: int = -1
    windows: int = 0
    sweep: int = 0


@dataclass(frozen=True)
class Schedule:
    """Production as frozen after equilibration. mean: mean trials of the rejection clock per window and replica.

    sweep: with domains, most mean trials of a sweep and replica; else 0.
    """

    mean: int
    windows_per_frame: int
    frame_interval_s: float
    acceptance: float  # of the slowest carrier, over all trials of the rejection clock
    slowest: str
    selection: Selection
    sweep: int = 0

    @property
    def visit_share(self) -> float:
        """Length of a sweep over the wanted one: less than 1 where a frame is no whole number of them, or shorter."""
        return self.mean / -(-self.mean // self.sweep) / self.sweep if self.sweep else 1.0

    def as_dict(self) -> dict[str, Any]:
        """For files."""
        return asdict(self)


def window_trials(system: System, window: int, mean: int) -> NDArray[np.int64]:
    """(R,) Poisson numbers of trials of one window."""
    key = stream_key(system.seed, system.temperature_index, STREAM_POISSON)
    words = words64((0, window, 0, np.arange(system.replicas, dtype=np.uint64)), key)[0]
    return poisson_counts(mean, words)


def slowest_carrier(tables: EventTables, accepted: NDArray[np.int64]) -> tuple[int, int, int]:
    """(species code, hops, particles) of the carrier species with the fewest hops per particle, of those that may hop.

    accepted: (F,) hops of all replicas by family; particles are those of one replica.
    """
    best: tuple[int, int, int] | None = None
    for code in dict.fromkeys(int(c) for c in tables.carrier):
        particles = int(tables.counts[code])
        own = tables.carrier == code
        free = tables.counts[tables.partner[own]].any()  # something to exchange with
        if particles == 0 or not free or not tables.proposal_rate_per_s[own].any():
            continue
        hops = int(accepted[tables.carrier == code].sum())
        if best is None or hops * best[2] < best[1] * particles:
            best = (code, hops, particles)
    if best is None:
        raise InputError("no carrier to move: none is present, or none has a partner to exchange with")
    return best


def start_equilibration(system: System, settings: Settings) -> Equilibration:
    """First windows of about one trial per carrier and direction."""
    slots = sum(system.tables.proposals(f) for f in range(system.tables.n_families))
    selection = "" if settings.selection == "auto" else settings.selection
    if selection == "rejection-free" and not system.tables.tracked:
        raise InputError('selection = "rejection-free" needs track = "all"; "auto" and "rejection" are allowed')
    if system.tables.long_range and (selection == "rejection-free" or settings.domains):
        raise InputError(
            'coulomb energies reach everywhere: parallel = "replicas" and selection = "rejection" are needed'
        )
    sweep = sweep_trials(system, settings, np.zeros(system.tables.n_families, dtype=np.int64), 0)
    return Equilibration(mean=min(max(slots, 16), MAX_MEAN), selection=selection, sweep=sweep)


def decide_selection(tables: EventTables, settings: Settings, hops: int, trials: int, over: bool) -> str:
    """Selection by the acceptance seen, from counts of all replicas; "" while they are too few and it is not `over`."""
    if tables.single_barrier.all() or not tables.tracked or settings.domains or tables.long_range:
        return "rejection"
    if hops < ENOUGH_HOPS and trials < ENOUGH_TRIALS and not over:
        return ""
    return "rejection-free" if hops * FREE_BELOW < trials else "rejection"


def sweep_trials(system: System, settings: Settings, accepted: NDArray[np.int64], elapsed: int) -> int:
    """Mean trials of a sweep and replica after which the fastest carrier has made `hops_per_visit` hops each.

    accepted: (F,) hops of all replicas in `elapsed` trials. While they are too few every trial is taken for a hop.
    """
    if settings.domains is None:
        return 0
    tables, wanted = system.tables, Fraction(settings.domains.hops_per_visit)
    moving = tables.carrier[tables.proposal_rate_per_s > 0]
    codes = [c for c in dict.fromkeys(int(c) for c in moving) if tables.counts[c]]
    each = {c: int(accepted[tables.carrier == c].sum()) for c in codes}
    if accepted.sum() < ENOUGH_HOPS:
        return max(1, int(wanted * min(int(tables.counts[c]) for c in codes)))
    return max(1, int(min(wanted * int(tables.counts[c]) * elapsed / each[c] for c in codes if each[c])))


def window_length(system: System, settings: Settings, selection: str, window: int, mean: int) -> NDArray[np.int64]:
    """(R,) what a walker is told: Poisson numbers of trials, or rejection-free and with domains the time of `mean`."""
    if selection == "rejection-free" or settings.domains:
        return np.full(system.replicas, mean, dtype=np.int64)
    return window_trials(system, window, mean)


def advance_window(walker: Walker, system: System, settings: Settings, selection: str, mean: int, sweep: int) -> None:
    """Walk one window of `mean` mean trials of the rejection clock per replica; with domains in sweeps."""
    length = window_length(system, settings, selection, walker.window, mean)
    walker.advance(length, sweeps=-(-mean // sweep) if sweep else 1)


def equilibrated(
    system: System, settings: Settings, accepted: NDArray[np.int64], progress: Equilibration
) -> tuple[bool, float]:
    """Whether equilibration is over, and the share done; lengthens the windows and marks half way as it goes.

    accepted: (F,) hops of all replicas.
    """
    elapsed = progress.elapsed
    if isinstance(settings.equilibration, Seconds):
        wanted = settings.equilibration.value * system.tables.total_rate_per_s * system.replicas
        _mark_half(progress, 2 * elapsed >= wanted)
        return elapsed >= wanted, min(elapsed / wanted, 1.0) if wanted else 1.0
    _, hops, particles = slowest_carrier(system.tables, accepted)
    if hops == 0 and elapsed > PATIENCE:
        raise InputError(f"no hop of the slowest carrier in {elapsed} trials: nothing moves at this temperature")
    goal = max(Fraction(settings.equilibration.per_carrier) * particles * system.replicas, Fraction(100))
    share = Fraction(hops) / goal
    _mark_half(progress, 2 * share >= 1)
    longest = longest_mean(settings, progress.selection)
    if progress.windows >= 4 and 32 * share < progress.windows and progress.mean < longest:
        progress.mean = min(2 * progress.mean, longest)
    return share >= 1 and elapsed > progress.half_elapsed, float(min(share, Fraction(1)))


def longest_mean(settings: Settings, selection: str) -> int:
    """The longest window; a rejection-free one, or one of sweeps, needs no Poisson table of the whole."""
    return LONGEST_MEAN if selection == "rejection-free" or settings.domains else MAX_MEAN


def _mark_half(progress: Equilibration, reached: bool) -> None:
    """Acceptance is measured from half way on, when the start is forgotten."""
    if reached and progress.half_elapsed < 0:
        progress.half_elapsed = progress.elapsed


def freeze(
    system: System, settings: Settings, before: NDArray[np.int64], accepted: NDArray[np.int64], progress: Equilibration
) -> Schedule:
    """The production schedule from (F,) hops of all replicas half way through and at the end of equilibration."""
    tables = system.tables
    elapsed = progress.elapsed - progress.half_elapsed
    code, hops, particles = slowest_carrier(tables, accepted - before)
    acceptance = hops / elapsed if elapsed else 0.0
    duration = settings.scheduled_duration
    if isinstance(duration, Seconds):
        total = Fraction(duration.value) * Fraction(tables.total_rate_per_s)
    else:
        if hops == 0:
            raise InputError("no hop of the slowest carrier during equilibration: lengthen it")
        total = Fraction(duration.per_carrier) * particles * elapsed / hops
    per_frame = total / settings.frames
    windows = max(1, math.ceil(per_frame / longest_mean(settings, progress.selection)))
    mean = max(1, round(per_frame / windows))
    interval = mean * windows / tables.total_rate_per_s
    selection: Selection = "rejection-free" if progress.selection == "rejection-free" else "rejection"
    sweep = sweep_trials(system, settings, accepted - before, elapsed)
    return Schedule(mean, windows, interval, acceptance, tables.species[code], selection, sweep)
