"""The diffusion tensor of a single ideal carrier on crystals with experimental coordinates, against the exact one.

The exact second moment of the displacement follows from the bonds and rates alone. With the generator Q (n, n) of the
walk among the n basis sites, the mean velocity v_b = sum over bonds of rate times bond vector, and
A = (1/n) sum over all bonds of rate times (bond vector)(bond vector)^T,

    <R R^T>(t) = A t - (2/n) v^T [integral from 0 to t of (t - s) exp(Q s) ds] v  ->  2 D t,

from which D = A/2 where every site is a centre of its bonds (v = 0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kmc.files.trajectory import read_trajectory
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from kmc.state.system import System, build_system
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.crystal import Supercell
from lattices.doping import Doping
from lattices.from_atoms import crystal_from_atoms
from lattices.stencils import Stencil, stencil_of
from tests import crystals
from tests.systems import BACKENDS, NOTE

TEMPERATURE_K, ATTEMPT_HZ = 1000.0, 1e13
FAST = next((name for name in BACKENDS if name != "numpy"), "numpy")
# name: (structure, element of the carrier's sites, [(neighbours, barrier in eV) of each hop])
WALKS: dict[str, tuple[Any, str, list[tuple[dict[str, Any], float]]]] = {
    "fluorite": (crystals.ceria, "O", [({"shell": 1}, 0.5)]),
    "fluorite, primitive cell": (crystals.ceria_primitive, "O", [({"shell": [1, 2]}, 0.5)]),
    "tetragonal perovskite, c/a = 1.0008": (crystals.tetragonal_perovskite, "O", [({"shell": 1}, 0.5)]),
    "Pnma perovskite": (crystals.pnma_perovskite, "O", [({"shell": 1}, 0.5)]),
    "R-3c perovskite": (crystals.rhombohedral_perovskite, "O", [({"shell": 1}, 0.5), ({"shell": 2}, 0.6)]),
    "K2NiF4 type, in the plane": (crystals.k2nif4, "N", [({"shell": 1}, 0.5)]),
    "K2NiF4 type, apical": (crystals.k2nif4, "O", [({"distance_angstrom": [3.3, 3.5]}, 0.5)]),
    "hcp": (crystals.hcp, "Mg", [({"shell": 1}, 0.5)]),
    "garnet": (crystals.garnet, "O", [({"distance_angstrom": [2.6, 2.7]}, 0.5), ({"shell": 2}, 0.55)]),
    "pyrochlore": (crystals.pyrochlore, "O", [({"shell": 1}, 0.5), ({"distance_angstrom": [2.9, 3.0]}, 0.6)]),
    "strained fluorite": (crystals.strained_ceria, "O", [({"shell": 1}, 0.5)]),
    "orthorhombic metal": (crystals.orthorhombic_metal, "Na", [({"shell": 1}, 0.5)]),
    "rutile": (crystals.rutile, "O", [({"shell": 1}, 0.5), ({"shell": 2}, 0.55)]),
}


def walk_of(name: str, **more: Any) -> System:
    """One neutral guest per replica in 2 x 2 x 2 cells (4 x 4 x 4 of one or two sites)."""
    build, element, hops = WALKS[name]
    atoms = build()
    names = sorted(set(atoms.get_chemical_symbols()), key=lambda symbol: symbol != element)
    species = {symbol: {"sublattice": symbol, "charge": 0, "element": symbol} for symbol in names}
    species["guest"] = {"sublattice": element, "charge": 0, "element": "F"}
    keys = {"carrier": "guest", "partner": element, "attempt_frequency_Hz": {"value": ATTEMPT_HZ, **NOTE}}
    families = [
        {"name": f"hop{n}", **keys, **neighbours, "barriers": [{"gate": [], "energy_eV": barrier, **NOTE}]}
        for n, (neighbours, barrier) in enumerate(hops)
    ]
    model = Model.model_validate({"name": "guest", "species": species, "hops": families})
    crystal = crystal_from_atoms(atoms, {symbol: symbol for symbol in names})
    supercell = Supercell(crystal, (2, 2, 2) if len(atoms) > 3 else (4, 4, 4))
    numbers = compose(model, supercell, {}, {"guest": Doping(number=1)})
    return build_system(model, supercell, numbers, TEMPERATURE_K, tracked=False, **more)


def bonds_of_walk(system: System) -> list[tuple[Stencil, float]]:
    """(bonds, rate in 1/s) of each hop."""
    crystal, found = system.tables.supercell.crystal, []
    for hop in system.model.hops:
        rate = ATTEMPT_HZ * np.exp(-hop.barriers[0].energy_eV / (BOLTZMANN_EV_K * TEMPERATURE_K))
        found.append((stencil_of(crystal, 0, 0, hop.neighbours), float(rate)))
    return found


def second_moment(bonds: list[tuple[Stencil, float]], time_s: float) -> NDArray[np.float64]:
    """(3, 3) exact <R R^T> in square angstrom after a time, from a site drawn at random."""
    n = len(bonds[0][0].basis)
    generator, velocity, spread = np.zeros((n, n)), np.zeros((n, 3)), np.zeros((3, 3))
    for stencil, rate in bonds:
        for b in range(n):
            for (*_, end), vector in zip(stencil.neighbours(b), stencil.vectors_angstrom[b], strict=False):
                generator[b, end] += rate
                generator[b, b] -= rate
                velocity[b] += rate * vector
                spread += rate * np.outer(vector, vector) / n
    values, modes = np.linalg.eigh(generator)
    moving = values < -1e-9 * abs(values[0])
    decay = values[moving]
    weight = (np.exp(decay * time_s) - 1 - decay * time_s) / decay**2
    along = modes[:, moving].T @ velocity
    return spread * time_s - 2 / n * (along * weight[:, None]).T @ along


def exact_diffusivity(bonds: list[tuple[Stencil, float]]) -> NDArray[np.float64]:
    """(3, 3) in square angstrom per second, from the growth of the second moment at long times."""
    slowest = 1.0 / min(rate for _, rate in bonds)
    late = 1e6 * slowest
    return (second_moment(bonds, 2 * late) - second_moment(bonds, late)) / (2 * late)


@pytest.mark.parametrize("name", ["fluorite", "tetragonal perovskite, c/a = 1.0008", "hcp", "orthorhombic metal"])
def test_half_the_sum_over_bonds_where_sites_are_centres(name: str) -> None:
    """D = (1/2) sum over the bonds of a site of rate times (bond)(bond)^T: the rule that needs no generator."""
    bonds = bonds_of_walk(walk_of(name))
    stencil, rate = bonds[0]
    if name == "hcp":  # a site has mirror planes but is no centre: in the plane the velocities of A and B cancel
        assert np.allclose(stencil.vectors_angstrom[0].sum(axis=0), 0, atol=1e-3)
    simple = 0.5 * rate * np.einsum("bdi,bdj->ij", stencil.vectors_angstrom, stencil.vectors_angstrom)
    simple /= len(stencil.basis)
    assert np.allclose(exact_diffusivity(bonds), simple, rtol=1e-6, atol=1e-6 * simple.max())


def test_a_known_tensor() -> None:
    """Axes of 4.0000, 4.0008 and 4.0016 angstrom: D = rate times the square of each axis."""
    bonds = bonds_of_walk(walk_of("orthorhombic metal"))
    expected = bonds[0][1] * np.diag([4.0, 4.0008, 4.0016]) ** 2
    assert np.allclose(exact_diffusivity(bonds), expected, rtol=1e-9, atol=1e-6)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("name", WALKS)
def test_the_walk_has_the_exact_tensor(name: str, tmp_path) -> None:
    """Every component within 1 % of the largest: 410 000 displacements over 30 hops have errors of 0.22 % (diagonal)
    and 0.16 %, so that a false alarm has a probability of about 2e-5 per crystal. The seed is fixed.
    """
    replicas, frames = 1024, 400
    if FAST == "numpy":
        pytest.skip("the NumPy backend takes minutes; it gives the same trajectory")
    system = walk_of(name, replicas=replicas, seed=3)
    run(system, Settings(Hops(2.0), Hops(30.0 * frames), frames, "none"), tmp_path, backend=FAST)
    trajectory = read_trajectory(tmp_path / "trajectory.h5")
    steps = np.diff(trajectory.summed_displacement[:, :, system.model.code("guest")], axis=0)
    moved = steps.reshape(-1, 3) @ trajectory.grid_vectors_m * 1e10
    time_s = float(trajectory.time_s[1] - trajectory.time_s[0])
    bonds = bonds_of_walk(system)
    exact = second_moment(bonds, time_s) / (2 * time_s)
    found = moved.T @ moved / len(moved) / (2 * time_s)
    largest = float(np.linalg.eigvalsh(exact).max())
    assert np.abs(found - exact).max() < 0.01 * largest, (found / largest, exact / largest)
    # The walk is long enough to be diffusive: the exact moment is within 3 % of its limit.
    assert np.abs(exact - exact_diffusivity(bonds)).max() < 0.03 * largest
    if name == "K2NiF4 type, in the plane":
        assert not found[2].any() and not found[:, 2].any()
