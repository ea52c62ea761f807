"""Exact results for lattice gases, from the simulation through the file to the analysis, on every backend.

Fixed seeds. Each estimate must lie within 4 of its own standard errors of the exact value (false alarms 6e-5 each), and
that error must be small enough for the comparison to be meaningful.
"""

from __future__ import annotations

import numpy as np
import pytest

from analysis.report import analyze, analyze_folder
from kmc.files.trajectory import read_trajectory
from kmc.model.composition import compose
from kmc.model.parameters import load_model
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from kmc.state.system import build_system
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.crystal import Supercell
from lattices.doping import Doping
from lattices.prototypes import fluorite
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system, marcus

FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]


def share(backend):
    """Fraction of the hops that the NumPy backend makes in long tests; its errors grow as one over the square root."""
    return 1 / 64 if backend == "numpy" else 1.0


def results_of(system, folder, backend, fit_range=(0.05, 0.5), **settings):
    """results.json of a short run."""
    run(system, Settings(**settings, positions="none"), folder, backend=backend)
    return analyze(read_trajectory(folder / "trajectory.h5"), fit_range)


def agrees(entry, exact, largest_error):
    """Assert that an estimate is within 4 errors of the exact value, with at most the given relative error."""
    assert entry["value"] is not None, entry["reason"]
    assert entry["stderr"] < largest_error * abs(exact), (entry, exact)
    assert abs(entry["value"] - exact) < 4 * entry["stderr"], (entry, exact)


def bare(system):
    """z G l^2/6, the diffusivity of a single carrier."""
    tables = system.tables
    length = float(tables.hop_length_angstrom[0]) * 1e-10
    return float(tables.proposal_rate_per_s[0]) * int(tables.directions[0]) * length**2 / 6


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("cells", "exact"), [(2, 0.6753926702), (3, 0.6580985834), (4, 0.6550404456)])
def test_correlation_factor_of_one_vacancy(backend, cells, exact, tmp_path):
    """Exact for these periodic cells; error at most 0.1 %, tolerance 3 errors (false alarms 0.3 % each)."""
    sites = (2 * cells) ** 3
    system = made_up_system(made_up_model(), (cells,) * 3, vacancies=1, replicas=256, seed=11)
    lags = {"equilibration": Hops(5.0), "duration": Hops(3000.0 * share(backend) * sites), "frames": 256}
    f = results_of(system, tmp_path / "run", backend, (0.003, 0.1), **lags)["species"]["O"]["correlation_factor"]
    assert f["stderr"] < 1e-3 * exact / share(backend) ** 0.5
    assert abs(f["value"] - exact) < 3 * f["stderr"]


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("vacancies", "repeats"), [(1, (3, 3, 3)), (54, (3, 3, 3))])
def test_collective_diffusivity_of_the_lattice_gas(backend, vacancies, repeats, tmp_path):
    """D_sigma = (z G l^2/6)(N - M)/(N - 1) at any lag: many short windows, error at most 1.5 %."""
    system = made_up_system(made_up_model(), repeats, vacancies, replicas=1024, seed=5)
    hops = {"equilibration": Hops(1.0), "duration": Hops(30.0), "frames": 30}
    entry = results_of(system, tmp_path / "run", backend, (0.03, 0.2), **hops)["species"]["V_O"]
    agrees(entry["collective_diffusivity_m2_s"], bare(system) * (216 - vacancies) / 215, 0.015)
    if vacancies == 1:
        agrees(entry["tracer_diffusivity_m2_s"], bare(system), 0.015)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize(
    ("keys", "barrier_eV"), [({"barriers": [{"energy_eV": 0.3, **NOTE}]}, 0.3), (marcus(1.0, 0.05), 0.2)]
)
@pytest.mark.parametrize(
    ("prototype", "repeats", "bonds", "length_m"),
    [("perovskite", (3, 3, 3), 6, 4e-10), ("fluorite", (2, 2, 2), 12, 2.7e-10 * 2**0.5)],
)
def test_diffusivity_of_one_polaron(backend, prototype, repeats, bonds, length_m, keys, barrier_eV, tmp_path):
    """D* = D_sigma = z G l^2/6 on simple cubic and fcc cations, KRA and Marcus: within 1 %, error at most 0.4 %."""
    what = {"vacancies": 0, "electrons": 1, "temperature_K": 1200.0, "tracked": False, "seed": 6}
    system = made_up_system(
        made_up_model(prototype, polarons=keys), repeats, replicas=round(1024 * share(backend)), **what
    )
    exact = bonds * 1e13 * np.exp(-barrier_eV / (BOLTZMANN_EV_K * 1200.0)) * length_m**2 / 6
    hops = {"equilibration": Hops(1.0), "duration": Hops(600.0), "frames": 300}
    entry = results_of(system, tmp_path / "run", backend, (1 / 300, 0.05), **hops)["species"]["electron"]
    for key in ("tracer_diffusivity_m2_s", "collective_diffusivity_m2_s"):
        agrees(entry[key], exact, 0.004 * share(backend) ** -0.5)
        assert abs(entry[key]["value"] / exact - 1) < 0.01 * share(backend) ** -0.5


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize(
    ("occupied", "f"), [(0.10, 0.972), (0.25, 0.9277), (0.50, 0.8462), (0.75, 0.7525), (0.90, 0.6938), (0.95, 0.6735)]
)
def test_correlation_factor_against_occupation(backend, occupied, f, tmp_path):
    """Independent simulations of 16^3 simple cubic sites are reproduced within 1 %, with an error below 0.3 %.

    Not run on NumPy if a compiled backend is available: its trajectory is the same, bit for bit, and takes far longer.
    """
    vacancies = round((1 - occupied) * 4096)
    system = made_up_system(made_up_model(), (8, 8, 8), vacancies, replicas=40, seed=7)
    length = 600.0 * min(1.0, occupied / (1 - occupied)) + 60
    hops = {"equilibration": Hops(2.0), "duration": Hops(length)}
    seen = results_of(system, tmp_path / "run", backend, (0.02, 0.3), **hops)["species"]["O"]["correlation_factor"]
    assert seen["stderr"] < 0.003 * f
    assert seen["value"] == pytest.approx(f, rel=0.01)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("backend", BACKENDS)
def test_arrhenius_returns_the_barrier_within_1_meV(backend, tmp_path):
    """The ideal gas at three temperatures with independent random numbers: 0.52 eV from D* of the oxygen."""
    model = load_model("ideal-fluorite")
    cell = Supercell(fluorite({"cation": "Ce"}, 5.411), (6, 6, 6))
    numbers = compose(model, cell, {}, {"V_O": Doping(fraction=0.05)})
    for index, temperature in enumerate((800.0, 1100.0, 1600.0)):
        system = build_system(model, cell, numbers, temperature, temperature_index=index, replicas=64, seed=3)
        settings = Settings(equilibration=Hops(2), duration=Hops(1200 * share(backend)), positions="none")
        run(system, settings, tmp_path / f"T{temperature:04.0f}K", backend=backend)
    fit = analyze_folder(tmp_path)["arrhenius"]["species.O.tracer_diffusivity_m2_s"]["activation_energy_eV"]
    looser = share(backend) ** -0.5
    assert fit["stderr"] < 5e-4 * looser
    assert abs(fit["value"] - 0.52) < 1e-3 * looser


def test_the_seed_decides(tmp_path):
    """The same seed gives the same file, dataset for dataset; another seed gives another trajectory."""
    import h5py

    def content(seed, name):
        system = made_up_system(made_up_model(), (2, 2, 2), 3, replicas=2, seed=seed)
        run(system, Settings(duration=Hops(20), equilibration=Hops(5), frames=10), tmp_path / name)
        found = {}
        with h5py.File(tmp_path / name / "trajectory.h5") as file:
            file.visititems(lambda key, item: found.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return found

    first, again, other = content(1, "a"), content(1, "b"), content(2, "c")
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["kmc/summed_displacement"], other["kmc/summed_displacement"])


@pytest.mark.skipif(len(BACKENDS) < 2, reason="only the NumPy backend is usable on this machine")
def test_a_run_continues_on_another_backend(tmp_path):
    """Stopped on NumPy, resumed on a compiled backend: the same summed displacements as one run."""
    system = made_up_system(made_up_model(pairs=[("V_O", "V_O", 1, 0.1)]), (3, 3, 3), 6, replicas=3, seed=8)
    settings = Settings(duration=Hops(40), equilibration=Hops(10), frames=20)
    calls = iter(range(10**6))
    assert not run(system, settings, tmp_path / "two", stop=lambda: next(calls) > 12)
    assert run(system, settings, tmp_path / "two", backend=BACKENDS[0], resume=True)
    assert run(system, settings, tmp_path / "one", backend="numpy")
    two, one = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("two", "one"))
    assert np.array_equal(two.summed_displacement, one.summed_displacement)
    assert np.array_equal(two.second_moment, one.second_moment)
