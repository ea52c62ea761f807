"""What a run gathers for the thermodynamic factor and chemical diffusion, as the user asks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lattices.errors import InputError

MOST_WAVES = 2000  # random numbers of a wave begin 2^20 windows after those of the one before


@dataclass(frozen=True)
class Relaxation:
    """Waves of composition along an axis, set free one after another after the run, together as long as it.

    amplitude: of the ion carriers, over their mean. waves: how many, each from an arrangement of its own.
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
    """Density modes of every frame, and a scan over chemical potentials at the end.

    points: of the scan, step_kT apart, about the potential at which the composition of the run is the mean one.
    mu_eV: the potentials themselves instead, of the neutral component relative to the model's zero of energy.
    trials_per_carrier: of each point and replica, per ion carrier of the run.
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
