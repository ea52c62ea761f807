"""Registration: which observers a run has."""

from __future__ import annotations

from kmc.measure.carrier_samples import CarrierSamples
from kmc.measure.density_planes import DensityPlanes
from kmc.measure.lag_windows import LagWindows
from kmc.measure.msd import MeanSquareDisplacement
from kmc.measure.observer import Observer, Observers
from kmc.measure.profile import ProfileObserver
from kmc.run.settings import Settings
from kmc.state.frame_sums import FrameSums
from kmc.state.system import System


def observers_of(
    system: System, settings: Settings, sums: FrameSums | None = None, samples: CarrierSamples | None = None
) -> Observers:
    """New observers for a run: displacements always, what the settings ask for, the user's own, and `samples`.

    sums: of the walker, where it computes them.
    Raises InputError where two share a name.
    """
    windows = LagWindows(settings.frames, system.replicas, sums)
    members: list[Observer] = [MeanSquareDisplacement(windows, sums)]
    if settings.profile is not None:
        members.append(ProfileObserver(settings.profile, windows))
    if settings.thermodynamics is not None:
        members.append(DensityPlanes())
    members += [new() for new in settings.observers]
    if samples is not None:
        members.append(samples)
    return Observers([*members, windows])  # the windows last: they replace the snapshots that others read
