"""Whether a run is in equilibrium: hop rates and D* of its two halves compared.

Carriers that are still being trapped, or a composition that still orders, change both. The differences are taken within
each independent sample, so that scatter between samples cancels; Student's t with a false-alarm rate of FALSE_ALARM for
each comparison. With fewer than four replicas the samples are parts of the run; the trend over the parts is then
compared with their scatter about it. A drift that is slower than the run, or smaller than its errors, is not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import (
    FloatArray,
    Unavailable,
    jackknife_stderr,
    leave_one_out,
    student_limit,
    student_quantile,
)
from analysis.statistics.independent_samples import IndependentSamples, group_blocks, group_edges

if TYPE_CHECKING:
    from analysis.transport.analysis import TransportAnalysis
    from kmc.files.trajectory import Trajectory

FALSE_ALARM = 1e-3
ADVICE = "the run is not in equilibrium: lengthen run.equilibration"


def drift_lines(analysis: TransportAnalysis) -> list[str]:
    """A line for each hop family and each species that changes in the course of the run."""
    trajectory, independent = analysis.trajectory, analysis.independent
    if isinstance(independent, Unavailable):
        return []
    lines = []
    for f, family in enumerate(trajectory.families):
        what = f"the rate of {family.name}"
        if independent.groups > 1:
            lines.append(_trend_line(what, _hops_of_groups(trajectory, independent, f)))
        else:
            lines.append(_line(what, *_hops(trajectory, independent, f)))
    for record in trajectory.species:
        tracer = analysis.tracer(record.name) if record.mobile and record.count else None
        if tracer is None or isinstance(tracer, Unavailable) or trajectory.msd_windows.shape[1] < 2:
            continue
        what = f"D* of {record.name}"
        s = [each.name for each in trajectory.species].index(record.name)
        if independent.groups > 1:
            lines.append(_trend_line(what, _slopes_of_groups(trajectory, independent, s, tracer.stored[:2])))
        else:
            lines.append(_line(what, *_slopes(trajectory, independent, s, tracer.stored[:2])))
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


def _trend_line(what: str, values: FloatArray) -> str | None:
    """A line if the (R, G) values of G parts of each replica rise or fall along the run.

    Least squares with one slope and a constant for each replica; Student's t with R G - R - 1 degrees of freedom.
    """
    replicas, groups = values.shape
    dof = replicas * groups - replicas - 1
    place = np.arange(groups) - (groups - 1) / 2.0
    centred = values - values.mean(axis=1, keepdims=True)
    squared = replicas * float(place @ place)
    slope = float((centred @ place).sum()) / squared
    scatter = float(((centred - slope * place) ** 2).sum()) / dof if dof > 0 else float("inf")
    error = float(np.sqrt(scatter / squared))
    mean = float(values.mean())
    if not (mean > 0.0 and abs(slope) > student_quantile(dof, FALSE_ALARM) * error):
        return None
    over_all = (groups - 1) / mean
    return (
        f"{what} changes by {slope * over_all:+.1%} (error {error * over_all:.1%}) from the first to the last of "
        f"{groups} parts of the run: {ADVICE}"
    )


def _hops_of_groups(trajectory: Trajectory, independent: IndependentSamples, family: int) -> FloatArray:
    """(R, G) hops of a family per frame, in each time group."""
    edges = group_edges(trajectory, independent.groups)
    return np.asarray((np.diff(trajectory.accepted[edges, :, family], axis=0) / np.diff(edges)[:, None]).T)


def _slopes_of_groups(trajectory: Trajectory, independent: IndependentSamples, s: int, lags: np.ndarray) -> FloatArray:
    """(R, G) slopes per frame between two stored lags, from the windows that ended in each time group."""
    moments, windows = _moments(trajectory, s, lags, independent.groups)  # (2, G, R), (2, G)
    mean = moments / windows[..., None] / trajectory.species[s].count
    return np.asarray((mean[1] - mean[0]).T / np.diff(trajectory.lag_frames[lags])[0])


def _moments(trajectory: Trajectory, s: int, lags: np.ndarray, groups: int) -> tuple[FloatArray, np.ndarray]:
    """((L, G, R) summed squared displacements at L stored lags by time group, (L, G) numbers of windows)."""
    squared = (trajectory.grid_vectors_m @ trajectory.grid_vectors_m.T)[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    weight = squared * np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    moments = group_blocks(trajectory.second_moment[lags][:, :, :, s], 1, groups) @ weight
    return np.asarray(moments), group_blocks(trajectory.msd_windows[lags], 1, groups)


def _slopes(
    trajectory: Trajectory, independent: IndependentSamples, s: int, lags: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """(U+1,) slopes per frame between two stored lags from the windows that ended in each half of the run."""
    moments, windows = _moments(trajectory, s, lags, 2)
    frames = np.diff(trajectory.lag_frames[lags])[0]
    halves = []
    for half in range(2):
        summed = independent.pool(moments[:, half].T[:, None])  # (U+1, 2 lags)
        number = independent.pool(np.broadcast_to(windows[:, half], (trajectory.replicas, 1, 2)))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = summed / number / trajectory.species[s].count
        halves.append(np.asarray((mean[:, 1] - mean[:, 0]) / frames))
    return halves[0], halves[1]
