"""Numbers of carriers per lattice plane: few planes for any coordinates, and Fourier sums that equal the positions'."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from ase import Atoms

from analysis.statistics.independent_samples import independent_samples
from analysis.thermodynamics.density_modes import DensityMode, density
from analysis.thermodynamics.wave import wave_amplitude
from kmc.files.trajectory import read_trajectory
from kmc.measure.density_planes import n_planes, plane_fractions, plane_numbers
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.run.engine import run
from kmc.run.settings import Hops, Relaxation, Settings, Thermodynamics
from kmc.state.replicas import unwrapped_grid_positions
from kmc.state.system import build_system
from lattices.crystal import FALLBACK_GRID, Supercell
from lattices.doping import Doping
from lattices.from_atoms import crystal_from_atoms
from tests.systems import BACKENDS, NOTE, walked

FAST = next(name for name in BACKENDS if name != "numpy" or len(BACKENDS) == 1)

# No multiples of 1/64 of the cell. The last x coordinate, 0.999995, is rounded by the grid of 1/7200 into the
# next cell, so that it shares its plane with the first site.
PLACES = np.array([[0.0, 0.137, 0.291], [0.5003, 0.4127, 0.291], [0.999995, 0.6411, 0.777]])


def triclinic_gas(repeats=(3, 2, 4), particles=11, **more):
    """Ions on three sites at arbitrary positions of a triclinic cell, and an immobile atom."""
    vectors = [[4.0, 0.0, 0.0], [0.4, 4.3, 0.0], [0.2, 0.3, 4.7]]
    atoms = Atoms("He3Fe", scaled_positions=[*PLACES, [0.2511, 0.9, 0.53]], cell=vectors, pbc=True)
    nu = {"value": 1e13, **NOTE}
    hop = {"carrier": "A", "partner": "empty", "attempt_frequency_Hz": nu}
    hop["barriers"] = [{"gate": [], "energy_eV": 0.3, **NOTE}]
    site = {"sublattice": "site", "charge": 0}
    model = Model.model_validate(
        {
            "name": "triclinic-gas",
            "species": {
                "empty": {**site, "element": "He"},
                "A": {**site, "element": "Na"},
                "Fe": {"sublattice": "still", "charge": 0, "element": "Fe"},
            },
            "hops": [{**hop, "name": f"hop {shell}", "shell": shell} for shell in (1, 2, 3)],
        }
    )
    supercell = Supercell(crystal_from_atoms(atoms, {"site": "He", "still": "Fe"}), repeats)
    numbers = compose(model, supercell, {}, {"A": Doping(number=particles)})
    return build_system(model, supercell, numbers, 900.0, **more)


def test_only_planes_that_hold_sites_are_counted():
    tables = triclinic_gas().tables
    assert tables.supercell.crystal.grid == FALLBACK_GRID
    assert n_planes(tables) == (2 * 3, 3 * 2, 2 * 4)  # of 0, 0.5003, 1; of three; of 0.291, 0.777
    x = plane_fractions(tables, 0)
    assert x == pytest.approx([0, 0.5003 / 3, 1 / 3, 1.5003 / 3, 2 / 3, 2.5003 / 3], abs=0.5 / 3 / FALLBACK_GRID)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_density_modes_are_the_fourier_sums_of_positions(axis):
    """The plane numbers are integers, so both sums agree to rounding."""
    system = triclinic_gas(replicas=3)
    positions = unwrapped_grid_positions(system.tables, walked(system, 4, 400))
    (numbers,) = plane_numbers(system.tables, positions, (axis,))
    assert numbers.sum() == 3 * 11 and positions.min() < 0  # some are outside the cell
    first = int(system.tables.first_particle[system.model.code("A")])
    edge = system.tables.supercell.repeats[axis] * FALLBACK_GRID
    for n in (1, 2, 5):
        direct = np.exp(-2j * np.pi * n * positions[:, first : first + 11, axis] / edge).sum(axis=1)
        by_plane = numbers[:, 0] @ np.exp(-2j * np.pi * n * plane_fractions(system.tables, axis))
        assert np.abs(by_plane - direct).max() < 1e-12


def test_the_file_keeps_where_the_planes_are(tmp_path):
    """Density modes read from a file agree with the positions in the same file (float32)."""
    asked = Settings(Hops(2.0), Hops(5.0), 6, "all", thermodynamics=Thermodynamics(points=1))
    run(triclinic_gas(replicas=2), asked, tmp_path, backend=FAST)
    trajectory = read_trajectory(tmp_path / "trajectory.h5")
    with h5py.File(tmp_path / "trajectory.h5") as file:
        groups = [file["particles/trajectory"], file["kmc/replicas/0001"]]
        mine = groups[0]["species"][()] == 1
        positions = np.stack([group["position/value"][()][:, mine] for group in groups], axis=1)
    edges = trajectory.grid_vectors_m * 1e10 * trajectory.grid * np.array(trajectory.repeats)[:, None]
    fractions = positions @ np.linalg.inv(edges)
    for axis, n in ((0, 1), (1, 1), (2, 3)):
        direct = np.exp(-2j * np.pi * n * fractions[..., axis]).sum(axis=-1)
        assert np.abs(density(trajectory, DensityMode(axis, n, 0.0))[..., 0] - direct).max() < 1e-4


@pytest.mark.statistical
def test_a_wave_starts_with_its_amplitude(tmp_path):
    """Layers of cells are filled as a cosine of amplitude A, a third of the particles in each of three planes.

    The position of a particle in its layer is random: 12 waves of 4 replicas leave an error of 1 %, and four errors
    are 4 %; assuming evenly spaced planes would give 8 % less.
    """
    system = triclinic_gas((6, 3, 6), 100, replicas=4, seed=3)
    asked = Thermodynamics(1, 0.5, (0.0,), 1.0, Relaxation(1, 0.8, waves=12))
    run(system, Settings(Hops(1.0), Hops(1.0), 96, "none", thermodynamics=asked), tmp_path, backend=FAST)
    trajectory = read_trajectory(tmp_path / "trajectory.h5")
    mode, rows = wave_amplitude(trajectory, independent_samples(trajectory), np.ones(1))
    cells = np.arange(3)[:, None]
    layers = 100 / 9 * (1 + 0.8 * np.cos(2 * np.pi * (cells + 0.5) / 3))
    exact = abs((layers * np.exp(-2j * np.pi * (cells + PLACES[:, 1]) / 3)).sum())
    even = abs((layers * np.exp(-2j * np.pi * (cells + np.arange(3) / 3) / 3)).sum())
    assert even < 0.93 * exact
    assert mode.axis == 1 and rows[0, 0] == pytest.approx(exact, rel=0.04)
