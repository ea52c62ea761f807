"""Every backend gives the same trajectory, bit for bit, and conserves particle numbers and charge."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmc.backends import available_backends, choose_backend, make_walker
from kmc.backends.numpy_walk import NumpyWalker
from kmc.errors import BarrierBelowBound
from kmc.run.schedule import window_trials
from kmc.state.replicas import exchange_potential, unwrapped_grid_positions
from kmc.tables.event_tables import unpack_image
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system, same, walked

COMPILED = [name for name in BACKENDS if name != "numpy"]
energies = st.floats(-0.25, 0.25)


@st.composite
def systems(draw):
    """Random models: both lattices, gates, pair energies, exclusions, fields, Marcus or KRA polarons, small cells."""
    prototype = draw(st.sampled_from(["fluorite", "perovskite"]))
    cation_count = 2 if prototype == "fluorite" else 1
    kinds = ["M", "D"] + (["electron"] if (polaron := draw(st.sampled_from(["", "kra", "marcus"]))) else [])
    gates: dict[tuple[str, ...], float] = {(): 0.4}
    if draw(st.booleans()):
        gates = {}
        for i, a in enumerate(kinds):
            for b in kinds[i:] if cation_count == 2 else [None]:
                gates[(a, b) if b else (a,)] = draw(st.floats(0.2, 0.7))
    pairs = [("V_O", "V_O", n, draw(energies)) for n in range(1, draw(st.integers(0, 2)) + 1)]
    pairs += [("V_O", "D", 1, draw(energies))] if draw(st.booleans()) else []
    polarons = None
    if polaron == "kra":
        source = {"source": "made up", "mark": "derived"}
        polarons = {"barriers": [{"energy_eV": draw(st.floats(0.1, 0.5)), **source}]}
    if polaron == "marcus":
        source = {"source": "made up", "mark": "derived"}
        polarons = {
            "rate": "marcus",
            "reorganisation_energy_eV": {"value": draw(st.floats(0.5, 1.5)), **source},
            "transfer_integral_eV": {"value": draw(st.floats(0.0, 0.2)), **source},
        }
    if polaron:
        pairs += [("V_O", "electron", 1, draw(energies)), ("electron", "electron", 1, draw(energies))]
    bans = [("V_O", "V_O", 3)] if draw(st.booleans()) else []
    repeats = draw(st.sampled_from([(3, 3, 3), (3, 4, 5)] if prototype == "fluorite" else [(4, 4, 4), (4, 5, 6)]))
    field = draw(st.sampled_from([(0.0, 0.0, 0.0), (3e7, -1e7, 5e7)]))
    return made_up_system(
        made_up_model(prototype, gates, pairs, bans, polarons),
        repeats,
        vacancies=draw(st.integers(1, 4)),
        dopants=draw(st.integers(0, 6)),
        electrons=draw(st.integers(1, 6)) if polaron else 0,
        temperature_K=draw(st.sampled_from([700.0, 1400.0])),
        field_V_per_m=field,
        replicas=draw(st.integers(1, 3)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def _start(system):
    """The initial state, or None where a random arrangement violates an exclusion."""
    try:
        return system.initial_state()
    except InputError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("backend", COMPILED)
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(system=systems(), selection=st.sampled_from(["rejection", "rejection-free"]))
def test_compiled_backends_equal_numpy(backend, system, selection):
    start = _start(system)
    if start is None:
        return
    reference = make_walker("numpy", system, start.copy(), selection)
    other = make_walker(backend, system, start.copy(), selection)
    for window in range(3):
        trials = window_trials(system, window, 301)
        reference.advance(trials)
        other.advance(trials)
    assert same(reference.read(), other.read())


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(system=systems(), block=st.integers(1, 40))
def test_looking_ahead_changes_nothing(system, block):
    start = _start(system)
    if start is None:
        return
    walkers = [NumpyWalker(system.tables, start.copy(), system.seed, lookahead=b) for b in (1, block)]
    for walker in walkers:
        walker.advance(window_trials(system, 0, 200))
    assert same(walkers[0].read(), walkers[1].read())


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(system=systems())
def test_potentials_follow_the_hops(system):
    """Incrementally updated potentials equal recomputed ones; particles, ids and positions stay consistent."""
    if _start(system) is None:
        return
    state = walked(system, 2, 300)
    assert np.array_equal(state.potential, exchange_potential(system.tables, state.occupants))
    tables = system.tables
    for code, count in enumerate(tables.counts):
        assert ((state.occupants == code).sum(axis=1) == count).all()
    assert np.array_equal(
        np.sort(state.particle_at, axis=1), np.tile(np.arange(tables.n_mobile_sites), (len(state.occupants), 1))
    )
    for code in np.flatnonzero(tables.carrier_offset >= 0):
        places = state.coordinates[:, tables.carrier_offset[code] :][:, : tables.counts[code]].astype(int)
        s = int(tables.sublattice_of[code])
        _, ny, nz = tables.supercell.repeats
        cells = (places[..., 0] * ny + places[..., 1]) * nz + places[..., 2]
        sites = tables.site_offset[s] + cells * tables.n_basis[s] + places[..., 3]
        ids = np.take_along_axis(state.particle_at, sites, axis=1)
        assert (ids == tables.first_particle[code] + np.arange(tables.counts[code])).all()


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_number_and_charge_are_kept_for_a_million_hops(backend):
    model = made_up_model(barriers={(): 0.1})
    system = made_up_system(model, (4, 4, 4), vacancies=26, dopants=52, replicas=256, seed=4)
    state = walked(system, 2, 2200, backend)
    assert state.accepted.sum() > 1_000_000
    for code, count in enumerate(system.tables.counts):
        assert ((state.occupants == code).sum(axis=1) == count).all()
    assert system.composition.net_charge == 0


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the compiled extension is missing: no C++ compiler at install")
def test_threads_and_their_order_change_nothing():
    from kmc.backends.cpu_walk import CpuWalker

    model = made_up_model(barriers={("M", "M"): 0.4, ("M", "D"): 0.5, ("D", "D"): 0.6}, pairs=[("V_O", "V_O", 1, 0.2)])
    system = made_up_system(model, (3, 3, 3), vacancies=5, dopants=10, replicas=16, seed=2)
    expected = walked(system, 3, 500)
    for threads, order in ((1, np.arange(16)), (2, np.arange(16)[::-1]), (2, np.random.default_rng(1).permutation(16))):
        walker = CpuWalker(system.tables, system.initial_state(), system.seed, threads=threads, order=order)
        for window in range(3):
            walker.advance(window_trials(system, window, 500))
        assert same(expected, walker.read())


def _advance_and_check(system, walker):
    for window in range(3):
        walker.advance(window_trials(system, window, 2000))
        walker.counters()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_barrier_below_its_bound_stops_the_walk(backend):
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.2)]), (3, 3, 3), vacancies=20, replicas=4)
    object.__setattr__(system.tables, "reference2", system.tables.reference2 + 900_000)
    walker = make_walker(backend, system, system.initial_state())
    with pytest.raises(BarrierBelowBound, match="lies below its bound"):
        _advance_and_check(system, walker)


def test_every_backend_here_is_usable_or_says_why():
    for name, problem in available_backends().items():
        if problem:
            with pytest.raises(InputError, match=name):
                choose_backend(name)
            assert "\n" not in problem
    assert choose_backend("auto")[0] == BACKENDS[0]


def test_a_gpu_is_used_where_one_is_required():
    """MIEC_KMC_REQUIRE_CUDA=1 makes the GPU mandatory, so that a GPU machine cannot pass by leaving it out."""
    if os.environ.get("MIEC_KMC_REQUIRE_CUDA") == "1":
        assert "cuda" in BACKENDS, available_backends()["cuda"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_tracking_carriers_only_does_not_change_their_walk(backend):
    """Without ids of the ions the carriers follow the same trajectory: only the bookkeeping is left out."""
    gates = {("M", "M"): 0.4, ("M", "D"): 0.5, ("D", "D"): 0.6}
    model = made_up_model(barriers=gates, pairs=[("V_O", "V_O", 1, 0.1)])
    every, alone = (
        made_up_system(model, (3, 4, 5), vacancies=9, dopants=10, replicas=4, seed=6, tracked=tracked)
        for tracked in (True, False)
    )
    expected, seen = walked(every, 5, 2000), walked(alone, 5, 2000, backend)
    first = int(every.tables.first_particle[1])
    positions = unwrapped_grid_positions(every.tables, expected)[:, first : first + 9]
    assert seen.particle_at.size == 0 and seen.image.shape == (4, 9)
    assert np.array_equal(seen.occupants, expected.occupants) and np.array_equal(seen.accepted, expected.accepted)
    assert np.array_equal(unwrapped_grid_positions(alone.tables, seen), positions)
    assert np.abs(unpack_image(seen.image)).max() > 0
