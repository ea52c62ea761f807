"""What the advice on better errors says of replicas that are equal, and of replicas that differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from analysis.transport.advice import FALSE_ALARM, advice_lines, time_share
from analysis.transport.analysis import TransportAnalysis
from tests.analysis.synthetic import lattice_steps, synthetic


def walk(rates: list[float], frames: int = 512, particles: int = 8) -> Any:
    """Replicas with a rate each."""
    rng = np.random.default_rng(1)
    parts = [lattice_steps(rng, (frames, 1, particles), rate) for rate in rates]
    steps, hops = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return synthetic({"V_O": steps}, {"V_O": hops}, blocks=2)


def test_equal_replicas_need_time() -> None:
    (line,) = advice_lines(TransportAnalysis(walk([0.5] * 8)))
    assert line.startswith("errors of D* of V_O, D_sigma of V_O come from the finite time: a longer run")


def test_replicas_that_differ_need_more_of_them_or_larger_cells() -> None:
    """Rates that differ by factors of up to three, whose D* each replica knows to a few per cent."""
    lines = advice_lines(TransportAnalysis(walk([0.3, 0.9, 0.4, 0.8, 0.5, 0.7, 0.35, 0.85])))
    (line,) = [each for each in lines if each.startswith("D* of V_O differs between the replicas")]
    assert "more replicas or a larger cell help" in line and "at most 1.0" in line


@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [4, 8, 32])
def test_the_share_of_the_time(replicas: int) -> None:
    """Halves of equal replicas: significant at the stated rate, within binomial bounds (1e-4 each side)."""
    rng, sets = np.random.default_rng(2), 4000
    found = sum(time_share(halves)[1] for halves in rng.normal(1.0, 0.1, (sets, 2, replicas)))
    low, high = binom.ppf([1e-4, 1 - 1e-4], sets, FALSE_ALARM)
    assert low <= found <= high
    between = rng.normal(0.0, 1.0, (sets, 1, replicas)) + rng.normal(0.0, 2.0**0.5, (sets, 2, replicas))
    shares = [time_share(halves)[0] for halves in between]  # half of the variance of the mean is from the time
    assert np.median(shares) == pytest.approx(0.5, abs=0.1)
