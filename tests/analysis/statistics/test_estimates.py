"""Estimates, results that are unavailable, and the jackknife."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import (
    Estimate,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    from_json,
    jackknife_stderr,
    leave_one_out,
    positive_from_samples,
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


def test_a_positive_estimate_within_two_errors_of_zero_is_refused() -> None:
    samples = leave_one_out(np.array([1.0, -1.0, 1.0, -0.5])) / leave_one_out(np.ones(4))
    with pytest.raises(UnavailableError, match="not above two errors"):
        positive_from_samples(samples)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(3).normal(size=9)
    samples = leave_one_out(values) / leave_one_out(np.ones(9))
    assert samples[0] == pytest.approx(values.mean())
    assert jackknife_stderr(samples) == pytest.approx(values.std(ddof=1) / 3.0)
