"""A small calibration of the error bars; benchmarks/calibration.py is the large one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.report import analyze
from kmc.files.trajectory import read_trajectory
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from tests.analysis.synthetic import lattice_steps, synthetic
from tests.systems import BACKENDS, made_up_model, made_up_system

FAST = [name for name in BACKENDS if name != "numpy"] or ["numpy"]
SITES, VACANCIES = 216, 10


@pytest.mark.slow
@pytest.mark.statistical
def test_intervals_of_the_lattice_gas_hold_the_exact_collective_diffusivity(tmp_path: Path) -> None:
    """D_sigma = (z G l^2/6)(N - M)/(N - 1) of 40 runs of 4 replicas.

    The numbers of 95 % and 68 % intervals that miss it lie within binomial bounds (false alarm 1e-3 each), and the mean
    within 4 of its errors (6e-5).
    """
    missed = {0.95: 0, 0.68: 0}
    deviations, sets = [], 40
    for seed in range(sets):
        system = made_up_system(made_up_model(), (3, 3, 3), VACANCIES, replicas=4, seed=seed)
        tables = system.tables
        length = float(tables.hop_length_angstrom[0]) * 1e-10
        bare = float(tables.proposal_rate_per_s[0]) * int(tables.directions[0]) * length**2 / 6
        exact = bare * (SITES - VACANCIES) / (SITES - 1)
        folder = tmp_path / str(seed)
        settings = Settings(equilibration=Hops(2.0), duration=Hops(80.0), frames=80, positions="none")
        run(system, settings, folder, backend=FAST[0])
        entry = analyze(read_trajectory(folder / "trajectory.h5"))["species"]["V_O"]["collective_diffusivity_m2_s"]
        deviations.append(entry["value"] / exact - 1.0)
        for level in missed:
            half = stats.t.ppf(0.5 + level / 2, entry["dof"]) * entry["stderr"]
            missed[level] += abs(entry["value"] - exact) > half
    for level, count in missed.items():
        low, high = stats.binom.ppf([5e-4, 1 - 5e-4], sets, 1.0 - level)
        assert low <= count <= high, (level, count)
    assert abs(np.mean(deviations)) < 4 * np.std(deviations) / np.sqrt(sets)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize("key", ["tracer_diffusivity_m2_s", "collective_diffusivity_m2_s"])
def test_errors_fall_as_the_root_of_the_length(key: str) -> None:
    """Over a factor 16 in frames, 12 walks each: slope of ln error against ln length -0.5 within 0.1.

    A standard error of 8 replicas has an error of its own of a quarter, the slope one of 0.03 (false alarm 1e-3).
    """
    frames = np.array([64, 256, 1024])
    errors = []
    for number in frames.tolist():
        found = []
        for seed in range(12):
            steps, hops = lattice_steps(np.random.default_rng(seed), (number, 8, 8), 0.5)
            found.append(analyze(synthetic({"V_O": steps}, {"V_O": hops}))["species"]["V_O"][key]["stderr"])
        errors.append(np.mean(np.log(found)))
    assert np.polyfit(np.log(frames), errors, 1)[0] == pytest.approx(-0.5, abs=0.1)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.skipif(FAST == ["numpy"], reason="ten million hops need a compiled backend")
def test_the_error_of_d_sigma_falls_with_the_length_at_any_number_of_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 frames over two decades, 8 runs of 16 replicas: slope of ln error against ln length -0.5 within 0.07.

    An error from 16 replicas is known to 18 %, so that the slope has an error of 0.02 (false alarm 5e-4). Without
    samples between the frames the slope is zero. Samples are as close here as the frames of the shortest run.
    """
    monkeypatch.setattr("kmc.run.sampling.FREE_HOPS", 1)
    monkeypatch.setattr("kmc.run.sampling.FREE_HOPS_OF_REPLICA", 1)
    lengths = np.array([100.0, 1000.0, 10_000.0])
    system = made_up_system(made_up_model(), (3, 3, 3), VACANCIES, replicas=16)
    errors = []
    for length in lengths.tolist():
        settings = Settings(equilibration=Hops(2.0), duration=Hops(length), frames=100, positions="none")
        found = []
        for seed in range(8):
            folder = tmp_path / f"{length:g}-{seed}"
            run(replace(system, seed=seed), settings, folder, backend=FAST[0])
            entry = analyze(read_trajectory(folder / "trajectory.h5"))["species"]["V_O"]["collective_diffusivity_m2_s"]
            found.append(entry["stderr"])
        errors.append(np.mean(np.log(found)))
    assert np.polyfit(np.log(lengths), errors, 1)[0] == pytest.approx(-0.5, abs=0.07)
