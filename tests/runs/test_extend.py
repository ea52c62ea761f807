"""Finished runs made longer: the same numbers as a run that was longer from the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kmc.files.trajectory import read_trajectory
from lattices.errors import InputError
from runs.cli import main
from runs.extend import parse_extension

KEYS = ["run.replicas=4", "run.equilibration={hops_per_carrier=2}", "run.temperature_K=[1200,1400]"]


def carry_out(out: Path, *arguments: str) -> int:
    sets = [part for key in (*KEYS, *arguments) for part in ("--set", key)]
    return main(["run", "smallest", "--out", str(out), "--backend", "numpy", *sets])


@pytest.mark.slow
@pytest.mark.parametrize("key", ["hops_per_carrier", "time_s"])
def test_an_extended_run_is_the_longer_run(key: str, tmp_path: Path) -> None:
    """Frames, displacements and hops of every frame, and the MSD at every lag of the shorter run, bit for bit."""
    short, long = tmp_path / "short", tmp_path / "long"
    assert carry_out(short, "run.frames=20", "run.duration={hops_per_carrier=6}") == 0
    assert carry_out(long, "run.frames=40", "run.duration={hops_per_carrier=12}") == 0
    parts = sorted(part.name for part in long.glob("T*K"))
    length = 12.0
    if key == "time_s":  # of the slower temperature: the other one gets more frames
        length = max(float(read_trajectory(long / part / "trajectory.h5").time_s[-1]) for part in parts)
        parts = parts[:1]
    assert main(["run", str(short), "--extend", f"{key}={length!r}"]) == 0
    for part in parts:
        one, other = (read_trajectory(folder / part / "trajectory.h5") for folder in (short, long))
        assert one.n_frames == 40
        for name in ("time_s", "summed_displacement", "trials", "accepted"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        kept = np.isin(one.lag_frames, [1, 2, 4, 8])
        for name in ("msd_windows", "second_moment"):
            sums = [getattr(each, name)[: kept.sum()].sum(axis=1) for each in (one, other)]
            np.testing.assert_array_equal(*sums)


def test_what_cannot_be_extended_is_an_input_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["run", str(run), "--extend", "hops_per_carrier=5"]) == 2
    assert carry_out(run, "run.frames=20", "run.duration={hops_per_carrier=6}") == 0
    capsys.readouterr()
    assert main(["run", str(run), "--extend", "hops_per_carrier=5"]) == 2
    assert "20 frames already" in capsys.readouterr().err
    for text in ("hops=5", "hops_per_carrier=5, time_s=1", "5", "time_s=-1"):
        with pytest.raises(InputError, match="one of hops_per_carrier"):
            parse_extension(text)
