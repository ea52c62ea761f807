"""Complete runs: files, resumption, refusal to overwrite, signals, precision, fields."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runs.launch
from lattices.errors import InputError
from runs.cli import main
from runs.config import load_config
from runs.launch import run_all
from runs.progress import Stop, signals
from tests.runs.conftest import TINY, arguments

Refused = Callable[..., str]


def datasets(path: Path) -> dict[str, Any]:
    """Every dataset of an HDF5 file."""
    import h5py

    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def assert_same_file(one: Path, other: Path) -> None:
    """Assert that names and values of all datasets are equal."""
    first, second = datasets(one), datasets(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert np.array_equal(value, second[name]), name


def test_the_files_of_a_run(tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    assert names == {"T1300K", "T1400K", "run.toml", "results.json", "arrhenius.png", "sigma-T.png", "log.txt"}
    resolved = tomllib.loads((tiny_run / "T1400K" / "run.toml").read_text())
    assert (resolved["run"]["temperature_K"], resolved["run"]["temperature_index"]) == (1400.0, 1)
    assert (resolved["run"]["backend"], resolved["run"]["selection"]) == ("numpy", "auto")
    assert resolved["crystal"]["lattice_parameter_angstrom"] == 5.411
    assert resolved["resolved"]["schedule"]["frames"] == 20
    results = json.loads((tiny_run / "results.json").read_text())
    assert results["temperatures_K"] == [1300.0, 1400.0]
    log = (tiny_run / "log.txt").read_text()
    assert "-1 e remains unbalanced" in log
    assert "trajectory files: about" in log


def test_a_temperature_repeated_from_its_own_run_file(tiny_run: Path, tmp_path: Path) -> None:
    assert main(["run", str(tiny_run / "T1400K" / "run.toml"), "--out", str(tmp_path / "alone")]) == 0
    assert_same_file(tmp_path / "alone" / "trajectory.h5", tiny_run / "T1400K" / "trajectory.h5")


def test_another_seed_is_another_run(tiny_run: Path, tmp_path: Path) -> None:
    file = str(tiny_run / "T1400K" / "run.toml")
    assert main(["run", file, "--seed", "2", "--out", str(tmp_path / "other")]) == 0
    mine, other = (datasets(p / "trajectory.h5")["kmc/accepted"] for p in (tiny_run / "T1400K", tmp_path / "other"))
    assert not np.array_equal(mine, other)


def test_a_folder_that_holds_a_run_is_not_changed(refused: Refused, tiny_run: Path) -> None:
    before = {path: path.read_bytes() for path in tiny_run.rglob("*") if path.is_file()}
    assert "already holds a run" in refused("run", "smallest", "--out", tiny_run, *arguments(TINY))
    line = refused("run", "smallest", "--out", tiny_run, "--resume", *arguments(TINY), "--seed", "7")
    assert "holds another run: there run.seed = 1, not 7" in line
    assert {path: path.read_bytes() for path in tiny_run.rglob("*") if path.is_file()} == before


def test_resume_without_a_run(refused: Refused, tmp_path: Path) -> None:
    assert "holds no run to resume" in refused("run", "smallest", "--out", tmp_path / "none", "--resume")


class StopAt(Stop):
    """A stop request that is raised when it is queried for the n-th time."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def __call__(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.signal = signal.SIGTERM
        return self.signal != 0


@pytest.mark.slow
@pytest.mark.parametrize("asked", [1, 3, 12, 30])
def test_a_resumed_run_equals_an_uninterrupted_one(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: int
) -> None:
    """Stopped in equilibration, in production, and at the second temperature: equal dataset for dataset."""
    from contextlib import nullcontext

    folder = tmp_path / "run"
    monkeypatch.setattr(runs.launch, "signals", lambda *_: nullcontext(StopAt(asked)))
    assert main(["run", "smallest", "--out", str(folder), *arguments(TINY)]) == 128 + signal.SIGTERM
    assert f"to continue: kmc run {folder} --resume" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(["run", str(folder), "--resume"]) == 0
    for part in ("T1300K", "T1400K"):
        assert_same_file(folder / part / "trajectory.h5", tiny_run / part / "trajectory.h5")


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint(tiny_run: Path, tmp_path: Path) -> None:
    """A file without a frame and without a checkpoint is started again; a file with frames is not discarded."""
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    for name in ("checkpoint.npz", "checkpoint.previous.npz"):
        (folder / "T1400K" / name).unlink()
    (folder / "T1400K" / "trajectory.h5").write_bytes(b"")
    assert main(["run", str(folder), "--resume"]) == 0
    assert_same_file(folder / "T1400K" / "trajectory.h5", tiny_run / "T1400K" / "trajectory.h5")
    for name in ("checkpoint.npz", "checkpoint.previous.npz"):
        (folder / "T1400K" / name).unlink(missing_ok=True)
    assert main(["run", str(folder), "--resume"]) == 2
    assert_same_file(folder / "T1400K" / "trajectory.h5", tiny_run / "T1400K" / "trajectory.h5")


def test_signals_set_the_flag_and_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        assert stop.signal == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


PRECISE = [
    "run.temperature_K=1300",
    "run.frames=20",
    "run.replicas=8",
    "crystal.repeats=[2, 2, 2]",
    "crystal.vacancies={number=2}",
    "run.equilibration={hops_per_carrier=5}",
    "run.duration={precision=0.02}",
    "run.backend=numpy",
]


@pytest.mark.slow
def test_precision_extends_until_the_error_is_small_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The relative error decreases as one over the square root of the length; an interruption changes nothing."""
    from contextlib import nullcontext

    monkeypatch.setattr("kmc.run.settings.FIRST_PRODUCTION_HOPS", 20.0)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    never = StopAt(-1)
    with monkeypatch.context() as patched:
        patched.setattr(runs.launch, "signals", lambda *_: nullcontext(never))
        assert main(["run", "ideal-fluorite", "--out", str(whole), *arguments(PRECISE)]) == 0
    entry = json.loads((whole / "results.json").read_text())["species"]["O"]["tracer_diffusivity_m2_s"]
    frames = len(datasets(whole / "trajectory.h5")["kmc/time_s"]) - 1
    assert entry["stderr"] / entry["value"] <= 0.02
    assert frames > 4 * 20  # longer than the lags of the first production can support
    assert 4 * datasets(whole / "trajectory.h5")["kmc/msd/lag_frames"][-1] > frames
    with monkeypatch.context() as patched:
        patched.setattr(
            runs.launch, "signals", lambda *_: nullcontext(StopAt(-never.left - 4))
        )  # shortly before the end
        assert main(["run", "ideal-fluorite", "--out", str(stopped), *arguments(PRECISE)]) == 128 + signal.SIGTERM
    assert main(["run", str(stopped), "--resume"]) == 0
    assert_same_file(whole / "trajectory.h5", stopped / "trajectory.h5")


@pytest.mark.slow
@pytest.mark.parametrize(("field", "warned"), [("[1e4, 0, 0]", True), ("[0, 0, 1e7]", False), ("[0, 0, 0]", False)])
def test_the_field_after_rounding_is_printed(capsys: pytest.CaptureFixture[str], field: str, warned: bool) -> None:
    assert main(["validate", "smallest", "--set", f"run.field_V_per_m={field}"]) == 0
    printed = capsys.readouterr().out
    assert ("warning: rounding" in printed) == warned
    assert ("field applied" in printed) == (field != "[0, 0, 0]")


@pytest.mark.slow
def test_tracking_carriers_only(tmp_path):
    """D* of vacancies is unchanged, results of untracked species are null with a reason, rejection-free is excluded."""
    changes = ["run.track=carriers", "run.backend=numpy"]
    config, base = load_config("smallest", changes)
    assert run_all(config, base, tmp_path / "run") == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    for run in results.get("runs", [results]):
        assert run["species"]["V_O"]["tracer_diffusivity_m2_s"]["value"] > 0
        assert run["ionic_conductivity_S_m"]["value"] > 0
        assert 'run.track = "carriers"' in run["species"]["O"]["tracer_diffusivity_m2_s"]["reason"]
    config, base = load_config("smallest", [*changes, "run.selection=rejection-free"])
    with pytest.raises(InputError, match="track"):
        run_all(config, base, tmp_path / "other")


@pytest.mark.slow
def test_a_full_disk_gives_one_line_and_keeps_the_checkpoint(tmp_path, monkeypatch, capsys):
    usage = shutil.disk_usage(tmp_path)
    looked = []

    def filling(_):
        looked.append(usage._replace(free=1_000_000) if looked else usage)
        return looked[-1]

    monkeypatch.setattr(shutil, "disk_usage", filling)
    assert main(["run", "smallest", "--backend", "numpy", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "no space left on the disk" in said and "checkpoint" in said
    monkeypatch.undo()
    assert main(["run", "smallest", "--backend", "numpy", "--out", str(tmp_path / "run"), "--resume"]) == 0


@pytest.mark.slow
def test_three_lengths_of_a_visit_are_extrapolated(tmp_path, capsys):
    """Each length has its own folder and random numbers; the estimates are those of the fit at zero length."""
    from analysis.transport.visit_extrapolation import fit_at_zero

    domains = "run.parallel={domains={block=3, hops_per_visit=1.0, extrapolate=true}}"
    changes = ["crystal.repeats=[6, 6, 6]", "run.temperature_K=1000", "run.replicas=6", domains, "run.frames=20"]
    overrides = [word for change in changes for word in ("--set", change)]
    assert main(["run", "ideal-fluorite", *overrides, "--out", str(tmp_path / "run")]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    entry = results["species"]["O"]["tracer_diffusivity_m2_s"]
    parts = [json.loads((tmp_path / "run" / f"window{k}" / "results.json").read_text()) for k in (1, 2, 3)]
    h = np.array([part["hops_per_visit"] for part in parts])
    assert np.allclose(h, [1.0, 0.5**0.5, 0.5], rtol=0.12) and results["hops_per_visit"] == h.tolist()
    each = [part["species"]["O"]["tracer_diffusivity_m2_s"] for part in parts]
    value, stderr = (np.array([entry[key] for entry in each]) for key in ("value", "stderr"))
    assert len(set(value.tolist())) == 3 and entry["by_window"] == value.tolist()
    _, intercept = np.polyfit(h**2, value, 1, w=1 / stderr)
    assert entry["value"] == pytest.approx(intercept) and "h^2" in entry["formula"]
    h = np.array([1.0, 0.5**0.5, 0.5])
    best, error = fit_at_zero(h, np.array([3.0, 2.0, 1.5]), np.ones(3))
    assert best == pytest.approx(1.0) and error == pytest.approx(
        np.sqrt(np.linalg.inv([[3, (h**2).sum()], [(h**2).sum(), (h**4).sum()]])[0, 0])
    )
    assert main(["analyze", str(tmp_path / "run")]) == 0 and main(["plot", str(tmp_path / "run")]) == 0
    assert main(["run", "ideal-fluorite", *overrides, "--out", str(tmp_path / "run"), "--resume"]) == 0
