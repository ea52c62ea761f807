"""What makes D* and D_sigma better known: a longer run, or more replicas or a larger cell, from their own errors.

The variance between replicas is that of motion in a finite time, which a longer run reduces, and that of differences
between the replicas themselves, such as their arrangements of dopants, which it does not. The first part follows from
the two halves of every replica: for an estimate x = (early + late)/2 it is <(late - early)^2>/4 (derived, for halves
that are independent). It is compared with the variance of x by an F test with a false-alarm rate of FALSE_ALARM.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, Unavailable
from analysis.statistics.independent_samples import group_blocks
from analysis.transport.collective_path import collective_path

if TYPE_CHECKING:
    from analysis.transport.analysis import TransportAnalysis
    from kmc.files.trajectory import Trajectory

FALSE_ALARM = 0.01
LONGER = (
    "come from the finite time: a longer run (kmc run --extend) reduces them as one over the square root of its "
    "length, and so do more replicas"
)


def advice_lines(analysis: TransportAnalysis) -> list[str]:
    """What helps, for every estimate that is no bound; empty where the samples are not single replicas."""
    trajectory, independent = analysis.trajectory, analysis.independent
    if isinstance(independent, Unavailable) or independent.groups > 1 or independent.n_samples != trajectory.replicas:
        return []
    of_time: list[str] = []
    lines: list[str] = []
    for what, halves in _estimates(analysis):
        share, significant = time_share(halves)
        if not (significant and trajectory.dopants):
            of_time.append(what)
            continue
        most = 1.0 / math.sqrt(1.0 - share)
        lines.append(
            f"{what} differs between the replicas, whose dopants differ: the finite time accounts for {share:.1%} of "
            "the variance, so that more replicas or a larger cell help; a longer run makes the error at most "
            f"{most:.2f} times smaller"
        )
    return ([f"errors of {', '.join(of_time)} {LONGER}"] if of_time else []) + lines


def time_share(halves: FloatArray) -> tuple[float, bool]:
    """(share of the finite time in the variance between replicas, whether it is significantly below 1).

    halves: (2, R) an estimate in the two halves of every replica.
    """
    from scipy.stats import f

    replicas = halves.shape[1]
    total = float(halves.mean(axis=0).var(ddof=1))
    of_time = float(((halves[1] - halves[0]) ** 2).mean()) / 4.0
    if total <= 0.0:
        return 1.0, False
    share = of_time / total
    return min(share, 1.0), bool(share < f.ppf(FALSE_ALARM, replicas, replicas - 1))


def _estimates(analysis: TransportAnalysis) -> list[tuple[str, FloatArray]]:
    """(name, (2, R) estimate in each half) of D* and D_sigma of every species that has them."""
    trajectory, found = analysis.trajectory, []
    fits = {} if isinstance(analysis.collective, Unavailable) else analysis.collective.fits
    for s, record in enumerate(trajectory.species):
        if not (record.mobile and record.count):
            continue
        tracer = analysis.tracer(record.name)
        if (
            not isinstance(tracer, Unavailable)
            and tracer.fit.bound_reason is None
            and trajectory.msd_windows.shape[1] > 1
        ):
            found.append((f"D* of {record.name}", _tracer_halves(trajectory, s, tracer.stored[:2])))
        fit = fits.get(record.name)
        if fit is not None and fit.bound_reason is None:
            halves = _collective_halves(trajectory, record.name, fit.range_frames[0])
            found += [] if halves is None else [(f"D_sigma of {record.name}", halves)]
    return [(what, halves) for what, halves in found if np.isfinite(halves).all()]


def _tracer_halves(trajectory: Trajectory, s: int, lags: np.ndarray) -> FloatArray:
    """(2, R) slopes between two stored lags from the windows that ended in each half."""
    squared = (trajectory.grid_vectors_m @ trajectory.grid_vectors_m.T)[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    weight = squared * np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    moments = group_blocks(trajectory.second_moment[lags][:, :, :, s], 1, 2) @ weight  # (2 lags, 2 halves, R)
    windows = group_blocks(trajectory.msd_windows[lags], 1, 2)  # (2 lags, 2 halves)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = moments / windows[:, :, None]
    return np.asarray(mean[1] - mean[0])


def _collective_halves(trajectory: Trajectory, name: str, lag: int) -> FloatArray | None:
    """(2, R) slopes of <dR^2> between a lag and twice it, in each half; None where a half is shorter."""
    path = collective_path(trajectory, [name]).position_m[:, :, 0]  # (N + 1, R, 3)
    middle = (len(path) - 1) // 2
    if 2 * lag > middle:
        return None

    def mean(part: FloatArray, steps: int) -> FloatArray:
        return np.asarray(((part[steps:] - part[:-steps]) ** 2).sum(axis=2).mean(axis=0))

    return np.stack([mean(part, 2 * lag) - mean(part, lag) for part in (path[: middle + 1], path[middle:])])
