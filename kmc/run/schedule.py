"""Length of a run: equilibration until enough hops have occurred, then a production schedule that stays fixed.

Automatic choices use integer counts and fixed rules only, never timings, so that they are the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kmc.backends import Walker, Work
from kmc.rng.philox import STREAM_POISSON, stream_key
from kmc.rng.poisson import WindowLengths, window_counts
from kmc.run.limits import check_durations, check_schedule, longest_window
from kmc.run.sampling import samples_per_frame
from kmc.run.settings import Seconds, Settings
from kmc.state.domains import build_domains
from kmc.state.system import System
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

Selection = Literal["rejection", "rejection-free"]
FREE_BELOW = 10  # rejection-free selection where less than one trial in FREE_BELOW is accepted
ENOUGH_HOPS, ENOUGH_TRIALS = 1000, 2**22  # of all replicas: either is enough to judge the acceptance
PATIENCE = 2**33  # trials of all replicas without a hop of the slowest carrier, after which the run is refused


@dataclass
class Equilibration:
    """Progress of the equilibration; part of the checkpoint.

    Times are in mean trials of the rejection clock. trials_per_window: length of a window, per replica.
    trials_per_sweep: with domains, length of a sweep, per replica; else 0. selection: as used; "" while "auto" is
    undecided and rejection is used. windows: completed so far. elapsed: time of all replicas together; half_elapsed:
    its value at half time, -1 before; half_accepted: (F,) hops of all replicas at that moment.
    """

    trials_per_window: int
    half_accepted: list[int]
    selection: str = ""
    elapsed: int = 0
    half_elapsed: int = -1
    windows: int = 0
    trials_per_sweep: int = 0


@dataclass(frozen=True)
class Schedule:
    """Production as fixed at the end of equilibration.

    trials_per_window: mean trials of the rejection clock per window and replica. trials_per_sweep: with domains, the
    largest mean number of trials of a sweep and replica; else 0. frame_interval_s: simulated seconds between frames.
    hops_per_trial: of the slowest carrier, over the mean trials of the rejection clock, in which each family tries at
    its reference rate; unlike an acceptance it may exceed 1. slowest: its name. samples_per_frame: how often the summed
    displacements of the carriers are kept, a divisor of windows_per_frame. windows_at_once: walked between two checks
    for a stop request.
    """

    trials_per_window: int
    windows_per_frame: int
    frame_interval_s: float
    hops_per_trial: float
    slowest: str
    selection: Selection
    trials_per_sweep: int = 0
    samples_per_frame: int = 1
    windows_at_once: int = 1

    @property
    def visit_share(self) -> float:
        """Length of a sweep over the wanted one: below 1 where a window is shorter, or no whole number of sweeps."""
        if not self.trials_per_sweep:
            return 1.0
        sweeps = -(-self.trials_per_window // self.trials_per_sweep)
        return self.trials_per_window / sweeps / self.trials_per_sweep


def window_trials(system: System, window: int, mean: int) -> NDArray[np.int64]:
    """(R,) Poisson numbers of trials of one window with the given mean."""
    return window_counts(mean, _poisson_key(system), window, system.replicas)


def _poisson_key(system: System) -> tuple[int, int]:
    return stream_key(system.seed, system.temperature_index, STREAM_POISSON)


def slowest_carrier(tables: EventTables, accepted: NDArray[np.int64]) -> tuple[int, int, int]:
    """(species code, hops, particles) of the species with the fewest hops per particle among carriers that can hop.

    accepted: (F,) hops of all replicas by family; particles are those of one replica. InputError if none can hop.
    """
    best: tuple[int, int, int] | None = None
    for code in dict.fromkeys(int(c) for c in tables.carrier):
        particles = int(tables.counts[code])
        own = tables.carrier == code
        partners = tables.counts[tables.partner[own]].any()
        if particles == 0 or not partners or not tables.proposal_rate_per_s[own].any():
            continue
        hops = int(accepted[tables.carrier == code].sum())
        if best is None or hops * best[2] < best[1] * particles:
            best = (code, hops, particles)
    if best is None:
        raise InputError(
            "crystal.vacancies, crystal.carriers: no carrier can move: none is present, or none has a partner to "
            "exchange with"
        )
    return best


def start_equilibration(system: System, settings: Settings) -> Equilibration:
    """The first windows have about one trial per carrier and direction.

    Raises InputError where the selection or the domains do not suit the system, or a duration is absurd.
    """
    check_durations(system, settings)
    slots = sum(system.tables.proposals(f) for f in range(system.tables.n_families))
    selection = "" if settings.selection == "auto" else settings.selection
    if selection == "rejection-free" and not system.tables.tracked:
        raise InputError('run.selection = "rejection-free" needs track = "all"; "auto" and "rejection" are allowed')
    if system.tables.long_range and (selection == "rejection-free" or settings.domains):
        raise InputError(
            'Coulomb energies have no cut-off: run.parallel = "replicas" and run.selection = "rejection" are needed'
        )
    none = np.zeros(system.tables.n_families, dtype=np.int64)
    longest = longest_window(system, settings, "rejection", 0, 0)
    return Equilibration(
        trials_per_window=min(max(slots, 16), longest),
        half_accepted=none.tolist(),
        selection=selection,
        trials_per_sweep=sweep_trials(system, settings, none, 0),
    )


def decide_selection(tables: EventTables, settings: Settings, hops: int, trials: int, over: bool) -> str:
    """The selection that suits the measured acceptance; "" while the counts are too small to judge.

    hops, trials: of all replicas. over: equilibration has ended, so that the counts at hand must do.
    """
    if not _may_be_rejection_free(tables, settings):
        return "rejection"
    if hops < ENOUGH_HOPS and trials < ENOUGH_TRIALS and not over:
        return ""
    return "rejection-free" if hops * FREE_BELOW < trials else "rejection"


def _may_be_rejection_free(tables: EventTables, settings: Settings) -> bool:
    return not (tables.single_barrier.all() or not tables.tracked or settings.domains or tables.long_range)


def work_of(system: System, settings: Settings) -> Work:
    """What a run offers to a device at the same time: its replicas, or the blocks of one colour of all replicas."""
    if settings.domains:
        blocks = build_domains(system.tables, settings.domains.block).per_colour * system.replicas
        return Work(blocks, "blocks of a colour")
    free = settings.selection != "rejection" and _may_be_rejection_free(system.tables, settings)
    return Work(system.replicas, rejection_free=free or settings.selection == "rejection-free")


def sweep_trials(system: System, settings: Settings, accepted: NDArray[np.int64], elapsed: int) -> int:
    """Mean trials per sweep and replica in which the fastest carrier makes `hops_per_visit` hops; 0 without domains.

    accepted: (F,) hops of all replicas in `elapsed` trials. While they are few, every trial is assumed to be accepted.
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
    """(R,) length of a window for the walker: Poisson numbers of trials of the given mean; rejection-free and with
    domains, where time passes between trials, the mean itself.
    """
    return window_lengths(system, settings, selection, mean).of(window, 1, system.replicas)[0]


def window_lengths(system: System, settings: Settings, selection: str, mean: int) -> WindowLengths:
    """Lengths of windows, as `window_length`."""
    timed = selection == "rejection-free" or settings.domains
    return WindowLengths(mean, None if timed else _poisson_key(system))


def advance_window(
    walker: Walker, system: System, settings: Settings, selection: str, trials_per_window: int, trials_per_sweep: int
) -> None:
    """Walk one window, given in mean trials of the rejection clock per replica; with domains in whole sweeps."""
    if selection != "rejection-free" and not settings.domains:
        walker.advance_poisson(trials_per_window, _poisson_key(system))
        return
    length = window_length(system, settings, selection, walker.window, trials_per_window)
    walker.advance(length, sweeps=-(-trials_per_window // trials_per_sweep) if trials_per_sweep else 1)


def equilibrated(
    system: System, settings: Settings, accepted: NDArray[np.int64], progress: Equilibration
) -> tuple[bool, float]:
    """Whether equilibration is over, and the share of it that is done.

    Updates `progress`: it doubles the windows where they are short, and records half way. accepted: (F,) hops of all
    replicas. Raises InputError if the slowest carrier does not move at all.
    """
    elapsed = progress.elapsed
    if isinstance(settings.equilibration, Seconds):
        wanted = settings.equilibration.value * system.tables.total_rate_per_s * system.replicas
        _record_half(progress, 2 * elapsed >= wanted, accepted)
        return elapsed >= wanted, min(elapsed / wanted, 1.0) if wanted else 1.0
    _, hops, particles = slowest_carrier(system.tables, accepted)
    if hops == 0 and elapsed > PATIENCE:
        raise InputError(
            f"run.temperature_K = {system.tables.temperature_K:g}: no hop of the slowest carrier in {elapsed} trials: "
            "nothing moves at this temperature"
        )
    goal = max(Fraction(settings.equilibration.per_carrier) * particles * system.replicas, Fraction(100))
    share = Fraction(hops) / goal
    _record_half(progress, 2 * share >= 1, accepted)
    hops_of_all = int(accepted.sum())
    longest = longest_window(system, settings, progress.selection, hops_of_all, elapsed, progress.trials_per_sweep)
    if progress.windows >= 4 and 32 * share < progress.windows and progress.trials_per_window < longest:
        progress.trials_per_window = min(2 * progress.trials_per_window, longest)
    return share >= 1 and elapsed > progress.half_elapsed, float(min(share, Fraction(1)))


def _record_half(progress: Equilibration, reached: bool, accepted: NDArray[np.int64]) -> None:
    """Keep the counts half way through: the acceptance is measured from there, when the start is forgotten."""
    if reached and progress.half_elapsed < 0:
        progress.half_elapsed, progress.half_accepted = progress.elapsed, accepted.tolist()


def freeze(system: System, settings: Settings, accepted: NDArray[np.int64], progress: Equilibration) -> Schedule:
    """The production schedule from the second half of equilibration.

    accepted: (F,) hops of all replicas at its end. Raises InputError if the slowest carrier has not moved meanwhile.
    """
    accepted = accepted - np.array(progress.half_accepted)
    tables = system.tables
    elapsed = progress.elapsed - progress.half_elapsed
    code, hops, particles = slowest_carrier(tables, accepted)
    hops_per_trial = hops / elapsed if elapsed else 0.0
    duration = settings.scheduled_duration
    if isinstance(duration, Seconds):
        total = Fraction(duration.value) * Fraction(tables.total_rate_per_s)
    else:
        if hops == 0:
            raise InputError("run.equilibration: no hop of the slowest carrier during equilibration: lengthen it")
        total = Fraction(duration.per_carrier) * particles * elapsed / hops
    per_frame = total / settings.frames
    all_hops, sweep = int(accepted.sum()), sweep_trials(system, settings, accepted, elapsed)
    check_schedule(system, settings, progress.selection, per_frame, all_hops, elapsed)
    longest = longest_window(system, settings, progress.selection, all_hops, elapsed, sweep)
    samples = samples_per_frame(system, settings, per_frame * hops / elapsed / particles, particles) if elapsed else 1
    windows = samples * max(1, math.ceil(per_frame / samples / longest))
    trials = max(1, round(per_frame / windows))
    return Schedule(
        trials_per_window=trials,
        windows_per_frame=windows,
        frame_interval_s=trials * windows / tables.total_rate_per_s,
        hops_per_trial=hops_per_trial,
        slowest=tables.species[code],
        selection="rejection-free" if progress.selection == "rejection-free" else "rejection",
        trials_per_sweep=sweep,
        samples_per_frame=samples,
        windows_at_once=max(1, longest // trials),
    )
