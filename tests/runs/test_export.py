"""Exported trajectories in ASE and MDAnalysis: atoms, times and lengths, and D* fitted outside this package."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kmc.files.trajectory import read_trajectory
from runs.cli import main
from tests.runs.conftest import arguments

WALK = [
    "run.temperature_K=1400",
    "crystal.repeats=[4, 4, 4]",
    "crystal.vacancies={number=26}",
    "run.replicas=4",
    "run.frames=100",
    "run.equilibration={hops_per_carrier=20}",
    "run.duration={hops_per_carrier=200}",
    "run.backend=numpy",
]
ATOMS, VACANCIES, CATIONS = 486, 26, 256


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "run"
    assert main(["run", "ideal-fluorite", "--out", str(folder), *arguments(WALK)]) == 0
    return folder


def slope_over_6(times_s: NDArray[np.float64], positions_m: NDArray[np.float64]) -> float:
    """Slope/6 of an ordinary least-squares line through the MSD over all time origins, lags of 5 to 50 % of the run."""
    frames = len(times_s) - 1
    lags = np.unique(np.geomspace(0.05 * frames, 0.5 * frames, 12).astype(int))
    msd = [((positions_m[lag:] - positions_m[:-lag]) ** 2).sum(axis=2).mean() for lag in lags]
    return float(np.polyfit(times_s[lags], msd, 1)[0]) / 6


def assert_agrees(walk: Path, outside: float) -> None:
    """Replica 0 against the mean over 4 replicas: its error is about twice that of the mean, the joint error sqrt(5).

    4 joint standard errors are allowed; an error from 4 replicas is uncertain by 40 %, so that about 1 % of new seeds
    give a false alarm.
    """
    entry = json.loads((walk / "results.json").read_text())["species"]["O"]["tracer_diffusivity_m2_s"]
    assert abs(outside - entry["value"]) < 4 * 5**0.5 * entry["stderr"]
    assert abs(outside / entry["value"] - 1) < 0.2


@pytest.mark.statistical
@pytest.mark.parametrize("form", ["extxyz", "traj"])
def test_ase_reads_atoms_times_and_lengths(walk: Path, form: str) -> None:
    import ase.io

    assert main(["export", str(walk), "--format", form]) == 0
    frames = ase.io.read(walk / f"trajectory.{form}", ":")
    trajectory = read_trajectory(walk / "trajectory.h5")
    assert len(frames) == 101
    counts = {symbol: frames[0].get_chemical_symbols().count(symbol) for symbol in ("O", "Ce", "X")}
    assert counts == {"O": ATOMS, "Ce": CATIONS, "X": 0}
    times_s = np.array([atoms.info["time_ps"] for atoms in frames]) * 1e-12
    np.testing.assert_allclose(times_s, trajectory.time_s, rtol=1e-12)
    np.testing.assert_allclose(frames[50].cell.lengths(), 4 * 5.411)
    oxygen = np.array([atoms.positions[:ATOMS] for atoms in frames])
    hops = np.linalg.norm(oxygen[1:] - oxygen[:-1], axis=2) / (5.411 / 2)
    np.testing.assert_allclose(hops**2, np.rint(hops**2), atol=1e-3)  # every move is a sum of steps of a/2
    summed = trajectory.summed_displacement[-1, 0, 0] @ trajectory.grid_vectors_m
    np.testing.assert_allclose((oxygen[-1] - oxygen[0]).sum(axis=0) * 1e-10, summed, atol=1e-13)
    assert_agrees(walk, slope_over_6(times_s, oxygen * 1e-10))


@pytest.mark.statistical
@pytest.mark.parametrize("exported", [False, True])
def test_mdanalysis_reads_times_and_lengths(walk: Path, tmp_path: Path, exported: bool) -> None:
    """This holds for the run's trajectory file and for the exported one, which lacks the datasets of this package."""
    import h5py
    import MDAnalysis

    path = walk / "trajectory.h5"
    if exported:
        path = tmp_path / "walk.h5md"
        assert main(["export", str(walk), "--format", "h5md", "--output", str(path)]) == 0
        with h5py.File(path) as file:
            assert set(file) == {"h5md", "particles"}
    universe = MDAnalysis.Universe.empty(ATOMS + VACANCIES, trajectory=False)
    universe.load_new(str(path), format="H5MD")
    trajectory = read_trajectory(walk / "trajectory.h5")
    times_s, positions = [], []
    for step in universe.trajectory:
        times_s.append(step.time * 1e-12)
        positions.append(step.positions[:ATOMS].copy())
    np.testing.assert_allclose(times_s, trajectory.time_s, rtol=1e-6)
    np.testing.assert_allclose(universe.trajectory[7].dimensions, [4 * 5.411] * 3 + [90] * 3, rtol=1e-6)
    assert universe.trajectory.units["time"] == "ps"
    assert universe.trajectory.units["length"] == "Angstrom"
    assert_agrees(walk, slope_over_6(np.array(times_s), np.array(positions, dtype=float) * 1e-10))
    universe.trajectory.close()


def test_mdanalysis_has_names_and_elements(walk: Path, tmp_path: Path) -> None:
    import MDAnalysis

    assert main(["export", str(walk), "--format", "h5md", "--output", str(tmp_path / "walk.h5md")]) == 0
    universe = MDAnalysis.Universe(str(tmp_path / "walk.pdb"), str(tmp_path / "walk.h5md"), format="H5MD", to_guess=())
    assert universe.select_atoms("name O").n_atoms == ATOMS
    assert universe.select_atoms("element O").n_atoms == ATOMS
    assert universe.select_atoms("name V_O").n_atoms == VACANCIES
    assert len(universe.trajectory) == 101
    universe.trajectory.close()


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in the primitive cell of fluorite, whose vectors are (0, a/2, a/2) and so on."""
    from ase.build import bulk
    from ase.io import write

    folder = tmp_path_factory.mktemp("skewed")
    write(folder / "ceria.extxyz", bulk("CeO2", "fluorite", a=5.411))
    settings = 'crystal = { file = "ceria.extxyz", sublattices = { anion = "O", cation = "Ce" }, repeats = [5, 5, 5], '
    settings += "vacancies = { number = 20 }, allow_net_charge = true }\n"
    settings += 'model = { parameters = "ideal-fluorite" }\n'
    settings += 'run = { temperature_K = 1400, replicas = 2, frames = 20, backend = "numpy", '
    settings += "duration = { hops_per_carrier = 50.0 }, equilibration = { hops_per_carrier = 1.0 } }\n"
    (folder / "run.toml").write_text(settings, encoding="utf-8")
    assert main(["run", str(folder / "run.toml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_mdanalysis_reads_the_box_of_a_skewed_cell(skewed: Path) -> None:
    """The shortest distance of two anions is a/2 in every frame, in the box as MDAnalysis reads it."""
    import MDAnalysis
    from MDAnalysis.lib.distances import self_distance_array

    trajectory = read_trajectory(skewed / "trajectory.h5")
    universe = MDAnalysis.Universe.empty(250, trajectory=False)
    universe.load_new(str(skewed / "trajectory.h5"), format="H5MD")
    for step in (universe.trajectory[0], universe.trajectory[20]):
        np.testing.assert_allclose(step.dimensions, [5 * 5.411 / 2**0.5] * 3 + [60] * 3, rtol=1e-6)
        distances = self_distance_array(step.positions, box=step.dimensions)
        assert distances.min() == pytest.approx(5.411 / 2, abs=1e-3)
    universe.trajectory.close()
    assert trajectory.grid_vectors_m[0, 0] == 0.0  # the datasets of this package keep the orientation of the crystal


def test_ase_has_the_orientation_of_the_crystal(skewed: Path) -> None:
    import ase.io

    assert main(["export", str(skewed), "--format", "extxyz"]) == 0
    frames = ase.io.read(skewed / "trajectory.extxyz", ":")
    half = 5 * 5.411 / 2
    np.testing.assert_allclose(frames[3].cell[:], [[0, half, half], [half, 0, half], [half, half, 0]], atol=1e-6)
    trajectory = read_trajectory(skewed / "trajectory.h5")
    oxygen = np.array([atoms.positions[:230] for atoms in frames])
    summed = trajectory.summed_displacement[-1, 0, 0] @ trajectory.grid_vectors_m
    np.testing.assert_allclose((oxygen[-1] - oxygen[0]).sum(axis=0) * 1e-10, summed, atol=1e-13)


def test_every_temperature_of_a_list(tiny_run: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    line = refused("export", tiny_run, "--output", tmp_path / "one.extxyz")
    assert "holds 2 trajectories" in line
    assert main(["export", str(tiny_run), "--format", "h5md"]) == 0
    for part in ("T1300K", "T1400K"):
        for suffix in ("h5md", "pdb"):
            (tiny_run / part / f"trajectory.{suffix}").unlink()


def test_exports_that_are_refused(walk: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "extxyz, traj, h5md are allowed" in refused("export", walk, "--format", "xyz")
    assert "name another file" in refused("export", walk, "--format", "h5md", "--output", walk / "trajectory.h5")
    assert "cannot be written" in refused("export", walk, "--output", tmp_path / "missing" / "x.extxyz")
    few = ["run.frames=4", "run.duration={hops_per_carrier=1}", "run.positions=none"]
    assert main(["run", "ideal-fluorite", "--out", str(tmp_path / "none"), *arguments(WALK + few)]) == 0
    assert "kept no positions" in refused("export", tmp_path / "none")
