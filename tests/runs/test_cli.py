"""The command: exit codes, one line for bad input, and no heavy package loaded for --help."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.cli import main
from tests.runs.conftest import TINY, arguments

Refused = Callable[..., str]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("crystal.dopping={Gd=0.1}", "unknown key crystal.dopping"),
        ("crystal.doping={Sm=0.1}", "unknown species 'Sm'"),
        ("crystal.repeats=[1, 1, 1]", "too small"),
        ("crystal.doping.Gd=-0.1", "-0.1"),
        ("run.temperature_K=nan", "nan"),
        ("crystal.vacancies={number=1000}", "216 sites"),
    ],
)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_bad_input_is_one_line_and_exit_2(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, override: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(command, "smallest", "--set", override)
    assert not list(tmp_path.iterdir())


def test_a_doping_that_cannot_be_neutral(refused: Refused, tmp_path: Path) -> None:
    """A donor would need a negative number of vacancies."""
    parameters = tmp_path / "donor.toml"
    shutil.copy(Path(__file__).parents[2] / "kmc" / "model" / "parameter_sets" / "ydc-tutorial.toml", parameters)
    parameters.write_text(parameters.read_text().replace("charge = -1", "charge = 1"))
    line = refused("validate", "ydc", "--set", f'model.parameters="{parameters}"')
    assert "cannot be neutral" in line


def test_a_gate_that_occurs_without_barrier(refused: Refused, tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "kmc" / "model" / "parameter_sets" / "ydc-tutorial.toml"
    kept = [line for line in source.read_text().splitlines() if 'gate = ["Y", "Y"]' not in line]
    (tmp_path / "gap.toml").write_text("\n".join(kept))
    line = refused("validate", "ydc", "--set", f'model.parameters="{tmp_path / "gap.toml"}"')
    assert "no barrier for the gate [Y, Y]" in line


def test_an_unreadable_structure_file(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "bad.cif").write_text("not a structure")
    (tmp_path / "case.toml").write_text(
        '[crystal]\nfile = "bad.cif"\nrepeats = [3, 3, 3]\nsublattices = { anion = "O", cation = "Ce" }\n'
        '[model]\nparameters = "ideal-fluorite"\n[run]\ntemperature_K = 1000\n'
    )
    assert "cannot read the structure file" in refused("validate", tmp_path / "case.toml")


def test_wrong_command_lines(refused: Refused, tmp_path: Path) -> None:
    refused()
    refused("run")
    refused("run", "smallest", "--backend", "gpu")
    refused("run", tmp_path / "missing.toml")
    refused("run", tmp_path)
    refused("analyze", tmp_path)
    refused("plot", tmp_path)
    refused("export", tmp_path)
    refused("validate", "smallest", "--set", "run.seed")


def test_a_truncated_trajectory(refused: Refused, tiny_run: Path, tmp_path: Path) -> None:
    whole = (tiny_run / "T1300K" / "trajectory.h5").read_bytes()
    for length in (0, 100, len(whole) // 2):
        (tmp_path / "trajectory.h5").write_bytes(whole[:length])
        assert "trajectory.h5" in refused("analyze", tmp_path)
        assert "trajectory.h5" in refused("export", tmp_path)
        assert (tmp_path / "trajectory.h5").read_bytes() == whole[:length]


def test_analyze_plot_and_info_again(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    first = json.loads((copy / "results.json").read_text())
    (copy / "results.json").unlink()
    (copy / "arrhenius.png").unlink()
    assert main(["analyze", str(copy), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == first == json.loads((copy / "results.json").read_text())
    assert main(["plot", str(copy)]) == 0
    assert (copy / "arrhenius.png").exists()
    capsys.readouterr()
    assert main(["info", "--json"]) == 0
    assert "numpy" in json.loads(capsys.readouterr().out)["backends"]


def test_help_loads_nothing_heavy() -> None:
    """This keeps --help quick, and needs no timed test."""
    code = (
        "import sys, runs.cli\n"
        "try:\n    runs.cli.main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'numpy', 'pydantic', 'ase', 'h5py', 'matplotlib', 'scipy', 'tqdm', 'cupy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=_root())
    assert done.returncode == 0, done.stderr
    assert "COMMAND" in done.stdout


def test_a_full_or_read_only_output_folder(refused: Refused, tmp_path: Path) -> None:
    """A file in place of the folder, no write permission, no space left (those that the machine allows to test)."""
    (tmp_path / "file").write_text("kept")
    assert "this is a file" in refused("run", "smallest", "--out", tmp_path / "file", *arguments(TINY))
    assert "cannot be written" in refused("run", "smallest", "--out", tmp_path / "file" / "below", *arguments(TINY))
    assert (tmp_path / "file").read_text() == "kept"
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if not os.access(locked, os.W_OK):  # root can write anywhere
        assert "cannot be written" in refused("run", "smallest", "--out", locked / "run", *arguments(TINY))


@pytest.mark.slow
def test_a_disk_that_fills_up(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second checkpoint fails with one line, and the run continues from the first once there is space."""
    import kmc.run.saved_run

    true_write, calls = kmc.run.saved_run.write_checkpoint, []

    def full(*given: object) -> None:
        calls.append(given)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        true_write(*given)  # type: ignore[arg-type]

    run = ["run", "smallest", "--out", str(tmp_path / "run"), *arguments(TINY), "--set", "run.checkpoint_every_s=1e-9"]
    monkeypatch.setattr(kmc.run.saved_run, "write_checkpoint", full)
    assert "No space left on device" in refused(*run)
    monkeypatch.undo()
    assert main([*run, "--resume"]) == 0


def _root() -> Path:
    return Path(__file__).parents[2]
