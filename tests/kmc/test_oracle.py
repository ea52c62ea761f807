"""The walk against the exact solver, over random models with gates and pair energies.

Judged on the fastest backend of the machine: test_backends.py shows that all of them walk the same trajectory.

Each replica starts from the exact stationary distribution and all share one dopant configuration, so that every
observable has its exact expectation at finite time: hop rates, occupations, and the second moments of tagged and of
summed displacements. z = (mean - exact)/(standard error over replicas). Judged pooled: chi-square p > 1e-4 for each
kind of observable, and the largest |z| under its Bonferroni bound for a false-alarm rate of 1e-4.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.small_cell import enumerate_cell, mean_square_at
from kmc.accumulate import second_moments, summed_positions
from kmc.backends import make_walker
from kmc.schedule import Settings, window_length
from kmc.state import state_from_occupants, unwrapped_grid_positions
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system

MODELS = 20
REPLICAS = 256
WINDOWS = 2
FALSE_ALARM = 1e-4


def random_system(seed, kind=None):
    """One of three kinds (by seed, or as asked).

    Perovskite with gates and V-V pairs; fluorite with gates; vacancy and bound polaron.
    """
    rng = np.random.default_rng(seed)
    gates = lambda names: {gate: rng.uniform(0.3, 0.55) for gate in names}  # noqa: E731  # three uses, one line each
    kind = seed % 3 if kind is None else kind
    if kind == 0:
        pairs = [("V_O", "V_O", 1, rng.uniform(-0.1, 0.2)), ("V_O", "D", 1, rng.uniform(-0.15, 0.15))]
        model = made_up_model("perovskite", gates([("M",), ("D",)]), pairs)
        return made_up_system(model, (2, 2, 2), 2, dopants=3, temperature_K=1400.0, replicas=REPLICAS, seed=seed)
    if kind == 1:
        pairs = [("V_O", "D", 1, rng.uniform(-0.15, 0.15))]
        model = made_up_model("fluorite", gates([("M", "M"), ("M", "D"), ("D", "D")]), pairs)
        return made_up_system(model, (2, 1, 1), 2, dopants=3, temperature_K=1400.0, replicas=REPLICAS, seed=seed)
    pairs = [("V_O", "electron", 1, rng.uniform(-0.25, 0.0)), ("V_O", "D", 1, rng.uniform(-0.1, 0.1))]
    polarons = {"barriers": [{"energy_eV": rng.uniform(0.3, 0.45), **NOTE}]}
    if seed % 2:
        polarons = {
            "rate": "marcus",
            "reorganisation_energy_eV": {"value": rng.uniform(1.2, 1.8), **NOTE},
            "transfer_integral_eV": {"value": rng.uniform(0.0, 0.05), **NOTE},
        }
    model = made_up_model("perovskite", {(): rng.uniform(0.35, 0.45)}, pairs, polarons=polarons)
    return made_up_system(
        model, (2, 2, 2), 1, dopants=2, electrons=1, temperature_K=1400.0, replicas=REPLICAS, seed=seed
    )


def deviations(seed, backend, selection, model_kind=None):
    """{kind: z values} of one random model."""
    system = random_system(seed, model_kind)
    tables = system.tables
    small = enumerate_cell(system.model, tables, system.initial_state().occupants[0])
    stationary = small.stationary()
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(stationary), size=REPLICAS, p=stationary)
    state = state_from_occupants(system.model, tables, small.occupants[chosen].copy())
    hops_per_window = 4 * int(tables.counts[tables.carrier[0]])
    slowest = small.hop_rate()[0] / tables.total_rate_per_s
    mean = int(hops_per_window / slowest)
    walker = make_walker(backend, system, state, selection)
    time_s = mean / tables.total_rate_per_s
    seen = _walk(system, small, walker, mean, selection)
    found = {"hop rate": [], "tagged": [], "collective": [], "occupation": []}
    for f in range(tables.n_families):
        found["hop rate"].append(_z(seen["hops"][:, f] / (WINDOWS * time_s), small.hop_rate()[f]))
    for name in ("O", "V_O"):
        exact = np.trace(mean_square_at(small.tagged(name), time_s))
        found["tagged"].append(_z(seen["tagged"][name], exact))
    for name in dict.fromkeys(tables.species[c] for c in tables.carrier):
        exact = np.trace(mean_square_at(small.collective(name), time_s))
        found["collective"].append(_z(seen["collective"][name], exact))
    if tables.n_families == 2:
        both = small.collective("V_O")
        other = small.collective("electron")
        summed = type(both)(both.states, both.source, both.target, both.rate, both.moved + other.moved, both.stationary)
        found["collective"].append(_z(seen["both"], np.trace(mean_square_at(summed, time_s))))
    for site in (0, 1):
        exact = stationary @ (small.occupants[:, site] == tables.carrier[0])
        found["occupation"].append(_z(seen["occupied"][:, site], exact))
    return found


def _walk(system, small, walker, mean, selection):
    """Means over the windows of each replica."""
    tables = system.tables
    vectors = tables.supercell.crystal.cell_angstrom / tables.supercell.crystal.grid * 1e-10
    metric = vectors @ vectors.T
    weights = np.array([metric[0, 0], metric[1, 1], metric[2, 2], 2 * metric[0, 1], 2 * metric[0, 2], 2 * metric[1, 2]])
    carriers = list(dict.fromkeys(tables.species[c] for c in tables.carrier))
    seen = {
        "tagged": dict.fromkeys(("O", "V_O"), 0.0),
        "collective": dict.fromkeys(carriers, 0.0),
        "both": 0.0,
        "occupied": 0.0,
    }
    before = unwrapped_grid_positions(tables, walker.read())
    start = walker.counters()[1].copy()
    for window in range(WINDOWS):
        walker.advance(window_length(system, Settings(), selection, window, mean))
        state = walker.read()
        now = unwrapped_grid_positions(tables, state)
        moments = second_moments(tables, now, before) @ weights
        summed = (summed_positions(tables, now) - summed_positions(tables, before)) @ vectors
        for name in seen["tagged"]:
            code = tables.species.index(name)
            seen["tagged"][name] += moments[:, code] / tables.counts[code] / WINDOWS
        for name in carriers:
            seen["collective"][name] += (summed[:, tables.species.index(name)] ** 2).sum(axis=1) / WINDOWS
        both = summed[:, [tables.species.index(name) for name in carriers]].sum(axis=1)
        seen["both"] += (both**2).sum(axis=1) / WINDOWS
        seen["occupied"] += (state.occupants[:, :2] == tables.carrier[0]) / WINDOWS
        before = now
    seen["hops"] = walker.counters()[1] - start
    return seen


def _z(values, exact):
    return (values.mean() - exact) / (values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_walk_agrees_with_the_exact_solution(backend, selection):
    judge([deviations(seed, backend, selection) for seed in range(MODELS)])


@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_two_carriers_agree_with_the_exact_solution(backend):
    """Vacancy and bound polaron, KRA and Marcus: R_V^2, R_e^2, (R_V + R_e)^2 fix L_VV, L_ee and the sign of L_Ve."""
    judge([deviations(100 + seed, backend, "rejection", 2) for seed in range(MODELS)])


@pytest.mark.parametrize("backend", BACKENDS[:1])
@pytest.mark.parametrize("binding_eV", [0.0, -0.4])
def test_cross_term_of_two_carriers(backend, binding_eV):
    """<R_V . R_e> after a while: zero without interactions, clearly not with strong binding, and the exact one."""
    pairs = [("V_O", "electron", 1, binding_eV)] if binding_eV else []
    model = made_up_model("perovskite", {(): 0.4}, pairs, polarons={"barriers": [{"energy_eV": 0.38, **NOTE}]})
    system = made_up_system(model, (3, 3, 2), 1, electrons=1, temperature_K=1400.0, replicas=8192, seed=7)
    tables = system.tables
    small = enumerate_cell(model, tables, system.initial_state().occupants[0])
    chosen = np.random.default_rng(7).choice(len(small.occupants), size=8192, p=small.stationary())
    state = state_from_occupants(model, tables, small.occupants[chosen].copy())
    walker, before = make_walker(backend, system, state), unwrapped_grid_positions(tables, state)
    mean = 40 * tables.n_families
    for window in range(4):
        walker.advance(window_length(system, Settings(), "rejection", window, mean))
    vectors = tables.supercell.crystal.cell_angstrom / tables.supercell.crystal.grid * 1e-10
    moved = summed_positions(tables, unwrapped_grid_positions(tables, walker.read())) - summed_positions(tables, before)
    one, other = (moved[:, tables.species.index(name)] @ vectors for name in ("V_O", "electron"))
    seen = (one * other).sum(axis=1)
    parts = [small.collective(name) for name in ("V_O", "electron")]
    both = type(parts[0])(
        parts[0].states,
        parts[0].source,
        parts[0].target,
        parts[0].rate,
        parts[0].moved + parts[1].moved,
        parts[0].stationary,
    )
    square = [np.trace(mean_square_at(part, 4 * mean / tables.total_rate_per_s)) for part in (both, *parts)]
    exact, error = (square[0] - square[1] - square[2]) / 2, seen.std(ddof=1) / np.sqrt(len(seen))
    assert abs(seen.mean() - exact) < 4 * error
    if binding_eV:
        assert abs(exact) > 8 * error
    else:
        assert abs(exact) < 1e-9 * square[0]


def judge(found):
    """Pooled chi-square of each kind of observable, and the largest deviation of all."""
    pooled: dict[str, list[float]] = {}
    for one in found:
        for kind, values in one.items():
            pooled.setdefault(kind, []).extend(values)
    everything = np.concatenate([np.array(values) for values in pooled.values()])
    bound = stats.norm.isf(FALSE_ALARM / 2 / len(everything))
    assert np.abs(everything).max() < bound, {k: np.round(v, 1) for k, v in pooled.items()}
    for kind, values in pooled.items():
        assert stats.chi2.sf((np.array(values) ** 2).sum(), len(values)) > FALSE_ALARM, (kind, np.round(values, 1))
