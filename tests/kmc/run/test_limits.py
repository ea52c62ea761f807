"""Windows short enough for an interruption, runs that are stopped inside a frame, and unreasonable lengths."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kmc.files.trajectory import read_trajectory
from kmc.rng.poisson import MAX_MEAN
from kmc.run import limits
from kmc.run.engine import frames_reached, frozen_schedule, run
from kmc.run.limits import check_durations, check_schedule, longest_window
from kmc.run.saved_run import SavedProduction, SavedRun
from kmc.run.settings import DomainSettings, Hops, Seconds, Settings
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system


def system(**more):
    return made_up_system(made_up_model(), (3, 3, 3), vacancies=4, **{"replicas": 2, **more})


@pytest.mark.parametrize("replicas", [1, 8, 100, 20000])
def test_a_window_has_a_bounded_cost(replicas):
    walked = system(replicas=replicas)
    plain = longest_window(walked, Settings(), "rejection", 0, 0)
    assert plain <= MAX_MEAN and plain * replicas <= max(limits.WINDOW_TRIALS, limits.LANE_TRIALS * replicas)
    free = longest_window(walked, Settings(), "rejection-free", 3, 10**9)
    assert free * replicas * 3e-9 <= max(limits.WINDOW_HOPS, limits.LANE_HOPS * replicas)
    domains = Settings(domains=DomainSettings())
    assert longest_window(walked, domains, "rejection", 0, 0, 10) * replicas <= max(2**25, 2**17 * replicas)
    assert longest_window(walked, domains, "rejection", 0, 0, 2**40) == 2**40  # never shorter than a sweep


def test_usual_runs_have_one_window_per_frame():
    """With rejection and eight replicas, the window is as long as a Poisson number allows."""
    assert longest_window(system(replicas=8), Settings(), "rejection", 0, 0) == MAX_MEAN


@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
def test_a_run_stopped_inside_a_frame_continues_there(tmp_path, monkeypatch, selection):
    """Windows of at most two trials or hops; the run is stopped after each of them, on any backend."""
    for name in ("WINDOW_TRIALS", "LANE_TRIALS", "WINDOW_HOPS", "LANE_HOPS"):
        monkeypatch.setattr(limits, name, 2)
    asked = Settings(Hops(1.0), Hops(8.0), frames=2, selection=selection)
    assert run(system(), asked, tmp_path / "whole", backend="numpy")
    assert frozen_schedule(tmp_path / "whole").windows_per_frame > 3
    part, stops, inside = tmp_path / "part", 0, 0
    while not run(system(), asked, part, backend=BACKENDS[stops % len(BACKENDS)], resume=stops > 0, stop=lambda: True):
        phase = SavedRun.read(part).phase
        inside += isinstance(phase, SavedProduction) and phase.windows > 0
        stops += 1
        assert stops < 1000
    assert inside > 5 and frames_reached(part) == 2
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "part"))
    for name in ("time_s", "summed_displacement", "second_moment", "msd_windows", "trials", "accepted"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize(
    ("equilibration", "duration", "message"),
    [
        (Hops(1e300), Hops(1.0), "equilibration: hops_per_carrier = 1e\\+300 of 8 carriers: at most 4.5e\\+15"),
        (Hops(1.0), Hops(1e300), "duration: hops_per_carrier = 1e\\+300 .* a year at 10\\^9 hops/s"),
        (Seconds(1e300), Hops(1.0), "equilibration: time_s = 1e\\+300 s: at most .* s is allowed"),
        (Hops(1.0), Seconds(1e300), "duration: time_s = 1e\\+300 s: at most"),
        (Hops(1.0), Seconds(1e-300), "duration: time_s = 1e-300 s: 5 frames of a trial each need"),
    ],
)
def test_unreasonable_lengths_are_refused_before_the_run(tmp_path, equilibration, duration, message):
    asked = Settings(equilibration, duration, frames=5)
    with pytest.raises(InputError, match=message):
        check_durations(system(), asked)
    with pytest.raises(InputError, match=message):
        run(system(), asked, tmp_path, backend="numpy")


def test_a_schedule_of_years_is_refused():
    """2^61 trials are too many with rejection; without it the same simulated time is allowed if hops are few."""
    per_frame = Fraction(2**61, 2 * 200)
    with pytest.raises(InputError, match="a year on the fastest machine"):
        check_schedule(system(), Settings(), "rejection", per_frame, 1, 10**9)
    check_schedule(system(), Settings(), "rejection-free", per_frame, 1, 10**9)
    with pytest.raises(InputError, match="a year on the fastest machine"):
        check_schedule(system(), Settings(), "rejection-free", per_frame, 1, 10)
