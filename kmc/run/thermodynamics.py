"""What follows a canonical run where thermodynamics was asked for: a grand-canonical scan and relaxing waves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, Protocol

import numpy as np

from kmc.carriers.neutral_component import neutral_component
from kmc.files.writer import TrajectoryWriter
from kmc.run.relaxation import relax
from kmc.run.scan import scan
from kmc.run.schedule import Schedule
from kmc.run.settings import Settings
from kmc.state.replicas import State
from kmc.state.system import System


class Tell(Protocol):
    """Progress of a phase."""

    def __call__(self, phase: Literal["chemical potentials", "relaxation"], done: int, total: int) -> None:
        """So many of so many."""


def afterwards(
    system: System,
    settings: Settings,
    schedule: Schedule,
    state: State,
    backend: str,
    writer: TrajectoryWriter,
    tell: Tell,
    stop: Callable[[], bool],
) -> bool:
    """Walk what the file does not hold yet, from the arrangement reached; False if asked to stop.

    Each part is written whole, so that a run that goes on begins with the first part that is missing.
    """
    wanted = settings.thermodynamics
    lacking = isinstance(neutral_component(system.tables, system.model.vacancies), str)
    if wanted is None or lacking or np.any(system.tables.field_V_per_m):
        return True
    if not writer.holds("grand_canonical"):
        points = scan(system, wanted, state, backend, partial(tell, "chemical potentials"), stop)
        if points is None:
            return False
        writer.add("grand_canonical", points.arrays())
    if wanted.relaxation and not writer.holds("relaxation"):
        wave = relax(system, settings, schedule, backend, partial(tell, "relaxation"), stop)
        if wave is None:
            return False
        writer.add("relaxation", wave.arrays())
    return True
