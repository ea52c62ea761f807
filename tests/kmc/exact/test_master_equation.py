"""The exact solver against independently known values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kmc.exact.markov_chain import diffusivity, drift, lumped, mean_square_at
from kmc.exact.master_equation import enumerate_cell
from kmc.tables.barriers import kra_barrier2, marcus_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from tests.systems import NOTE, made_up_model, made_up_system


def _single_vacancy(prototype, cells):
    system = made_up_system(made_up_model(prototype), (cells,) * 3, vacancies=1)
    return system, enumerate_cell(system.tables, system.initial_state().occupants[0])


def _correlation_factor(prototype, cells):
    """f of one vacancy; states that differ by a lattice translation are identified."""
    system, small = _single_vacancy(prototype, cells)
    state, site = np.nonzero(small.occupants == 0)
    vacancy = np.argmax(small.occupants == 1, axis=1)[state]
    coordinates = [system.tables.supercell.coordinates_of(0, s.astype(np.int64)).astype(int) for s in (vacancy, site)]
    apart = (coordinates[1][:, :3] - coordinates[0][:, :3]) % cells
    n_basis = int(system.tables.n_basis[0])
    label = ((apart[:, 0] * cells + apart[:, 1]) * cells + apart[:, 2]) * n_basis + coordinates[0][:, 3]
    chain = lumped(small.tagged("O"), label * n_basis + coordinates[1][:, 3])
    length = float(system.tables.hop_length_angstrom[0]) * 1e-10
    per_particle = small.hop_rate()[0] / int(system.tables.counts[0])
    return np.trace(diffusivity(chain)) * 2 / (per_particle * length**2)


@pytest.mark.parametrize(("cells", "exact"), [(2, 0.6753926702), (3, 0.6580985834), (4, 0.6550404456)])
def test_simple_cubic_correlation_factor_in_a_periodic_cell(cells, exact):
    assert _correlation_factor("fluorite", cells) == pytest.approx(exact, abs=1e-8)


def test_perovskite_correlation_factor_decreases_to_its_limit():
    """f - f_infinity decreases as about 1.1/N (N anion sites); three cell sizes extrapolate to the same limit."""
    sizes = np.array([2, 3, 4])
    f = np.array([_correlation_factor("perovskite", int(n)) for n in sizes])
    assert f[0] == pytest.approx(0.728, abs=1e-8)
    limit, slope = np.linalg.lstsq(np.stack([np.ones(2), 1 / (3.0 * sizes[1:] ** 3)], axis=1), f[1:], rcond=None)[0]
    assert slope == pytest.approx(1.1, abs=0.2)
    assert 0.68 < limit < 0.70


@pytest.mark.parametrize("vacancies", [1, 2, 3])
def test_lattice_gas_collective_diffusivity(vacancies):
    """D_sigma = (z G l^2/6)(N - M)/(N - 1) in a periodic cell of N sites with M carriers."""
    system = made_up_system(made_up_model("perovskite"), (2, 2, 2), vacancies=vacancies)
    small = enumerate_cell(system.tables, system.initial_state().occupants[0])
    rate = float(system.tables.proposal_rate_per_s[0])
    length = float(system.tables.hop_length_angstrom[0]) * 1e-10
    exact = 8 * rate * length**2 / 6 * (24 - vacancies) / 23
    assert np.trace(diffusivity(small.collective("V_O"))) / 3 / vacancies == pytest.approx(exact, rel=1e-10)


@pytest.mark.slow
def test_mean_square_starts_with_the_hop_rate_and_ends_with_the_diffusivity():
    system, small = _single_vacancy("perovskite", 2)
    chain = small.tagged("O")
    rate = small.hop_rate()[0] / 23
    length = float(system.tables.hop_length_angstrom[0]) * 1e-10
    early, late = 1e-4 / rate, 1e3 / rate
    assert np.trace(mean_square_at(chain, early)) == pytest.approx(rate * early * length**2, rel=1e-3)
    assert np.trace(mean_square_at(chain, late)) == pytest.approx(6 * late * np.trace(diffusivity(chain)) / 3, rel=1e-3)


@pytest.mark.parametrize("field", [(2e8, 0.0, 0.0), (1e8, -2e8, 5e7)])
@pytest.mark.parametrize("rate", ["kra", "marcus"])
def test_drift_of_a_single_polaron(field, rate):
    """v = sum over bonds of b 2 G sinh(q E.b/2kT)/2; Marcus terms times exp(-(q E.b)^2/(4 lambda kT))."""
    polarons = {"barriers": [{"energy_eV": 0.4, **NOTE}]}
    if rate == "marcus":
        polarons = {
            "rate": "marcus",
            "reorganisation_energy_eV": {"value": 1.0, **NOTE},
            "transfer_integral_eV": {"value": 0.05, **NOTE},
        }
    model = made_up_model("perovskite", polarons=polarons)
    system = made_up_system(model, (3, 3, 3), vacancies=0, electrons=1, field_V_per_m=field)
    small = enumerate_cell(system.tables, system.initial_state().occupants[0])
    kt = BOLTZMANN_EV_K * 1200.0
    barrier = 0.4 if rate == "kra" else 0.25 - 0.05
    bonds = 4e-10 * np.array([v for v in itertools.product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 1], dtype=float)
    work = bonds @ system.tables.field_V_per_m  # energy of a positive unit charge along each bond, in eV
    factor = np.exp(-(work**2) / (4 * kt)) if rate == "marcus" else 1.0
    speed = 1e13 * np.exp(-barrier / kt) * np.sinh(-work / (2 * kt)) * factor
    assert drift(small.collective("electron")) == pytest.approx(
        speed @ bonds, rel=2e-4, abs=1e-6 * np.abs(speed @ bonds).max()
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_detailed_balance_on_the_integers(seed):
    """Eb2(ij) - Eb2(ji) = 2 dE exactly, dE summed over all pairs of the cell independently of the potentials."""
    rng = np.random.default_rng(seed)
    pairs = [("V_O", "V_O", 1, rng.uniform(-0.3, 0.3)), ("V_O", "V_O", 2, rng.uniform(-0.3, 0.3))]
    pairs += [("V_O", "D", 1, rng.uniform(-0.3, 0.3)), ("O", "D", 2, rng.uniform(-0.1, 0.1))]
    gates = {("M",): rng.uniform(0.2, 0.6), ("D",): rng.uniform(0.2, 0.6)}
    system = made_up_system(made_up_model("perovskite", gates, pairs), (3, 3, 3), vacancies=2, dopants=5, seed=seed)
    tables = system.tables
    small = enumerate_cell(tables, system.initial_state().occupants[0])
    energy = _energies(system, small.occupants)
    kt = BOLTZMANN_EV_K * tables.temperature_K * 1e6
    forward = dict(zip(zip(small.source.tolist(), small.target.tolist(), strict=True), small.rate, strict=True))
    for (i, j), rate in forward.items():
        assert np.log(rate / forward[j, i]) == pytest.approx((energy[i] - energy[j]) / kt, abs=1e-9)
    weights = np.exp(-(energy - energy.min()) / kt)
    assert small.stationary() == pytest.approx(weights / weights.sum(), rel=1e-8)


def test_barriers_differ_by_twice_the_energy():
    rng = np.random.default_rng(3)
    d_energy = rng.integers(-3_000_000, 3_000_000, 10_000)
    for barrier in (lambda d: kra_barrier2(840_001, d), lambda d: marcus_barrier2(1_234_567, 222_222, d)):
        assert (barrier(d_energy) - barrier(-d_energy) == 2 * d_energy).all()


def _energies(system, occupants):
    """(n,) total pair energy in microelectronvolt, from distances in the periodic cell alone."""
    supercell, model = system.tables.supercell, system.model
    sublattices = range(len(supercell.crystal.sublattices))
    positions = np.concatenate([supercell.positions_angstrom(s) for s in sublattices])
    where = np.repeat(list(sublattices), [supercell.n_sites_of(s) for s in sublattices])
    box = supercell.vectors_angstrom[0, 0]
    apart = positions[:, None] - positions[None]
    apart -= box * np.rint(apart / box)
    distance = np.round(np.linalg.norm(apart, axis=-1), 3)
    total = np.zeros(len(occupants), dtype=np.int64)
    for pair in model.pairs:
        one, other = (model.code(name) for name in pair.species)
        homes = [supercell.crystal.index(model.species[name].sublattice) for name in pair.species]
        among = distance[np.ix_(where == homes[0], where == homes[1])]
        length = np.unique(among[among > 0])[pair.neighbours.shells[0] - 1]
        a, b = np.nonzero(distance == length)
        found = ((occupants[:, a] == one) & (occupants[:, b] == other)).sum(axis=1)
        total += round(pair.energy_eV * 1e6) * (found // 2 if one == other else found)
    return total
