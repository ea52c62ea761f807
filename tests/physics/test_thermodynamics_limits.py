"""Limits of Theta and D~: short scans, chemical potentials far from the run, missing decays; the oxygen gas.

Fixed seeds; estimates lie within 4 of their own standard errors of the exact value (false alarm 6e-5).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.report import analyze
from analysis.statistics.estimates import UnavailableError
from analysis.thermodynamics.decay import decay_rate_samples
from kmc.model.oxygen_gas import enthalpy_entropy_O2, mu_O_eV, pO2_bar_of, relative_mu_eV
from kmc.model.parameters import load_model
from kmc.run.settings import Relaxation
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.errors import InputError
from tests.physics.walks import KT, TEMPERATURE_K, near, ran
from tests.systems import gas_system, made_up_model, made_up_system, neutral_vacancies


def test_unavailable_results_are_null_with_a_reason(tmp_path):
    alone = made_up_system(made_up_model(), (4, 4, 4), 20, TEMPERATURE_K, replicas=4)
    results = analyze(ran(alone, tmp_path / "alone", 20.0, 20))
    assert "pure ionic conductor" in results["thermodynamic_factor_O"]["reason"]
    assert "pure ionic conductor" in results["chemical_diffusivity_m2_s"]["onsager"]["reason"]
    gas = neutral_vacancies("fluorite", (4, 4, 4), 0.1, TEMPERATURE_K, replicas=6)
    results = analyze(ran(gas, tmp_path / "few", 10.0, 10, mu_eV=(-3.0, 3.0), trials_per_carrier=50))
    points = results["thermodynamics"]["isotherm"]
    assert len(points) == 2 and results["thermodynamic_factor_O"]["value"] is None
    assert all("fewest or most carriers possible" in p["thermodynamic_factor_carrier"]["reason"] for p in points)
    assert "does not reach the run's 51" in results["thermodynamic_factor_V"]["reason"]
    ways = results["thermodynamics"]["thermodynamic_factor_of_carrier"]
    assert "too few wave vectors" in ways["structure_factor"]["reason"]
    assert "no thermodynamics.relaxation" in results["chemical_diffusivity_m2_s"]["relaxation"]["reason"]
    long = gas_system((4.0, 9.0, 11.0), (64, 1, 1), 20, TEMPERATURE_K, replicas=8)
    results = analyze(ran(long, tmp_path / "short", 5.0, 20))
    assert "too short for a decay" in results["chemical_diffusivity_m2_s"]["decay"]["reason"]
    with pytest.raises(InputError, match="a smaller amplitude is needed"):
        ran(gas_system((4.0, 4.0, 4.0), (4, 4, 4), 50, 1000.0), tmp_path / "w", 5.0, 20, relaxation=Relaxation(0, 0.9))


def test_a_decay_is_fitted_only_where_it_is_resolved():
    """An exact exponential gives its rate; with an additional fast part the slow rate is found."""
    t = np.arange(200) * 0.01
    slow = np.exp(-3.0 * t)
    rows = np.tile(slow, (6, 1)) * (1 + 1e-4 * np.arange(6))[:, None]
    assert decay_rate_samples(rows, 0.01)[0] == pytest.approx(3.0, rel=1e-6)
    both = 0.85 * slow + 0.15 * np.exp(-60.0 * t)
    assert decay_rate_samples(np.tile(both, (6, 1)), 0.01)[0] == pytest.approx(3.0, rel=0.05)
    with pytest.raises(UnavailableError, match="too short for a decay"):
        decay_rate_samples(rows[:, :5], 0.01)
    with pytest.raises(UnavailableError, match="frames are too far apart"):
        decay_rate_samples(np.exp(-3.0 * np.arange(20))[None] * np.ones((6, 1)), 1.0)


def test_oxygen_gas_and_the_zero_of_lsf64():
    """S(298.15 K) = 205.15 J/(mol K) and H = 0 (Chase 1998); the two ranges meet; K_ox follows from the potential."""
    enthalpy, entropy = enthalpy_entropy_O2(298.15)
    assert entropy == pytest.approx(205.15, abs=0.01) and enthalpy == pytest.approx(0.0, abs=1.0)
    below, above = enthalpy_entropy_O2(700.0), enthalpy_entropy_O2(700.0001)
    assert below[0] == pytest.approx(above[0], abs=3.0) and below[1] == pytest.approx(above[1], abs=0.01)
    assert mu_O_eV(1073.0, 1.0) - mu_O_eV(1073.0, 1e-2) == pytest.approx(0.5 * BOLTZMANN_EV_K * 1073 * math.log(100))
    model = load_model("lsf64")
    k_ox = math.exp((95620 - 54.27 * 1073.0) / (8.31446261815324 * 1073.0))
    mu = relative_mu_eV(model, 1073.0, 0.21)
    assert mu == pytest.approx(BOLTZMANN_EV_K * 1073 * math.log(k_ox * 0.21**0.5), rel=1e-7)
    assert pO2_bar_of(model, 1073.0, mu) == pytest.approx(0.21, rel=1e-9)
    with pytest.raises(InputError, match="gives no enthalpy and entropy of oxygen exchange"):
        relative_mu_eV(load_model("ceria-reduced"), 1073.0, 0.21)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(("trials", "refused"), [(60.0, False), (10.0, True)])
def test_theta_of_short_scans(trials, refused, tmp_path):
    """A scan of thirty correlation times is unbiased (replicas without dopants form one pool); one of five is refused.

    Taken about each replica's own mean, the variance of the longer scan would be 6 % too small: five errors.
    """
    gas = neutral_vacancies("fluorite", (6, 6, 6), 0.1, TEMPERATURE_K, replicas=512)
    results = analyze(ran(gas, tmp_path, 2.0, 8, points=3, trials_per_carrier=trials), (0.1, 0.5))
    theta = results["thermodynamic_factor_V"]
    if refused:
        assert "correlation times long" in theta["reason"] and results["thermodynamics"]["isotherm"]
        assert results["chemical_diffusivity_m2_s"]["tracer_theta"]["value"] is None
    else:
        near(theta, 1 / 0.9, 0.013)


@pytest.mark.slow
@pytest.mark.statistical
def test_an_isotherm_that_misses_the_composition_of_the_run(tmp_path):
    """With chemical potentials that miss the composition of the run, the isotherm is given and D~ is not."""
    gas = neutral_vacancies("fluorite", (6, 6, 6), 0.1, TEMPERATURE_K, replicas=8)
    results = analyze(ran(gas, tmp_path, 5.0, 10, mu_eV=(0.0, 0.02), trials_per_carrier=1000.0), (0.1, 0.5))
    for point in results["thermodynamics"]["isotherm"]:
        fraction = 1 / (1 + math.exp(point["mu_eV"] / KT))
        near(point["site_fraction"], fraction, 0.02)
        near(point["thermodynamic_factor_carrier"], 1 / (1 - fraction), 0.1)
    assert results["thermodynamic_factor_V"]["reason"].startswith("the scan, from 0 to 0.02 eV with")
