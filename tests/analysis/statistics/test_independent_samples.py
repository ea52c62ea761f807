"""How a run is divided into independent samples and time groups."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import UnavailableError
from analysis.statistics.independent_samples import (
    IndependentSamples,
    check_range,
    group_blocks,
    group_edges,
    group_of_frames,
    independent_samples,
)
from lattices.errors import InputError
from tests.analysis.synthetic import lattice_steps, synthetic


def samples_of(replicas: int, configuration: list[int] | None = None, frames: int = 128) -> IndependentSamples:
    steps, hops = lattice_steps(np.random.default_rng(4), (frames, replicas, 2), 0.5)
    trajectory = synthetic({"V_O": steps}, {"V_O": hops}, configuration=np.array(configuration or range(replicas)))
    return independent_samples(trajectory)


def test_samples_are_configurations_else_replicas_else_time_groups() -> None:
    assert (samples_of(6).n_samples, samples_of(6).note) == (6, None)
    shared = samples_of(8, [0, 0, 1, 1, 2, 2, 3, 3])
    assert (shared.n_samples, shared.description, shared.note) == (4, "4 dopant configurations", None)
    one_configuration = samples_of(5, [7] * 5)
    assert one_configuration.n_samples == 5 and "exclude the scatter between dopant configurations" in str(
        one_configuration.note
    )
    alone = samples_of(1)
    assert alone.n_samples == alone.groups and 4 <= alone.groups <= 8
    assert samples_of(3).n_samples == 3 * samples_of(3).groups


def test_replicas_of_one_configuration_are_pooled_first() -> None:
    independent = IndependentSamples(np.array([[0], [0], [1], [2], [3], [3]]), 4, "", None)
    rows = independent.pool(np.array([[1.0], [3.0], [4.0], [5.0], [6.0], [0.0]]))
    np.testing.assert_allclose(rows, [19.0, 15.0, 15.0, 14.0, 13.0])


def test_every_block_belongs_to_a_group() -> None:
    blocks = np.arange(16)[None]
    for groups in range(1, 17):
        grouped = group_blocks(blocks, 1, groups)
        assert grouped.shape == (1, groups) and grouped.sum() == blocks.sum()
    np.testing.assert_array_equal(group_blocks(blocks, 1, 8), [[1, 5, 9, 13, 17, 21, 25, 29]])


@pytest.mark.parametrize(
    ("frames", "blocks", "groups"), [(12, 6, 3), (100, 16, 8), (101, 16, 5), (37, 4, 4), (50, 7, 1)]
)
def test_a_window_belongs_to_the_group_of_the_block_in_which_it_ends(frames: int, blocks: int, groups: int) -> None:
    """By definition frame f lies in block (f - 1) // block_frames, and block b in group b * groups // B."""
    trajectory = synthetic({"V_O": np.zeros((frames, 1, 1, 3), dtype=np.int64)}, blocks=blocks)
    block_frames = -(-frames // blocks)
    present = trajectory.msd_windows.shape[1]
    expected = [((frame - 1) // block_frames) * groups // present for frame in range(1, frames + 1)]
    np.testing.assert_array_equal(group_of_frames(trajectory, groups), [0, *expected])
    edges = group_edges(trajectory, groups)
    assert edges[0] == 0 and edges[-1] == frames
    np.testing.assert_array_equal(np.diff(edges), np.bincount(expected, minlength=groups))


@pytest.mark.parametrize("fit_range", [(0.0, 0.5), (0.3, 0.2), (0.1, 0.6), (float("nan"), 0.5)])
def test_a_fit_range_outside_the_run_is_an_input_error(fit_range: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="fit_range"):
        check_range(fit_range)


def test_a_run_with_too_few_windows_is_refused() -> None:
    with pytest.raises(UnavailableError, match="too few independent windows"):
        samples_of(1, frames=6)
