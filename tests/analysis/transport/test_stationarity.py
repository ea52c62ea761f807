"""Whether a run is in equilibrium: ageing walks are reported, plain ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.transport.analysis import TransportAnalysis
from analysis.transport.stationarity import FALSE_ALARM, drift_lines
from kmc.files.trajectory import Trajectory
from tests.analysis.synthetic import lattice_steps, synthetic


def ageing(seed: int, frames: int = 100, replicas: int = 8, particles: int = 60) -> Trajectory:
    """Walkers that jump after waiting times with the density t^-1.6: ever fewer jumps are made as time goes on."""
    rng = np.random.default_rng(seed)
    jumps = np.zeros((frames, replicas * particles), dtype=np.int64)
    for walker in range(replicas * particles):
        times = np.cumsum(0.2 * rng.random(8 * frames) ** (-1.0 / 0.6))
        jumps[:, walker] = np.histogram(times, np.arange(frames + 1))[0]
    hops = jumps.reshape(frames, replicas, particles)
    along = rng.multinomial(hops, [1 / 6] * 6)  # (T, R, N, 6)
    return synthetic({"V_O": along[..., :3] - along[..., 3:]}, {"V_O": hops})


@pytest.mark.statistical
def test_a_rate_that_falls_with_time_is_reported() -> None:
    lines = drift_lines(TransportAnalysis(ageing(1)))
    assert lines[0].startswith("the rate of V_O hop changes by -") and "equilibration" in lines[0]
    assert any(line.startswith("D* of V_O changes by -") for line in lines)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [4, 8])
def test_plain_walks_are_not_reported(replicas: int) -> None:
    """500 runs, two comparisons each: no more lines than FALSE_ALARM explains (false alarm 1e-5)."""
    found = 0
    for seed in range(500):
        steps, hops = lattice_steps(np.random.default_rng(seed), (24, replicas, 3), 0.5)
        found += len(drift_lines(TransportAnalysis(synthetic({"V_O": steps}, {"V_O": hops}))))
    assert found <= stats.binom.ppf(1 - 1e-5, 1000, FALSE_ALARM)


@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [1, 3])
def test_a_rate_that_falls_is_reported_with_few_replicas_too(replicas: int) -> None:
    """A rate that falls to a fifth; the parts of the run are compared instead of replicas."""
    frames = 160
    rate = np.linspace(1.0, 0.2, frames)[:, None, None, None]
    rng = np.random.default_rng(3)
    forth, back = (rng.poisson(rate, (frames, replicas, 40, 3)) for _ in range(2))
    run = synthetic({"V_O": forth - back}, {"V_O": (forth + back).sum(axis=-1)})
    lines = drift_lines(TransportAnalysis(run))
    assert lines[0].startswith("the rate of V_O hop changes by -") and "parts of the run" in lines[0]
    assert any(line.startswith("D* of V_O changes by -") for line in lines)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_plain_walks_of_few_replicas_are_not_reported(replicas: int) -> None:
    """300 runs, two comparisons each: no more lines than FALSE_ALARM explains (false alarm 1e-5)."""
    found = 0
    for seed in range(300):
        steps, hops = lattice_steps(np.random.default_rng(seed), (64, replicas, 3), 0.5)
        found += len(drift_lines(TransportAnalysis(synthetic({"V_O": steps}, {"V_O": hops}))))
    assert found <= stats.binom.ppf(1 - 1e-5, 600, FALSE_ALARM)
