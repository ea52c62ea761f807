"""Structure factors with dopants: exactly the frozen part of rho(k) is removed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.statistics.estimates import UnavailableError
from analysis.statistics.independent_samples import independent_samples
from analysis.thermodynamics.density_correlation import correlation
from analysis.thermodynamics.structure_factor import long_wave_limit, neutral_vector, theta_of_k
from kmc.files.trajectory import Trajectory
from tests.analysis.synthetic import synthetic


def with_dopants(frames: int, configuration: np.ndarray) -> Trajectory:
    """A run of `frames` frames after the initial one with one dopant configuration per entry of `configuration`."""
    steps = np.zeros((frames, len(configuration), 1, 3), dtype=np.int64)
    return dataclasses.replace(synthetic({"V_O": steps}), configuration=configuration)


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex normal deviates of variance 1."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2.0)


def autoregressive(rng: np.random.Generator, frames: int, replicas: int, memory: float) -> np.ndarray:
    """(frames, replicas) stationary noise of variance 1 whose correlation falls by the factor `memory` per frame."""
    noise = np.empty((frames, replicas), dtype=complex)
    noise[0] = complex_normal(rng, replicas)
    for t in range(1, frames):
        noise[t] = memory * noise[t - 1] + np.sqrt(1.0 - memory**2) * complex_normal(rng, replicas)
    return noise


@pytest.mark.slow
def test_the_frozen_part_is_the_time_mean_without_its_own_fluctuation() -> None:
    """Each replica has its own dopants: the time mean holds the frozen part and 2 tau/T of the thermal variance.

    Thermal variance 1, frozen variance 3, memory 0.95 per frame: tau = 19.5 frames and 2 tau/T = 9.7 %. Half of that
    share gives 0.95, no share 0.90. The standard error is 0.5 %; 4 of them give a false-alarm rate of 6e-5.
    """
    rng = np.random.default_rng(5)
    frames, replicas = 401, 4000
    frozen = np.sqrt(3.0) * complex_normal(rng, replicas)
    rho = (frozen + autoregressive(rng, frames, replicas, 0.95))[..., None]
    trajectory = with_dopants(frames - 1, np.arange(replicas))
    thermal = correlation(rho, trajectory, independent_samples(trajectory), frames // 4)
    assert thermal[0, 0, 0, 0] == pytest.approx(1.0, abs=0.02)


def test_replicas_that_share_dopants_give_the_frozen_part_exactly() -> None:
    """Pairs of replicas with fluctuations of zero time mean: the thermal variance is exact in every sample."""
    frames, configuration = 40, np.repeat(np.arange(5), 3)
    frozen = complex_normal(np.random.default_rng(1), 5)[configuration]
    thermal = np.tile([2.0, -2.0], frames // 2)[:, None]
    trajectory = with_dopants(frames - 1, configuration)
    found = correlation((frozen + thermal)[..., None], trajectory, independent_samples(trajectory), 1)
    assert found[:, 0, 0, 0] == pytest.approx(4.0, abs=1e-9)


def test_without_dopants_nothing_is_removed() -> None:
    rho = np.full((20, 6, 1), 3.0 + 4.0j)
    trajectory = dataclasses.replace(with_dopants(19, np.arange(6)), dopants=False)
    assert correlation(rho, trajectory, independent_samples(trajectory), 2)[0, :, 0, 0] == pytest.approx([25.0, 25.0])


def test_a_run_too_short_to_separate_the_frozen_part_is_refused() -> None:
    rho = autoregressive(np.random.default_rng(2), 40, 8, 0.95)[..., None]
    trajectory = with_dopants(39, np.arange(8))
    with pytest.raises(UnavailableError, match="replicas_per_configuration of at least 2"):
        correlation(rho, trajectory, independent_samples(trajectory), 10)


def test_theta_of_a_neutral_pair_from_its_structure_factors() -> None:
    """An ideal mixture, two electrons per vacancy: chi = diag(c, 2 c), n = (1, 2), Theta_V = c (1/c + 4/(2 c)) = 3."""
    steps = np.zeros((10, 4, 5, 3), dtype=np.int64)
    component = {"carrier": "V_O", "electronic_carrier": "electron", "electronic": 2.0}
    pair = synthetic({"electron": np.repeat(steps, 2, axis=2), "V_O": steps}, component=component)
    pair = dataclasses.replace(pair, plane_species=("electron", "V_O"))
    order, n = neutral_vector(pair)
    assert order == (1, 0) and n.tolist() == [1.0, 2.0]
    c = 5 / pair.volume_m3
    chi = np.tile(np.diag([2.0 * c, c]), (3, 2, 1, 1))
    assert theta_of_k(pair, chi, order, n) == pytest.approx(3.0, rel=1e-12)


def test_the_limit_is_linear_in_k_squared_and_weighted() -> None:
    """The samples lie exactly on a line; a point with a very large error has no weight."""
    k = np.array([1.0, 2.0, 3.0])
    scale = np.array([[1.0], [0.9], [1.1], [1.0]])
    straight = scale * np.array([[7.0, 4.0, -1.0]])
    assert long_wave_limit(k, straight) == pytest.approx(8.0 * scale[:, 0])
    noisy = straight + np.array([0.0, 1e4, -1e4, 0.0])[:, None] * np.array([[0.0, 0.0, 1.0]])
    noisy[0, 2] += 100.0
    assert long_wave_limit(k, noisy)[0] == pytest.approx(8.0, abs=1e-3)
