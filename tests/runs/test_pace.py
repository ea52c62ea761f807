"""Speed, time left and current error of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report import analyze
from kmc.files.trajectory import read_trajectory
from kmc.run.progress import Phase, Progress
from runs.pace import CurrentError, Pace, duration


def at(done: int, accepted: int, wall_s: float, phase: Phase = "production") -> Progress:
    return Progress(phase, done, 100, accepted, wall_s, 0.0)


def test_speed_and_time_left_count_from_the_first_report_of_a_phase() -> None:
    """A resumed run has spent time before, at another speed."""
    pace = Pace()
    assert pace.text(at(20, 1000, 50.0)) == "20 hops/s"
    assert pace.text(at(40, 5000, 60.0)) == "400 hops/s, 30 s left"
    assert pace.text(at(100, 9000, 90.0)) == "200 hops/s"
    assert pace.text(at(0, 9000, 90.0, "relaxation")) == "100 hops/s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.2, "8 s"), (720.0, "12 min"), (12600.0, "3.5 h"), (181440.0, "2.1 d")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_error_is_that_of_the_analysis(tiny_run: Path) -> None:
    file = tiny_run / "T1300K" / "trajectory.h5"
    entry = analyze(read_trajectory(file))["species"]["O"]["tracer_diffusivity_m2_s"]
    assert entry["value"] is not None and entry["stderr"] is not None
    assert CurrentError(file).text() == f"D* of O to {entry['stderr'] / entry['value']:.2g}"


def test_a_file_without_an_estimate_gives_nothing(tmp_path: Path) -> None:
    assert CurrentError(tmp_path / "trajectory.h5").text() == ""
    (tmp_path / "trajectory.h5").write_bytes(b"half")
    assert CurrentError(tmp_path / "trajectory.h5").text() == ""
