"""The Python interface `import kmc` gives the same results as the command, and one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kmc
from kmc.version import VERSION
from runs.cli import main
from tests.runs.conftest import TINY, arguments

ROOT = Path(__file__).parents[3]
SHORT = {"equilibration": kmc.Hops(2), "duration": kmc.Hops(10), "frames": 20, "backend": "numpy", "quiet": True}


def gdc(temperature_K=1200.0, **more):
    """10 % Gd-doped ceria, 4 x 4 x 4 cells."""
    keys = {"doping": {"Gd": 0.10}, "carriers": {"V_O": "charge-balance"}, "replicas": 4} | more
    return kmc.System.build("gdc-chgnet-preview", repeats=(4, 4, 4), temperature_K=temperature_K, **keys)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return kmc.simulate(gdc([1100.0, 1300.0]), tmp_path_factory.mktemp("session") / "run", **SHORT)


def test_every_public_name_loads_and_is_documented():
    for name in kmc.__all__:
        found = getattr(kmc, name)
        assert name.startswith("__") or found.__doc__, name
    assert kmc.__version__ == VERSION
    assert set(kmc.__all__) <= set(dir(kmc))
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = kmc.simulat


def test_importing_is_quick_and_loads_no_heavy_package():
    heavy = ("numpy", "scipy", "ase", "h5py", "matplotlib", "pydantic")
    code = f"import sys, kmc; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_simulation_equals_the_run_of_the_command(tmp_path):
    run = kmc.simulate(gdc([1300.0, 1400.0]), tmp_path / "python", **SHORT)
    overrides = [*TINY, "run.replicas=4", "crystal.repeats=[4, 4, 4]", "crystal.doping={Gd=0.1}"]
    assert main(["run", "gdc", "--out", str(tmp_path / "command"), *arguments(overrides)]) == 0
    for part in ("T1300K", "T1400K"):
        ours, theirs = (kmc.open_run(tmp_path / name / part).trajectory() for name in ("python", "command"))
        assert ours.digest == theirs.digest
        assert np.array_equal(ours.summed_displacement, theirs.summed_displacement)
    assert run.results.temperatures_K == [1300.0, 1400.0]


def test_results_are_results_json_with_named_access(run):
    at = run.at(1100.0)
    content = json.loads((at.folder / "results.json").read_text())
    assert dict(at.results) == content
    tracer = at.results.tracer("O")
    assert isinstance(tracer, kmc.Estimate)
    assert tracer.value == content["species"]["O"]["tracer_diffusivity_m2_s"]["value"]
    assert str(tracer).endswith(" m2/s")
    assert str(at.results.ionic_conductivity).endswith(" S/m")
    electronic = at.results.electronic_conductivity
    assert isinstance(electronic, kmc.Unavailable)
    assert str(electronic).startswith("unavailable: ")
    assert at.results.estimate("species.O.haven_ratio") == at.results.haven_ratio("O")
    assert [f"1100 K: {line}" for line in at.results.warnings] == [
        line for line in run.results.warnings if line.startswith("1100 K")
    ]
    assert str(run.results.activation_energy("species.O.tracer_diffusivity_m2_s")).endswith(" eV")


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda run: run.results.tracer("O"), "several temperatures"),
        (lambda run: run.at(1000.0), "no 1000 K; it holds 1100 K, 1300 K"),
        (lambda run: run.results.at(1100.0).tracer("Gd"), "no mobile species 'Gd'; the run has"),
        (lambda run: run.results.at(1100.0).estimate("species.O.tracer"), "the keys are"),
        (lambda run: run.results.activation_energy("D"), "no Arrhenius fit of 'D'"),
        (lambda run: kmc.open_run(run.folder / "nowhere"), "holds no run"),
        (lambda run: kmc.simulate(gdc(), run.folder, **SHORT), "already holds a run"),
    ],
)
def test_missing_results_give_a_one_line_error(run, ask, text):
    with pytest.raises(kmc.InputError, match=text):
        ask(run)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: gdc(doping={"Sm": 0.1}), "unknown species 'Sm'"),
        (lambda: gdc(temperature_K=0.0), "run.temperature_K"),
        (lambda: gdc(host={"cation": "Zr"}), "host 'Zr' on sublattice 'cation'"),
        (lambda: gdc(prototype="spinel"), "spinel"),
        (lambda: gdc(**{"run.replica": 4}), "unknown key run.replica"),
        (lambda: gdc().at(repeats=(2, 2, 2)), "unknown key run.repeats"),
        (lambda: gdc(crystal=kmc.fluorite({"cation": "Ce"}, 5.4), host={"cation": "Ce"}), "crystal excludes"),
        (lambda: kmc.System.build("nowhere", repeats=(4, 4, 4), temperature_K=1.0), "no such file"),
    ],
)
def test_bad_input_is_one_line_that_names_the_key(build, text):
    with pytest.raises(kmc.InputError, match=text) as refused:
        build()
    assert "\n" not in str(refused.value)


def test_at_changes_keys_and_nothing_else():
    system = gdc()
    hotter = system.at(temperature_K=1500.0, seed=3)
    assert (hotter.temperatures_K, hotter.config.run.seed) == ([1500.0], 3)
    assert hotter.config.crystal == system.config.crystal
    assert "V_O 13," in system.describe().replace("\n", ",")


@pytest.mark.slow
def test_a_model_and_a_crystal_in_memory_can_be_resumed_by_the_command(tmp_path):
    model = kmc.load_model("gdc-chgnet-preview").model_copy(update={"name": "mine"})
    system = kmc.System.build(
        model,
        crystal=kmc.fluorite({"cation": "Ce"}, 5.411),
        repeats=(4, 4, 4),
        temperature_K=1200.0,
        doping={"Gd": 0.10},
        vacancies="charge-balance",
        replicas=4,
    )
    run = kmc.simulate(system, tmp_path / "mine", **SHORT)
    ours = run.trajectory()
    theirs = kmc.simulate(gdc(1200.0), tmp_path / "shipped", **SHORT).trajectory()
    assert np.array_equal(ours.summed_displacement, theirs.summed_displacement)
    assert main(["run", str(run.folder), "--resume"]) == 0


@pytest.mark.slow
def test_an_interrupt_leaves_a_run_that_resumes(tmp_path):
    """Ctrl-C at the third progress report: the resumed run equals an uninterrupted one."""
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
import kmc
from runs import progress as shown

seen = []
def lines(log, *more):
    def report(progress):
        seen.append(progress)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
    return report
shown._lines = lines
system = kmc.System.build("gdc-chgnet-preview", repeats=(4, 4, 4), temperature_K=1200.0, doping={{"Gd": 0.1}},
                          carriers={{"V_O": "charge-balance"}}, replicas=4)
kmc.simulate(system, "stopped", duration=kmc.Hops(10), equilibration=kmc.Hops(2), frames=20, backend="numpy")
"""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert "KeyboardInterrupt: stopped with a checkpoint" in done.stderr, done.stderr
    stopped = kmc.simulate(gdc(), tmp_path / "stopped", resume=True, **SHORT).trajectory()
    whole = kmc.simulate(gdc(), tmp_path / "whole", **SHORT).trajectory()
    assert np.array_equal(stopped.summed_displacement, whole.summed_displacement)


def test_a_table_of_the_run(run):
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    table = run.to_dataframe()
    assert isinstance(table, pandas.DataFrame)
    assert table["temperature_K"].tolist() == [1100.0, 1300.0]
    assert table["species.O.tracer_diffusivity_m2_s"].notna().all()


def test_without_pandas_the_error_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(kmc.InputError, match="pip install pandas"):
        run.to_dataframe()


def test_a_file_that_hides_a_package_is_named(tmp_path):
    (tmp_path / "analysis.py").write_text("")
    script = tmp_path / "script.py"
    script.write_text(f"import sys; sys.path.append({str(ROOT)!r}); import kmc; kmc.simulate")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"ImportError: {tmp_path / 'analysis.py'} hides the package 'analysis'"
    )
