"""Grand-canonical simulation against exact sums, and backends against each other.

Fixed seeds; means lie within 4 standard errors over replicas (false alarms 6e-5 each).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from kmc.backends import make_grand_walker
from kmc.backends.numpy_grand import accept_weighted
from kmc.carriers.neutral_component import neutral_component
from kmc.model.parameters import Model
from kmc.run.scan import scan
from kmc.run.settings import Thermodynamics
from kmc.state.grand_state import grand_state
from kmc.state.replicas import exchange_potential
from kmc.tables.boltzmann import BOLTZMANN_EV_K, acceptance_table
from kmc.tables.coulomb import COULOMB_EV_ANGSTROM
from kmc.tables.ewald import ewald_potential
from lattices.errors import InputError
from runs.config import load_config
from tests.runs.systems import system_of
from tests.systems import BACKENDS, NOTE, gas_system, made_up_model, made_up_system

TEMPERATURE_K = 1100.0
KT = BOLTZMANN_EV_K * TEMPERATURE_K
FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]
POLARONS = {"barriers": [{"energy_eV": 0.4, **NOTE}]}


def ceria(pairs=None, repeats=(1, 1, 1), vacancies=2, electrons=2, dopants=0, **more):
    model = made_up_model("fluorite", pairs=pairs, polarons=POLARONS)
    return made_up_system(model, repeats, vacancies, TEMPERATURE_K, dopants, electrons, **more)


def component_of(system):
    return neutral_component(system.tables, system.model.vacancies)


def exact_moments(system, mu_eV):
    """(<N>, Var N) of vacancies at fixed dopants, by enumerating every neutral arrangement.

    The energy of an arrangement is summed by changing its sites one by one, with the integers of the tables.
    """
    tables, part = system.tables, component_of(system)
    occupants = system.initial_state().occupants[0]
    anions, cations = (tables.supercell.n_sites_of(int(tables.sublattice_of[c])) for c in (0, 2))
    hosts = [anions + k for k in range(cations) if occupants[anions + k] in (tables.partner[1], tables.carrier[1])]
    excess = int((occupants == tables.carrier[1]).sum()) - part.electronic * int((occupants == 1).sum())
    weight = np.zeros(anions + 1)
    bare = occupants.copy()
    bare[:anions], bare[hosts] = tables.partner[0], tables.partner[1]
    for n in range(anions + 1):
        electrons = excess + part.electronic * n
        if not 0 <= electrons <= len(hosts):
            continue
        states = []
        for vacancies in itertools.combinations(range(anions), n):
            for places in itertools.combinations(hosts, electrons):
                row = bare.copy()
                row[list(vacancies)], row[list(places)] = tables.carrier[0], tables.carrier[1]
                states.append(row)
        weight[n] = np.exp(-energies(system, np.array(states)) / KT).sum() * math.exp(-n * mu_eV / KT)
    weight /= weight.sum()
    mean = weight @ np.arange(anions + 1)
    return mean, weight @ np.arange(anions + 1) ** 2 - mean**2


def energies(system, states):
    """(n,) eV, pair energies of the model over all neighbours, counting each pair once."""
    from kmc.tables.bonds import neighbour_sites
    from kmc.tables.pair_energies import to_micro
    from lattices.stencils import stencil_of

    cell, total = system.tables.supercell, np.zeros(len(states))
    for pair in system.model.pairs:
        codes = [system.model.code(name) for name in pair.species]
        homes = [int(system.tables.sublattice_of[code]) for code in codes]
        stencil = stencil_of(cell.crystal, homes[0], homes[1], pair.neighbours)
        for b in range(len(stencil.basis)):
            for local in range(b, cell.n_sites_of(homes[0]), len(stencil.basis)):
                where = cell.coordinates_of(homes[0], np.array([local]))[:, :3].astype(np.int64)
                for x, y, z, t in stencil.neighbours(b):
                    site = neighbour_sites(cell, homes[1], where + np.array([x, y, z]), t)[0]
                    both = (states[:, cell.offset_of(homes[0]) + local] == codes[0]) & (states[:, site] == codes[1])
                    total += both * to_micro(pair.energy_eV) * (0.5 if codes[0] == codes[1] else 1.0)
    return total * 1e-6 + (coulomb(system, states) if system.model.coulomb else 0.0)


def coulomb(system, states):
    """(n,) eV, the Ewald sum over all charges, including their own images."""
    cell = system.tables.supercell
    places = np.concatenate([cell.positions_angstrom(s) for s in range(len(cell.crystal.sublattices))])
    apart = (places[:, None] - places).reshape(-1, 3)
    phi = ewald_potential(cell.vectors_angstrom, apart).reshape(len(places), -1)
    charge = system.tables.charges[states].astype(float)
    factor = COULOMB_EV_ANGSTROM / system.model.coulomb.relative_permittivity.value
    return 0.5 * factor * np.einsum("ni,ij,nj->n", charge, phi, charge)


def walked(system, mu_eV, backend, trials=4000, blocks=6):
    """A scan of one chemical potential with replicas that share their dopants."""
    found = scan(system, Thermodynamics(mu_eV=(mu_eV,), trials_per_carrier=trials), system.initial_state(), backend)
    assert found is not None
    n = found.first + np.arange(found.histogram.shape[-1])
    histogram = found.histogram[0].sum(axis=0)
    mean = histogram @ n / histogram.sum(axis=1)
    return mean, histogram @ n**2 / histogram.sum(axis=1)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("mu_eV", "pairs"), [(0.1, None), (-0.15, [("V_O", "electron", 1, -0.1)])])
def test_neutral_pairs_against_the_exact_sum(backend, mu_eV, pairs):
    """One fluorite cell of 8 anions and 4 cations, one of them a dopant: each V_O comes with two electrons."""
    system = ceria(pairs, vacancies=1, electrons=1, dopants=1, replicas=64, replicas_per_configuration=64, seed=3)
    mean, variance = exact_moments(system, mu_eV)
    trials = 40_000 if backend != "numpy" else 3000
    first, second = walked(system, mu_eV, backend, trials)
    for found, exact in ((first, mean), (second, variance + mean**2)):
        error = found.std(ddof=1) / math.sqrt(len(found))
        assert abs(found.mean() - exact) < 4 * error + 1e-9 and error < 0.02 * exact


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(
    ("prototype", "repeats", "dopants", "mu_eV"), [("fluorite", 1, 0, 0.95), ("perovskite", 2, 1, 0.85)]
)
def test_charges_and_bound_dopants_against_the_exact_sum(prototype, repeats, dopants, mu_eV):
    """Long-range energies in one fluorite cell and eight perovskite cells (62335 arrangements) with a binding dopant.

    The images of the inserted charges contribute 0.3 eV to mu: without them <N> would change by more than half.
    """
    model = made_up_model(prototype, pairs=[("V_O", "D", 1, -0.1)], polarons=POLARONS)
    screened = {"relative_permittivity": {"value": 30.0, **NOTE}}
    model = Model.model_validate({**model.model_dump(exclude_none=True), "coulomb": screened})
    shared = {"replicas": 64, "replicas_per_configuration": 64, "seed": 3}
    system = made_up_system(model, (repeats,) * 3, 1, TEMPERATURE_K, dopants, 2 - dopants, **shared)
    mean, variance = exact_moments(system, mu_eV)
    assert variance > 0.1
    first, second = walked(system, mu_eV, FAST[0], 40_000)
    for found, exact in ((first, mean), (second, variance + mean**2)):
        error = found.std(ddof=1) / math.sqrt(len(found))
        assert abs(found.mean() - exact) < 4 * error + 1e-9 and error < 0.02 * exact


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("energy_eV", [0.12, -0.06])
def test_a_lattice_gas_against_the_exact_sum(energy_eV):
    """A neutral gas on a square lattice of 4 x 4 sites, 65536 arrangements: repulsion and attraction."""
    system = gas_system((4.0, 4.0, 9.0), (4, 4, 1), 6, TEMPERATURE_K, energy_eV, replicas=64)
    assert component_of(system).name == "A" and component_of(system).electronic == 0
    states = np.array(list(itertools.product((0, 1), repeat=16)), dtype=np.uint8)
    number = states.sum(axis=1).astype(float)
    mu = 2 * energy_eV + 0.02  # particle-hole symmetry is at 2 J
    weight = np.exp(-(energies(system, states) - mu * number) / KT)
    exact = [weight @ number**k / weight.sum() for k in (1, 2)]
    found = walked(system, mu, FAST[0], 20_000)
    for one, expected in zip(found, exact, strict=True):
        error = one.std(ddof=1) / math.sqrt(len(one))
        assert abs(one.mean() - expected) < 4 * error and error < 0.01 * expected


def test_backends_agree_with_holes():
    """Adding a vacancy removes two holes: the other direction of the electronic list."""
    system = system_of(*load_config("lsf64", ["crystal.repeats=[3, 3, 3]", "crystal.vacancies={number=3}"]), 0)
    ends = []
    for name in BACKENDS:
        grand = grand_state(system.tables, component_of(system), system.initial_state(), -300_000)
        walker = make_grand_walker(name, system, grand)
        walker.advance(600, 4)
        ends.append(walker.read())
    assert component_of(system).electronic == -2 and ends[0].counters[:, 1].min() > 20
    for name in ("occupants", "potential", "ion_order", "electronic_order", "number", "histogram", "counters"):
        for other in ends[1:]:
            assert np.array_equal(getattr(ends[0], name), getattr(other, name)), name


@pytest.mark.slow
def test_backends_agree():
    """Every array after three windows, with interactions, dopants and both signs of the reservoir's energy."""
    system = ceria([("V_O", "electron", 1, -0.1), ("V_O", "V_O", 1, 0.2)], (2, 2, 2), 6, 9, 3, replicas=5)
    ends = []
    for name in BACKENDS:
        grand = grand_state(system.tables, component_of(system), system.initial_state(), 0)
        grand.field2[:] = [-600_000, -100_000, 0, 200_000, 500_000]
        walker = make_grand_walker(name, system, grand)
        for _ in range(3):
            walker.advance(700, 11)
        ends.append(walker.read())
    for name in ("occupants", "potential", "ion_order", "electronic_order", "number", "histogram", "counters"):
        for other in ends[1:]:
            assert np.array_equal(getattr(ends[0], name), getattr(other, name)), name
    end = ends[0]
    assert (end.counters[:, 1] > 50).all() and (end.counters[:, 0] == 2100).all()
    assert len(set(end.number[:, 0].tolist())) > 1
    assert np.array_equal(end.potential, exchange_potential(system.tables, end.occupants))
    assert np.array_equal(end.number[:, 0], (end.occupants == 1).sum(axis=1))
    assert (end.number[:, 2] - 2 * end.number[:, 0] == 9 - 12).all()  # still neutral


def test_acceptance_combines_combinatorial_factor_and_energy():
    """The acceptance over 2^64 equals forward/reverse exp(-x/2kT) from 1e-12 to 1, for either sign of x."""
    table = acceptance_table(TEMPERATURE_K)
    for x, forth, back in [(0, 3, 7), (400_000, 10**12, 10**11), (-900_000, 1, 10**6), (4_000_000, 10**17, 2)]:
        exact = min(1.0, forth / back * math.exp(-x * 0.5e-6 / KT))
        low, high = 0, 2**64 - 1
        while low < high:  # the largest word that is accepted, by bisection
            middle = (low + high + 1) // 2
            word = np.array([middle], dtype=np.uint64)
            ways = [np.array([n], dtype=np.uint64) for n in (forth, back)]
            good = bool(accept_weighted(table, np.array([x]), *ways, word)[0])
            low, high = (middle, high) if good else (low, middle - 1)
        assert low / 2**64 == pytest.approx(exact, rel=2e-9)


def test_the_scan_is_centred_on_the_composition_of_the_run():
    system = ceria([("V_O", "electron", 1, -0.1)], (3, 3, 3), 20, 40, replicas=4)
    found = scan(system, Thermodynamics(points=3, trials_per_carrier=200), system.initial_state(), FAST[0])
    assert found is not None and found.found
    n = found.first + np.arange(found.histogram.shape[-1])
    means = (found.histogram.sum(axis=(1, 2)) @ n) / found.histogram.sum(axis=(1, 2, 3))
    assert abs(means[1] - 20) < 1.5 and means[0] > means[1] > means[2]  # more oxygen, fewer vacancies
    assert np.allclose(np.diff(found.mu_eV), 0.5 * KT) and found.capacity.tolist() == [54] * 4


def test_models_without_a_neutral_component():
    alone = made_up_system(made_up_model(), (2, 2, 2), 4)
    assert component_of(alone) == "a pure ionic conductor: no neutral component (V_O carries +2 e)"
    with pytest.raises(InputError, match="pure ionic conductor"):
        scan(alone, Thermodynamics(), alone.initial_state(), "numpy")
    with pytest.raises(InputError, match="points 1 to 1000"):
        Thermodynamics(points=0)
