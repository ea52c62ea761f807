"""`kmc study`: many runs and a table of their estimates."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import tomli_w

from runs.cli import main
from runs.study.study_file import folder_name, load_study, points_of

STUDY = """
run = "ideal-fluorite"
[set]
"crystal.repeats" = [3, 3, 3]
"run.temperature_K" = 1200
"run.duration" = { hops_per_carrier = 50 }
"run.positions" = "none"
[vary]
"crystal.vacancies" = [0.02, 0.1]
"run.replicas" = [4, 6]
"""


def study(tmp_path, text=STUDY):
    path = tmp_path / "some.toml"
    path.write_text(text, encoding="utf-8")
    return path


def go(path, out, *more):
    return main(["study", str(path), "--out", str(out), *more])


def test_combinations_and_their_folders(tmp_path):
    points = points_of(load_study(study(tmp_path))[0])
    assert [folder_name(point) for point in points] == [
        "vacancies=0.02,replicas=4",
        "vacancies=0.02,replicas=6",
        "vacancies=0.1,replicas=4",
        "vacancies=0.1,replicas=6",
    ]
    assert folder_name({"crystal.vacancies": {"delta": 0.1}}) == "vacancies=__delta___0.1_"


@pytest.mark.slow
def test_a_study_runs_plots_and_resumes(tmp_path, capsys):
    out = tmp_path / "out"
    assert go(study(tmp_path), out) == 0
    summary = json.loads((out / "results.json").read_text())
    assert [row["varied"]["run.replicas"] for row in summary["rows"]] == [4, 6, 4, 6]
    own = json.loads((out / "vacancies=0.1,replicas=6" / "results.json").read_text())
    key = "species.O.tracer_diffusivity_m2_s"
    assert summary["rows"][3]["figures"][key]["value"] == own["species"]["O"]["tracer_diffusivity_m2_s"]["value"]
    rows = list(csv.DictReader((out / "study.csv").read_text().splitlines()))
    assert len(rows) == 4 and float(rows[3][key]) == own["species"]["O"]["tracer_diffusivity_m2_s"]["value"]
    assert {path.name for path in out.glob("*.png")} >= {"study-diffusivities.png", "study-conductivities.png"}
    times = {path: path.stat().st_mtime_ns for path in out.glob("*/trajectory.h5")}
    assert go(study(tmp_path), out) == 2 and "is not empty" in capsys.readouterr().err
    more = study(tmp_path, STUDY.replace("[0.02, 0.1]", "[0.02, 0.05, 0.1]"))
    assert go(more, out, "--resume") == 0
    assert len(json.loads((out / "results.json").read_text())["rows"]) == 6
    assert len(list(out.glob("*/trajectory.h5"))) == 6
    assert all(len(path.read_bytes()) for path in times)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('run = "gdc"\n', "vary is missing"),
        ('run = "gdc"\nvary = { "run.seed" = [] }\n', "vary.run.seed"),
        ('run = "nosuch"\nvary = { "run.seed" = [1] }\n', "cannot be read"),
        ('run = "gdc"\nsets = {}\nvary = { "run.seed" = [1] }\n', "unknown key sets; allowed are run, set, vary"),
        ('run = "gdc"\nvary = { "run.sed" = [1] }\n', "unknown key run.sed"),
        ('run = "gdc"\nvary = { "run.seed" = [1, 1] }\n', "lists a value twice"),
        ('run = "gdc"\nvary = { "crystal.doping.Gd" = [0.1, 1.5] }\n', "crystal.doping.Gd"),
    ],
)
def test_bad_input_writes_nothing(tmp_path, capsys, text, message):
    out = tmp_path / "out"
    assert go(study(tmp_path, text), out) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not Path(out).exists()


def test_another_study_is_not_resumed(tmp_path, capsys):
    out = tmp_path / "out"
    assert go(study(tmp_path), out, "--resume") == 2
    out.mkdir()
    (out / "study.toml").write_text('run = "gdc"\n[vary]\n"run.seed" = [1]\n')
    assert go(study(tmp_path), out, "--resume") == 2
    assert "holds another study" in capsys.readouterr().err


def test_the_shipped_study_can_be_read():
    study = load_study(Path("lsf64-delta"))[0]
    assert study.run == "lsf64" and len(points_of(study)) == 6


@pytest.mark.statistical
@pytest.mark.slow
def test_drift_compared_with_equilibrium(tmp_path, capsys):
    """The shipped study, reduced: fields are plotted by their strength, and both conductivities are in the table."""
    shipped = load_study(Path("ceria-drift"))[0]
    smaller = shipped.set | {"crystal.repeats": [4, 4, 4], "run.replicas": 16, "run.duration.hops_per_carrier": 30}
    text = tomli_w.dumps({"run": shipped.run, "set": smaller, "vary": {"run.field_V_per_m": [[0, 0, 0], [1e8, 0, 0]]}})
    (tmp_path / "drift.toml").write_text(text)
    assert main(["study", str(tmp_path / "drift.toml"), "--out", str(tmp_path / "out")]) == 0
    field_free, driven = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert driven["folder"] == "field_V_per_m=1e+08_0_0".replace("+", "_")
    total, drift = field_free["figures"]["total_conductivity_S_m"], driven["figures"]["drift_conductivity_S_m"]
    error = (total["stderr"] ** 2 + drift["stderr"] ** 2) ** 0.5
    assert abs(total["value"] - drift["value"]) < 4 * error  # false alarm 6e-5
    assert (tmp_path / "out" / "study-conductivities.png").stat().st_size > 10_000
    capsys.readouterr()
