"""Protons in a perovskite: four sites per oxygen, rotation and transfer, exclusion, trapping, three carriers.

Fixed seeds; estimates lie within 4 standard errors of exact values (false alarms 6e-5 each).
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from analysis.report import analyze
from kmc.backends import make_walker
from kmc.exact.markov_chain import diffusivity, mean_square_at
from kmc.exact.master_equation import enumerate_cell
from kmc.files.trajectory import read_trajectory
from kmc.measure.density_planes import n_planes
from kmc.model.composition import compose
from kmc.model.parameters import Model, load_model
from kmc.run.engine import run
from kmc.run.schedule import window_length
from kmc.run.settings import Hops, Settings, Thermodynamics
from kmc.state.replicas import state_from_occupants, unwrapped_grid_positions
from kmc.state.system import build_system
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.crystal import Crystal, Supercell
from lattices.doping import Doping
from lattices.errors import InputError
from lattices.protons import with_protons
from lattices.prototypes import perovskite
from lattices.stencils import shells
from tests.systems import BACKENDS, NOTE, same, walked

FAST = next(name for name in BACKENDS if name != "numpy" or len(BACKENDS) == 1)
A_ANGSTROM = 4.24
PLACE = 0.225


def barium_zirconate(repeats, protons, dopants=0, vacancies=0, temperature_K=800.0, model=None, holes=0, **more):
    model = model or load_model("bzy")
    crystal = perovskite({"A": "Ba", "B": "Zr"}, A_ANGSTROM)
    supercell = Supercell(with_protons(crystal, "proton", "anion", "B", PLACE), repeats)
    carriers = {"H": Doping(number=protons), "V_O": Doping(number=vacancies)}
    carriers |= {"hole": Doping(number=holes)} if holes else {}
    numbers = compose(model, supercell, {"Y": Doping(number=dopants)}, carriers)
    return build_system(model, supercell, numbers, temperature_K, **more)


def rates(temperature_K):
    """Rates of one rotation and of one transfer."""
    kt = BOLTZMANN_EV_K * temperature_K
    return 1e13 * math.exp(-0.17 / kt), 1e13 * math.exp(-0.25 / kt)


def test_the_sites_and_their_shells():
    crystal = with_protons(perovskite({"A": "Ba", "B": "Zr"}, A_ANGSTROM), "proton", "anion", "B", PLACE)
    assert [s.name for s in crystal.sublattices] == ["proton", "anion", "B", "A"]
    assert crystal.sublattices[0].n_basis == 12
    one, two, three = shells(crystal, 0, 0, 3)
    assert [s.coordination for s in (one, two, three)] == [2, 2, 1]
    assert one.length_angstrom == pytest.approx(PLACE * 2**0.5 * A_ANGSTROM)
    assert two.length_angstrom == pytest.approx((0.5 - PLACE) * 2**0.5 * A_ANGSTROM)
    assert three.length_angstrom == pytest.approx(2 * PLACE * A_ANGSTROM)
    to_oxygen = shells(crystal, 0, 1, 1)[0]
    assert to_oxygen.coordination == 1 and Counter(to_oxygen.basis[:, 0].tolist()) == {0: 4, 1: 4, 2: 4}
    assert crystal.grid == 40


@pytest.mark.parametrize("place", [0.2072, 0.21, 0.2499])
def test_shells_are_rotation_transfer_and_opposite_site_in_this_order(place):
    """Above 1/4 a rotation is longer than a transfer; below (sqrt(2) - 1)/2 a transfer is longer than the crossing."""
    crystal = with_protons(perovskite({"A": "Ba", "B": "Zr"}, A_ANGSTROM), "proton", "anion", "B", place)
    lengths = [s.length_angstrom / A_ANGSTROM for s in shells(crystal, 0, 0, 3)]
    assert lengths == pytest.approx([2**0.5 * place, 2**0.5 * (0.5 - place), 2 * place], rel=1e-6)


@pytest.mark.parametrize("place", [0.05, 0.2, 0.2071, 0.25, 0.3, math.nan])
def test_displacements_that_confuse_the_hops_are_refused(place):
    with pytest.raises(InputError, match=rf"displacement = {place}: from 0\.2072 to below 0\.25"):
        with_protons(perovskite({"A": "Ba", "B": "Zr"}, A_ANGSTROM), "proton", "anion", "B", place)


def test_protons_need_a_cubic_crystal():
    cubic = perovskite({"A": "Ba", "B": "Zr"}, A_ANGSTROM)
    stretched = Crystal(cubic.cell_angstrom * np.array([[1.0], [1.0], [1.1]]), cubic.sublattices)
    with pytest.raises(InputError, match="a cubic perovskite is needed"):
        with_protons(stretched, "proton", "anion", "B", PLACE)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("temperature_K", [500.0, 800.0, 1200.0])
def test_a_lone_proton(temperature_K, tmp_path):
    """D = (a^2/6) Gr Gt/(Gr + Gt): within 1 % by simulation, and exactly by the master equation."""
    gr, gt = rates(temperature_K)
    exact = (A_ANGSTROM * 1e-10) ** 2 / 6 * gr * gt / (gr + gt)
    small = barium_zirconate((2, 2, 2), 1, temperature_K=temperature_K)
    cell = enumerate_cell(small.tables, small.initial_state().occupants[0])
    assert np.trace(diffusivity(cell.collective("H"))) / 3 == pytest.approx(exact, rel=1e-4)
    system = barium_zirconate((6, 6, 6), 3, temperature_K=temperature_K, replicas=2048, seed=2, tracked=False)
    run(system, Settings(Hops(20.0), Hops(600.0), 200, "none"), tmp_path, backend=FAST)
    entry = analyze(read_trajectory(tmp_path / "trajectory.h5"), (0.015, 0.05))["species"]["H"][
        "tracer_diffusivity_m2_s"
    ]
    assert entry["stderr"] < 0.004 * exact and abs(entry["value"] - exact) < 0.01 * exact


def moments_after(system, occupants, mean, backend):
    """(R,) square of the summed displacement of all protons after one window of `mean` trials."""
    state = state_from_occupants(system.tables, occupants)
    first = int(system.tables.first_particle[system.model.code("H")])
    ids = slice(first, first + int(system.tables.counts[system.model.code("H")]))
    before = unwrapped_grid_positions(system.tables, state)[:, ids].astype(np.int64)
    walker = make_walker(backend, system, state)
    walker.advance(window_length(system, Settings(), "rejection", 0, mean))
    moved = unwrapped_grid_positions(system.tables, walker.read())[:, ids] - before
    scale = system.tables.supercell.crystal.cell_angstrom / system.tables.supercell.crystal.grid * 1e-10
    return ((moved.sum(axis=1) @ scale) ** 2).sum(axis=1), ((moved @ scale) ** 2).sum(axis=2).mean(axis=1)


@pytest.mark.slow
@pytest.mark.statistical
def test_blocking_at_finite_content_against_the_exact_solution():
    """Two protons on different oxygens in four cells: collective and single displacements after a fixed time."""
    model = load_model("bzy")
    model = model.model_copy(update={"pairs": tuple(pair for pair in model.pairs if pair.forbidden)})
    system = barium_zirconate((2, 2, 1), 2, model=model, replicas=4096, seed=6)
    small = enumerate_cell(system.tables, system.initial_state().occupants[0])
    assert len(small.occupants) == 12 * 11 // 2 * 16  # at most one per oxygen
    rng = np.random.default_rng(6)
    chosen = rng.choice(len(small.occupants), size=4096, p=small.stationary())
    together, alone = moments_after(system, small.occupants[chosen].copy(), 40, FAST)
    seconds = 40 / system.tables.total_rate_per_s
    for found, chain in ((together, small.collective("H")), (alone, small.tagged("H"))):
        exact = np.trace(mean_square_at(chain, seconds))
        error = found.std(ddof=1) / math.sqrt(len(found))
        assert abs(found.mean() - exact) < 4 * error and error < 0.02 * exact


@pytest.mark.slow
@pytest.mark.statistical
def test_blocking_at_long_times_through_run_and_analyze(tmp_path):
    """The same two protons: D_sigma and D* of a run are those of the exact solution, 8 and 10 % below D0."""
    model = load_model("bzy")
    model = model.model_copy(update={"pairs": tuple(pair for pair in model.pairs if pair.forbidden)})
    system = barium_zirconate((2, 2, 1), 2, model=model, replicas=256, seed=7)
    small = enumerate_cell(system.tables, system.initial_state().occupants[0])
    run(system, Settings(Hops(20.0), Hops(1500.0), 100, "none"), tmp_path, backend=FAST)
    found = analyze(read_trajectory(tmp_path / "trajectory.h5"), (0.01, 0.05))["species"]["H"]
    gr, gt = rates(800.0)
    bare = (A_ANGSTROM * 1e-10) ** 2 / 6 * gr * gt / (gr + gt)
    for entry, chain, number in (
        (found["collective_diffusivity_m2_s"], small.collective("H"), 2),
        (found["tracer_diffusivity_m2_s"], small.tagged("H"), 1),
    ):
        exact = np.trace(diffusivity(chain)) / 3 / number
        assert exact < 0.93 * bare and entry["stderr"] < 0.015 * exact
        assert abs(entry["value"] - exact) < 4 * entry["stderr"]


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(
    ("temperature_K", "replicas", "equilibration", "hops", "most"),
    [(600.0, 256, 12000.0, 20000.0, 0.04), (800.0, 384, 5000.0, 30000.0, 0.016)],
)
def test_simulated_trapping_agrees_with_the_two_state_model(
    temperature_K, replicas, equilibration, hops, most, tmp_path
):
    """One Y in 1000 cells, D/D0 = 0.60 and 0.87: within 2 % (terms in 1/n are 1.3 %) and 4 errors."""
    system = barium_zirconate((10,) * 3, 1, dopants=1, temperature_K=temperature_K, replicas=replicas, tracked=False)
    run(system, Settings(Hops(equilibration), Hops(hops), 200, "none"), tmp_path, backend=FAST)
    found = analyze(read_trajectory(tmp_path / "trajectory.h5"), (0.02, 0.1))["species"]["H"]["tracer_diffusivity_m2_s"]
    gr, gt = rates(temperature_K)
    bare = (A_ANGSTROM * 1e-10) ** 2 / 6 * gr * gt / (gr + gt)
    free, bound = 12 * 1000 - 24, 24 * math.exp(0.30 / (BOLTZMANN_EV_K * temperature_K))
    two_states = bare * free / (free + bound)
    assert found["stderr"] < most * two_states
    assert abs(found["value"] - two_states) < 0.02 * two_states + 4 * found["stderr"] < 0.9 * (bare - two_states)


@pytest.mark.slow
def test_exact_trapping_agrees_with_the_two_state_model():
    """One Y in n cells: D/D0 is the fraction of time on the 12 n - 24 free sites, up to terms of order 1/n."""
    temperature_K = 800.0
    gr, gt = rates(temperature_K)
    bare = (A_ANGSTROM * 1e-10) ** 2 / 6 * gr * gt / (gr + gt)
    off = {}
    for edge in (4, 8):
        system = barium_zirconate((edge,) * 3, 1, dopants=1, temperature_K=temperature_K)
        small = enumerate_cell(system.tables, system.initial_state().occupants[0])
        sites = len(small.occupants)
        assert sites == 12 * edge**3
        bound = 24 * math.exp(0.30 / (BOLTZMANN_EV_K * temperature_K))
        two_states = bare * (sites - 24) / (sites - 24 + bound)
        off[edge] = np.trace(diffusivity(small.collective("H"))) / 3 / two_states - 1
        assert two_states < 0.8 * bare
    assert abs(off[8]) < 0.03 and off[4] / off[8] == pytest.approx(8.0, rel=0.3)


def three_carriers():
    """The shipped parameter set with mobile vacancies, and holes on the oxygen ions; made-up barriers."""
    data = load_model("bzy").model_dump(mode="json", exclude_none=True)
    nu = {"value": 1e13, **NOTE}
    data["layers"] = {"holes": "anion"}
    data["species"]["empty"] = {"sublattice": "holes", "charge": 0, "element": "X"}
    data["species"]["hole"] = {"sublattice": "holes", "charge": 1, "element": "X"}
    for name, carrier, partner, energy in (("vacancy", "V_O", "O", 0.3), ("hole", "hole", "empty", 0.25)):
        barriers = [{"gate": [], "energy_eV": energy, **NOTE}]
        hop = {"name": name, "carrier": carrier, "partner": partner, "attempt_frequency_Hz": nu, "barriers": barriers}
        data["hops"] = [*data["hops"], hop]
    return Model.model_validate(data)


def mixed(repeats=(3, 3, 3), **more):
    from lattices.crystal import with_layers

    model = three_carriers()
    crystal = with_layers(perovskite({"A": "Ba", "B": "Zr"}, A_ANGSTROM), model.layers)
    supercell = Supercell(with_protons(crystal, "proton", "anion", "B", PLACE), repeats)
    cells = repeats[0] * repeats[1] * repeats[2]
    carriers = {"V_O": Doping(number=cells // 9), "H": Doping(number=cells // 9), "hole": Doping(number=cells // 9)}
    numbers = compose(model, supercell, {"Y": Doping(number=4 * (cells // 9))}, carriers)
    return build_system(model, supercell, numbers, 1000.0, **more)


@pytest.mark.slow
def test_three_carriers_at_once(tmp_path):
    """Backends agree bit for bit; vacancies and protons exclude each other; L is 3 x 3 and positive."""
    system = mixed(replicas=3)
    states = [walked(system, 3, 600, name) for name in BACKENDS]
    assert all(same(states[0], other) for other in states[1:])
    assert (states[0].accepted.sum(axis=0) > 0).all()
    run(mixed(replicas=24), Settings(Hops(5.0), Hops(30.0), 60, "none"), tmp_path, backend=FAST)
    results = analyze(read_trajectory(tmp_path / "trajectory.h5"), (0.05, 0.4))
    assert results["onsager"]["species"] == ["H", "V_O", "hole"]
    matrix = np.array(results["onsager"]["matrix_1_per_J_m_s"]["value"])
    assert matrix.shape == (3, 3) and np.linalg.eigvalsh(matrix).min() > 0
    assert results["ionic_conductivity_S_m"]["value"] > 0 and results["electronic_conductivity_S_m"]["value"] > 0


def test_three_carriers_with_thermodynamics_in_a_small_file(tmp_path):
    """A cell has four planes, at 0, 9/40, 1/2 and 31/40, which include those of the oxygen ions."""
    system = mixed((3, 3, 6), replicas=4)
    assert n_planes(system.tables) == (3 * 4, 3 * 4, 6 * 4)
    asked = Settings(Hops(1.0), Hops(3.0), 20, "none", thermodynamics=Thermodynamics(points=1, trials_per_carrier=1.0))
    run(system, asked, tmp_path, backend=FAST)
    assert (tmp_path / "trajectory.h5").stat().st_size < 3e5
    trajectory = read_trajectory(tmp_path / "trajectory.h5")
    assert trajectory.plane_species == ("H", "V_O", "hole")
    for planes in trajectory.planes:
        assert (planes.sum(axis=-1) == [6, 6, 6]).all()


@pytest.mark.slow
def test_no_proton_on_a_vacancy():
    system = mixed(replicas=3)
    state = walked(system, 4, 2000)
    tables, crystal = system.tables, system.tables.supercell.crystal
    proton, anion = (crystal.index(name) for name in ("proton", "anion"))
    stencil = shells(crystal, proton, anion, 1)[0]
    for row in state.occupants:
        sites = np.flatnonzero(row[: int(tables.supercell.n_sites_of(proton))] == system.model.code("H"))
        homes = []
        for x, y, z, b in tables.supercell.coordinates_of(proton, sites).astype(int):
            dx, dy, dz, t = stencil.neighbours(b)[0]
            homes.append(tables.supercell.site_index(anion, (x + dx, y + dy, z + dz), t))
        assert len(set(homes)) == len(homes) == 3
        assert (row[homes] == system.model.code("O")).all()
