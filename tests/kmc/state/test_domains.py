"""The bias of the domain decomposition: its stated size and sign, and the edge of a block in hop lengths."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.backends import make_walker
from kmc.state.domains import build_domains, edge_in_hops, expected_bias
from kmc.state.replicas import unwrapped_grid_positions
from tests.systems import BACKENDS, NOTE, gas_system, made_up_model, made_up_system

POLARONS = {"barriers": [{"energy_eV": 0.4, **NOTE}]}
VACANCIES, REPLICAS = 86, 256  # 5 % of 12^3 sites


@pytest.mark.parametrize(
    ("prototype", "repeats", "polarons", "edge"),
    [
        ("fluorite", (6, 6, 6), None, 6.0),  # 3 cells of a over hops of a/2
        ("fluorite", (6, 8, 10), None, 6.0),  # the smallest block counts
        ("fluorite", (8, 8, 8), None, 8.0),
        ("perovskite", (6, 6, 6), None, 3 * 2**0.5),  # hops of a/sqrt(2)
        ("perovskite", (6, 6, 6), POLARONS, 3.0),  # the longest hop counts: a
    ],
)
def test_the_edge_is_that_of_the_smallest_block_over_the_longest_hop(prototype, repeats, polarons, edge):
    electrons = 3 if polarons else 0
    tables = made_up_system(made_up_model(prototype, polarons=polarons), repeats, 3, electrons=electrons).tables
    assert edge_in_hops(tables, build_domains(tables, 3)) == pytest.approx(edge, rel=1e-6)


@pytest.mark.parametrize(
    ("hops", "edge", "measured", "error"),
    [(1.0, 6.0, -0.005, 0.002), (1.5, 6.0, -0.013, 0.001), (1.0, 12.0, -0.004, 0.001), (1.5, 12.0, -0.006, 0.001)],
)
def test_the_expected_bias_agrees_with_the_measured_bias(hops, edge, measured, error):
    """The values of its docstring, within 2 standard errors; quadratic in the hops, inverse in the edge."""
    assert abs(expected_bias(hops, edge) - measured) < 2 * error
    assert expected_bias(2 * hops, edge) == pytest.approx(4 * expected_bias(hops, edge))
    assert expected_bias(hops, 2 * edge) == pytest.approx(expected_bias(hops, edge) / 2)


def correlation(system, block, trials_per_carrier, sweeps):
    """(R,) squared displacement of the ions, in squared hop lengths, divided by the number of hops."""
    walker = make_walker(BACKENDS[0], system, system.initial_state(), block=block)
    start = unwrapped_grid_positions(system.tables, walker.read()).astype(float)
    walker.advance(np.full(system.replicas, trials_per_carrier * VACANCIES, dtype=np.int64), sweeps)
    moved = unwrapped_grid_positions(system.tables, walker.read()) - start
    ions = slice(int(system.tables.first_particle[0]), int(system.tables.first_particle[0] + system.tables.counts[0]))
    squared = (moved[:, ions] ** 2).sum(axis=(1, 2)) / system.tables.supercell.crystal.grid**2
    return squared / walker.counters()[1].sum(axis=1)


@pytest.mark.slow
@pytest.mark.statistical
def test_long_visits_slow_the_ions_down_as_expected():
    """A simple-cubic gas of vacancies, 1.9 hops per visit in blocks of edge 3, against the same walk in replicas.

    The error of the measured bias is about 0.25 %, the bias about -2.7 %, the expected one -4.1 %: its sign must agree
    and its size within a factor 0.4 to 1.6 (false alarms below 1e-4 on either side).
    """
    system = gas_system((4.0, 4.0, 4.0), (12, 12, 12), VACANCIES, 1000.0, replicas=REPLICAS, seed=11)
    whole, cut = correlation(system, None, 40, 1), correlation(system, 3, 40, 20)
    bias = cut.mean() / whole.mean() - 1
    error = np.hypot(whole.std(ddof=1), cut.std(ddof=1)) / whole.mean() / REPLICAS**0.5
    assert error < 0.003
    edge = edge_in_hops(system.tables, build_domains(system.tables, 3))
    expected = expected_bias(2 * (1 - VACANCIES / 12**3), edge)
    assert 0.4 < bias / expected < 1.6, (bias, error, expected)
