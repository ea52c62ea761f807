"""The linear estimator: weights, independent samples, error bars over many synthetic runs, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

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
from analysis.statistics.independent_samples import (
    FIT_RANGE,
    IndependentSamples,
    check_range,
    group_blocks,
    independent_samples,
)
from analysis.statistics.msd_fit import (
    Weights,
    check_correlation_time,
    collective_weights,
    curvature_warning,
    gls_weights,
    nested_covariance,
    overlapping_covariance,
    tracer_weights,
)
from lattices.errors import InputError
from tests.analysis.synthetic import lattice_steps, synthetic

ONE = IndependentSamples(np.zeros((1, 1), dtype=np.int64), 1, "one", None)


def brownian_msd(rng: np.random.Generator, runs: int, frames: int, lags: list[int], overlapping: bool) -> np.ndarray:
    """(runs, K) mean-square displacements of 3D Brownian walkers with MSD(t) = t."""
    walk = np.zeros((runs, frames + 1, 3))
    walk[:, 1:] = np.cumsum(rng.normal(scale=3**-0.5, size=(runs, frames, 3)), axis=1)
    columns = []
    for lag in lags:
        moved = walk[:, lag:] - walk[:, :-lag]
        columns.append((moved[:, :: 1 if overlapping else lag] ** 2).sum(axis=2).mean(axis=1))
    return np.stack(columns, axis=1)


@pytest.mark.statistical
@pytest.mark.parametrize("overlapping", [False, True])
def test_covariance_of_brownian_windows(overlapping: bool) -> None:
    """Against 40000 walkers; each entry within 5.5 of its own errors (12 entries, false alarm below 1e-6)."""
    frames, lags = 46, [4, 8, 16]  # 46: a tail of frames that no window of the long lags covers
    windows = np.array([frames // lag for lag in lags])
    exact = (
        overlapping_covariance(np.array(lags), frames) if overlapping else nested_covariance(np.array(lags), windows)
    )
    msd = brownian_msd(np.random.default_rng(1), 40000, frames, lags, overlapping)
    centred = msd - np.array(lags)
    products = centred[:, :, None] * centred[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(products))
    assert np.abs((products.mean(axis=0) - exact) / error).max() < 5.5


def test_weights_are_exact_for_a_straight_line() -> None:
    for frames in (20, 100, 1000):
        for weights in (
            collective_weights(frames, ONE, FIT_RANGE),
            gls_weights(np.array([4, 8, 16]), nested_covariance(np.array([4, 8, 16]), frames // np.array([4, 8, 16]))),
        ):
            line = 7.0 + 3.0 * weights.lags
            assert weights.slope @ line == pytest.approx(3.0, rel=1e-7)
            assert weights.offset @ line == pytest.approx(7.0, rel=1e-6)
            for part in (weights.early, weights.late):
                assert part is not None and part @ line == pytest.approx(3.0, rel=1e-6)


@pytest.mark.statistical
def test_weights_beat_ordinary_least_squares_and_know_their_error() -> None:
    """Standard deviation of the slope over 20000 walkers: 5 sigma = 2.5 % of it (false alarm below 1e-6)."""
    frames = 128
    weights = collective_weights(frames, ONE, FIT_RANGE)
    lags = weights.lags.tolist()
    msd = brownian_msd(np.random.default_rng(2), 20000, frames, lags, overlapping=True)
    slopes = msd @ weights.slope
    design = np.stack([np.ones(len(lags)), weights.lags], axis=1)
    ordinary = msd @ np.linalg.pinv(design)[1]
    # squares are not Gaussian, so that the error of a standard deviation is taken from the fourth moment
    error = ((slopes - 1) ** 2).std() / (2 * slopes.std() * np.sqrt(len(slopes)))
    assert abs(slopes.std() - weights.relative_error) < 5 * error
    assert abs(slopes.mean() - 1.0) < 5 * slopes.std() / np.sqrt(len(slopes))
    assert slopes.std() < 0.75 * ordinary.std()


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(3).normal(size=9)
    rows = leave_one_out(values) / leave_one_out(np.ones(9))
    assert rows[0] == pytest.approx(values.mean())
    assert jackknife_stderr(rows) == pytest.approx(values.std(ddof=1) / 3.0)


def test_an_estimate_writes_its_tensor_and_an_unavailable_one_its_reason() -> None:
    absent = Unavailable("no hops", "D* = ...").as_json()
    assert absent == {"value": None, "stderr": None, "reason": "no hops", "formula": "D* = ..."}
    written = Estimate(1.0, 0.1, tensor=np.eye(3), tensor_stderr=np.zeros((3, 3))).as_json()
    assert written["tensor"] == np.eye(3).tolist()


def test_an_estimate_prints_itself_and_comes_back_from_its_entry() -> None:
    assert str(Estimate(1.2345e-10, 4.2e-12, unit="m2/s")) == "1.23(4)e-10 m2/s"
    assert str(Unavailable("no hops")) == "unavailable: no hops"
    for result in (Estimate(8.1, 0.31, "sigma", note="n", unit="S/m"), Unavailable("no hops", "D* = ...")):
        assert from_json(result.as_json(), "S/m") == result


def test_the_reason_of_an_unavailable_result_reaches_what_is_made_of_it() -> None:
    lacking = attempt(lambda: positive_from_samples(np.zeros(5)), "a formula")
    assert isinstance(lacking, Unavailable) and lacking.formula == "a formula"
    other = attempt(lambda: available(lacking), "another")
    assert other == Unavailable(lacking.reason, "another")


def test_a_positive_estimate_within_two_errors_of_zero_is_refused() -> None:
    rows = leave_one_out(np.array([1.0, -1.0, 1.0, -0.5])) / leave_one_out(np.ones(4))
    with pytest.raises(UnavailableError, match="not above two errors"):
        positive_from_samples(rows)


def samples_of(replicas: int, configuration: list[int] | None = None, frames: int = 128) -> IndependentSamples:
    steps, hops = lattice_steps(np.random.default_rng(4), (frames, replicas, 2), 0.5)
    trajectory = synthetic({"V_O": steps}, {"V_O": hops}, configuration=np.array(configuration or range(replicas)))
    return independent_samples(trajectory)


def test_samples_are_configurations_then_replicas_then_time_groups() -> None:
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


def test_blocks_are_grouped_without_loss() -> None:
    blocks = np.arange(16)[None]
    for groups in range(1, 17):
        grouped = group_blocks(blocks, 1, groups)
        assert grouped.shape == (1, groups) and grouped.sum() == blocks.sum()
    np.testing.assert_array_equal(group_blocks(blocks, 1, 8), [[1, 5, 9, 13, 17, 21, 25, 29]])


@pytest.mark.parametrize("fit_range", [(0.0, 0.5), (0.3, 0.2), (0.1, 0.6), (float("nan"), 0.5)])
def test_a_fit_range_outside_the_run_is_bad_input(fit_range: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="fit_range"):
        check_range(fit_range)


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(UnavailableError, match="too few independent windows"):
        samples_of(1, frames=6)
    steps, _ = lattice_steps(np.random.default_rng(5), (3, 4, 2), 0.5)
    trajectory = synthetic({"V_O": steps})
    with pytest.raises(UnavailableError, match="fewer than two lags"):
        tracer_weights(trajectory, independent_samples(trajectory), FIT_RANGE)


def relaxing_samples(rng: np.random.Generator, weights: Weights, tau: float, number: int) -> list[np.ndarray]:
    """Jackknife samples of offset, bare rate and slope of MSD(t) = t + tau (1 - exp(-t/tau)) with 2 % noise.

    Times are in frames.
    """
    msd = weights.lags + tau * (1.0 - np.exp(-weights.lags / tau))
    exact = (weights.offset @ msd, 2.0, weights.slope @ msd)
    noisy = [value + 0.02 * rng.normal(size=number) for value in exact]
    return [leave_one_out(values) / leave_one_out(np.ones(number)) for values in noisy]


@pytest.mark.parametrize("share", [25, 40, 1000])
def test_a_run_of_many_correlation_times_is_taken(share: int) -> None:
    lags = np.array([64, 128, 256])
    weights = gls_weights(lags, nested_covariance(lags, 1000 // lags))
    check_correlation_time(weights, 1.0, 1000.0, *relaxing_samples(np.random.default_rng(6), weights, 1000 / share, 8))


@pytest.mark.parametrize("share", [15, 5, 1])
def test_a_run_of_few_correlation_times_is_refused(share: int) -> None:
    """Also where the correlation time is so long that the lags fitted see only the beginning of the relaxation."""
    lags = np.array([64, 128, 256])
    weights = gls_weights(lags, nested_covariance(lags, 1000 // lags))
    with pytest.raises(UnavailableError, match="correlation times"):
        check_correlation_time(
            weights, 1.0, 1000.0, *relaxing_samples(np.random.default_rng(6), weights, 1000 / share, 8)
        )


@pytest.mark.statistical
def test_uncorrelated_walks_are_not_refused() -> None:
    """bare = slope, where the correlation time is 0/0: 0.1 % per check, at most 11 of 2000 (false alarm 1e-5)."""
    rng = np.random.default_rng(7)
    lags = np.array([8, 16, 32])
    covariance = nested_covariance(lags, 128 // lags)
    weights = gls_weights(lags, covariance)
    refused = 0
    for _ in range(2000):
        msd = lags + rng.multivariate_normal(np.zeros(3), covariance / 100, size=8)
        slope, offset = (
            leave_one_out(msd @ row) / leave_one_out(np.ones(8)) for row in (weights.slope, weights.offset)
        )
        try:
            check_correlation_time(weights, 1.0, 128.0, offset, np.ones(9), slope)
        except UnavailableError:
            refused += 1
    assert refused <= stats.binom.ppf(1 - 1e-5, 2000, 1e-3)


@pytest.mark.statistical
def test_curvature_is_warned_of_and_noise_is_not() -> None:
    rng = np.random.default_rng(8)
    warned = 0
    for _ in range(2000):
        early, late = (leave_one_out(1 + 0.1 * rng.normal(size=8)) / leave_one_out(np.ones(8)) for _ in range(2))
        warned += curvature_warning("D*", early, late) is not None
    assert warned <= stats.binom.ppf(1 - 1e-5, 2000, 1e-3)
    warning = curvature_warning("D*", early, late - 0.5)
    assert warning is not None and "not yet linear" in warning
