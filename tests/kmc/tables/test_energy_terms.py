"""User-defined energy terms: the `EnergyTerm` protocol suffices for the walk and the exact solver."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.backends import make_walker
from kmc.exact.markov_chain import diffusivity
from kmc.exact.master_equation import enumerate_cell
from kmc.run.scan import scan
from kmc.run.schedule import window_trials
from kmc.run.settings import Thermodynamics
from kmc.state.replicas import exchange_potential
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from kmc.tables.energy_terms import NO_UPDATES, EnergyContext, EnergyTerm
from lattices.errors import InputError
from tests.systems import BACKENDS, gas_system, same

CHAIN = (4.0, 9.0, 11.0)  # angstrom: bonds along x only
STEP_M = 4e-10


class SiteEnergy(EnergyTerm):
    """A static energy that depends on the position along the chain; energies: (nx,) int64 in microelectronvolt."""

    name = "site energy"

    def __init__(self, context: EnergyContext, energies: np.ndarray) -> None:
        self.cell, self.energies = context.supercell, energies

    def has_potential(self, f):
        return True

    def potentials(self, f, occupants):
        x = self.cell.coordinates_of(0, np.arange(self.cell.n_sites_of(0)))[:, 0]
        return np.broadcast_to(self.energies[x].astype(np.int32), (len(occupants), len(x)))

    def updates(self, hop, f, basis):
        return NO_UPDATES

    def reach(self, f):
        return int(np.abs(self.energies).max())

    def lowest_d_energy(self, f, bond):
        return int((np.roll(self.energies, -bond[1]) - self.energies).min())

    def lowest_beyond_folded(self, f, bond, folded):
        return 0


class ChainRepulsion(EnergyTerm):
    """The energy of two particles on neighbouring sites of a chain, implemented without a stencil."""

    name = "repulsion"

    def __init__(self, context: EnergyContext, energy: int) -> None:
        self.energy, self.particle = energy, context.families[0].carrier

    def has_potential(self, f):
        return True

    def potentials(self, f, occupants):
        here = (occupants == self.particle).astype(np.int32)
        return self.energy * (np.roll(here, 1, axis=1) + np.roll(here, -1, axis=1))

    def updates(self, hop, f, basis):
        return np.array([[1, 0, 0], [-1, 0, 0]]), np.zeros(2, dtype=np.int64), np.full(2, self.energy)

    def reach(self, f):
        return 2 * abs(self.energy)

    def bond_energy(self, f, bond):
        return -self.energy

    def lowest_d_energy(self, f, bond):
        return -abs(self.energy)

    def lowest_beyond_folded(self, f, bond, folded):
        """The bound of pair energies: the particle on i, and at worst two gains beyond the folded, empty neighbours."""
        return self.energy + 2 * min(self.energy, 0)


def site_energy_system(energies_eV, **more):
    energies = np.rint(np.array(energies_eV) * 1e6).astype(np.int64)
    term = [lambda context: SiteEnergy(context, energies)]
    return gas_system(CHAIN, (len(energies), 1, 1), 1, 900.0, energy_terms=term, **more)


SITES_EV = [0.0, 0.11, -0.07, 0.16, 0.03]


def test_a_site_energy_against_the_analytic_solution():
    """One particle on a ring: D = a^2 L^2/(sum of exp(-e/kT) x sum of exp(+(e + e')/2kT)/rate over bonds).

    Barriers are E0 + (e' - e)/2, so that the conductance of a bond is rate x exp(-(e + e')/2kT) (series of resistors).
    """
    system = site_energy_system(SITES_EV)
    small = enumerate_cell(system.tables, system.initial_state().occupants[0])
    kt = BOLTZMANN_EV_K * 900.0
    e = np.array(SITES_EV)
    weights = np.exp(-e / kt)
    where = np.argmax(small.occupants == 1, axis=1)
    assert small.stationary() == pytest.approx(weights[where] / weights.sum(), rel=1e-9)
    rate = 1e13 * np.exp(-0.4 / kt)
    resistance = np.exp((e + np.roll(e, -1)) / (2 * kt)).sum() / rate
    exact = STEP_M**2 * len(e) ** 2 / (weights.sum() * resistance)
    assert diffusivity(small.collective("A"))[0, 0] == pytest.approx(exact, rel=1e-6)


@pytest.mark.statistical
@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
def test_a_walk_in_a_site_energy_has_boltzmann_occupations(selection):
    """1024 walkers after many relaxation times: chi squared of 5 sites below 25.5 (false alarms 4e-5)."""
    ends = []
    for backend in BACKENDS:
        system = site_energy_system(SITES_EV, replicas=1024, seed=3)
        walker = make_walker(backend, system, system.initial_state(), selection)
        for _ in range(12):
            trials = window_trials(system, walker.window, 40)
            walker.advance(np.full_like(trials, 40) if selection == "rejection-free" else trials)
        ends.append(walker.read())
    assert all(same(ends[0], other) for other in ends[1:])
    found = np.bincount(np.argmax(ends[0].occupants == 1, axis=1), minlength=5)
    weights = np.exp(-np.array(SITES_EV) / (BOLTZMANN_EV_K * 900.0))
    expected = 1024 * weights / weights.sum()
    assert ((found - expected) ** 2 / expected).sum() < 25.5


@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
@pytest.mark.parametrize("energy_eV", [0.08, -0.06])
def test_a_user_defined_repulsion_equals_the_pair_energies(energy_eV, selection):
    """The same integers and bounds, so the same trajectory, potentials included."""
    term = [lambda context: ChainRepulsion(context, round(energy_eV * 1e6))]
    inside = gas_system(CHAIN, (12, 1, 1), 4, 900.0, energy_eV=energy_eV, replicas=3)
    outside = gas_system(CHAIN, (12, 1, 1), 4, 900.0, energy_terms=term, replicas=3)
    assert [t.name for t in inside.tables.terms] == ["pairs"]
    assert [t.name for t in outside.tables.terms] == ["repulsion"]
    assert np.array_equal(inside.tables.reference2, outside.tables.reference2)
    ends = []
    for system in (inside, outside):
        walker = make_walker(BACKENDS[-1], system, system.initial_state(), selection)
        for _ in range(4):
            trials = window_trials(system, walker.window, 200)
            walker.advance(np.full_like(trials, 200) if selection == "rejection-free" else trials)
        ends.append(walker.read())
        assert np.array_equal(ends[-1].potential, exchange_potential(system.tables, ends[-1].occupants))
    assert ends[0].accepted.min() > 20 and same(*ends)


class SelfEnergy(SiteEnergy):
    """A static energy and a self-energy of each particle, as charges have one with their periodic images."""

    name = "own energy"

    def self_correction(self, f):
        return 2 * 30_000


def test_the_self_energy_of_a_particle_shifts_the_chemical_potential():
    """It cancels where particles only move, and adds 30 meV to the energy of a particle that comes from a reservoir."""
    nothing = np.zeros(6, dtype=np.int64)
    systems = [
        gas_system(CHAIN, (6, 1, 1), 2, 900.0, energy_terms=[lambda c, kind=kind: kind(c, nothing)], replicas=8)
        for kind in (SiteEnergy, SelfEnergy)
    ]
    walks = [make_walker("numpy", system, system.initial_state()) for system in systems]
    for walker in walks:
        walker.advance(np.full(8, 200))
    assert same(*(walker.read() for walker in walks))
    histograms = []
    for system, mu_eV in zip(systems, (0.02, 0.05), strict=True):
        settings = Thermodynamics(mu_eV=(mu_eV,), trials_per_carrier=400.0)
        histograms.append(scan(system, settings, system.initial_state(), "numpy").histogram)
    assert np.array_equal(*histograms)
    mean = (histograms[0].sum(axis=(0, 1, 2)) * np.arange(histograms[0].shape[-1])).sum() / histograms[0].sum()
    assert 2.0 < mean < 5.0


def test_different_terms_have_different_digests():
    assert site_energy_system([0.0, 0.1, 0.0]).tables.digest == site_energy_system([0.0, 0.1, 0.0]).tables.digest
    twice = [lambda context: ChainRepulsion(context, 10_000), lambda context: ChainRepulsion(context, 20_000)]
    both = gas_system(CHAIN, (6, 1, 1), 2, 900.0, energy_terms=twice)
    assert both.tables.bond_energy.ravel().tolist() == [-30_000, -30_000]
    with pytest.raises(InputError, match=r"the energies around one site could add up to 20.0 eV \(repulsion 20.0 eV\)"):
        gas_system(CHAIN, (6, 1, 1), 2, 900.0, energy_terms=[lambda context: ChainRepulsion(context, 10_000_000)])
