"""The engine: folders that already hold a run, backends, stop requests, and conditions that abort a run."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kmc.errors import DisplacementOverflow
from kmc.files.checkpoint import has_checkpoint
from kmc.run.engine import frames_reached, run
from kmc.run.saved_run import SavedRun
from kmc.run.schedule import Equilibration
from kmc.run.settings import Hops, Settings
from kmc.state.replicas import State
from kmc.tables.event_tables import IMAGE_BITS
from lattices.errors import InputError
from tests.systems import BACKENDS, made_up_model, made_up_system

ASKED = Settings(Hops(2.0), Hops(4.0), frames=6)


def system(**more):
    return made_up_system(made_up_model(), (2, 2, 2), vacancies=2, replicas=2, **more)


def test_the_default_backend_is_the_fastest_that_is_usable(tmp_path):
    from kmc.files.trajectory import read_trajectory

    run(system(), ASKED, tmp_path)
    fastest = next(name for name in ("cuda", "cpu", "numpy") if name in BACKENDS)
    assert read_trajectory(tmp_path / "trajectory.h5").backend == fastest


def test_an_unknown_backend_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="backend = 'gpu'"):
        run(system(), ASKED, tmp_path / "run", backend="gpu")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    run(system(), ASKED, tmp_path, backend="numpy")
    with pytest.raises(InputError, match="already holds a run; resume it or choose another folder"):
        run(system(), ASKED, tmp_path, backend="numpy")


def test_a_run_stopped_in_equilibration_continues_there(tmp_path):
    """Progress never decreases, and every phase ends at its total."""
    seen = []
    assert not run(system(), ASKED, tmp_path, backend="numpy", report=seen.append, stop=lambda: len(seen) == 2)
    assert isinstance(SavedRun.read(tmp_path).phase, Equilibration) and frames_reached(tmp_path) == 0
    assert run(system(), ASKED, tmp_path, backend="numpy", report=seen.append, resume=True)
    assert frames_reached(tmp_path) == ASKED.frames
    shares = {phase: [p.done / p.total for p in seen if p.phase == phase] for phase in ("equilibration", "production")}
    assert all(values == sorted(values) and values[-1] == 1.0 for values in shares.values())
    assert len(shares["production"]) == ASKED.frames and len(seen) == sum(map(len, shares.values()))
    assert all(one.wall_s <= two.wall_s and one.accepted <= two.accepted for one, two in pairwise(seen))


def test_a_preparation_can_be_stopped_and_leaves_no_checkpoint(tmp_path):
    assert not run(system(), ASKED, tmp_path, backend="numpy", prepare=system(), stop=lambda: True)
    assert not has_checkpoint(tmp_path)


def test_image_counters_that_would_overflow_stop_the_run(tmp_path, monkeypatch):
    """Particles that have crossed the supercell 2^(bits - 2) times along x."""
    start = system().initial_state()
    far = np.int64(1) << (IMAGE_BITS - 2)

    def crossed(_) -> State:
        state = start.copy()
        state.image[:] = far
        return state

    monkeypatch.setattr("kmc.state.system.System.initial_state", crossed)
    with pytest.raises(DisplacementOverflow, match="use a larger supercell or a shorter run"):
        run(system(), ASKED, tmp_path, backend="numpy")
