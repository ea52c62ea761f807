"""Runs that end when estimates are known well enough: what may be asked for, and how far a run has come.

The precision is checked at lengths that a fixed rule gives, each a quarter longer than the one before, so that a run
that was stopped and resumed ends at the same frame. Relative errors fall as one over the square root of the length,
which gives what is still needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from analysis.results import SPECIES_KEYS, Entry, RunResults, TransportResults
from lattices.errors import InputError
from lattices.suggestions import did_you_mean
from runs.schema.lengths import DurationSpec
from runs.schema.run_file import DRIFT

if TYPE_CHECKING:
    from kmc.state.system import System

GROWTH = 1.25  # between two checks
MOST_GROWTH = 256  # times the first production, where no wall time is given
PATIENCE = 4
TRACER: Final = "tracer_diffusivity_m2_s"
AFTERWARDS = ("thermodynamic", "chemical")  # estimates that the sampling after the last frame contributes to

Precision = float | Mapping[str, float]


@dataclass(frozen=True)
class Reached:
    """A relative standard error and the wanted one. error: infinite where there is no estimate, or only a bound.

    reason: why. missing: there is no estimate at all.
    """

    name: str
    error: float
    wanted: float
    reason: str | None = None
    missing: bool = False

    @property
    def enough(self) -> bool:
        """Whether the wanted precision is reached."""
        return self.error <= self.wanted

    @property
    def longer(self) -> float:
        """How many times the length of the run is needed, from errors that fall as its square root."""
        return (self.error / self.wanted) ** 2

    def __str__(self) -> str:
        """`ionic_conductivity_S_m 0.031 (0.02 asked)`."""
        known = f"{self.error:.3g}" if math.isfinite(self.error) else f"unknown: {self.reason}"
        return f"{self.name} {known} ({self.wanted:.3g} asked)"


def known_names(system: System) -> list[str]:
    """The estimates whose precision may be asked for in a run of this system."""
    import numpy as np

    if np.any(system.tables.field_V_per_m):
        return [DRIFT]
    model, counts = system.model, system.composition.counts
    names = [name for name in model.mobile if counts[name] and name not in model.placeholders]
    hosts = {hop.partner for hop in model.hops if hop.carrier in model.electronic} - model.electronic
    kinds = {hop.carrier in model.electronic for hop in model.hops if counts[hop.carrier]} | (
        {True} if system.band is not None else set()
    )
    found = [f"species.{name}.{key}" for name in sorted(set(names) - hosts) for key in SPECIES_KEYS]
    for key in TransportResults.__annotations__:
        both = key.startswith("ambipolar") or "transference" in key
        if (both and len(kinds) == 2) or (not both and (key.startswith("total") or key.startswith("elec") in kinds)):
            found.append(key)
    return found


def check_precision(system: System, wanted: Precision | None) -> None:
    """InputError for a figure that the run cannot give."""
    if wanted is None or isinstance(wanted, float):
        return
    known = known_names(system)
    for name in wanted:
        if name in known:
            continue
        if name.startswith(AFTERWARDS):
            raise InputError(
                f"run.duration.precision: the error of {name} follows from thermodynamics.trials_per_carrier as well, "
                "which the length of the run does not change; known are estimates of the transport alone"
            )
        raise InputError(f"run.duration.precision: {name!r}: known are {', '.join(known)}{did_you_mean(name, known)}")


def precision_lines(duration: DurationSpec) -> list[str]:
    """What a run with a wanted precision does, for people; none for other runs."""
    from kmc.run.settings import FIRST_PRODUCTION_HOPS

    if duration.precision is None:
        return []
    asked = duration.precision
    each = [f"{name} to {error:.3g}" for name, error in asked.items()] if isinstance(asked, Mapping) else []
    what = ", ".join(each) or f"D* of the first mobile species to {asked:.3g}"
    cap = duration.most_wall_s
    end = f"at most {cap:g} s of wall time" if cap else f"at most {MOST_GROWTH} times the first length"
    return [
        f"precision: each trajectory runs until it gives {what} (relative standard errors); it is checked after "
        f"{FIRST_PRODUCTION_HOPS:g} hops per carrier and whenever the run is {GROWTH - 1.0:.0%} longer; {end}. Errors "
        "fall as one over the square root of the length: half the error needs four times the time"
    ]


def next_check(planned: int, reached: int) -> int:
    """The first length in frames, `planned` or longer, at which the precision is checked from `reached` frames on."""
    frames, step = planned, 0
    while frames < reached:
        step += 1
        frames = math.ceil(planned * GROWTH**step)
    return frames


def at_an_end(found: list[Reached], frames: int, planned: int, cap_s: float | None) -> bool:
    """Whether a run need not, or without a wall time may not, become longer.

    An estimate that is still missing after PATIENCE times the first length is not waited for.
    """
    patient = frames < PATIENCE * planned
    waiting = [each for each in found if not each.enough and (patient or not each.missing)]
    return not waiting or (cap_s is None and frames >= MOST_GROWTH * planned)


def reached(results: RunResults, wanted: Precision) -> list[Reached]:
    """The relative errors of the wanted estimates."""
    if isinstance(wanted, Mapping):
        return [_reached(name, _entry(results, name), error) for name, error in wanted.items()]
    species = {name: entry[TRACER] for name, entry in results["species"].items()}
    first = next((name for name, entry in species.items() if entry["value"] is not None), next(iter(species), None))
    if first is None:
        return []
    return [_reached(f"species.{first}.{TRACER}", species[first], wanted)]


def _entry(results: RunResults, name: str) -> Entry:
    found: object = results
    for key in name.split(".", 2):
        found = cast("dict[str, object]", found)[key]
    return cast("Entry", found)


def _reached(name: str, entry: Entry, wanted: float) -> Reached:
    value, stderr = entry["value"], entry["stderr"]
    if value is None or stderr is None:
        return Reached(name, math.inf, wanted, entry.get("reason", "no estimate"), missing=True)
    if "bound: " in entry.get("note", ""):
        return Reached(name, math.inf, wanted, "the run is too short for more than a bound")
    if stderr == 0.0:
        return Reached(name, 0.0, wanted)
    return Reached(name, stderr / abs(value) if value else math.inf, wanted, "its value is zero")


def progress_line(found: list[Reached], frames: int, wall_s: float) -> str:
    """What the run has cost so far, what it gives, and what is still needed."""
    most = max((each.longer for each in found), default=0.0)
    line = f"after {frames} frames ({wall_s:.3g} s): {'; '.join(map(str, found))}"
    if most <= 1.0:
        return line
    if not math.isfinite(most):
        return f"{line}: longer"
    return f"{line}: about {most:.2g} times this length is needed, {wall_s * (most - 1.0):.2g} s more"


def outcome(found: list[Reached], frames: int, cap_s: float | None) -> tuple[str, bool]:
    """(note on the end of a run, whether it is a warning). cap_s: the wall time that ended it, if one did."""
    given = "; ".join(map(str, found))
    if all(each.enough for each in found):
        return f"precision reached in {frames} frames: {given}", False
    most = max(each.longer for each in found)
    needed = f": about {most:.2g} times this length is needed" if math.isfinite(most) else ""
    why = "" if cap_s is None else f" within the wall time of {cap_s:g} s"
    return f"precision not reached{why} in {frames} frames: {given}{needed}; more replicas or more cells help", True
