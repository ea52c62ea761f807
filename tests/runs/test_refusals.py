"""Invalid input that used to cause a traceback, or was accepted silently, gives one line and exit code 2."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.statistics.arrhenius import fit_arrhenius
from analysis.statistics.estimates import UnavailableError
from kmc.files.lock import locked
from kmc.model.parameters import load_model
from lattices.errors import InputError
from runs.cli import main
from runs.config import load_config
from runs.estimate import validate
from runs.state import LOCK
from tests.runs.conftest import TINY, arguments

Refused = Callable[..., str]
HUGE = 2**70


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (f"crystal.vacancies={{sites=[{HUGE}]}}", "site indices must be different and lie from 0 to 215"),
        (f"crystal.vacancies={{number={HUGE}}}", "the sublattice has 216 sites"),
        (f"run.replicas={HUGE}", "run.replicas"),
        ("run.equilibration={hops_per_carrier=1e300}", "a year at 10^9 hops/s"),
        ("run.duration={time_s=1e300}", "at most"),
        ("run.duration={time_s=1e-300}", "frames of a trial each need"),
        (f"x={'[' * 1500}{']' * 1500}", "nested too deeply"),
        (f"model.parameters={'a' * 5000}", "no such file"),
        (f"run.temperature_K=[{', '.join(['-1.5'] * 5000)}]", "run.temperature_K"),
    ],
)
def test_implausible_values(refused: Refused, override: str, message: str) -> None:
    line = refused("validate", "smallest", "--set", override)
    assert message in line and len(line) < 1100


@pytest.mark.parametrize("command", ["validate", "run", "study"])
def test_files_nested_too_deeply(refused: Refused, tmp_path: Path, command: str) -> None:
    file = tmp_path / "nested.toml"
    file.write_text(f"x = {'[' * 1500}{']' * 1500}\n")
    assert f"{file}: not valid TOML: its arrays or tables are nested too deeply" in refused(command, file)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("charge = 2", f"charge = {2**64}", "species.V_O.charge"),
        ("charge = 2", "charge = true", "species.V_O.charge"),
        ("energy_eV = 0.52", "energy_eV = true", "energy_eV"),
    ],
)
def test_implausible_parameters(tmp_path: Path, old: str, new: str, key: str) -> None:
    from importlib import resources

    text = (resources.files("kmc") / "model" / "parameter_sets" / "ideal-fluorite.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "set.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=f"set.toml: .*{key}"):
        load_model(tmp_path / "set.toml")


def test_validate_works_for_a_supercell_that_exceeds_any_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "ideal-fluorite", "--set", "crystal.repeats=[1000, 1000, 1000]", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["sites"] == 12 * 10**9 and facts["expected_acceptance"] == []
    assert "are not simulated" in facts["acceptance_from"]


def test_temperatures_too_close_for_a_fit() -> None:
    with pytest.raises(UnavailableError, match="too close together"):
        fit_arrhenius([1000.0, 1000.0001], [1e-10, 2e-10], [1e-11, 1e-11])


def test_a_folder_that_cannot_be_written_still_shows_its_results(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_text", read_only)
    assert main(["analyze", str(tmp_path / "run")]) == 2
    seen = capsys.readouterr()
    assert "1400" in seen.out and "D*" in seen.out
    assert seen.err.count("\n") == 1 and "results.json cannot be written: Read-only file system" in seen.err


def test_a_second_process_in_the_folder_is_refused(refused: Refused, tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with locked(tmp_path / "run" / LOCK):
        line = refused("run", "smallest", "--out", tmp_path / "run", "--resume", *arguments(TINY))
    assert f"process {os.getpid()}; wait until it has ended" in line
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_no_message_claims_that_a_removed_folder_is_kept(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kmc.run.production import ProductionWalk

    real = ProductionWalk.save

    def removed(self: ProductionWalk) -> None:
        shutil.rmtree(self.task.folder)
        real(self)

    monkeypatch.setattr(ProductionWalk, "save", removed)
    line = refused("run", "smallest", "--out", tmp_path / "run", *arguments(TINY))
    assert "the folder has been removed, and the run with it" in line


def test_a_run_that_the_disk_cannot_hold_is_refused_before_it_begins(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200_000))
    line = refused("run", "smallest", "--out", tmp_path / "run", *arguments(TINY))
    assert "GB of disk space, 0.0002 GB are free" in line
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.slow
def test_the_estimates_of_memory_and_checkpoints(tmp_path: Path) -> None:
    """The growth of a process's peak from 9 10^4 to 1.5 10^6 sites within 10 %; checkpoints within 5 %.

    The growth, since the libraries alone take what a machine makes them take, and without huge pages: where the system
    gives them to every process, their rounding was seen to add 30 MB.
    """
    import subprocess
    import sys

    script = (  # ru_maxrss of a child begins with the peak of the process that started it; VmHWM does not
        "import ctypes, re, sys, runs.launch\nctypes.CDLL(None).prctl(41, 1, 0, 0, 0)\n"  # PR_SET_THP_DISABLE
        "from runs.cli import main\nruns.launch._finish = lambda *_: None\n"
        "code = main(sys.argv[1:])\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1.024e-3)\nsys.exit(code)"
    )
    measured, stated = [], []
    for cells in (20, 50):
        overrides = ["run.temperature_K=1000", f"crystal.repeats=[{cells}, {cells}, {cells}]", "run.replicas=1"]
        overrides += ["run.equilibration={hops_per_carrier=0.1}", "run.duration={hops_per_carrier=1}"]
        overrides += ["run.frames=16", "run.backend=cpu"]
        command = ["run", "ideal-fluorite", "--out", str(tmp_path / f"run{cells}"), *arguments(overrides)]
        done = subprocess.run([sys.executable, "-c", script, *command], check=True, stdout=subprocess.PIPE, text=True)
        measured.append(float(done.stdout.split()[-1]))
        facts = validate(*load_config("ideal-fluorite", overrides))
        stated.append(facts.memory_MB)
    assert measured[1] - measured[0] == pytest.approx(stated[1] - stated[0], rel=0.1)
    assert measured[1] == pytest.approx(stated[1], rel=0.3)  # with the libraries, whatever they take here
    size = sum(path.stat().st_size for path in (tmp_path / "run50").glob("checkpoint*"))
    assert size / 1e6 == pytest.approx(facts.checkpoints_MB, rel=0.05)
