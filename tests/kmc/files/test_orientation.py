"""Cells in the orientation that readers of trajectory files assume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmc.files.orientation import rotated, viewer_rotation


@pytest.mark.parametrize("cell", [5.4 * np.eye(3), np.array([[5.0, 0, 0], [-2.5, 4.3, 0], [0.1, -0.2, 7.0]])])
def test_cells_already_in_that_orientation_are_not_rotated(cell: np.ndarray) -> None:
    assert viewer_rotation(cell) is None
    vectors = np.random.default_rng(1).normal(size=(4, 3))
    assert rotated(vectors, None) is vectors


@settings(derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_lengths_and_angles_are_preserved(seed: int) -> None:
    cell = np.random.default_rng(seed).normal(size=(3, 3)) * 5
    rotation = viewer_rotation(cell)
    assert rotation is not None
    turned = rotated(cell, rotation)
    assert np.abs(np.triu(turned, 1)).max() < 1e-12 * np.abs(cell).max() * 10
    assert (np.diag(turned) > 0).all()
    assert np.allclose(turned @ turned.T, cell @ cell.T) and np.allclose(rotation @ rotation.T, np.eye(3))
