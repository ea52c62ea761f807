"""Limits of the length of a window, so that a stop request is answered soon, and of the length of a run.

All limits are fixed numbers of trials or hops, never times, so that the windows are the same on every machine.
"""

from __future__ import annotations

from fractions import Fraction

from kmc.rng.poisson import MAX_MEAN
from kmc.run.settings import Hops, Seconds, Settings
from kmc.state.system import System
from lattices.errors import InputError

# At 10^7 sites one core makes about 10^7 trials/s (4 10^7 in small cells), or 10^6 rejection-free hops/s. Each lane
# keeps the second number even where there are many of them, so that a device has enough to do.
WINDOW_TRIALS, LANE_TRIALS = 2**25, 2**17
WINDOW_HOPS, LANE_HOPS = 2**21, 2**14
LONGEST_WINDOW = 2**50  # trials of the rejection clock
MOST_PENDING_BYTES = 2**26  # of frames that wait for the next checkpoint in memory
MOST_HOPS = 2**55  # of all replicas: a year at 10^9 hops/s
MOST_TRIALS = 2**58  # of all replicas: a year at 10^10 trials/s
MOST_CLOCK = 2**62  # trials of the rejection clock of one replica, which are counted in 64 bits


def longest_stretch(replicas: int) -> int:
    """Largest number of trials of each of `replicas` replicas between two checks for a stop request."""
    return max(LANE_TRIALS, WINDOW_TRIALS // replicas)


def longest_window(
    system: System, settings: Settings, selection: str, hops: int, trials: int, trials_per_sweep: int = 0
) -> int:
    """Largest mean number of trials of a window and replica.

    hops, trials: of all replicas and families so far, for rejection-free selection, whose cost lies in the hops. With
    domains a window holds at least one sweep.
    """
    replicas = system.replicas
    most = longest_stretch(replicas)
    if settings.domains:
        return max(most, trials_per_sweep)
    if selection == "rejection-free":
        most_hops = max(LANE_HOPS, WINDOW_HOPS // replicas)
        return max(1, min(most_hops * trials // max(hops, 1), LONGEST_WINDOW))
    return min(most, MAX_MEAN)


def check_durations(system: System, settings: Settings) -> None:
    """InputError for an equilibration or a duration that is too long for any machine, or below one trial per frame."""
    clock = Fraction(system.tables.total_rate_per_s)
    carriers = {int(c) for c in system.tables.carrier[system.tables.proposal_rate_per_s > 0]}
    fewest = min((int(system.tables.counts[c]) for c in carriers if system.tables.counts[c]), default=1)
    for name, length in (
        ("run.equilibration", settings.equilibration),
        ("run.duration", settings.scheduled_duration),
    ):
        if isinstance(length, Hops):
            _check_hops(name, length, fewest * system.replicas)
        elif Fraction(length.value) * clock > MOST_CLOCK:
            raise InputError(
                f"{name}: time_s = {length.value:g} s: at most {float(MOST_CLOCK / clock):.3g} s is allowed"
            )
    duration = settings.scheduled_duration
    if isinstance(duration, Seconds) and 2 * Fraction(duration.value) * clock < settings.frames:
        least = float(settings.frames / clock)
        raise InputError(
            f"run.duration: time_s = {duration.value:g} s: {settings.frames} frames of a trial each need {least:.3g} s"
        )


def _check_hops(name: str, length: Hops, carriers: int) -> None:
    if Fraction(length.per_carrier) * carriers > MOST_HOPS:
        raise InputError(
            f"{name}: hops_per_carrier = {length.per_carrier:g} of {carriers} carriers: at most "
            f"{MOST_HOPS / carriers:.3g} is allowed, a year at 10^9 hops/s"
        )


def check_schedule(
    system: System, settings: Settings, selection: str, per_frame: Fraction, hops: int, trials: int
) -> None:
    """InputError for a schedule whose production would take years.

    per_frame: trials of the rejection clock per frame and replica. hops, trials: measured, of all replicas together.
    """
    total = per_frame * settings.frames
    whole = total * system.replicas
    too_many_hops = whole * hops > MOST_HOPS * trials
    if total > MOST_CLOCK or too_many_hops or (selection != "rejection-free" and whole > MOST_TRIALS):
        expected = float(whole * hops / trials) if trials else 0.0
        raise InputError(
            f"run.duration: {float(whole):.3g} trials with about {expected:.3g} hops are needed; at most "
            f"{MOST_TRIALS:.3g} trials and {MOST_HOPS:.3g} hops are allowed, a year on the fastest machine"
        )
