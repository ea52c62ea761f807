"""Long-range energies: Madelung constants, the pair table, and walks with it against the exact solution."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from kmc.backends import make_grand_walker, make_walker
from kmc.carriers.neutral_component import neutral_component
from kmc.exact.markov_chain import mean_square_at
from kmc.exact.master_equation import enumerate_cell
from kmc.measure.msd import summed_positions
from kmc.run.schedule import start_equilibration, window_length
from kmc.run.settings import Settings
from kmc.state.grand_state import grand_state
from kmc.state.replicas import exchange_potential, state_from_occupants, unwrapped_grid_positions
from kmc.tables.coulomb import COULOMB_EV_ANGSTROM, coulomb_term, pair_table
from kmc.tables.energy_terms import EnergyContext
from kmc.tables.ewald import ewald_potential
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.from_atoms import crystal_from_atoms
from lattices.prototypes import fluorite
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system, same, walked


def perovskite_atoms():
    """CaTiO3, cubic."""
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Atoms("CaTiO3", scaled_positions=places, cell=[5.0] * 3, pbc=True)


ROCK_SALT, CESIUM_CHLORIDE = (
    1.747564594633,
    1.762674773071,
)  # in nearest-neighbour distances; Crandall, Exp. Math. 8 (1999)
FLUORITE = 2.519392493  # with the charges 2 and 1 factored out: E = -2 x this e^2/r0 per formula unit, M = 5.038784986
SIMPLE_CUBIC = -2.837297479480619  # one charge in its background, cube of edge 1


def perovskite_energy(a, b, o):
    """Energy in e^2/(4 pi eps_0 a), from the potentials at half-way points of a cube (derived; see below)."""
    v0 = SIMPLE_CUBIC
    v3 = v0 + 2 * CESIUM_CHLORIDE / np.sqrt(3)
    difference = (-2 * ROCK_SALT - v0 + v3) / 3  # v2 - v1
    total = (v0 - v3) / 3  # v1 + v2
    v1, v2 = (total - difference) / 2, (total + difference) / 2
    return 0.5 * ((a * a + b * b + 3 * o * o) * v0 + 2 * a * b * v3 + 6 * a * o * v2 + 6 * b * o * v1 + 6 * o * o * v2)


A = 5.0  # angstrom
TABLES = [  # (cell, nearest distance, formulas in a cell), charges, -E r0/(e^2/4 pi eps_0) per formula
    ((bulk("NaCl", "rocksalt", A, cubic=True), A / 2, 4), (1, -1), ROCK_SALT),
    ((bulk("CsCl", "cesiumchloride", A), A * np.sqrt(3) / 2, 1), (1, -1), CESIUM_CHLORIDE),
    ((bulk("CaF2", "fluorite", A, cubic=True), A * np.sqrt(3) / 4, 4), (2, -1), 2 * FLUORITE),
    ((perovskite_atoms(), A / 2, 1), (2, 4, -2), -perovskite_energy(2, 4, -2) / 2),
]


def energy_of(vectors, places, charges):
    """Coulomb energy of a neutral cell in e^2/(4 pi eps_0 angstrom)."""
    places, charges = np.array(places, dtype=float), np.array(charges, dtype=float)
    apart = (places[:, None] - places).reshape(-1, 3) @ vectors
    return 0.5 * charges @ ewald_potential(vectors, apart).reshape(len(charges), -1) @ charges


FCC = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]


def test_madelung_constants():
    cube = np.eye(3)
    halves = [(x + 0.5, y, z) for x, y, z in FCC]
    assert -energy_of(cube, FCC + halves, [1] * 4 + [-1] * 4) / 4 * 0.5 == pytest.approx(ROCK_SALT, abs=1e-9)
    pair = energy_of(cube, [(0, 0, 0), (0.5, 0.5, 0.5)], [1, -1])
    assert -pair * np.sqrt(3) / 2 == pytest.approx(CESIUM_CHLORIDE, abs=1e-9)
    anions = [(x, y, z) for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]
    found = energy_of(cube, FCC + anions, [2] * 4 + [-1] * 8)
    assert -found / 4 / 2 * np.sqrt(3) / 4 == pytest.approx(FLUORITE, abs=1e-6)
    assert ewald_potential(cube, np.zeros((1, 3)))[0] == pytest.approx(SIMPLE_CUBIC, abs=1e-10)


@pytest.mark.parametrize("charges", [(2.0, 4.0, -2.0), (3.0, 3.0, -2.0), (1.0, 5.0, -2.0)])
def test_perovskites_from_rock_salt_and_cesium_chloride(charges):
    """The potentials at half-way points of a cube follow from three known constants (derived).

    With v0 ... v3 at (0,0,0), (1/2,0,0), (1/2,1/2,0), (1/2,1/2,1/2): v0 + 3 v2 - 3 v1 - v3 = -2 M of rock salt,
    v0 - v3 = -2 M/sqrt(3) of CsCl, and v0 + 3 v1 + 3 v2 + v3 = 2 v0, a cube of half the edge.
    """
    exact, (a, b, o) = perovskite_energy(*charges), charges
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    assert energy_of(np.eye(3), places, [a, b, o, o, o]) == pytest.approx(exact, abs=1e-8)
    if charges == (2.0, 4.0, -2.0):
        assert -exact / 2 == pytest.approx(24.7549, abs=1e-4)  # CaTiO3, per a/2


def test_the_sum_does_not_depend_on_the_cell():
    """A skew cell of twice the volume with two charges gives twice the energy of the small one."""
    one = np.array([[3.0, 0.2, 0.1], [0.0, 4.0, 0.5], [0.3, 0.0, 5.0]])
    two = one * np.array([[2.0], [1.0], [1.0]])
    place = np.array([[0.7, 1.1, 2.3]])
    shifted = place - one[0]
    both = ewald_potential(two, np.concatenate([place, shifted])).sum()
    assert both == pytest.approx(ewald_potential(one, place)[0], abs=1e-10)


@pytest.mark.parametrize(("structure", "charges", "madelung"), TABLES)
def test_madelung_constants_from_the_pair_table(structure, charges, madelung):
    """The integers of the pair table and of the images in vacuum: rounding changes the energies by 1e-7 at most."""
    atoms, distance, per_cell = structure
    names = list(dict.fromkeys(atoms.get_chemical_symbols()))
    supercell = Supercell(crystal_from_atoms(atoms, {name: name for name in names}), (2, 2, 2))
    energy, image = pair_table(supercell, relative_permittivity=1.0)
    total = 0
    for s, q in enumerate(charges):
        for t, p in enumerate(charges):
            total += q * p * int(energy[s][t].sum())
        total += q**2 * image * len(energy[s][s])
    assert -0.5e-6 * total / per_cell * distance / COULOMB_EV_ANGSTROM == pytest.approx(madelung, rel=1e-6)


def charged(permittivity, repeats=(2, 2, 2), vacancies=1, electrons=1, polarons=None, **more):
    model = made_up_model("perovskite", {(): 0.4}, polarons=polarons or {"barriers": [{"energy_eV": 0.35, **NOTE}]})
    screened = {"relative_permittivity": {"value": permittivity, **NOTE}}
    model = model.model_validate({**model.model_dump(exclude_none=True), "coulomb": screened})
    return made_up_system(model, repeats, vacancies, 1400.0, electrons=electrons, **more)


def total_energy(system, occupants):
    """eV of one arrangement, from the Ewald sum over all pairs and images."""
    cell = system.tables.supercell
    places = np.concatenate([cell.positions_angstrom(s) for s in range(len(cell.crystal.sublattices))])
    charges = system.tables.charges[occupants].astype(float)
    here = np.flatnonzero(charges)
    apart = (places[here, None] - places[here]).reshape(-1, 3)
    phi = ewald_potential(cell.vectors_angstrom, apart).reshape(len(here), -1)
    factor = COULOMB_EV_ANGSTROM / system.model.coulomb.relative_permittivity.value
    return 0.5 * factor * charges[here] @ phi @ charges[here]


def test_potentials_are_differences_of_ewald_energies():
    """The energy of every hop of a random arrangement, to rounding; the table is even, and hops update potentials."""
    system = charged(30.0, (3, 3, 3), 4, 8, dopants=3)
    state = walked(system, 3, 300)
    assert state.accepted.min() > 0
    assert np.array_equal(state.potential, exchange_potential(system.tables, state.occupants))
    tables, occupants = system.tables, state.occupants[0]
    before = total_energy(system, occupants)
    first = int(tables.potential_offset[0])
    vacancies, oxygens = np.flatnonzero(occupants[:81] == 1), np.flatnonzero(occupants[:81] == 0)
    for i, j in zip(np.repeat(vacancies, 10), np.tile(oxygens[:40], 1), strict=True):
        after = occupants.copy()
        after[i], after[j] = occupants[j], occupants[i]
        cells = [tables.supercell.coordinates_of(0, np.array([n]))[0] for n in (i, j)]
        offset = (cells[1][:3].astype(int) - cells[0][:3]) % 3
        own = 4 * int(tables.term("coulomb").energy[0][0][cells[0][3], cells[1][3], *offset])
        found = int(state.potential[0, first + j]) - int(state.potential[0, first + i]) - own
        assert found * 1e-6 == pytest.approx(total_energy(system, after) - before, abs=1e-4)
    for s in range(3):
        for t in range(3):
            energy = tables.term("coulomb").energy[s][t]
            other = tables.term("coulomb").energy[t][s]
            assert energy[0, -1, 1, 2, 0] == other[-1, 0, -1, -2, 0]


def test_backends_and_grand_canonical_moves_agree_with_charges():
    system = charged(40.0, (3, 3, 3), 4, 8, dopants=2, replicas=3)
    states = [walked(system, 3, 400, name) for name in BACKENDS]
    assert all(same(states[0], other) for other in states[1:])
    ends = []
    for name in BACKENDS:
        component = neutral_component(system.tables, system.model.vacancies)
        grand = grand_state(system.tables, component, system.initial_state(), -200_000)
        walker = make_grand_walker(name, system, grand)
        walker.advance(500, 0)
        ends.append(walker.read())
    assert all(np.array_equal(ends[0].potential, other.potential) for other in ends[1:])
    assert np.array_equal(ends[0].potential, exchange_potential(system.tables, ends[0].occupants))
    assert len(set(ends[0].number[:, 0].tolist())) > 1 or ends[0].counters[:, 1].min() > 10


@pytest.mark.slow
@pytest.mark.statistical
def test_an_attracting_vacancy_and_electron_against_the_exact_solution():
    """Second moments and cross moment after a fixed time from exact equilibrium are within 4.5 errors each.

    Three numbers, fixed seed, false-alarm rate 2e-5.
    """
    system = charged(15.0, replicas=4096, seed=4)
    start = system.initial_state()
    small = enumerate_cell(system.tables, start.occupants[0])
    share = small.stationary()
    assert share.max() > 1.5 * share.min()  # the two attract each other
    rng = np.random.default_rng(4)
    chosen = rng.choice(len(share), size=4096, p=share)
    state = state_from_occupants(system.tables, small.occupants[chosen].copy())
    before = summed_positions(system.tables, unwrapped_grid_positions(system.tables, state))

    walker = make_walker(BACKENDS[-2] if len(BACKENDS) > 1 else "numpy", system, state)
    mean = 60
    walker.advance(window_length(system, Settings(), "rejection", 0, mean))
    moved = summed_positions(system.tables, unwrapped_grid_positions(system.tables, walker.read())) - before
    metric = moved @ (system.tables.supercell.crystal.cell_angstrom * 1e-10 / system.tables.supercell.crystal.grid)
    seconds = mean / system.tables.total_rate_per_s
    names = ("V_O", "electron")
    chains = {name: small.collective(name) for name in names}
    both = chains["V_O"].__class__(
        *(getattr(chains["V_O"], key) for key in ("states", "source", "target", "rate")),
        chains["V_O"].moved + chains["electron"].moved,
        chains["V_O"].stationary,
    )
    for chain, columns in ((chains["V_O"], [1]), (chains["electron"], [5]), (both, [1, 5])):
        codes = [system.model.code(names[0 if c == 1 else 1]) for c in columns]
        found = (metric[:, codes].sum(axis=1) ** 2).sum(axis=1)
        exact = np.trace(mean_square_at(chain, seconds))
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert abs(found.mean() - exact) < 4.5 * error and error < 0.05 * exact


def test_options_that_coulomb_energies_exclude():
    system = charged(40.0, (4, 4, 4))
    with pytest.raises(InputError, match='selection = "rejection" are needed'):
        start_equilibration(system, Settings(selection="rejection-free"))
    with pytest.raises(InputError, match="take a larger relative_permittivity or fewer charges"):
        charged(1.0, (4, 4, 4), 20, 40)
    none = np.zeros(0, dtype=np.int64)
    large = Supercell(fluorite({"cation": "Ce"}, 5.4), (40, 40, 40))
    with pytest.raises(InputError, match="at most 100000 are allowed"):
        coulomb_term(EnergyContext(system.model, large, (), none, none, none, (0.0, 0.0, 0.0)))
