"""Charge balance from delta, dopants or one balancing carrier of a run file, and the printed composition."""

from __future__ import annotations

import json

import pytest

from lattices.errors import InputError
from lattices.notes import Note
from runs.cli import main
from runs.config import load_config
from runs.notes import balance_notes, minority_notes
from tests.runs.conftest import arguments
from tests.runs.systems import system_of


def test_lsf64_prints_its_balance():
    """delta = 0.0273 at 40 % Sr: p = 0.4 - 2 delta = 0.345 and v_Fe = 3.4 - 2 delta = 3.345."""
    config, base = load_config("lsf64", ["crystal.repeats=[20, 20, 20]"])
    system = system_of(config, base, 0)
    counts = system.composition.counts
    assert counts["V_O"] == 218 and counts["hole"] == counts["Sr"] - 2 * 218
    assert system.composition.net_charge == 0
    line = balance_notes(system)[0].text
    assert "delta = 0.0272" in line and "p - n = 0.3455" in line and "mean oxidation state of Fe = 3.3455" in line
    assert "neutrality: 0.4000 - 2 delta" in line


def test_reduced_and_doped_ceria():
    """Two electrons for every vacancy beyond those that compensate dopants."""
    config, base = load_config("ceria-reduced", ["crystal.doping={Gd=0.1}", "crystal.vacancies={delta=0.07}"])
    counts = system_of(config, base, 0).composition.counts
    assert counts["electron"] == 2 * counts["V_O"] - counts["Gd"] and counts["V_O"] == round(0.07 * 2048)
    assert "n = -0.0" in balance_notes(system_of(config, base, 0))[0].text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["crystal.doping={Gd=0.1}"], r"crystal.doping: it cannot be neutral: .* negative number"),
        (
            ["crystal.carriers={electron={number=3}}"],
            r"crystal: the supercell is not neutral: .*\(V_O\).* -3 \(electron\) = \+79 e; give one carrier",
        ),
        (["crystal.carriers={}"], r"crystal: the supercell is not neutral: \+82 \(V_O\) = \+82 e; give one carrier"),
        (["crystal.vacancies={delta=2.5}"], r"delta = 2.5: at most 2"),
        (["crystal.vacancies={delta=-0.1}"], r"crystal.vacancies.delta = -0.1"),
        (["crystal.vacancies={delta=0.1, number=3}"], r"crystal.vacancies: .*delta"),
    ],
)
def test_compositions_that_cannot_be_neutral_are_refused(changes, expected):
    with pytest.raises(InputError, match=expected):
        system_of(*load_config("ceria-reduced", changes), 0)


@pytest.mark.parametrize(
    ("example", "changes", "note"),
    [
        (
            "ceria-reduced",
            ["crystal.carriers={electron={number=41}}", 'crystal.vacancies="charge-balance"'],
            "net charge -1 e: whole numbers of carriers leave it; without Coulomb energies it has no effect",
        ),
        (
            "ideal-fluorite",
            [],
            "net charge +410 e: allowed by crystal.allow_net_charge; without Coulomb energies it has no effect",
        ),
        (
            "ceria-reduced",
            ["crystal.carriers={}", "crystal.allow_net_charge=true", "model.relative_permittivity=300.0"],
            "net charge +82 e: allowed by crystal.allow_net_charge; a uniform background balances it",
        ),
    ],
)
def test_a_net_charge_is_less_than_one_carrier_or_allowed_by_the_run_file(example, changes, note):
    """One rule for models with and without electronic carriers."""
    assert Note(note, warning=True) in system_of(*load_config(example, changes), 0).composition.notes


def test_vacancies_alone_are_refused_like_a_lone_electron():
    with pytest.raises(InputError, match=r"not neutral: \+410 \(V_O\) = \+410 e; .*crystal.allow_net_charge = true"):
        system_of(*load_config("ideal-fluorite", ["crystal.allow_net_charge=false"]), 0)


@pytest.mark.parametrize(
    ("changes", "counts", "note"),
    [
        (["crystal.carriers={hole=0.345}"], {"V_O": 47, "hole": 597}, "whole numbers: hole 596 -> 597, for neutrality"),
        (["crystal.vacancies={delta=0.2}"], {"V_O": 345, "hole": 1}, "whole numbers: V_O 346 -> 345, for neutrality"),
    ],
)
def test_rounding_to_whole_numbers_keeps_the_balance(changes, counts, note):
    composition = system_of(*load_config("lsf64", changes), 0).composition
    assert composition.net_charge == 0 and Note(note) in composition.notes
    assert {name: composition.counts[name] for name in counts} == counts


def test_a_warning_about_electrons_beside_few_holes():
    """K_i of LSF64 at 1073 K is 1.6e-6: n = K_i m^2/p exceeds p/100 where p is below about 0.013."""
    for delta, expected in ((0.0273, False), (0.19, False), (0.199, True)):
        notes = minority_notes(system_of(*load_config("lsf64", [f"crystal.vacancies={{delta={delta}}}"]), 0))
        assert bool(notes) == expected, delta
    assert "electron, which model 'lsf64' lacks: outside its range" in notes[0].text and notes[0].warning
    assert minority_notes(system_of(*load_config("ceria-reduced"), 0)) == []


def test_lsf64_out_of_the_box(tmp_path, capsys):
    """The shipped example, shortened: p = 0.345 is printed and stored, and t_e is near one."""
    short = ["run.duration={hops_per_carrier=5}", "run.frames=50", "run.equilibration={hops_per_carrier=1}"]
    assert main(["run", "lsf64", *arguments(short), "--out", str(tmp_path / "run")]) == 0
    assert "p - n = 0.3455 per B site" in capsys.readouterr().out
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert any("p - n = 0.3455" in note for note in results["notes"])
    assert results["electronic_transference_number"]["value"] > 0.9


@pytest.mark.slow
def test_a_mixed_conductor_is_analysed_and_drawn(tmp_path):
    """Both carriers move, t_ion + t_e = 1 to rounding, and the figures are written."""
    changes = ["crystal.repeats=[6, 6, 6]", "run.temperature_K=[1200, 1400]", "run.duration={hops_per_carrier=60}"]
    assert main(["run", "ceria-reduced", *arguments(changes), "--out", str(tmp_path / "run")]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    for run in results["runs"]:
        ionic, electronic = (run[f"{kind}_transference_number"]["value"] for kind in ("ionic", "electronic"))
        assert ionic + electronic == pytest.approx(1, abs=1e-12)
        assert run["onsager"]["species"] == ["V_O", "electron"]
        assert run["electronic_conductivity_S_m"]["value"] > 0
    for picture in ("conductivities.png", "T1200K/onsager.png", "T1400K/onsager.png", "arrhenius.png"):
        assert (tmp_path / "run" / picture).stat().st_size > 10_000
