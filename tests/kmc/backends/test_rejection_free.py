"""Rejection-free selection: its random numbers, its bounds, and the same statistics as rejection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy import stats

from kmc.backends import make_walker
from kmc.backends.numpy_rejection_free import NumpyRejectionFreeWalker, Weights, exponential
from kmc.model.composition import compose
from kmc.model.parameters import load_model
from kmc.rng.philox import STREAM_TRIALS, high64, sequence, stream_key
from kmc.run.schedule import decide_selection, window_length
from kmc.run.settings import Settings
from kmc.state.rejection_free import LOG_UNIT, build_rate_bounds
from kmc.state.system import build_system
from lattices.errors import InputError
from tests.kmc.backends.test_backends import systems
from tests.systems import BACKENDS, cell, made_up_model, made_up_system

LOG_TABLE = np.array([round(LOG_UNIT * math.log1p(k / 256)) for k in range(256)], dtype=np.uint64)


def test_high_half_of_a_product():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 2**64, (2, 500), dtype=np.uint64, endpoint=False)
    a[:3], b[:3] = 2**64 - 1, [2**64 - 1, 1, 0]
    assert [int(x) for x in high64(a, b)] == [int(x) * int(y) >> 64 for x, y in zip(a, b, strict=True)]


@pytest.mark.statistical
def test_exponential_numbers_are_minus_the_logarithm():
    words = sequence(stream_key(1, 0, STREAM_TRIALS), 20000)
    words[:5] = [0, 1, 2**64 - 1, 2**63, 2**63 - 1]
    exact = np.array([-math.log(int(w | np.uint64(1)) / 2**64) for w in words])
    got = exponential(LOG_TABLE, words).astype(float) / LOG_UNIT
    assert np.abs(got - exact).max() < 2e-10
    assert stats.kstest(got[5:], "expon").pvalue > 1e-4


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(system=systems())
def test_weights_follow_the_hops_and_bound_every_rate(system):
    """After a walk weights and tree equal recomputed ones; no rate exceeds its bound."""
    try:
        state = system.initial_state()
    except InputError:
        return
    bounds = build_rate_bounds(system.tables, state)
    walker = NumpyRejectionFreeWalker(system.tables, state, system.seed, 0, bounds)
    walker.advance(np.full(system.replicas, 400))
    kept, fresh = walker._weights, Weights(bounds, system.tables, walker.read())
    assert np.array_equal(kept.weight, fresh.weight)
    assert np.array_equal(kept.tree, fresh.tree)
    assert (fresh.weight.sum(axis=(1, 2)) == fresh.total).all()
    again = build_rate_bounds(system.tables, walker.read())
    assert np.array_equal(again.base2, bounds.base2), "the folded dopants must not depend on the carriers"
    _check_bounds(system, walker)


def _check_bounds(system, walker):
    """Compare every possible exchange of the current state with its bound."""
    t, weights = system.tables, walker._weights
    for f in range(t.n_families):
        count, z = int(t.counts[t.carrier[f]]), int(t.directions[f])
        lane, carrier_index, direction = (a.ravel() for a in np.indices((system.replicas, count, z)))
        place = carrier_index + t.carrier_offset[t.carrier[f]]
        family = 0 if t.n_families == 1 else np.full(len(lane), f)
        proposals = walker._events.propose(lane, family, place, direction, np.zeros(len(lane), dtype=np.uint64))
        mine = np.flatnonzero(proposals.possible)
        contacts, barrier2 = walker._events.barrier(proposals, f, mine)
        entry = walker.bounds.entry_offset[f] + carrier_index[mine]
        bound = weights.weight[lane[mine], entry, direction[mine]]
        assert (weights.bond_weight(f, barrier2)[contacts == 0] <= bound[contacts == 0]).all()


def test_bounds_are_exact_where_carriers_do_not_interact():
    model = made_up_model(barriers={("M", "M"): 0.4, ("M", "D"): 0.5, ("D", "D"): 0.6}, pairs=[("V_O", "D", 1, -0.1)])
    system = made_up_system(model, (3, 3, 3), vacancies=1, dopants=20, replicas=4)
    walker = make_walker("numpy", system, system.initial_state(), "rejection-free")
    walker.advance(np.full(4, 3000))
    trials, accepted = walker.counters()
    assert np.array_equal(trials, accepted)
    assert accepted.sum() > 100


def test_selection_is_chosen_from_counts():
    tables = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.2)]), (3, 3, 3), vacancies=5).tables
    assert decide_selection(tables, Settings(), 999, 9999, False) == ""
    assert decide_selection(tables, Settings(), 1000, 9999, False) == "rejection"
    assert decide_selection(tables, Settings(), 1000, 10001, False) == "rejection-free"
    assert decide_selection(tables, Settings(), 0, 10, True) == "rejection-free"
    plain = made_up_system(made_up_model(), (3, 3, 3), vacancies=5).tables
    assert decide_selection(plain, Settings(), 0, 0, False) == "rejection"


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.skipif(BACKENDS == ["numpy"], reason="too slow with NumPy alone: the compiled extension is missing")
@pytest.mark.parametrize(("temperature_K", "trials"), [(773.0, 1_500_000), (1273.0, 300_000)])
def test_selections_agree_on_doped_ceria(temperature_K, trials):
    """Hops and summed squared displacement of vacancies, 48 replicas each; two-sided z below 4.4 (false alarm 2e-5)."""
    from kmc.measure.msd import summed_positions
    from kmc.state.replicas import unwrapped_grid_positions

    model = load_model("gdc-chgnet-preview")
    supercell = cell("fluorite", (4, 4, 4))
    numbers = compose(model, supercell, {"Gd": 0.1}, {"V_O": "charge-balance"})
    system = build_system(model, supercell, numbers, temperature_K, seed=5, replicas=48)
    seen = []
    for number, selection in enumerate(("rejection", "rejection-free")):
        walker = make_walker(BACKENDS[0], system, system.initial_state(), "rejection-free")
        walker.advance(np.full(48, trials * (2 + number)))  # equilibrations of two lengths make the walks independent
        state = walker.read().copy()
        walker = make_walker(BACKENDS[0], system, state.copy(), selection)
        walker.advance(window_length(system, Settings(), selection, 1, trials))
        after = walker.read()
        moved = summed_positions(system.tables, unwrapped_grid_positions(system.tables, after)) - summed_positions(
            system.tables, unwrapped_grid_positions(system.tables, state)
        )
        hops = (after.accepted - state.accepted).sum(axis=1)
        code = system.tables.species.index("V_O")
        seen.append((hops, (moved[:, code].astype(float) ** 2).sum(axis=1)))
    for one, other in zip(*seen, strict=True):
        z = (one.mean() - other.mean()) / np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 48)
        assert abs(z) < 4.4
