"""The distribution of Poisson counts: in the mean of a large window a shift by one would go unnoticed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kmc.rng.philox import sequence
from kmc.rng.poisson import MAX_MEAN, poisson_counts, poisson_table


@pytest.mark.statistical
@pytest.mark.parametrize("mean", [1, 7, 40])
def test_counts_follow_the_distribution(mean: int) -> None:
    """Chi-square of 2e5 counts over all bins with at least 10 expected; false alarms 1e-4."""
    number = 200_000
    counts = poisson_counts(mean, sequence((5, mean), number))
    expected = number * stats.poisson.pmf(np.arange(4 * mean + 20), mean)
    inner = np.flatnonzero(expected >= 10)
    low, high = inner[0], inner[-1]
    seen = np.bincount(np.clip(counts, low, high), minlength=high + 1)[low:].astype(float)
    expected = expected[low : high + 1].copy()
    expected[0] = number * stats.poisson.cdf(low, mean)
    expected[-1] = number * stats.poisson.sf(high - 1, mean)
    chi2 = ((seen - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(chi2, len(seen) - 1) > 1e-4


@pytest.mark.parametrize("mean", [1, 7, 1000])
def test_a_count_is_drawn_for_the_words_below_its_cumulative_probability(mean: int) -> None:
    """The last random word that gives a count, and the first that gives the next count."""
    first, cumulative = poisson_table(mean)
    middle = np.flatnonzero(np.diff(cumulative) > 2)  # in the tail, a step is narrower than one word
    words = np.concatenate([cumulative[middle] - np.uint64(1), cumulative[middle]])
    expected = np.concatenate([first + middle, first + middle + 1])
    assert np.array_equal(poisson_counts(mean, words), expected)


def test_extreme_words_give_counts_within_the_table() -> None:
    ends = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert poisson_counts(0, ends).tolist() == [0, 0]
    low, high = poisson_counts(100, ends).tolist()
    assert 0 <= low < 100 < high < 400


@pytest.mark.parametrize("mean", [-1, MAX_MEAN + 1])
def test_a_mean_out_of_range_is_refused(mean: int) -> None:
    with pytest.raises(ValueError, match=f"mean = {mean}"):
        poisson_counts(mean, np.zeros(1, dtype=np.uint64))
