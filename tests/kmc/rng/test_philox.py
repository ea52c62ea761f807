"""Random numbers, Poisson counts and the acceptance table against known values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kmc.rng.philox import philox4x32, sequence
from kmc.rng.poisson import MAX_MEAN, poisson_counts, poisson_table
from kmc.tables.boltzmann import BOLTZMANN_EV_K, acceptance_table


@pytest.mark.parametrize(
    ("word", "known"),
    [
        (0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (0xFFFFFFFF, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_philox_known_answers(word, known):
    """Known-answer vectors of Random123: key and counter zero, and all bits set."""
    assert tuple(int(w) for w in philox4x32((word,) * 4, (word, word))) == known


@pytest.mark.parametrize("mean", [1, 7, 1000])
def test_poisson_table_is_exact(mean):
    first, cumulative = poisson_table(mean)
    counts = np.arange(first, first + len(cumulative))
    assert np.abs(cumulative / 2.0**64 - stats.poisson.cdf(counts, mean)).max() < 1e-12


@pytest.mark.statistical
def test_poisson_counts_have_mean_and_variance():
    """Mean and variance of 2e5 counts of mean 2^22 within 5 standard errors (false alarms 1e-6)."""
    counts = poisson_counts(MAX_MEAN, sequence((3, 5), 200_000)).astype(float)
    assert abs(counts.mean() - MAX_MEAN) < 5 * np.sqrt(MAX_MEAN / len(counts))
    assert abs(counts.var() / MAX_MEAN - 1) < 5 * np.sqrt(2 / len(counts))


@pytest.mark.parametrize("temperature_K", [300.0, 1000.0, 2000.0])
def test_acceptance_is_the_exponential(temperature_K):
    x = np.unique(np.geomspace(1, 4e6, 4000).astype(np.int64))
    exact = np.exp(-x / 2e6 / (BOLTZMANN_EV_K * temperature_K))
    seen = acceptance_table(temperature_K).threshold(x) / 2.0**64
    likely = exact > 1e-6
    assert np.abs(seen[likely] / exact[likely] - 1).max() < 2e-9
    assert np.abs(seen - exact).max() < 2e-9
    assert (np.diff(seen) <= 0).all()
    assert acceptance_table(temperature_K).threshold(np.array([10**9])) == 0
