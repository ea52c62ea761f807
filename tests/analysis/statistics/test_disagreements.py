"""How often estimates of one quantity are reported to disagree although they do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from analysis.statistics.estimates import FALSE_ALARM, Estimate, disagreements


@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [4, 8, 32])
def test_the_false_alarm_rate_of_a_disagreement(replicas: int) -> None:
    """Three independent estimates of one quantity from a few replicas each, 4000 times: at most the stated rate.

    Within a binomial bound (1e-4).
    """
    rng, sets = np.random.default_rng(1), 4000
    draws = rng.normal(1.0, 0.1, (sets, 3, replicas))
    alarms = 0
    for value, stderr in zip(draws.mean(axis=2), draws.std(axis=2, ddof=1) / np.sqrt(replicas), strict=True):
        known = {str(k): Estimate(float(value[k]), float(stderr[k]), dof=replicas - 1) for k in range(3)}
        alarms += bool(disagreements(known, "x"))
    assert 0 < alarms <= binom.ppf(1 - 1e-4, sets, FALSE_ALARM)
