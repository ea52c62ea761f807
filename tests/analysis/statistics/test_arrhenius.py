"""Arrhenius fits with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.arrhenius import BOLTZMANN_EV_K, fit_arrhenius
from analysis.statistics.estimates import UnavailableError

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
    ],
)
def test_refusals(temperatures: list[float], values: list[float], stderrs: list[float], reason: str) -> None:
    with pytest.raises(UnavailableError, match=reason):
        fit_arrhenius(temperatures, values, stderrs)
