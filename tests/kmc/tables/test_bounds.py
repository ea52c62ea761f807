"""Proven lower bounds of dE against the smallest dE of every arrangement of a small cell.

A bound above that minimum would stop a walk; a bound below an attained minimum would waste trials.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kmc.exact.hop_rates import all_bonds, barrier2_of
from kmc.state.replicas import exchange_potential
from kmc.state.system import System
from kmc.tables.pair_energies import split
from tests.systems import NOTE, gas_system, made_up_model, made_up_system


def every_arrangement(system: System) -> np.ndarray:
    """(n, N) uint8: all placements of the particles on their sublattices."""
    tables = system.tables
    per_sublattice = []
    for s in range(len(tables.site_offset)):
        sites = tables.supercell.n_sites_of(s)
        codes = [c for c in np.flatnonzero(tables.sublattice_of == s) if tables.counts[c]]
        common = max(codes, key=lambda c: tables.counts[c])
        found = [np.full(sites, common, dtype=np.uint8)]
        for code in codes:
            if code != common:
                found = [
                    np.where(np.isin(np.arange(sites), chosen), np.uint8(code), row)
                    for row in found
                    for chosen in itertools.combinations(np.flatnonzero(row == common), int(tables.counts[code]))
                ]
        per_sublattice.append(found)
    return np.array([np.concatenate(parts) for parts in itertools.product(*per_sublattice)])


def smallest(system: System) -> tuple[np.ndarray, np.ndarray]:
    """((F,) smallest dE, (F,) smallest 2 Eb) of all hops of all arrangements, in microelectronvolt."""
    tables, occupants = system.tables, every_arrangement(system)
    potential = exchange_potential(tables, occupants).astype(np.int64)
    lowest, barrier = np.full((2, tables.n_families), 2**40, dtype=np.int64)
    for bond in all_bonds(tables):
        f = bond.family
        hops = (occupants[:, bond.start] == tables.carrier[f]) & (occupants[:, bond.end] == tables.partner[f])
        packed = np.full(len(occupants), tables.bond_energy[f, bond.basis, bond.direction])
        if tables.potential_offset[f] >= 0:
            shift = int(tables.potential_offset[f] - tables.site_offset[tables.sublattice[f]])
            packed = packed + potential[:, shift + bond.end] - potential[:, shift + bond.start]
        d_energy = split(packed)[1]
        lowest[f] = min(lowest[f], d_energy[hops].min())
        barrier[f] = min(barrier[f], barrier2_of(tables, bond, occupants, d_energy)[hops].min())
    return lowest, barrier


def bound(system: System) -> np.ndarray:
    """(F,) proven lower bound of dE."""
    tables = system.tables
    found = np.full(tables.n_families, 2**40, dtype=np.int64)
    for f in range(tables.n_families):
        for b, d in np.argwhere(tables.bond_basis[f] >= 0).tolist():
            bond = (b, *tables.bond_cell[f, b, d].tolist(), int(tables.bond_basis[f, b, d]))
            found[f] = min(found[f], sum(term.lowest_d_energy(f, bond) for term in tables.terms))
    return found


@pytest.mark.parametrize(
    ("energy_eV", "particles", "exact"),
    [(0.1, 2, -0.1), (-0.1, 2, -0.1), (0.1, 4, -0.1), (-0.1, 4, -0.1)],
)
def test_the_bound_is_attained_on_a_chain(energy_eV: float, particles: int, exact: float) -> None:
    """A particle has one neighbour besides the site it exchanges with, before and after: it gains |J| at most."""
    system = gas_system((4.0, 9.0, 11.0), (8, 1, 1), particles, 900.0, energy_eV)
    lowest, barrier = smallest(system)
    assert lowest.tolist() == bound(system).tolist() == [round(exact * 1e6)]
    assert barrier.tolist() == system.tables.reference2.tolist()


@pytest.mark.parametrize("prototype", ["fluorite", "perovskite"])
@pytest.mark.parametrize("seed", range(3))
def test_no_arrangement_goes_below_the_bound(prototype: str, seed: int) -> None:
    """Random pair energies of two vacancies and one dopant, with work in a field along a random direction."""
    rng = np.random.default_rng(seed)
    pairs = [("V_O", "V_O", 1), ("V_O", "D", 1), ("O", "D", 1)]
    model = made_up_model(prototype, pairs=[(*names, float(rng.uniform(-0.3, 0.3))) for names in pairs])
    field = rng.uniform(-2e8, 2e8, 3).tolist()
    system = made_up_system(model, (2, 2, 2), 2 if prototype == "perovskite" else 1, dopants=1, field_V_per_m=field)
    lowest, barrier = smallest(system)
    assert (bound(system) <= lowest).all() and (system.tables.reference2 <= barrier).all()
    assert (bound(system) > lowest - 700_000).all()  # a useful bound: within about two pair energies of the minimum


@pytest.mark.parametrize("prototype", ["fluorite", "perovskite"])
def test_one_dopant_and_one_vacancy_attain_the_bound(prototype: str) -> None:
    """A vacancy next to a repelling dopant: the best hop leaves it and gains the pair energy once.

    In fluorite two cations touch the vacancy before the hop and not after it.
    """
    model = made_up_model(prototype, pairs=[("V_O", "D", 1, 0.2)])
    system = made_up_system(model, (2, 2, 2), 1, dopants=1)
    assert smallest(system)[0].tolist() == bound(system).tolist() == [-200_000]


@pytest.mark.parametrize(("electrons", "dopants"), [(1, 0), (1, 1), (4, 0)])
def test_no_arrangement_of_charges_goes_below_the_bound(electrons: int, dopants: int) -> None:
    """Coulomb energies of a vacancy, electrons and a dopant. The bound counts the hopping charge as well."""
    model = made_up_model("perovskite", polarons={"barriers": [{"energy_eV": 0.3, **NOTE}]})
    screened = {"relative_permittivity": {"value": 20.0, **NOTE}}
    model = model.model_validate({**model.model_dump(exclude_none=True), "coulomb": screened})
    system = made_up_system(model, (2, 2, 2), 1, electrons=electrons, dopants=dopants)
    lowest, barrier = smallest(system)
    assert (bound(system) <= lowest).all() and (system.tables.reference2 <= barrier).all() and (lowest < 0).all()
    assert (bound(system) > 3 * lowest).all()
