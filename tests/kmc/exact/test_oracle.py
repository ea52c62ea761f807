"""The walk against the exact solver, over random models with gates and pair energies.

The fastest backend of the machine is used: test_backends.py shows that all of them give the same trajectory.

Each replica starts from the exact stationary distribution and all share one dopant configuration, so that every
observable has its exact expectation at finite time: hop rates, occupations, and the second moments of tagged and of
summed displacements. z = (mean - exact)/(standard error over replicas). The pooled criteria are chi-square p > 1e-4
for each kind of observable, and the largest |z| below its Bonferroni bound for a false-alarm rate of 1e-4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from kmc.backends import make_walker
from kmc.exact.markov_chain import mean_square_at
from kmc.exact.master_equation import enumerate_cell
from kmc.measure.msd import second_moments, summed_positions
from kmc.run.schedule import window_length
from kmc.run.settings import Settings
from kmc.state.replicas import state_from_occupants, unwrapped_grid_positions
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system

MODELS = 20
REPLICAS = 256
WINDOWS = 2
FALSE_ALARM = 1e-4


def random_system(seed):
    """A random model of one of three kinds: perovskite with gates and V-V pairs, fluorite with gates, bound polaron."""
    rng = np.random.default_rng(seed)
    gates = lambda names: {gate: rng.uniform(0.3, 0.55) for gate in names}  # noqa: E731  # three uses, one line each
    kind = seed % 3
    if kind == 0:
        pairs = [("V_O", "V_O", 1, rng.uniform(-0.1, 0.2)), ("V_O", "D", 1, rng.uniform(-0.15, 0.15))]
        model = made_up_model("perovskite", gates([("M",), ("D",)]), pairs)
        return made_up_system(model, (2, 2, 2), 2, dopants=3, temperature_K=1400.0, replicas=REPLICAS, seed=seed)
    if kind == 1:
        pairs = [("V_O", "D", 1, rng.uniform(-0.15, 0.15))]
        model = made_up_model("fluorite", gates([("M", "M"), ("M", "D"), ("D", "D")]), pairs)
        return made_up_system(model, (2, 1, 1), 2, dopants=3, temperature_K=1400.0, replicas=REPLICAS, seed=seed)
    pairs = [("V_O", "electron", 1, rng.uniform(-0.25, 0.0)), ("V_O", "D", 1, rng.uniform(-0.1, 0.1))]
    model = made_up_model("perovskite", {(): rng.uniform(0.35, 0.45)}, pairs, polarons=polarons_of(rng, seed % 2))
    return made_up_system(
        model, (2, 2, 2), 1, dopants=2, electrons=1, temperature_K=1400.0, replicas=REPLICAS, seed=seed
    )


def polarons_of(rng, marcus):
    """Random keys of a polaron's hop."""
    if not marcus:
        return {"barriers": [{"energy_eV": rng.uniform(0.3, 0.45), **NOTE}]}
    lam, integral = rng.uniform(1.2, 1.8), rng.uniform(0.0, 0.05)
    return {
        "rate": "marcus",
        "reorganisation_energy_eV": {"value": lam, **NOTE},
        "transfer_integral_eV": {"value": integral, **NOTE},
    }


def deviations(seed, backend, selection):
    """{kind: z values} of one random model."""
    system = random_system(seed)
    tables = system.tables
    small = enumerate_cell(tables, replace(system, replicas=1).initial_state().occupants[0])
    stationary = small.stationary()
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(stationary), size=REPLICAS, p=stationary)
    state = state_from_occupants(tables, small.occupants[chosen].copy())
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
        seen["occupied"] += (state.occupants[:, :2] == tables.carrier[0]) / WINDOWS
        before = now
    seen["hops"] = walker.counters()[1] - start
    return seen


def _z(values, exact):
    return (values.mean() - exact) / (values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.statistical
@pytest.mark.slow
@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_walk_agrees_with_the_exact_solution(backend, selection):
    judge([deviations(seed, backend, selection) for seed in range(MODELS)])


def two_carriers(binding_eV, polarons, lattice="perovskite", to_dopant_eV=0.0, **more):
    """One vacancy and one polaron in a cell where their motions are correlated.

    Where the two bonds of an axis join the same two sites (two cells of a perovskite) the electron's mean displacement
    vanishes in every state, and with it every cross term and every back-correlation; hence three cells, or fcc bonds.
    """
    pairs = [("V_O", "electron", 1, binding_eV)] if binding_eV else []
    pairs += [("V_O", "D", 1, to_dopant_eV)] if to_dopant_eV else []
    model = made_up_model(lattice, {(): 0.4}, pairs, polarons=polarons)
    repeats = (3, 3, 2) if lattice == "perovskite" else (2, 2, 2)
    return made_up_system(model, repeats, 1, electrons=1, temperature_K=1400.0, tracked=False, **more)


def moments(system, backend, windows, hops_per_window):
    """(exact, seen) second moments in m2 of the summed displacements of a window; seen: (R,), means over windows."""
    tables, pair = system.tables, ("V_O", "electron")
    small = enumerate_cell(tables, replace(system, replicas=1).initial_state().occupants[0])
    chosen = np.random.default_rng(system.seed).choice(len(small.occupants), size=system.replicas, p=small.stationary())
    state = state_from_occupants(tables, small.occupants[chosen].copy())
    mean = int(hops_per_window / (small.hop_rate()[0] / tables.total_rate_per_s))
    tensor = mean_square_at(small.collective(*pair), mean / tables.total_rate_per_s)
    exact = tensor.reshape(2, 3, 2, 3).trace(axis1=1, axis2=3)
    vectors = tables.supercell.crystal.cell_angstrom / tables.supercell.crystal.grid * 1e-10
    codes = [tables.species.index(name) for name in pair]
    walker, seen = make_walker(backend, system, state), 0.0
    before = summed_positions(tables, unwrapped_grid_positions(tables, state))
    for window in range(windows):
        walker.advance(window_length(system, Settings(), "rejection", window, mean))
        now = summed_positions(tables, unwrapped_grid_positions(tables, walker.read()))
        moved = (now - before)[:, codes] @ vectors
        seen, before = seen + np.einsum("ria,rja->rij", moved, moved) / windows, now
    charge = (tables.charges[tables.carrier] - tables.charges[tables.partner]).astype(float)
    return tuple(
        {
            "R_V^2": m[..., 0, 0],
            "R_e^2": m[..., 1, 1],
            "R_V.R_e": m[..., 0, 1],
            "(z_V R_V + z_e R_e)^2": np.einsum("i,...ij,j->...", charge, m, charge),
        }
        for m in (exact, seen)
    )


@pytest.mark.statistical
@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_two_carriers_agree_with_the_exact_solution(backend):
    """Vacancy and bound polaron: the moments behind L_VV, L_ee, L_Ve with its sign, and the conductivity.

    Perovskite and fluorite, KRA and Marcus in turn. The cross terms are so strong that a wrong sign would be seen.
    """
    found, turned = [], []
    for seed in range(100, 100 + MODELS):
        rng = np.random.default_rng(seed)
        lattice = "fluorite" if seed % 4 == 0 else "perovskite"
        what = {"to_dopant_eV": rng.uniform(-0.1, 0.1), "dopants": 1, "replicas": REPLICAS, "seed": seed}
        system = two_carriers(rng.uniform(-0.45, -0.25), polarons_of(rng, seed // 4 % 2), lattice, **what)
        exact, seen = moments(system, backend, WINDOWS, 8.0)
        found.append({kind: [_z(seen[kind], exact[kind])] for kind in exact})
        turned.append(_z(seen["R_V.R_e"], -exact["R_V.R_e"]))
    judge(found)
    assert stats.chi2.sf(np.square(turned).sum(), MODELS) < 1e-12


@pytest.mark.statistical
@pytest.mark.parametrize("backend", BACKENDS[:1])
@pytest.mark.parametrize("binding_eV", [0.0, -0.4])
def test_cross_term_of_two_carriers(backend, binding_eV):
    """<R_V . R_e> is exact: zero without interactions and clearly nonzero with strong binding."""
    system = two_carriers(binding_eV, {"barriers": [{"energy_eV": 0.38, **NOTE}]}, replicas=8192, seed=7)
    exact, seen = (m["R_V.R_e"] for m in moments(system, backend, 1, 8.0))
    error = seen.std(ddof=1) / np.sqrt(len(seen))
    assert abs(seen.mean() - exact) < 4 * error
    if binding_eV:
        assert exact > 8 * error
    else:
        assert abs(exact) < 1e-9 * error


def judge(found):
    """Assert the pooled chi-square of each kind of observable and the largest deviation of all."""
    pooled: dict[str, list[float]] = {}
    for one in found:
        for kind, values in one.items():
            pooled.setdefault(kind, []).extend(values)
    everything = np.concatenate([np.array(values) for values in pooled.values()])
    bound = stats.norm.isf(FALSE_ALARM / 2 / len(everything))
    assert np.abs(everything).max() < bound, {k: np.round(v, 1) for k, v in pooled.items()}
    for kind, values in pooled.items():
        assert stats.chi2.sf((np.array(values) ** 2).sum(), len(values)) > FALSE_ALARM, (kind, np.round(values, 1))
