"""Whether a run is in equilibrium: hop rates and D* of its two halves compared.

Carriers that are still being trapped, or a composition that still orders, change both. The differences are taken within
each independent sample, so that scatter between samples cancels; Student's t with a false-alarm rate of FALSE_ALARM for
each comparison. A drift that is slower than the run, or smaller than its errors, is not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, Unavailable, jackknife_stderr, leave_one_out, student_limit
from analysis.statistics.independent_samples import IndependentSamples, group_blocks

if TYPE_CHECKING:
    from analysis.transport.analysis import TransportAnalysis
    from kmc.files.trajectory import Trajectory

FALSE_ALARM = 1e-3
ADVICE = "the run is not in equilibrium: lengthen run.equilibration"


def drift_lines(analysis: TransportAnalysis) -> list[str]:
    """A line for each hop family and each species that changes from the first to the second half of the run.

    Empty where the samples are parts of the run themselves: with fewer than four replicas.
    """
    trajectory, independent = analysis.trajectory, analysis.independent
    if isinstance(independent, Unavailable) or independent.groups > 1:
        return []
    lines = []
    for f, family in enumerate(trajectory.families):
        halves = _hops(trajectory, independent, f)
        lines.append(_line(f"the rate of {family.name}", *halves))
    for record in trajectory.species:
        tracer = analysis.tracer(record.name) if record.mobile and record.count else None
        if tracer is None or isinstance(tracer, Unavailable) or trajectory.msd_windows.shape[1] < 2:
            continue
        s = [each.name for each in trajectory.species].index(record.name)
        halves = _slopes(trajectory, independent, s, tracer.stored[:2])
        lines.append(_line(f"D* of {record.name}", *halves))
    return [line for line in lines if line]


def _line(what: str, early: FloatArray, late: FloatArray) -> str | None:
    """A line if two (U+1,) jackknife samples differ significantly."""
    change = late - early
    if not (early[0] > 0.0 and abs(change[0]) > student_limit(change, FALSE_ALARM)):
        return None
    relative, error = float(change[0] / early[0]), float(jackknife_stderr(change) / early[0])
    return (
        f"{what} changes by {relative:+.1%} (error {error:.1%}) from the first to the second half of the run: {ADVICE}"
    )


def _hops(trajectory: Trajectory, independent: IndependentSamples, family: int) -> tuple[FloatArray, FloatArray]:
    """(U+1,) hops of a family in both halves, per independent sample."""
    counts = trajectory.accepted[:, :, family]
    middle = trajectory.n_frames // 2
    halves = []
    for begin, end in ((0, middle), (trajectory.n_frames - middle, trajectory.n_frames)):
        of_sample = np.zeros(independent.n_samples)
        np.add.at(of_sample, independent.sample_of[:, 0], (counts[end] - counts[begin]).astype(np.float64))
        halves.append(leave_one_out(of_sample) / leave_one_out(np.ones(independent.n_samples)))
    return halves[0], halves[1]


def _slopes(
    trajectory: Trajectory, independent: IndependentSamples, s: int, lags: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """(U+1,) slopes per frame between two stored lags from the windows that ended in each half of the run."""
    squared = (trajectory.grid_vectors_m @ trajectory.grid_vectors_m.T)[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    weight = squared * np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    moments = group_blocks(trajectory.second_moment[lags][:, :, :, s], 1, 2) @ weight  # (2 lags, 2 halves, R)
    windows = group_blocks(trajectory.msd_windows[lags], 1, 2)  # (2 lags, 2 halves)
    frames = np.diff(trajectory.lag_frames[lags])[0]
    halves = []
    for half in range(2):
        summed = independent.pool(moments[:, half].T[:, None])  # (U+1, 2 lags)
        number = independent.pool(np.broadcast_to(windows[:, half], (trajectory.replicas, 1, 2)))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = summed / number / trajectory.species[s].count
        halves.append(np.asarray((mean[:, 1] - mean[:, 0]) / frames))
    return halves[0], halves[1]
