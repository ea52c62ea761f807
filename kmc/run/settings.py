"""Settings of a run: its length, what it measures, and the thermodynamic sampling that follows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from kmc.measure.observer import Observer
from kmc.measure.profile import ProfileSettings
from lattices.errors import InputError

FIRST_PRODUCTION_HOPS = 500.0  # hops per carrier of the first production of a run that is to reach a precision
SHORTEST_VISIT, LONGEST_VISIT = 0.01, 16.0  # hops of the fastest carrier; the error grows as the square of the visit
MOST_WAVES = 2000  # the random numbers of successive waves are 2^20 windows apart


@dataclass(frozen=True)
class Hops:
    """A duration as the mean number of hops per particle of the slowest mobile carrier species.

    The hops are counted over all replicas together. Raises InputError for a negative or non-finite number.
    """

    per_carrier: float

    def __post_init__(self) -> None:
        if not 0 <= self.per_carrier < math.inf:
            raise InputError(f"Hops(per_carrier={self.per_carrier}): a finite number of at least 0 is needed")


@dataclass(frozen=True)
class Seconds:
    """A duration as simulated time in seconds. Raises InputError for a negative or non-finite number."""

    value: float

    def __post_init__(self) -> None:
        if not 0 <= self.value < math.inf:
            raise InputError(f"Seconds(value={self.value}): a finite number of at least 0 is needed")


@dataclass(frozen=True)
class Precision:
    """A duration as relative standard errors to be reached.

    relative_error: of D* of the first mobile species, or estimate -> its error, as in {"ionic_conductivity_S_m": 0.02,
    "species.O.tracer_diffusivity_m2_s": 0.01}. wall_time_s: wall time after which each trajectory ends in any case.

    The engine runs a first production of FIRST_PRODUCTION_HOPS hops per carrier; the caller, who can estimate the
    errors (the engine does not import analysis), then extends the run until they are small enough. Raises InputError
    outside 0 < error < 1.
    """

    relative_error: float | Mapping[str, float]
    wall_time_s: float | None = None

    def __post_init__(self) -> None:
        given = self.relative_error if isinstance(self.relative_error, Mapping) else {"": self.relative_error}
        if not given or not all(0 < error < 1 for error in given.values()):
            raise InputError(f"Precision(relative_error={self.relative_error}): above 0 and below 1 is allowed")
        if self.wall_time_s is not None and not 0 < self.wall_time_s < math.inf:
            raise InputError(f"Precision(wall_time_s={self.wall_time_s}): more than 0 is needed")


@dataclass(frozen=True)
class DomainSettings:
    """How a large supercell is divided into blocks. Raises InputError for values out of range.

    block: smallest edge of a block in cells. hops_per_visit: mean hops of the fastest carrier while a block is active.
    """

    block: int = 12
    hops_per_visit: float = 0.5

    def __post_init__(self) -> None:
        if self.block < 1:
            raise InputError(f"run.parallel.domains.block = {self.block}: at least 1 cell is needed")
        if not SHORTEST_VISIT <= self.hops_per_visit <= LONGEST_VISIT:
            raise InputError(
                f"run.parallel.domains.hops_per_visit = {self.hops_per_visit}: from {SHORTEST_VISIT} to "
                f"{LONGEST_VISIT} is allowed"
            )


@dataclass(frozen=True)
class Relaxation:
    """Composition waves along one axis that relax after the run, one after another, in as much time as the run took.

    axis: lattice vector 0, 1 or 2. amplitude: of the site fraction of the ion carriers, over its mean. waves: how many,
    each from its own initial state. Raises InputError for values out of range.
    """

    axis: int = 2
    amplitude: float = 0.5
    waves: int = 8

    def __post_init__(self) -> None:
        if self.axis not in (0, 1, 2) or not 0 < self.amplitude <= 1:
            raise InputError("thermodynamics.relaxation: axis 0, 1 or 2 and an amplitude above 0 and up to 1")
        if not 1 <= self.waves <= MOST_WAVES:
            raise InputError(f"thermodynamics.relaxation.waves = {self.waves}: from 1 to {MOST_WAVES} is allowed")


@dataclass(frozen=True)
class Thermodynamics:
    """Density modes of every frame, and a grand-canonical scan over chemical potentials after the last frame.

    points: number of potentials of the scan, step_kT apart (in units of kT), centred on the potential whose mean
    composition is that of the run. mu_eV: the potentials themselves instead, of the neutral component relative to the
    model's zero of energy. trials_per_carrier: trials of each point and replica, per ion carrier of the run.
    relaxation: waves to follow after the scan, or None. Raises InputError for values out of range.
    """

    points: int = 7
    step_kT: float = 0.5
    mu_eV: tuple[float, ...] = ()
    trials_per_carrier: float = 1000.0
    relaxation: Relaxation | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.points <= 1000 or not 0 < self.step_kT <= 100 or not 1 <= self.trials_per_carrier <= 1e9:
            raise InputError("[thermodynamics]: points 1 to 1000, step_kT up to 100, trials_per_carrier 1 to 1e9")
        if any(not math.isfinite(mu) or abs(mu) > 1000 for mu in self.mu_eV):
            raise InputError(f"thermodynamics.mu_eV = {list(self.mu_eV)}: numbers up to 1000 eV are needed")


@dataclass(frozen=True)
class Settings:
    """How a system is simulated and what is recorded. Raises InputError for values out of range.

    equilibration: length of the simulation before the first frame; Hops(0) keeps it as short as the schedule allows.
    duration: length of the simulation from the first frame to the last; a Precision begins with a first production.
    frames: number of frames after the initial one, uniform in time. positions: replicas whose positions are written.
    checkpoint_every_s: wall time in seconds; longer where writing one takes over 5 % of it.
    selection: "auto" decides from the measured acceptance.
    observers: further observables, each a class (or another callable without arguments) that makes a new observer.
    """

    equilibration: Hops | Seconds = Hops(100.0)
    duration: Hops | Seconds | Precision = Hops(1000.0)
    frames: int = 200
    positions: Literal["none", "first", "all"] = "first"
    checkpoint_every_s: float = 60.0
    selection: Literal["auto", "rejection", "rejection-free"] = "auto"
    domains: DomainSettings | None = None
    profile: ProfileSettings | None = None
    thermodynamics: Thermodynamics | None = None
    observers: tuple[Callable[[], Observer], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.equilibration, Hops | Seconds):
            raise InputError(f"equilibration = {self.equilibration!r}: Hops or Seconds is needed")
        if not isinstance(self.duration, Hops | Seconds | Precision):
            raise InputError(f"duration = {self.duration!r}: Hops, Seconds or Precision is needed")
        if self.duration in (Hops(0.0), Seconds(0.0)):
            raise InputError(f"duration = {self.duration!r}: more than 0 is needed")
        if not 2 <= self.frames <= 1_000_000:
            raise InputError(f"frames = {self.frames}: from 2 to 1000000 is allowed")
        if self.selection not in ("auto", "rejection", "rejection-free"):
            raise InputError(f"selection = {self.selection!r}: auto, rejection, rejection-free are allowed")
        if self.domains and self.selection == "rejection-free":
            raise InputError('selection = "rejection-free": with domains, "auto" and "rejection" are allowed')

    @property
    def scheduled_duration(self) -> Hops | Seconds:
        """The length for which the production schedule is made; for a Precision, that of its first production."""
        return Hops(FIRST_PRODUCTION_HOPS) if isinstance(self.duration, Precision) else self.duration
