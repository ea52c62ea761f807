"""Runs that end when estimates are known well enough."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import runs.launch
from kmc.run.settings import Precision
from lattices.errors import InputError
from runs.cli import main
from runs.config import load_config
from runs.precision import MOST_GROWTH, at_an_end, known_names, next_check, outcome, reached
from runs.prepare import prepare
from runs.trajectory import WallTime
from tests.runs.conftest import arguments
from tests.runs.test_launch import StopAt, assert_same_file

SIGMA, D_O = "ionic_conductivity_S_m", "species.O.tracer_diffusivity_m2_s"
KEYS = [
    "run.temperature_K=1300",
    "run.frames=20",
    "run.replicas=8",
    "crystal.repeats=[2, 2, 2]",
    "crystal.vacancies={number=2}",
    "run.equilibration={hops_per_carrier=5}",
    "run.backend=numpy",
    "run.positions=none",
]
BOTH = f"run.duration={{precision={{{SIGMA}=0.12, species.O.tracer_diffusivity_m2_s=0.04}}}}"


def entry(folder: Path, *keys: str) -> Any:
    found = json.loads((folder / "results.json").read_text())
    for key in keys:
        found = found[key]
    return found


def error(folder: Path, *keys: str) -> float:
    found = entry(folder, *keys)
    return float(found["stderr"] / found["value"])


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmc.run.settings.FIRST_PRODUCTION_HOPS", 20.0)


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_several_precisions_and_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends at the first check that both pass; stopped shortly before and resumed, it is the same file."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    never = StopAt(-1)
    with monkeypatch.context() as patched:
        patched.setattr(runs.launch, "signals", lambda *_: nullcontext(never))
        assert main(["run", "ideal-fluorite", "--out", str(whole), *arguments([*KEYS, BOTH])]) == 0
    assert error(whole, SIGMA) <= 0.12 and error(whole, "species", "O", "tracer_diffusivity_m2_s") <= 0.04
    log = (whole / "log.txt").read_text()
    assert "times this length is needed" in log and "precision: each trajectory runs until it gives" in log
    assert [note for note in entry(whole, "notes") if note.startswith("precision reached in")]
    with monkeypatch.context() as patched:
        patched.setattr(runs.launch, "signals", lambda *_: nullcontext(StopAt(-never.left - 4)))
        assert main(["run", "ideal-fluorite", "--out", str(stopped), *arguments([*KEYS, BOTH])]) == 128 + signal.SIGTERM
    assert main(["run", str(stopped), "--resume"]) == 0
    assert_same_file(whole / "trajectory.h5", stopped / "trajectory.h5")
    assert entry(whole, "notes") == entry(stopped, "notes")


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_finished_run_is_extended_to_a_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends where a run with this precision from the start ends, also when the extension was interrupted."""
    for name in ("short", "stopped"):
        duration = "run.duration={precision={ionic_conductivity_S_m=0.9}}"
        assert main(["run", "ideal-fluorite", "--out", str(tmp_path / name), *arguments([*KEYS, duration])]) == 0
    wanted = f"precision={{{SIGMA}=0.12, {D_O}=0.04}}"
    never = StopAt(-1)
    with monkeypatch.context() as patched:
        patched.setattr(runs.launch, "signals", lambda *_: nullcontext(never))
        assert main(["run", str(tmp_path / "short"), "--extend", wanted]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(runs.launch, "signals", lambda *_: nullcontext(StopAt(-never.left - 4)))
        assert main(["run", str(tmp_path / "stopped"), "--extend", wanted]) == 128 + signal.SIGTERM
    assert main(["run", str(tmp_path / "stopped"), "--resume"]) == 0
    whole = tmp_path / "whole"
    assert main(["run", "ideal-fluorite", "--out", str(whole), *arguments([*KEYS, BOTH])]) == 0
    for name in ("short", "stopped"):
        assert_same_file(whole / "trajectory.h5", tmp_path / name / "trajectory.h5")


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_wall_time_ends_a_run_with_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the second look at the clock; a warning says what was reached, and the run can go on."""
    looks = [0]

    def used_up(self: WallTime) -> bool:
        looks[0] += 1
        return self.limit_s is not None and self.frames >= self.fewest

    monkeypatch.setattr(WallTime, "used_up", property(used_up))
    duration = f"run.duration={{precision={{{SIGMA}=0.001}}, wall_time_h=1}}"
    run = tmp_path / "run"
    assert main(["run", "ideal-fluorite", "--out", str(run), *arguments([*KEYS, duration])]) == 0
    (warning,) = [text for text in entry(run, "warnings") if text.startswith("precision not reached")]
    assert f"within the wall time of 3600 s in 20 frames: {SIGMA} {error(run, SIGMA):.3g} (0.001 asked)" in warning
    assert main(["run", str(run), "--resume"]) == 0
    assert entry(run, "notes") and [text for text in entry(run, "warnings") if text == warning]
    assert main(["run", str(run), "--extend", f"precision={{{SIGMA}=0.15}}"]) == 0
    assert error(run, SIGMA) <= 0.15
    assert not [text for text in entry(run, "warnings") if text.startswith("precision not reached")]


def test_checks_follow_a_fixed_rule() -> None:
    assert [next_check(20, reached) for reached in (0, 20, 21, 25, 26, 33)] == [20, 20, 25, 25, 32, 40]


def test_what_is_still_needed() -> None:
    """Errors fall as the root of the length: twice the wanted error needs four times the length."""
    results: Any = {
        SIGMA: {"value": 10.0, "stderr": 0.4},
        "species": {"O": {"tracer_diffusivity_m2_s": {"value": 1.0, "stderr": 0.01, "note": "upper bound: short"}}},
    }
    (sigma,) = reached(results, {SIGMA: 0.02})
    assert sigma.longer == pytest.approx(4.0) and not sigma.enough
    assert "about 4 times this length is needed" in outcome([sigma], 100, None)[0]
    (bound,) = reached(results, 0.02)
    assert not bound.enough and not bound.missing and not at_an_end([bound], 80, 20, None)
    assert at_an_end([bound], MOST_GROWTH * 20, 20, None) and not at_an_end([bound], MOST_GROWTH * 20, 20, 60.0)
    (missing,) = reached({**results, SIGMA: {"value": None, "stderr": None, "reason": "none"}}, {SIGMA: 0.02})
    assert missing.missing and not at_an_end([missing], 79, 20, 60.0) and at_an_end([missing], 80, 20, 60.0)


def test_the_estimates_that_can_be_asked_for() -> None:
    systems = {name: prepare(*load_config(name)).systems[0] for name in ("ideal-fluorite", "ceria-reduced")}
    ionic, mixed = (known_names(system) for system in systems.values())
    assert SIGMA in ionic and D_O in ionic and "electronic_conductivity_S_m" not in ionic
    assert "electronic_conductivity_S_m" in mixed and "ambipolar_conductivity_S_m" in mixed
    assert "species.electron.haven_ratio" in mixed and not [name for name in mixed if name.startswith("species.Ce.")]


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        ("{precision={ionic_conductivty_S_m=0.1}}", "did you mean 'ionic_conductivity_S_m'?"),
        ("{precision={electronic_conductivity_S_m=0.1}}", "'electronic_conductivity_S_m': known are species.O."),
        ("{precision={species.Ce.haven_ratio=0.1}}", "'species.Ce.haven_ratio': known are"),
        ("{precision={thermodynamic_factor_O=0.1}}", "follows from thermodynamics.trials_per_carrier"),
        ("{precision={ionic_conductivity_S_m=1.5}}", "run.duration.precision"),
        ("{precision={}}", "exactly one of hops_per_carrier, time_s, precision is needed"),
        ("{precision=0.1, time_s=1.0}", "exactly one of hops_per_carrier, time_s, precision is needed"),
        ("{time_s=1.0, wall_time_s=1.0}", "with precision"),
        ("{precision=0.1, wall_time_s=1.0, wall_time_h=1.0}", "one of wall_time_s, wall_time_h"),
    ],
)
def test_nonsense_is_refused_in_one_line(refused: Callable[..., str], duration: str, said: str) -> None:
    assert said in refused("validate", "ideal-fluorite", "--set", f"run.duration={duration}")


def test_a_field_has_the_precision_of_the_drift_alone(refused: Callable[..., str]) -> None:
    field = ["--set", "run.field_V_per_m=[0, 0, 1e7]"]
    line = refused("validate", "ideal-fluorite", *field, "--set", "run.duration={precision=0.1}")
    assert "precision = { drift_conductivity_S_m = ... }" in line
    config, base = load_config(
        "ideal-fluorite",
        ["run.field_V_per_m=[0, 0, 1e7]", "run.duration={precision={drift_conductivity_S_m=0.1}}"],
    )
    assert known_names(prepare(config, base).systems[0]) == ["drift_conductivity_S_m"]


def test_precision_from_python() -> None:
    for wrong in ({}, {SIGMA: 0.0}, 1.0):
        with pytest.raises(InputError, match="above 0 and below 1"):
            Precision(wrong)
    with pytest.raises(InputError, match="wall_time_s"):
        Precision({SIGMA: 0.1}, wall_time_s=-1.0)
