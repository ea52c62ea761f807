"""Slabs: the smallest supercell, and the extrapolation to infinite thickness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.statistics.estimates import UnavailableError, jackknife_stderr
from analysis.statistics.independent_samples import independent_samples
from analysis.thermodynamics.slabs import _covariance, slab_theta
from tests.analysis.synthetic import synthetic

COMPONENT = {"carrier": "A", "electronic_carrier": None, "per_carrier": 1}


def chains(numbers: np.ndarray) -> Any:
    """A trajectory with these (T + 1, R, 1, P) numbers of A by plane, one plane per cell."""
    frames, replicas, _, planes = numbers.shape
    still = np.zeros((frames - 1, replicas, 1, 3), dtype=np.int64)  # displacements are not used
    numbers = numbers.astype(np.int32)
    return synthetic(
        {"A": still},
        charges={"A": 0},
        repeats=(planes, 1, 1),
        component=COMPONENT,
        dopants=False,
        planes=(numbers, numbers[..., :1], numbers[..., :1]),
        plane_species=("A",),
        plane_fractions=(np.arange(planes) / planes, np.zeros(1), np.zeros(1)),
    )


@pytest.mark.parametrize(
    ("planes", "said"), [(4, "4 planes of sites along axis 0: slabs need at least 8"), (15, "two")]
)
def test_a_small_supercell_has_no_slabs(planes: int, said: str) -> None:
    numbers = np.ones((5, 8, 1, planes))
    trajectory = chains(numbers)
    with pytest.raises(UnavailableError, match=said):
        slab_theta(trajectory, independent_samples(trajectory))


@pytest.mark.statistical
def test_surface_terms_are_removed() -> None:
    """Independent exchanges over each border of two planes, of variance 1e4, add 2e4 to the covariance of any slab.

    What is left of it in the difference is within 4 of its errors (6e-5). Without them the numbers do not fluctuate.
    """
    rng = np.random.default_rng(1)
    surplus = rng.normal(0.0, 100.0, (400, 16, 1, 32)).round()
    trajectory = chains(1000 + surplus - np.roll(surplus, 1, axis=-1))
    independent = independent_samples(trajectory)
    thick, thin = (_covariance(trajectory, independent, (0,), 0, slabs)[0][:, 0, 0] for slabs in (4, 8))
    assert thin[0] == pytest.approx(2e4, rel=0.05)
    left = thick - thin
    assert abs(left[0]) < 4 * jackknife_stderr(left) < 1e3
