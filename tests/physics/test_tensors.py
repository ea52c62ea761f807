"""Conductivities by direction and with several partners, through whole runs against closed forms.

All walks are ideal (one barrier, site exclusion). A carrier at site fraction c on sites of N in a periodic cell has
D_sigma = (1/2) sum over bonds b of G b b^T (1 - c) N/(N - 1) along each axis (derived).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from analysis.report import analyze
from analysis.results import RunResults
from kmc.files.trajectory import read_trajectory
from kmc.model.composition import compose
from kmc.model.parameters import Model
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from kmc.state.system import build_system
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C
from lattices.crystal import Supercell
from lattices.doping import Doping
from lattices.from_atoms import crystal_from_atoms
from lattices.prototypes import fluorite
from tests.systems import BACKENDS, NOTE

TEMPERATURE_K = 1000.0
NU = {"value": 1e13, **NOTE}
BARRIER_EV = 0.4
RATE = 1e13 * np.exp(-BARRIER_EV * ELEMENTARY_CHARGE_C / (BOLTZMANN_J_K * TEMPERATURE_K))
SETTINGS = Settings(Hops(20), Hops(400), frames=400, positions="none")
pytestmark = [pytest.mark.slow, pytest.mark.statistical]


def hop(carrier: str, partner: str, **more: object) -> dict[str, object]:
    """A hop with the one barrier of this file."""
    barriers = [{"gate": [], "energy_eV": BARRIER_EV, **NOTE}]
    ends = {"name": f"{carrier} to {partner}", "carrier": carrier, "partner": partner}
    return {**ends, "attempt_frequency_Hz": NU, "barriers": barriers, **more}


def conductivity(count: int, sites: int, charge: int, volume_m3: float, squared_m2: float) -> float:
    """sigma along an axis in S/m; squared_m2: sum over bonds of the squared component along it."""
    exclusion = (sites - count) / (sites - 1)
    diffusivity = RATE * squared_m2 / 2 * exclusion
    return (charge * ELEMENTARY_CHARGE_C) ** 2 * count / volume_m3 * diffusivity / (BOLTZMANN_J_K * TEMPERATURE_K)


def layered(turned: bool) -> tuple[Model, Supercell, np.ndarray]:
    """(vacancies that move every way and holes in the planes of a tetragonal crystal, 8 x 8 x 6 cells, its frame)."""
    species = {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        "Fe": {"sublattice": "cation", "charge": 0, "element": "Fe"},
        "hole": {"sublattice": "cation", "charge": 1, "element": "Fe"},
    }
    hops = [hop("V_O", "O", shell=[1, 3]), hop("hole", "Fe", distance_angstrom=[3.9, 4.1])]  # edges of 4 and 6 angstrom
    model = Model.model_validate({"name": "layered", "species": species, "hops": hops})
    atoms = Atoms("FeO", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=[4.0, 4.0, 6.0], pbc=True)
    frame = np.eye(3)
    if turned:
        atoms.rotate(40, (1, 1, 1), rotate_cell=True)
        frame = np.asarray(atoms.cell[:]) / np.array([4.0, 4.0, 6.0])[:, None]
    return model, Supercell(crystal_from_atoms(atoms, {"anion": "O", "cation": "Fe"}), (8, 8, 6)), frame


def results_of_layered(folder: Path, turned: bool, field_V_per_m: tuple[float, ...], settings: Settings) -> RunResults:
    """Results of 32 replicas in a field given along the crystal's axes."""
    model, supercell, frame = layered(turned)
    numbers = compose(model, supercell, {}, {"V_O": Doping(number=20), "hole": Doping(number=40)})
    field = tuple((np.array(field_V_per_m) @ frame).tolist())
    system = build_system(model, supercell, numbers, TEMPERATURE_K, replicas=32, seed=5, field_V_per_m=field)
    run(system, settings, folder, backend=BACKENDS[0])
    return analyze(read_trajectory(folder / "trajectory.h5"))


def test_a_rotated_crystal_gives_the_same_scalars_and_rotated_tensors(tmp_path) -> None:
    """Crystal, model and field are rotated together: the walk is the same, and so are values and errors."""
    short = Settings(Hops(10), Hops(40), frames=100, positions="none")
    frame = layered(True)[2]
    for name, field in (("equilibrium", (0.0, 0.0, 0.0)), ("field", (1e8, 0.0, 5e7))):
        still, turned = (results_of_layered(tmp_path / f"{name}{t}", t, field, short) for t in (False, True))
        keys = (
            ["drift_conductivity_S_m"] if name == "field" else ["ionic_conductivity_S_m", "ambipolar_conductivity_S_m"]
        )
        entries = [(still[key], turned[key]) for key in keys]
        if name == "equilibrium":
            for key in ("tracer_diffusivity_m2_s", "correlation_factor", "haven_ratio"):
                entries.append((still["species"]["O"][key], turned["species"]["O"][key]))
        for one, other in entries:
            assert other["value"] == pytest.approx(one["value"], rel=1e-6)
            assert other["stderr"] == pytest.approx(one["stderr"], rel=1e-6)
            if "tensor" in one:
                rotated = frame.T @ np.array(one["tensor"]) @ frame
                assert np.allclose(other["tensor"], rotated, rtol=0, atol=1e-6 * np.abs(rotated).max())
                assert np.allclose(other["principal_values"], one["principal_values"], rtol=1e-6)
                errors = [np.array(entry["principal_values_stderr"]) for entry in (one, other)]
                assert np.allclose(errors[0].sum(), errors[1].sum(), rtol=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_holes_in_the_planes_of_a_layered_crystal(tmp_path, turned: bool) -> None:
    """Vacancies move every way, holes in the planes only: no ambipolar conduction across them.

    Turned: the same crystal with its axes about (1, 1, 1), so that no tensor is diagonal in Cartesian axes. Each entry
    within 5 of its errors of 32 replicas: one false alarm in 10^4 runs (Student, 31 degrees of freedom).
    """
    results = results_of_layered(tmp_path, turned, (0.0, 0.0, 0.0), SETTINGS)
    _, supercell, frame = layered(turned)
    sites, volume = 8 * 8 * 6, supercell.volume_m3
    ions = np.array([conductivity(20, sites, 2, volume, 2 * (edge * 1e-10) ** 2) for edge in (4, 4, 6)])
    holes = np.array([*[conductivity(40, sites, 1, volume, 2 * 4e-10**2)] * 2, 0.0])
    exact = {
        "ionic_conductivity_S_m": ions,
        "electronic_conductivity_S_m": holes,
        "ambipolar_conductivity_S_m": ions * holes / (ions + holes),
        "ambipolar_onsager_conductivity_S_m": ions * holes / (ions + holes),
        "electronic_transference_number": holes / (ions + holes),
    }
    for key, along in exact.items():
        entry = results[key]
        truth = frame.T @ np.diag(along) @ frame
        error = np.maximum(entry["tensor_stderr"], 1e-9 * along.max())
        assert np.abs((np.array(entry["tensor"]) - truth) / error).max() < 5, key
        assert entry["value"] == pytest.approx(np.trace(entry["tensor"]) / 3)
        assert "not cubic" in entry["note"]
    lowest = results["ambipolar_conductivity_S_m"]["principal_values"]
    assert abs(lowest[0]) < 1e-6 * lowest[2] and lowest[1] == pytest.approx(lowest[2])


@pytest.mark.parametrize("swapped", [False, True])
def test_vacancies_among_oxide_and_fluoride_ions(tmp_path, swapped: bool) -> None:
    """Vacancies exchange with O and F_O at equal rates; the order of the two hops in the file does not matter.

    Anions p carry q_p - q_V relative to a vacancy: c = -2 (O) or -1 (F_O). As only their charges differ, they share
    one self part A = 6 N D* t and one distinct part of <dr dr'>, whose sum with A is <R_V^2>. So sigma = (A (<c^2> -
    <c>^2) + <R_V^2> <c>^2) e^2/(6 V kT t) for many anions (derived), with D_sigma of vacancies exact and f = 0.6735(5)
    of the anions at site fraction 0.95 (simulated on 16^3 sites). Within 5 errors of 64 replicas, errors below 4 %.
    """
    species = {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        "F_O": {"sublattice": "anion", "charge": 1, "element": "F"},
        "Ce": {"sublattice": "cation", "charge": 0, "element": "Ce"},
    }
    hops = [hop("V_O", "O"), hop("V_O", "F_O")]
    model = Model.model_validate({"name": "oxyfluoride", "species": species, "hops": hops[::-1] if swapped else hops})
    supercell = Supercell(fluorite({"cation": "Ce"}, 5.4), (8, 8, 8))
    sites, vacancies, fluoride = 8 * 512, 205, 1200
    carriers = {"V_O": Doping(number=vacancies), "F_O": Doping(number=fluoride)}
    system = build_system(model, supercell, compose(model, supercell, {}, carriers), TEMPERATURE_K, replicas=64, seed=6)
    run(system, SETTINGS, tmp_path, backend=BACKENDS[0])
    results = analyze(read_trajectory(tmp_path / "trajectory.h5"))
    anions, squared = sites - vacancies, 2.7e-10**2
    per_vacancy = RATE * 6 * squared * (sites - vacancies) / (sites - 1)  # <R_V^2>/(N_V t)
    share = fluoride / anions
    mean, variance = -2 + share, share * (1 - share)
    bare = per_vacancy * (sites - 1) / sites * vacancies  # squared lengths of all hops per second
    total = 0.6735 * bare * variance + per_vacancy * vacancies * mean**2
    exact = ELEMENTARY_CHARGE_C**2 * total / (6 * supercell.volume_m3 * BOLTZMANN_J_K * TEMPERATURE_K)
    found = results["ionic_conductivity_S_m"]
    assert results["onsager"]["species"] == ["V_O", "F_O"] and results["onsager"]["charge_moved_e"] == [2.0, 1.0]
    assert found["stderr"] < 0.04 * exact
    assert abs(found["value"] - exact) < 5 * found["stderr"]
