"""The production schedule follows from the second half of equilibration, and production has the requested length."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.files.trajectory import read_trajectory
from kmc.run.engine import frozen_schedule, run
from kmc.run.schedule import Equilibration, equilibrated, freeze, start_equilibration
from kmc.run.settings import Hops, Seconds, Settings
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system


def two_kinds(**more):
    """Slow vacancies and fast electrons."""
    polarons = {"barriers": [{"energy_eV": 0.3, "source": "made up for a test", "mark": "derived"}]}
    return made_up_system(made_up_model(polarons=polarons), (3, 3, 3), vacancies=4, electrons=6, **more)


def progress(half_accepted: list[int], elapsed: int, half_elapsed: int) -> Equilibration:
    return Equilibration(
        trials_per_window=100,
        half_accepted=half_accepted,
        selection="rejection",
        elapsed=elapsed,
        half_elapsed=half_elapsed,
    )


def test_acceptance_is_taken_from_the_second_half_only() -> None:
    """Many hops in the first half, as in a start far from equilibrium, must not shorten production."""
    system = two_kinds(replicas=2)
    at_half, at_end = np.array([9000, 50000]), np.array([10000, 80000])
    schedule = freeze(system, Settings(duration=Hops(10.0), frames=8), at_end, progress(at_half.tolist(), 60000, 20000))
    assert schedule.slowest == "V_O" and schedule.hops_per_trial == 1000 / 40000
    assert schedule.trials_per_window * schedule.windows_per_frame * 8 == 10 * 4 * 40000 // 1000


def test_the_counts_at_half_time_are_recorded_once() -> None:
    system = two_kinds(replicas=2)
    settings = Settings(equilibration=Hops(100.0))
    state = start_equilibration(system, settings)
    for hops, elapsed in ((300, 5000), (420, 7000), (600, 9000), (800, 11000)):  # 100 * 4 * 2 are needed
        state.elapsed = elapsed
        over, share = equilibrated(system, settings, np.array([hops, 10 * hops]), state)
        assert share == hops / 800 and over == (hops == 800)
    assert (state.half_elapsed, state.half_accepted) == (7000, [420, 4200])


def test_production_in_seconds_needs_no_hops() -> None:
    system = two_kinds(replicas=2)
    settings = Settings(duration=Seconds(1e-9), frames=4)
    schedule = freeze(system, settings, np.array([5, 5]), progress([5, 5], 2000, 1000))
    assert schedule.frame_interval_s * 4 == pytest.approx(1e-9, rel=1e-3) and schedule.hops_per_trial == 0.0
    with pytest.raises(InputError, match="no hop of the slowest carrier during equilibration"):
        freeze(system, Settings(), np.array([5, 5]), progress([5, 5], 2000, 1000))


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "numpy"] or ["numpy"])
@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
def test_production_makes_the_requested_number_of_hops(tmp_path, backend, selection):
    """Hops of the slowest carrier per particle: 4 * 64 * 60 = 15360 in production, estimated from 7680 before.

    Both numbers fluctuate at most as Poisson numbers do, together by 1.4 %. Five times that is allowed (false alarms
    below 1e-6); half the length, which the whole equilibration would give, is 35 times that away.
    """
    system = two_kinds(replicas=64, seed=6)
    asked = Settings(Hops(60.0), Hops(60.0), frames=10, positions="none", selection=selection)
    run(system, asked, tmp_path, backend=backend)
    seen = read_trajectory(tmp_path / "trajectory.h5")
    assert seen.accepted[-1, :, 0].sum() == pytest.approx(4 * 64 * 60, rel=0.07)
    schedule = frozen_schedule(tmp_path)
    assert seen.time_s[-1] == pytest.approx(10 * schedule.frame_interval_s) and schedule.slowest == "V_O"


def test_a_run_in_equilibration_has_no_schedule(tmp_path):
    system = two_kinds(replicas=2)
    assert not run(system, Settings(Hops(100.0), Hops(1.0)), tmp_path, backend="numpy", stop=lambda: True)
    with pytest.raises(InputError, match="the run is still in equilibration"):
        frozen_schedule(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"duration": Hops(2.0)}, "duration is 1.0 hops per carrier, not 2.0 hops per carrier"),
        ({"equilibration": Seconds(1.0)}, "equilibration is 1.0 hops per carrier, not 1.0 s"),
        ({"frames": 5}, "frames is 4, not 5"),
        ({"positions": "all"}, "positions is first, not all"),
        ({"selection": "rejection"}, "selection is auto, not rejection"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_the_difference_is_named(tmp_path, changed, message):
    given = {"equilibration": Hops(1.0), "duration": Hops(1.0), "frames": 4}
    run(two_kinds(replicas=2), Settings(**given), tmp_path, backend="numpy")
    with pytest.raises(InputError, match=rf"the checkpoint belongs to another run: its {message}"):
        run(two_kinds(replicas=2), Settings(**(given | changed)), tmp_path, backend="numpy", resume=True)
    with pytest.raises(InputError, match="its seed is 1, not 2"):
        run(two_kinds(replicas=2, seed=2), Settings(**given), tmp_path, backend="numpy", resume=True)
