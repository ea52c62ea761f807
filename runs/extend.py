"""How long a finished run becomes when it is extended.

Frames keep their interval, so that the longer run is bit for bit the run that would have been made with as many frames
from the start: 1000 hops per carrier in 200 frames, extended to 5000, are 5000 hops per carrier in 1000 frames.
"""

from __future__ import annotations

import math
import tomllib
from fractions import Fraction
from pathlib import Path

from pydantic import ValidationError

from lattices.errors import InputError
from runs.prepare import Job
from runs.schema.run_file import DurationSpec

EXAMPLES = "hops_per_carrier=5000, time_s=1e-6 or precision=0.01"


def parse_extension(text: str) -> DurationSpec:
    """The length in `--extend hops_per_carrier=5000`; InputError for anything else."""
    try:
        return DurationSpec.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"--extend {text}: one of {EXAMPLES} is needed") from error


def extended_frames(job: Job, folder: Path, wanted: DurationSpec) -> int:
    """Frames of the run in a folder once it is as long as wanted; for a precision, those it has.

    Raises InputError for a run that is not finished, that is as long already, or that cannot be extended.
    """
    from kmc.run.engine import frames_reached, frozen_schedule
    from kmc.run.settings import Hops

    if job.settings.thermodynamics is not None:
        raise InputError(
            f"{folder}: a run with [thermodynamics] cannot be extended: its scan starts from the last frame"
        )
    reached, planned = frames_reached(folder), job.settings.frames
    if reached < planned:
        raise InputError(f"{folder}: the run is not finished: continue it with --resume first")
    if wanted.precision is not None:
        return reached
    if wanted.time_s is not None:
        frames = math.ceil(wanted.time_s / frozen_schedule(folder).frame_interval_s * (1.0 - 1e-12))
    else:
        length = job.settings.scheduled_duration
        if not isinstance(length, Hops):
            raise InputError("--extend hops_per_carrier: the length of this run was given as a time: use time_s")
        frames = math.ceil(Fraction(wanted.hops_per_carrier or 0) / Fraction(length.per_carrier) * planned)
    if frames <= reached:
        raise InputError(f"{folder}: the run has {reached} frames already; --extend asks for {frames}")
    return frames
