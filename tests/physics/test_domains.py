"""Domains: each bond belongs to one block, backends agree bit for bit, and coefficients are those of the whole cell.

Statistical tests have fixed seeds; each estimate lies within 4 of its own standard errors (false alarms 6e-5 each), and
the p-value of each chi-square is above 1e-4.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from kmc.backends import make_walker
from kmc.backends.numpy_domains import NumpyDomainWalker
from kmc.run.engine import run
from kmc.run.settings import DomainSettings, Hops, Settings
from kmc.state.domains import build_domains, owned, sweep_plan
from kmc.tables.event_tables import unpack_image
from lattices.errors import InputError
from tests.physics.test_diffusion import agrees, bare, results_of
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system, same

FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]
COMPILED = [name for name in BACKENDS if name != "numpy"]
POLARONS = {"barriers": [{"energy_eV": 0.4, **NOTE}]}


def sweeps_of(walker, system, sweeps, trials_per_carrier):
    """Advance by `sweeps` sweeps of `trials` trials per carrier each."""
    carriers = int(system.tables.counts[system.tables.carrier].sum())
    walker.advance(np.full(system.replicas, round(sweeps * trials_per_carrier * carriers), dtype=np.int64), sweeps)


@pytest.mark.parametrize(("prototype", "repeats"), [("fluorite", (6, 7, 9)), ("perovskite", (7, 6, 10))])
def test_every_bond_belongs_to_one_block_seen_from_either_end(prototype, repeats):
    """All bonds of vacancies (simple cubic; perovskite anions) and polarons (fcc; simple cubic), random origins."""
    model = made_up_model(prototype, polarons=POLARONS)
    tables = made_up_system(model, repeats, vacancies=3, electrons=3).tables
    domains, n = build_domains(tables, 3), np.asarray(repeats)
    origins, _ = sweep_plan(tables, seed=5, temperature_index=0, window=0, sweeps=2)
    begins = [domains.begins(a, repeats[a]) for a in range(3)]
    for origin, (f, b, d) in itertools.product(origins, np.ndindex(tables.bond_basis.shape)):
        if tables.bond_basis[f, b, d] < 0:
            continue
        step = tables.bond_cell[f, b, d] + unpack_image(tables.bond_image[f, b, d]) * n
        cells = np.stack(np.meshgrid(*(np.arange(k) for k in repeats), indexing="ij"), axis=-1).reshape(-1, 3)
        owners = np.zeros(len(cells), dtype=int)
        for block in itertools.product(*(range(k) for k in domains.blocks)):
            start = np.array([begins[a][block[a]] for a in range(3)])
            edge = np.array([begins[a][block[a] + 1] - begins[a][block[a]] for a in range(3)])
            back = domains.back[f, b, d]
            mine = owned((cells - origin - start) % n, edge, back)
            there = owned((cells + step - origin - start) % n, edge, np.maximum(step, 0))
            assert (mine == there).all()
            owners += mine
        assert (owners == 1).all()


@pytest.mark.statistical
def test_the_plan_is_uniform():
    system = made_up_system(made_up_model(), (6, 8, 10), vacancies=3)
    origins, colours = sweep_plan(system.tables, 3, 0, 17, 8000)
    assert (np.sort(colours, axis=1) == np.arange(8)).all()
    for column in colours.T:
        assert stats.chisquare(np.bincount(column, minlength=8)).pvalue > 1e-4
    for axis, repeats in enumerate((6, 8, 10)):
        assert stats.chisquare(np.bincount(origins[:, axis], minlength=repeats)).pvalue > 1e-4
    late = sweep_plan(system.tables, 3, 0, 17 + 5000, 3000)
    assert np.array_equal(late[0], origins[5000:]) and np.array_equal(late[1], colours[5000:])


@st.composite
def large_systems(draw):
    """Random models on both lattices, in supercells that can be cut into blocks."""
    prototype = draw(st.sampled_from(["fluorite", "perovskite"]))
    kinds = ["M", "D"] + (["electron"] if (polarons := draw(st.booleans())) else [])
    gates: dict[tuple[str, ...], float] = {(): 0.4}
    if draw(st.booleans()):
        names = itertools.combinations_with_replacement(kinds, 2) if prototype == "fluorite" else ((k,) for k in kinds)
        gates = {gate: draw(st.floats(0.2, 0.6)) for gate in names}
    energies = st.floats(-0.15, 0.15)
    pairs = [("V_O", "V_O", 1, draw(energies))] if draw(st.booleans()) else []
    pairs += [("V_O", "electron", 1, draw(energies)), ("electron", "electron", 1, draw(energies))] if polarons else []
    return made_up_system(
        made_up_model(prototype, gates, pairs, polarons=POLARONS if polarons else None),
        draw(st.sampled_from([(8, 8, 8), (8, 9, 11)])),
        vacancies=draw(st.integers(1, 200)),
        dopants=draw(st.integers(0, 60)),
        electrons=draw(st.integers(1, 60)) if polarons else 0,
        field_V_per_m=draw(st.sampled_from([(0.0, 0.0, 0.0), (3e7, -1e7, 5e7)])),
        replicas=draw(st.integers(1, 2)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", COMPILED)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(system=large_systems(), trials=st.floats(0.1, 6.0))
def test_compiled_backends_equal_numpy(backend, system, trials):
    start = system.initial_state()
    walks = [make_walker(name, system, start.copy(), block=4) for name in ("numpy", backend)]
    for walk in walks:
        sweeps_of(walk, system, 3, trials)
        sweeps_of(walk, system, 1, trials)
    assert same(walks[0].read(), walks[1].read())


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the compiled extension is missing: no C++ compiler at install")
def test_threads_and_their_order_change_nothing():
    from kmc.backends.cpu_domains import CpuDomainWalker

    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (12, 12, 12), vacancies=700, replicas=2)
    domains, expected = build_domains(system.tables, 3), None
    lanes = domains.per_colour * 2
    for threads, order in (
        (1, np.arange(lanes)),
        (2, np.arange(lanes)[::-1]),
        (2, np.random.default_rng(1).permutation(lanes)),
    ):
        walk = CpuDomainWalker(system.tables, system.initial_state(), 1, 0, domains, threads=threads, order=order)
        sweeps_of(walk, system, 20, 2.0)
        expected = expected or walk.read().copy()
        assert same(expected, walk.read())


def mean_and_error(values):
    """Mean and its standard error over replicas."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("trials", [0.25, 1.0, 4.0, 16.0])
@pytest.mark.parametrize("lattice", ["simple cubic", "perovskite anions", "fcc"])
def test_hop_rate_and_coordination_are_exact_at_any_window(backend, trials, lattice):
    """Ideal carriers: the fraction of free targets is (N - M)/(N - 1), and the number of neighbours follows."""
    polarons = {"barriers": [{"energy_eV": 0.1, **NOTE}]} if lattice == "fcc" else None
    model = made_up_model("fluorite" if lattice != "perovskite anions" else "perovskite", {(): 0.5}, polarons=polarons)
    numbers = {"vacancies": 1, "electrons": 90} if lattice == "fcc" else {"vacancies": 90}
    system = made_up_system(model, (7, 6, 8), replicas=48, seed=12, **numbers)
    f = 1 if lattice == "fcc" else 0
    sites = system.tables.supercell.n_sites_of(int(system.tables.sublattice[f]))
    walk, pairs = make_walker(backend, system, system.initial_state(), block=3), []
    for _ in range(40):
        sweeps_of(walk, system, max(1, round(4 / trials)), trials)
        pairs.append(neighbours(system, walk.read(), f))
    tried, accepted = (counter[:, f].astype(float) for counter in walk.counters())
    mean, error = mean_and_error(accepted / tried)
    assert error < 0.003 and abs(mean - (sites - 90) / (sites - 1)) < 4 * error
    mean, error = mean_and_error(np.mean(pairs, axis=0))
    exact = float(system.tables.directions[f]) * 89 / (sites - 1)
    assert error < 0.03 * exact and abs(mean - exact) < 4 * error
    rate = (
        float(system.tables.proposal_rate_per_s[f]) / system.tables.total_rate_per_s * int(system.tables.directions[f])
    )
    clock = 40 * max(1, round(4 / trials)) * trials * float(system.tables.counts[system.tables.carrier].sum())
    mean, error = mean_and_error(tried / (90 * rate * clock))
    assert error < 0.003 and abs(mean - 1) < 4 * error


def neighbours(system, state, f):
    """(R,) mean number of carriers of family f next to a carrier."""
    t = system.tables
    n, n_basis = np.asarray(t.supercell.repeats), int(t.n_basis[t.sublattice[f]])
    begin = int(t.site_offset[t.sublattice[f]])
    size = t.supercell.n_sites_of(int(t.sublattice[f]))
    here = (state.occupants[:, begin : begin + size] == t.carrier[f]).reshape(-1, *n, n_basis)
    total = np.zeros(len(here))
    for b, d in np.ndindex(n_basis, int(t.directions[f])):
        there = np.roll(here[..., t.bond_basis[f, b, d]], -t.bond_cell[f, b, d].astype(int), axis=(1, 2, 3))
        total += (here[..., b] & there).sum(axis=(1, 2, 3))
    return total / t.counts[t.carrier[f]]


@pytest.mark.slow
@pytest.mark.statistical
def test_hops_and_pairs_show_no_trace_of_the_blocks():
    """Hops and neighbour pairs are distributed uniformly over the positions in a block, over many sweeps.

    A carrier that hops back and forth counts the same bond repeatedly, so the scatter is taken between replicas.
    """
    system = made_up_system(made_up_model(), (8, 8, 8), vacancies=205, replicas=64, seed=8)
    domains = build_domains(system.tables, 4)
    walk = NumpyDomainWalker(system.tables, system.initial_state(), 8, 0, domains)
    hops, pairs, apply = np.zeros((64, 4, 4, 4)), np.zeros((64, 4, 4, 4)), walk._events.apply

    def record(proposals, hit):
        origin = sweep_plan(system.tables, 8, 0, walk.window, 1)[0][0]
        back = domains.back[0, proposals.start[hit, 3], proposals.direction[hit]]
        np.add.at(hops, (proposals.lane[hit], *((proposals.start[hit, :3] - back - origin) % 8 % 4).T), 1)
        apply(proposals, hit)

    walk._events.apply = record
    for _ in range(30):
        sweeps_of(walk, system, 1, 2.0)
        origin = sweep_plan(system.tables, 8, 0, walk.window - 1, 1)[0][0]
        here = (walk.state.occupants[:, :4096] == system.tables.carrier[0]).reshape(-1, 8, 8, 8, 8)
        for b, d in np.ndindex(8, 6):
            there = np.roll(
                here[..., system.tables.bond_basis[0, b, d]], -system.tables.bond_cell[0, b, d].astype(int), (1, 2, 3)
            )
            found = np.argwhere(here[..., b] & there)
            np.add.at(pairs, (found[:, 0], *((found[:, 1:] - domains.back[0, b, d] - origin) % 8 % 4).T), 1)
    assert hops.sum() > 300_000 and pairs.sum() > 30_000
    for seen in (hops, pairs):
        assert flatness(seen.reshape(64, 64)) > 1e-4
        for axis in range(3):
            assert flatness(np.swapaxes(seen, 1, 1 + axis).reshape(64, 4, 16).sum(axis=2)) > 1e-4


def flatness(counts):
    """p-value of the scatter of (R, K) counts about their common mean, given the scatter between replicas."""
    share = counts / counts.mean(axis=1, keepdims=True)
    z = (share.mean(axis=0) - 1) / (share.std(axis=0, ddof=1) / np.sqrt(len(share)))
    return stats.chi2.sf((z**2).sum(), counts.shape[1] - 1)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
def test_transport_agrees_with_replicas_at_the_default_window(backend, tmp_path):
    """D*, f and D_sigma within 0.5 %: D* and f against a run of replicas, D_sigma against its exact value."""
    hops = {"equilibration": Hops(2.0), "duration": Hops(300.0), "frames": 200}
    system = made_up_system(made_up_model(), (12, 12, 12), vacancies=691, replicas=12, seed=21)
    cut = results_of(system, tmp_path / "cut", backend, (0.02, 0.3), domains=DomainSettings(block=6), **hops)["species"]
    whole = results_of(system, tmp_path / "whole", backend, (0.02, 0.3), **hops)["species"]
    for name, key in (("O", "correlation_factor"), ("O", "tracer_diffusivity_m2_s"), ("V_O", "correlation_factor")):
        ours, theirs = cut[name][key], whole[name][key]
        error = np.hypot(ours["stderr"], theirs["stderr"])
        assert error < 0.004 * theirs["value"], (name, key, error / theirs["value"])
        assert abs(ours["value"] - theirs["value"]) < 3 * error, (name, key)
        assert abs(ours["value"] / theirs["value"] - 1) < 0.005 + error / theirs["value"]


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
def test_collective_diffusivity_is_the_exact_one(backend, tmp_path):
    """D_sigma = (z G l^2/6)(N - M)/(N - 1) from many small supercells; error at most 0.8 %."""
    system = made_up_system(made_up_model(), (6, 6, 6), vacancies=86, replicas=1024, seed=22)
    hops = {"equilibration": Hops(1.0), "duration": Hops(40.0), "frames": 80}
    cut = results_of(system, tmp_path / "cut", backend, (0.02, 0.1), domains=DomainSettings(block=3), **hops)["species"]
    agrees(cut["V_O"]["collective_diffusivity_m2_s"], bare(system) * (1728 - 86) / 1727, 0.008)


@pytest.mark.slow
def test_a_stopped_run_continues(tmp_path):
    """A run stopped on one backend and resumed on another gives the same file as an uninterrupted run."""
    from kmc.files.trajectory import read_trajectory

    system = made_up_system(
        made_up_model(pairs=[("V_O", "V_O", 1, 0.05)]), (8, 8, 8), vacancies=200, replicas=1, seed=3
    )
    asked = Settings(Hops(1.0), Hops(8.0), frames=8, domains=DomainSettings(block=4, hops_per_visit=1.0))
    run(system, asked, tmp_path / "whole", backend=BACKENDS[0])
    seen = []
    assert not run(
        system,
        asked,
        tmp_path / "part",
        backend="numpy",
        report=seen.append,
        stop=lambda: bool(seen and seen[-1].phase == "production" and seen[-1].done == 3),
    )
    assert run(system, asked, tmp_path / "part", backend=BACKENDS[0], resume=True)
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "part"))
    assert np.array_equal(one.summed_displacement, other.summed_displacement)
    assert np.array_equal(one.second_moment, other.second_moment) and np.array_equal(one.accepted, other.accepted)
    with pytest.raises(InputError, match="domains"):
        run(system, Settings(Hops(1.0), Hops(8.0), frames=8), tmp_path / "part", resume=True)


@pytest.mark.parametrize(
    ("repeats", "block", "message"),
    [
        ((8, 8, 8), 2, "block = 2: bonds and interactions of this model need 3 cells or more"),
        ((8, 7, 8), 4, r"repeats = \[8, 7, 8\]: too small for eight colours, two blocks of 4 cells .*replicas"),
    ],
)
def test_a_supercell_that_cannot_be_divided_is_refused(repeats, block, message):
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), repeats, vacancies=3)
    with pytest.raises(InputError, match=message):
        make_walker("numpy", system, system.initial_state(), block=block)


@pytest.mark.parametrize(
    ("given", "message"), [({"block": 0}, "block = 0"), ({"hops_per_visit": 17.0}, "from 0.01 to 16")]
)
def test_settings_out_of_range_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        DomainSettings(**given)
