"""Arrhenius fits with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.arrhenius import BOLTZMANN_EV_K, arrhenius_json, fit_arrhenius, scaled
from analysis.statistics.estimates import Estimate, UnavailableError, half_width_95

TEMPERATURES_K = np.array([900.0, 1000.0, 1100.0, 1200.0, 1300.0])
ENERGY_EV, PREFACTOR = 0.75, 3.0e-7


def law(temperature_K: np.ndarray) -> np.ndarray:
    return PREFACTOR * np.exp(-ENERGY_EV / (BOLTZMANN_EV_K * temperature_K))


def test_a_perfect_line() -> None:
    values = law(TEMPERATURES_K)
    fit = fit_arrhenius(TEMPERATURES_K, values, 0.01 * values)
    assert fit.activation_energy_eV == pytest.approx(ENERGY_EV, rel=1e-10)
    assert np.exp(fit.ln_prefactor) == pytest.approx(PREFACTOR, rel=1e-9)
    assert fit.chi2_per_dof == pytest.approx(0.0, abs=1e-12)
    assert fit.at(1000.0) == pytest.approx(float(law(np.array([1000.0]))[0]), rel=1e-9)


def test_two_temperatures_give_the_difference_and_no_chi_square() -> None:
    """E = ln(y1/y2)/(1/kT2 - 1/kT1); its error follows from the two relative errors."""
    fit = fit_arrhenius([1000.0, 1250.0], [1.0, 4.0], [0.03, 0.16])
    span = 1 / (BOLTZMANN_EV_K * 1000.0) - 1 / (BOLTZMANN_EV_K * 1250.0)
    assert fit.activation_energy_eV == pytest.approx(np.log(4.0) / span, rel=1e-9)
    assert fit.activation_energy_stderr_eV == pytest.approx(np.hypot(0.03, 0.04) / span, rel=1e-9)
    assert fit.chi2_per_dof is None


@pytest.mark.statistical
def test_errors_cover_the_truth_where_they_differ_by_point() -> None:
    """3000 data sets: pulls of mean 0 and variance 1, chi2 with 3 degrees of freedom (5 sigma, false alarm 2e-6)."""
    rng = np.random.default_rng(1)
    relative = np.array([0.05, 0.01, 0.02, 0.04, 0.01])
    sets = 3000
    pulls, squares = [], []
    for _ in range(sets):
        values = law(TEMPERATURES_K) * np.exp(relative * rng.normal(size=5))
        fit = fit_arrhenius(TEMPERATURES_K, values, relative * values)
        pulls.append(
            [
                (fit.activation_energy_eV - ENERGY_EV) / fit.activation_energy_stderr_eV,
                (fit.ln_prefactor - np.log(PREFACTOR)) / fit.ln_prefactor_stderr,
            ]
        )
        squares.append(3 * float(fit.chi2_per_dof or 0.0))
    assert np.abs(np.mean(pulls, axis=0)).max() < 5 / np.sqrt(sets)
    assert np.abs(np.var(pulls, axis=0) - 1.0).max() < 5 * np.sqrt(2 / sets)
    assert stats.kstest(squares, stats.chi2(3).cdf).pvalue > 1e-5
    correlation = fit.covariance / (fit.activation_energy_stderr_eV * fit.ln_prefactor_stderr)
    assert np.corrcoef(np.transpose(pulls))[0, 1] == pytest.approx(correlation, abs=0.01)


@pytest.mark.parametrize(
    ("temperatures", "values", "stderrs", "reason"),
    [
        ([1000.0], [1.0], [0.1], "two temperatures"),
        ([1000.0, 1000.0], [1.0, 1.1], [0.1, 0.1], "two temperatures"),
        ([1000.0, 1100.0], [1.0, -1.0], [0.1, 0.1], "positive"),
        ([1000.0, 1100.0], [1.0, 2.0], [0.1, 0.0], "positive"),
        ([1000.0, 1100.0, 1200.0], [1.0, 0.1, 0.2], [0.1, 0.1, 0.1], "two standard errors at two temperatures"),
    ],
)
def test_refusals(temperatures: list[float], values: list[float], stderrs: list[float], reason: str) -> None:
    with pytest.raises(UnavailableError, match=reason):
        fit_arrhenius(temperatures, values, stderrs)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [4, 8])
@pytest.mark.parametrize("temperatures", [2, 3, 5])
def test_intervals_hold_where_the_errors_are_estimated_from_few_replicas(replicas: int, temperatures: int) -> None:
    """2000 fits to means over 4 or 8 replicas with 10 % scatter: 95 % intervals of E cover 92 to 98 %.

    A binomial error is 0.5 %; the rest allows for the approximation of the degrees of freedom. Weights and errors from
    the raw variances cover 87 % with 4 replicas and 5 temperatures.
    """
    rng = np.random.default_rng(3)
    t = np.linspace(900.0, 1300.0, temperatures)
    covered, sets = 0, 2000
    for _ in range(sets):
        each = law(t)[:, None] * (1.0 + 0.1 * rng.normal(size=(temperatures, replicas)))
        stderr = each.std(axis=1, ddof=1) / np.sqrt(replicas)
        fit = fit_arrhenius(t, each.mean(axis=1), stderr, np.full(temperatures, replicas - 1))
        half = half_width_95(fit.activation_energy_stderr_eV, fit.energy_dof)
        covered += abs(fit.activation_energy_eV - ENERGY_EV) < half
    assert 0.92 < covered / sets < 0.98


@pytest.mark.statistical
def test_values_that_are_not_significant_are_included() -> None:
    """The lowest of three temperatures has an error as large as its value: the mean E of 2000 fits is right.

    Leaving out those that are not above two errors makes E 0.03 eV too small; 5 errors of the mean are 0.011 eV.
    """
    rng = np.random.default_rng(4)
    t = np.array([900.0, 1100.0, 1300.0])
    error = np.array([law(t)[0], 0.02 * law(t)[1], 0.02 * law(t)[2]])
    energies = [fit_arrhenius(t, law(t) + error * rng.normal(size=3), error).activation_energy_eV for _ in range(2000)]
    assert np.mean(energies) == pytest.approx(ENERGY_EV, abs=0.011)


def test_the_fit_of_a_multiple_is_that_of_the_quantity() -> None:
    entries = [Estimate(float(y), 0.02 * float(y), dof=7).as_json() for y in law(TEMPERATURES_K)]
    own = arrhenius_json(TEMPERATURES_K.tolist(), entries, "ln D")
    other = scaled(own, 4.0, "ln sigma T")
    assert other["activation_energy_eV"] == {**own["activation_energy_eV"], "formula": "ln sigma T"}
    assert other["prefactor"]["value"] == pytest.approx(4.0 * PREFACTOR, rel=1e-9)


def test_bounds_are_named_with_the_energy() -> None:
    entries = [Estimate(float(y), 0.02 * float(y), dof=7).as_json() for y in law(TEMPERATURES_K)]
    entries[0]["note"] = "upper bound: ..."
    energy = arrhenius_json(TEMPERATURES_K.tolist(), entries, "ln D", note="of a gas")["activation_energy_eV"]
    assert energy["note"] == "of a gas; values that are bounds are included: 900 K"
