"""Estimates, results that are unavailable, and the jackknife."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import (
    Estimate,
    Unavailable,
    attempt,
    available,
    from_json,
    from_samples,
    jackknife_stderr,
    leave_one_out,
    positive_from_samples,
    satterthwaite,
)


def test_the_entry_of_an_estimate_holds_its_tensor_and_that_of_an_unavailable_one_its_reason() -> None:
    absent = Unavailable("no hops", "D* = ...").as_json()
    assert absent == {"value": None, "stderr": None, "reason": "no hops", "formula": "D* = ..."}
    written = Estimate(1.0, 0.1, tensor=np.eye(3), tensor_stderr=np.zeros((3, 3))).as_json()
    assert written["tensor"] == np.eye(3).tolist()


def test_an_estimate_prints_itself_and_is_restored_from_its_entry() -> None:
    assert str(Estimate(1.2345e-10, 4.2e-12, unit="m2/s")) == "1.23(4)e-10 m2/s"
    assert str(Unavailable("no hops")) == "unavailable: no hops"
    for result in (Estimate(8.1, 0.31, "sigma", note="n", unit="S/m"), Unavailable("no hops", "D* = ...")):
        assert from_json(result.as_json(), "S/m") == result


def test_the_reason_of_an_unavailable_result_is_passed_on_to_derived_results() -> None:
    lacking = attempt(lambda: positive_from_samples(np.zeros(5)), "a formula")
    assert isinstance(lacking, Unavailable) and lacking.formula == "a formula"
    other = attempt(lambda: available(lacking), "another")
    assert other == Unavailable(lacking.reason, "another")


def test_a_positive_estimate_within_two_errors_of_zero_keeps_its_value_with_a_note() -> None:
    """Omitting such values would bias the mean of the others."""
    samples = leave_one_out(np.array([1.0, -1.0, 1.0, -0.5])) / leave_one_out(np.ones(4))
    estimate = positive_from_samples(samples)
    assert estimate.value == pytest.approx(0.125) and estimate.note == "not above two standard errors"


@pytest.mark.statistical
@pytest.mark.parametrize("number", [4, 8])
def test_a_ratio_has_no_bias_and_its_interval_covers_the_truth(number: int) -> None:
    """8000 ratios of means with 15 % errors over `number` samples: the simple ratio is 2 % high, the estimate not.

    It is held to 0.75 %, 3 errors of the mean; 95 % intervals cover 94 to 97.5 % (5 binomial errors are 1.2 %).
    """
    rng = np.random.default_rng(5)
    plain, estimates = [], []
    for _ in range(8000):
        above, below = (1.0 + 0.15 * np.sqrt(number) * rng.normal(size=number) for _ in range(2))
        samples = leave_one_out(above) / leave_one_out(below)
        plain.append(samples[0])
        estimates.append(from_samples(samples))
    assert np.mean(plain) > 1.015
    assert abs(np.mean([each.value for each in estimates]) - 1.0) < 0.0075
    covered = np.mean([each.interval_95[0] < 1.0 < each.interval_95[1] for each in estimates])
    assert 0.94 < covered < 0.975
    assert estimates[0].dof == number - 1


def test_degrees_of_freedom_add_up() -> None:
    """Two equal variances have the degrees of both; a dominating one has its own; known ones have none."""
    assert satterthwaite([1.0, 1.0], [3, 3]) == pytest.approx(6.0)
    assert satterthwaite([1.0, 1e-9], [3, 3]) == pytest.approx(3.0)
    assert satterthwaite([1.0], [None]) is None


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(3).normal(size=9)
    samples = leave_one_out(values) / leave_one_out(np.ones(9))
    assert samples[0] == pytest.approx(values.mean())
    assert jackknife_stderr(samples) == pytest.approx(values.std(ddof=1) / 3.0)
