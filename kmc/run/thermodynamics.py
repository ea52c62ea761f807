"""Thermodynamic sampling after a canonical run: a grand-canonical scan and relaxing waves."""

from __future__ import annotations

from functools import partial

import numpy as np

from kmc.files.writer import TrajectoryWriter
from kmc.run.progress import PhaseReport
from kmc.run.relaxation import relax
from kmc.run.scan import scan
from kmc.run.schedule import Schedule
from kmc.run.task import RunTask
from kmc.state.replicas import State

PARTS = ("grand_canonical", "relaxation")  # groups of the file


def sample_thermodynamics(
    task: RunTask,
    schedule: Schedule,
    state: State,
    writer: TrajectoryWriter,
    frames: int,
    report: PhaseReport,
) -> bool:
    """Run the grand-canonical scan and relaxation waves that are missing from the file, starting from `state`.

    frames: of the run so far. report: reports `done` of `total` of a phase. Each part is written as a whole, so that a
    resumed run begins with the first part that is missing. Returns False if asked to stop.
    """
    system, wanted = task.system, task.settings.thermodynamics
    no_component = isinstance(system.component, str)
    if wanted is None or no_component or np.any(system.tables.field_V_per_m):
        return True
    if not writer.holds("grand_canonical"):
        points = scan(system, wanted, state, task.backend, partial(report, "chemical potentials"), task.stop)
        if points is None:
            return False
        writer.add("grand_canonical", points.arrays())
    if wanted.relaxation and not writer.holds("relaxation"):
        waves = relax(task, wanted.relaxation, schedule, frames, partial(report, "relaxation"))
        if waves is None:
            return False
        writer.add("relaxation", waves.arrays())
    return True
