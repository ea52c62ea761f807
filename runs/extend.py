"""How long a finished run becomes when it is extended.

Frames keep their interval, so that the longer run is bit for bit the run that would have been made with as many frames
from the start: 1000 hops per carrier in 200 frames, extended to 5000, are 5000 hops per carrier in 1000 frames. The
scan and the waves of [thermodynamics] start from the last frame, so that they are made again. The run file keeps the
new length under [resolved.extension], from which `--resume` continues an extension that was interrupted.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from pydantic import ValidationError

from lattices.errors import InputError
from runs.precision import check_precision
from runs.prepare import Job
from runs.schema.lengths import DurationSpec
from runs.trajectory import Length

EXAMPLES = "hops_per_carrier=5000, time_s=1e-6 or precision={ionic_conductivity_S_m=0.02}, wall_time_h=8"


def parse_extension(text: str) -> DurationSpec:
    """The length in `--extend hops_per_carrier=5000`; InputError for anything else."""
    try:
        return DurationSpec.model_validate(tomllib.loads(f"length = {{ {text} }}")["length"])
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"--extend {text}: one of {EXAMPLES} is needed") from error


def extended(jobs: Sequence[Job], folder: Path, wanted: DurationSpec, again: bool) -> list[Length]:
    """The lengths of all trajectories of the run in a folder once it is extended.

    again: continue an extension that was interrupted. Raises InputError for a run that is not finished, that is as
    long already, or whose length was given in another unit.
    """
    lengths = []
    for job in jobs:
        check_precision(job.system, wanted.precision)
        part = folder / job.part
        reached, frames = frames_of(job, part, wanted)
        if reached < job.settings.frames and job.config.run.duration.most_wall_s is None:
            raise InputError(f"{part}: the run is not finished: continue it with --resume first")
        lengths.append((reached, Length(max(frames, reached), wanted.precision, wanted.most_wall_s)))
    if not again and wanted.precision is None and all(reached >= each.frames for reached, each in lengths):
        raise InputError(f"{folder}: the run has {lengths[0][0]} frames already; --extend asks for no more")
    return [each for _, each in lengths]


def frames_of(job: Job, folder: Path, wanted: DurationSpec) -> tuple[int, int]:
    """(frames that the run in a folder has, those of the wanted length); for a precision, those it has."""
    from kmc.run.engine import frames_reached, frozen_schedule
    from kmc.run.settings import Hops

    reached = frames_reached(folder)
    if wanted.precision is not None:
        return reached, reached
    if wanted.time_s is not None:
        return reached, math.ceil(wanted.time_s / frozen_schedule(folder).frame_interval_s * (1.0 - 1e-12))
    length = job.settings.scheduled_duration
    if not isinstance(length, Hops):
        raise InputError("--extend hops_per_carrier: the length of this run was given as a time: use time_s")
    planned = job.settings.frames
    return reached, math.ceil(Fraction(wanted.hops_per_carrier or 0) / Fraction(length.per_carrier) * planned)
