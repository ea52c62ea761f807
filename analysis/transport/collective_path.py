"""The path of the collective motion: summed displacements of the mobile species at equal intervals of time.

Where a run sampled the carriers between its frames (kmc/measure/carrier_samples.py), the path has these steps; a
species that is no carrier then moves as the carriers that it exchanges with do, in the opposite direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray
from analysis.statistics.independent_samples import IntArray, group_of_frames
from analysis.transport.species_groups import exchanging

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory


@dataclass(frozen=True)
class CollectivePath:
    """N steps of M species in R replicas.

    position_m: (N + 1, R, M, 3). interval_s: of a step. per_frame: steps in the time between two frames.
    """

    position_m: FloatArray
    interval_s: float
    per_frame: int

    @property
    def steps(self) -> int:
        """N."""
        return len(self.position_m) - 1

    def group_of(self, trajectory: Trajectory, groups: int) -> IntArray:
        """(N + 1,) time group of the windows that end at each step."""
        of_frames = group_of_frames(trajectory, groups)
        return np.concatenate([of_frames[:1], np.repeat(of_frames[1:], self.per_frame)])


def collective_path(trajectory: Trajectory, mobile: Sequence[str]) -> CollectivePath:
    """The path of the named species, in steps as short as the run recorded them."""
    interval_s, sampled = float(trajectory.time_s[1]), trajectory.carrier_samples
    if sampled is None:
        names = [record.name for record in trajectory.species]
        summed = trajectory.summed_displacement[:, :, [names.index(name) for name in mobile]]
        return CollectivePath(summed @ trajectory.grid_vectors_m, interval_s, 1)
    frames, per_frame, replicas, carriers, _ = sampled.shape
    steps = sampled[1:].reshape((frames - 1) * per_frame, replicas, carriers, 3)
    steps = np.concatenate([np.zeros_like(steps[:1]), steps])
    moved = np.einsum("mc,nrca->nrma", _signs(trajectory, mobile), steps)
    return CollectivePath(moved @ trajectory.grid_vectors_m, interval_s / per_frame, per_frame)


def _signs(trajectory: Trajectory, mobile: Sequence[str]) -> IntArray:
    """(M, C): 1 for a carrier itself, -1 for the carriers that a species exchanges with; 0 where it was not tracked."""
    carriers = trajectory.sampled_species
    record = {each.name: each for each in trajectory.species}
    present = [f for f in trajectory.families if record[f.carrier].count]
    signs = np.zeros((len(mobile), len(carriers)), dtype=np.int64)
    for m, name in enumerate(mobile):
        if name in carriers:
            signs[m, carriers.index(name)] = 1
        elif record[name].tracked:
            group = next((group for group in exchanging(present) if name in group), {})
            signs[m] = [-(carrier in group) for carrier in carriers]
    return signs
