"""Onsager coefficients and quantities derived from them, for walks and matrices with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import FloatArray, Unavailable, UnavailableError, available, jackknife_stderr
from analysis.statistics.independent_samples import group_edges, independent_samples
from analysis.transport.conductivity import Carriers
from analysis.transport.onsager import (
    CollectiveSamples,
    collective_samples,
    onsager_json,
    species_estimates,
    transport_coefficients,
)
from analysis.transport.tracer import tracer_samples
from kmc.files.trajectory import Trajectory
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C
from tests.analysis.synthetic import (
    FRAME_S,
    SPACING_M,
    TEMPERATURE_K,
    VOLUME_M3,
    diffusivity,
    lattice_steps,
    synthetic,
)

KT = BOLTZMANN_J_K * TEMPERATURE_K
E2 = ELEMENTARY_CHARGE_C**2
OWN, SHARED, FAST = 0.3, 0.2, 1.5  # hops per frame and direction


def pair(seed: int, sign: int = -1, replicas: int = 8, frames: int = 100) -> Trajectory:
    """One vacancy and one electron that share part of their motion, in the same (+1) or in opposite (-1) directions."""
    rng = np.random.default_rng(seed)
    shape = (frames, replicas, 1)
    vacancy, together, electron = (lattice_steps(rng, shape, rate)[0] for rate in (OWN, SHARED, FAST))
    steps = {"V_O": vacancy + together, "electron": electron + sign * together}
    return synthetic(steps, charges={"V_O": 2, "electron": -1})


def coefficient(rate: float) -> float:
    """L of one walker per replica with this rate: D/(V kT)."""
    return diffusivity(rate) / (VOLUME_M3 * KT)


def pair_truth(sign: int) -> FloatArray:
    return np.array(
        [
            [coefficient(OWN + SHARED), sign * coefficient(SHARED)],
            [sign * coefficient(SHARED), coefficient(FAST + SHARED)],
        ]
    )


@pytest.mark.statistical
@pytest.mark.parametrize("sign", [1, -1])
def test_matrix_of_a_correlated_pair(sign: int) -> None:
    """Each element is within 5.5 standard errors (200 replicas, false alarm below 1e-6)."""
    trajectory = pair(1, sign, replicas=200)
    collective = collective_samples(trajectory, independent_samples(trajectory), (0.01, 0.5))
    assert collective.carriers.names == ("V_O", "electron")
    value, stderr = collective.scalars[0], jackknife_stderr(collective.scalars)
    assert np.abs((value - pair_truth(sign)) / stderr).max() < 5.5
    assert np.sign(value[0, 1]) == sign and abs(value[0, 1]) > 3 * stderr[0, 1]
    np.testing.assert_allclose(value, value.T, rtol=1e-12)
    np.testing.assert_array_equal(collective.carriers.charges, [2, -1])
    written = onsager_json(collective)
    assert written["matrix_1_per_J_m_s"]["value"] == value.tolist()


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [8, 1])
def test_error_bars_cover_the_truth(replicas: int) -> None:
    """L_VV, L_Ve, sigma_ion and the Haven ratio of 150 runs against the 95 % interval of Student's t, false alarm 1e-4.

    8 % instead of 5 % is allowed: a jackknife over 8 samples of a strongly skewed estimate is slightly too narrow.
    """
    sets = 150
    truth = pair_truth(-1)
    ionic = E2 * (4 * truth[0, 0] - 2 * truth[0, 1])
    outside = {"VV": 0, "Ve": 0, "ionic": 0}
    for seed in range(sets):
        trajectory = pair(seed, -1, replicas, frames=128)
        independent = independent_samples(trajectory)
        limit = stats.t.ppf(0.975, independent.n_samples - 1)
        rows = collective_samples(trajectory, independent, None).scalars
        sigma = E2 * (4 * rows[:, 0, 0] - 2 * rows[:, 0, 1])
        for key, row, expected in (
            ("VV", rows[:, 0, 0], truth[0, 0]),
            ("Ve", rows[:, 0, 1], truth[0, 1]),
            ("ionic", sigma, ionic),
        ):
            outside[key] += bool(abs(row[0] - expected) > limit * jackknife_stderr(row))
    for count in outside.values():
        assert stats.binom.ppf(5e-5, sets, 0.05) <= count <= stats.binom.ppf(1 - 5e-5, sets, 0.08)


def test_a_hop_transports_the_charge_of_the_carrier_minus_that_of_its_partner() -> None:
    trajectory = pair(1)
    charged_host = tuple(replace(s, charge_e=1) if s.name == "host" else s for s in trajectory.species)
    trajectory = replace(trajectory, species=charged_host)
    collective = collective_samples(trajectory, independent_samples(trajectory), None)
    np.testing.assert_array_equal(collective.carriers.charges, [1, -2])


@pytest.mark.statistical
def test_independent_walkers_have_a_haven_ratio_of_one() -> None:
    """D_sigma and D* equal D of the walk, and H_R = 1, within 5 errors (100 replicas, false alarm below 1e-5)."""
    steps, hops = lattice_steps(np.random.default_rng(2), (200, 100, 10), 0.5)
    trajectory = synthetic({"V_O": steps}, {"V_O": hops})
    independent = independent_samples(trajectory)
    collective = collective_samples(trajectory, independent, None)
    tracer = tracer_samples(trajectory, independent, "V_O", None)
    sigma, haven = species_estimates(trajectory, collective, tracer, "V_O")
    for estimate, truth in ((sigma, diffusivity(0.5)), (haven, 1.0)):
        assert abs(estimate.value - truth) < 5 * estimate.stderr
        assert estimate.stderr < 0.05 * truth


@pytest.mark.statistical
def test_collective_motion_lowers_the_haven_ratio() -> None:
    """All ten particles of a replica move as one: D_sigma = 10 D*, H_R = 0.1, exactly correlated."""
    one, hops = lattice_steps(np.random.default_rng(3), (200, 60, 1), 0.5)
    trajectory = synthetic({"V_O": np.repeat(one, 10, axis=2)}, {"V_O": np.repeat(hops, 10, axis=2)})
    independent = independent_samples(trajectory)
    collective = collective_samples(trajectory, independent, None)
    tracer = tracer_samples(trajectory, independent, "V_O", None)
    haven = species_estimates(trajectory, collective, tracer, "V_O")[1]
    assert abs(haven.value - 0.1) < 5 * haven.stderr and haven.stderr < 0.015


def made(matrix: list[list[float]], names: tuple[str, ...], charges: list[float]) -> CollectiveSamples:
    """Collective transport without noise: the same isotropic matrix in every jackknife sample, in 1/(J m s)."""
    tensor = np.einsum("ij,ab->ijab", np.array(matrix), np.eye(3))
    rows = np.repeat(tensor[None], 9, axis=0)
    own = {n: rows[:, i, i] for i, n in enumerate(names)}
    electronic = np.array([name == "electron" for name in names])
    return CollectiveSamples(Carriers(names, np.array(charges), electronic), rows, own)


def test_conductivities_follow_from_the_matrix() -> None:
    """The published formulae, written out here: sums with cross terms, ambipolar from the diagonal, and L_amb."""
    scale = 1e35
    l_vv, l_ee, l_ve = 1.0 * scale, 8.0 * scale, 0.5 * scale
    estimates = transport_coefficients(made([[l_vv, l_ve], [l_ve, l_ee]], ("V_O", "electron"), [2.0, -1.0]))
    ionic, electronic = E2 * (4 * l_vv - 2 * l_ve), E2 * (l_ee - 2 * l_ve)
    total = E2 * (4 * l_vv + l_ee - 4 * l_ve)
    l_amb = (l_vv * l_ee - l_ve**2) / (4 * l_vv - 4 * l_ve + l_ee)
    expected = {
        "ionic_conductivity_S_m": ionic,
        "electronic_conductivity_S_m": electronic,
        "total_conductivity_S_m": total,
        "ionic_transference_number": ionic / total,
        "electronic_transference_number": electronic / total,
        "ambipolar_conductivity_S_m": E2 * (4 * l_vv) * l_ee / (4 * l_vv + l_ee),
        "ambipolar_onsager_conductivity_S_m": 4 * E2 * l_amb,
    }
    assert set(estimates) == set(expected)
    for key, value in expected.items():
        assert estimates[key].value == pytest.approx(value, rel=1e-12), key
        assert estimates[key].formula, key


def test_limits_of_the_ambipolar_conductivity() -> None:
    """sigma_e >> sigma_V gives sigma_V, sigma_V >> sigma_e gives sigma_e, equal ones give half, to first order."""
    ratio = 1e6
    for sigma_v, sigma_e, expected in ((1.0, ratio, 1.0), (ratio, 1.0, 1.0), (1.0, 1.0, 0.5)):
        matrix = made([[sigma_v / (4 * E2), 0.0], [0.0, sigma_e / E2]], ("V_O", "electron"), [2.0, -1.0])
        estimates = transport_coefficients(matrix)
        for key in ("ambipolar_conductivity_S_m", "ambipolar_onsager_conductivity_S_m"):
            assert estimates[key].value == pytest.approx(expected, rel=1.01 / ratio), key


@pytest.mark.parametrize("cross", [-0.5, 0.0, 0.4])
def test_transference_numbers_add_up_to_one(cross: float) -> None:
    """To rounding, with and without cross terms; each is the fraction of its conductivity."""
    matrix = [[1e35, cross * 1e35], [cross * 1e35, 3e35]]
    estimates = transport_coefficients(made(matrix, ("V_O", "electron"), [2.0, -1.0]))
    value = {key: available(estimate).value for key, estimate in estimates.items()}
    shares = [value[f"{kind}_transference_number"] for kind in ("ionic", "electronic")]
    assert sum(shares) == pytest.approx(1.0, abs=1e-15)
    for share, kind in zip(shares, ("ionic", "electronic"), strict=True):
        assert share == pytest.approx(value[f"{kind}_conductivity_S_m"] / value["total_conductivity_S_m"], rel=1e-12)


def test_sigma_of_undoped_ceria_gives_three_times_the_vacancy_diffusivity() -> None:
    """c_e = 2 c_V, D_e >> D_V, ideal: Theta_V = 3 and D~ = kT L_amb Theta_V/c_V = 3 D_V (1.5 without z^2)."""
    density, d_v, d_e = 1e26, 1e-12, 1e-6
    matrix = [[density * d_v / KT, 0.0], [0.0, 2 * density * d_e / KT]]
    estimates = transport_coefficients(made(matrix, ("V_O", "electron"), [2.0, -1.0]))
    sigma = estimates["ambipolar_onsager_conductivity_S_m"].value
    assert KT * sigma / (4 * E2) * 3.0 / density == pytest.approx(3 * d_v, rel=1e-5)


def test_a_matrix_that_is_not_positive_gives_no_ambipolar_conductivity() -> None:
    estimates = transport_coefficients(made([[1.0, -1.5], [-1.5, 2.0]], ("V_O", "electron"), [2.0, -1.0]))
    estimate = estimates["ambipolar_onsager_conductivity_S_m"]
    assert isinstance(estimate, Unavailable) and "positive semi-definite" in estimate.reason


def test_an_ionic_conductor_has_no_electronic_estimates() -> None:
    estimates = transport_coefficients(made([[1e35]], ("V_O",), [2.0]))
    assert estimates["ionic_conductivity_S_m"].value == pytest.approx(4 * E2 * 1e35)
    assert estimates["total_conductivity_S_m"].value == pytest.approx(4 * E2 * 1e35)
    for key in (
        "electronic_conductivity_S_m",
        "electronic_transference_number",
        "ambipolar_conductivity_S_m",
        "ambipolar_onsager_conductivity_S_m",
    ):
        assert "no electronic carrier" in estimates[key].reason, key


def test_two_ions_have_no_ambipolar_conductivity_but_one_conductivity() -> None:
    estimates = transport_coefficients(made([[1.0, 0.2], [0.2, 3.0]], ("V_O", "H"), [2.0, 1.0]))
    assert estimates["ionic_conductivity_S_m"].value == pytest.approx(E2 * (4 + 3 + 2 * 2 * 0.2))
    assert isinstance(estimates["ambipolar_conductivity_S_m"], Unavailable)


def test_collective_tensor_of_a_layered_walk() -> None:
    """Rates differ by axis: each entry of D_sigma is within 5.5 errors, and the scalar is a third of the trace."""
    rates = (0.1, 0.4, 1.0)
    steps, hops = lattice_steps(np.random.default_rng(5), (100, 100, 3), rates)
    trajectory = synthetic({"V_O": steps}, {"V_O": hops}, cubic=False)
    independent = independent_samples(trajectory)
    collective = collective_samples(trajectory, independent, (0.01, 0.5))
    tracer = tracer_samples(trajectory, independent, "V_O", None)
    estimate = species_estimates(trajectory, collective, tracer, "V_O")[0]
    assert estimate.tensor is not None and estimate.tensor_stderr is not None
    truth = np.diag(rates) * SPACING_M**2 / FRAME_S
    assert np.abs((estimate.tensor - truth) / estimate.tensor_stderr).max() < 5.5
    assert estimate.value == pytest.approx(np.trace(estimate.tensor) / 3.0, rel=1e-12)


def test_a_field_is_refused() -> None:
    trajectory = replace(pair(1), field_V_per_m=np.array([1e6, 0.0, 0.0]))
    with pytest.raises(UnavailableError, match="field"):
        collective_samples(trajectory, independent_samples(trajectory), None)


def test_leaving_out_a_time_group_removes_all_of_its_motion() -> None:
    """One replica that moves during its last time group only: the jackknife sample without that group is zero.

    A window that straddles the two groups belongs to the one in which it ends.
    """
    still = synthetic({"V_O": np.zeros((128, 1, 4, 3), dtype=np.int64)})
    independent = independent_samples(still)
    begin = group_edges(still, independent.groups)[-2]
    steps = np.zeros((128, 1, 4, 3), dtype=np.int64)
    steps[begin:] = lattice_steps(np.random.default_rng(7), (128 - begin, 1, 4), 0.5)[0]
    own = collective_samples(synthetic({"V_O": steps}), independent, None).of_species["V_O"]
    assert not own[-1].any() and (np.trace(own[:-1], axis1=1, axis2=2) > 0).all()
