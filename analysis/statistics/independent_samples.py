"""Division of a run into independent samples, and of its time axis into groups and ranges of lags.

The errors of all estimates are the spread over these samples:

- with at least 4 dopant configurations the samples are configurations; replicas that share one are pooled first;
- otherwise, with at least 4 replicas, they are replicas (the error then excludes the scatter between configurations);
- otherwise they are replicas x time groups (4 to 9 samples); a window belongs to the group in which it ends. Lags are
  then limited to the length of a group. Windows that straddle two groups leave the groups slightly correlated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import FloatArray, UnavailableError, leave_one_out
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

IntArray = NDArray[np.int64]

FitRange: TypeAlias = tuple[float, float] | None  # lags as fractions of the run; None: chosen from the data
LONGEST_LAG = 0.5  # as a fraction of the run
FEWEST_SAMPLES = 4
_MOST_SAMPLES = 8  # time groups are added up to this many samples: more would shorten the lags


@dataclass(frozen=True)
class IndependentSamples:
    """How a run is divided into independent samples.

    sample_of: (R, G) int64, number of the sample that holds time group g of replica r. n_samples: U.
    description: what a sample is. note: what the error excludes, or None.
    """

    sample_of: IntArray
    n_samples: int
    description: str
    note: str | None

    @property
    def groups(self) -> int:
        """G, time groups per replica; 1 where the replicas suffice."""
        return int(self.sample_of.shape[1])

    def pool(self, values: NDArray[np.generic]) -> FloatArray:
        """(U+1, ...) jackknife sums of (R, G, ...) values."""
        per_sample = np.zeros((self.n_samples, *values.shape[2:]))
        np.add.at(per_sample, self.sample_of, values.astype(np.float64))
        return leave_one_out(per_sample)


def check_range(fit_range: FitRange) -> None:
    """Raise InputError unless 0 < from < to <= 0.5, or None."""
    if fit_range is None:
        return
    low, high = fit_range
    if not 0.0 < low < high <= LONGEST_LAG:
        raise InputError(f"fit_range = {low!r}, {high!r}: must be two fractions of the run with 0 < from < to <= 0.5")


def planned_range(trajectory: Trajectory, fit_range: FitRange) -> FitRange:
    """The fit range as fractions of the whole run, given its lower end as a fraction of the run as first planned.

    Where a run was extended, the shortest lag keeps its length: the number of windows grows and the error decreases.
    """
    if fit_range is None:
        return None
    planned = trajectory.planned_frames or trajectory.n_frames
    return fit_range[0] * min(planned / trajectory.n_frames, 1.0), fit_range[1]


def independent_samples(trajectory: Trajectory, fit_range: FitRange = None) -> IndependentSamples:
    """Divide the run by the rule in the docstring of this module.

    Raises UnavailableError if the run holds too few windows.
    """
    names, configuration = np.unique(trajectory.configuration, return_inverse=True)
    replicas = len(configuration)
    if len(names) >= FEWEST_SAMPLES:
        what = "replicas" if len(names) == replicas else "dopant configurations"
        return IndependentSamples(configuration.reshape(-1, 1), len(names), f"{len(names)} {what}", None)
    shared = (
        f"errors come from {len(names)} dopant configuration(s) and exclude the scatter between dopant configurations"
    )
    if replicas >= FEWEST_SAMPLES:
        return IndependentSamples(np.arange(replicas)[:, None], replicas, f"{replicas} replicas", shared)
    most, fewest = math.ceil(_MOST_SAMPLES / replicas), math.ceil(FEWEST_SAMPLES / replicas)
    for groups in range(min(most, trajectory.msd_windows.shape[1]), fewest - 1, -1):
        if len(usable_lags(trajectory, groups, fit_range)) >= 2:
            sample_of = np.arange(replicas * groups).reshape(replicas, groups)
            description = f"{replicas} replica(s) x {groups} time groups"
            return IndependentSamples(sample_of, replicas * groups, description, shared)
    raise UnavailableError(
        f"too few independent windows: in {trajectory.n_frames} frames of {replicas} replica(s) fewer than two lags "
        f"{'of the fit range ' if fit_range else ''}have a window in each of {fewest} time groups; take more "
        f"frames or at least {FEWEST_SAMPLES} replicas"
    )


def group_blocks(per_block: NDArray[np.int64], axis: int, groups: int) -> NDArray[np.int64]:
    """Sum consecutive time blocks along `axis`: B blocks into `groups` groups of nearly equal length."""
    blocks = per_block.shape[axis]
    starts = -(-np.arange(groups) * blocks // groups)  # rounded up: block b belongs to group b * groups // blocks
    return np.add.reduceat(per_block, starts, axis=axis)


def group_edges(trajectory: Trajectory, groups: int) -> IntArray:
    """(G + 1,) frames at the edges of the time groups into which `group_blocks` divides the run."""
    frames, blocks = trajectory.n_frames, trajectory.msd_windows.shape[1]
    starts = -(-np.arange(groups) * blocks // groups) * -(-frames // blocks)
    return np.append(np.minimum(starts, frames), frames)


def group_of_frames(trajectory: Trajectory, groups: int) -> IntArray:
    """(T + 1,) time group of the windows that end at each frame; the initial frame is in the first group."""
    edges = group_edges(trajectory, groups)
    return np.maximum(np.searchsorted(edges, np.arange(trajectory.n_frames + 1), side="left") - 1, 0)


def in_range(lags: IntArray, frames: int, fit_range: FitRange) -> NDArray[np.bool_]:
    """(K,) bool: whether each lag lies in the fit range, or may be chosen, of a run of `frames` frames."""
    low, high = fit_range or (0.0, LONGEST_LAG)
    return np.asarray((lags >= low * frames) & (lags <= high * frames))


def usable_lags(trajectory: Trajectory, groups: int, fit_range: FitRange) -> IntArray:
    """Indices of the stored lags in the fit range, or of all, that have a window in each time group."""
    windows = group_blocks(trajectory.msd_windows, 1, groups)
    inside = in_range(trajectory.lag_frames, len(trajectory.time_s) - 1, fit_range)
    return np.flatnonzero(inside & (windows > 0).all(axis=1))
