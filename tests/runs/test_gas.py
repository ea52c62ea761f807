"""`kmc equilibrium`, [gas] and chemical expansion in a run file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lattices.errors import InputError
from runs.build import system_of
from runs.cli import main
from runs.config import load_config
from runs.schema_crystal import CrystalSpec

LSF = """
[crystal]
prototype = "perovskite"
host = { A = "La", B = "Fe" }
repeats = [10, 10, 10]
doping = { Sr = 0.4 }
[gas]
pO2_bar = 0.01
[model]
parameters = "lsf64"
[run]
temperature_K = [1000, 1073]
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "gas.toml"
    path.write_text(LSF, encoding="utf-8")
    return path


def test_equilibrium_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "b.png"
    asked = ["equilibrium", "lsf64", "--temperature", "1073", "--pO2", "0.01"]
    assert main([*asked, "--json", "--brouwer", str(picture)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["delta"] == pytest.approx(0.0631, abs=5e-5) and picture.stat().st_size > 10_000
    assert found["site_fraction.hole"] == pytest.approx(0.4 - 2 * found["delta"], abs=1e-5)
    assert found["thermodynamic_factor_O"] > 100 and found["site_fraction.H"] is None
    assert main(asked) == 0
    assert "delta = 0.06314" in capsys.readouterr().out
    assert main(["equilibrium", "gdc10", "--temperature", "1073", "--pO2", "1e-15"]) == 0
    assert "warning: temperature_K = 1073 is outside 1273 to 1773" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch", "--temperature", "1000", "--pO2", "1"], "known materials are"),
        (["lsf64", "--temperature", "1000", "--pO2", "-1"], "pO2_bar = -1.0: allowed is"),
        (["bzy20", "--temperature", "1000", "--pO2", "1"], "pH2O_bar is missing"),
        (["bzy", "--temperature", "1000", "--pO2", "1", "--pH2O", "0.02"], "dopant_fraction is missing"),
        (["lsf64", "--temperature", "1000", "--pO2", "1", "--constants", "x"], "sets for lsf64 are kuhn2011"),
        (["lsf64", "--temperature", "1000"], "--pO2"),
    ],
)
def test_bad_questions(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["equilibrium", *words])
    except SystemExit as end:
        code = int(str(end.code))
    lines = capsys.readouterr().err.splitlines()
    assert code == 2 and len(lines) == 1 and message in lines[0]


def test_a_gas_decides_the_carriers_at_each_temperature(run_file: Path) -> None:
    """The whole numbers nearest to K_ox at 1000 and 1073 K, neutral; 0.0631 per formula unit at 1073 K."""
    config, base = load_config(run_file)
    for number, delta in ((0, 0.0429), (1, 0.0631)):
        system = system_of(config, base, number)
        counts = system.composition.counts
        assert counts["V_O"] == pytest.approx(1000 * delta, abs=0.6)
        assert counts["hole"] == 400 - 2 * counts["V_O"] and system.composition.net_charge == 0
        assert f"delta = {delta}" in system.composition.notes[0]


def test_proton_free_and_reduced_ceria_from_gas(run_file: Path) -> None:
    text = LSF.replace('"perovskite"', '"fluorite"').replace('{ A = "La", B = "Fe" }', '{ cation = "Ce" }')
    text = text.replace("Sr = 0.4", "Gd = 0.1").replace('"lsf64"', '"ceria-reduced"').replace("0.01", "1e-15")
    run_file.write_text(text.replace("[1000, 1073]", "1273"))
    system = system_of(*load_config(run_file), 0)
    counts = system.composition.counts
    assert counts["electron"] == 2 * counts["V_O"] - 400 and counts["electron"] == pytest.approx(158, abs=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("crystal.vacancies=0.1", "must be left out"),
        ("gas.pO2_bar=1e-18", "electron .* is not in model 'lsf64': this gas is outside its range"),
        ("crystal.doping.Sr=0.2", "holds 0.4 acceptors per site, the doping gives 0.2"),
        ("gas.pO2_bar=0.0", "gas.pO2_bar"),
        ("gas.material=bzy", "pH2O_bar is missing"),
        ("model.parameters=ideal-perovskite", "crystal.doping|gas.material is missing|unknown species"),
    ],
)
def test_gases_that_do_not_fit(run_file: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        system_of(*load_config(run_file, [change]), 1)


def test_expansion_is_applied_and_told(run_file: Path, tmp_path: Path) -> None:
    """0.144 angstrom per delta over 3.94 at delta = 0.063: strain 0.0023; for doped ceria reduction alone counts."""
    still = system_of(*load_config(run_file), 1).tables.supercell
    system = system_of(*load_config(run_file, ['crystal.expansion={material="lsf64"}']), 1)
    delta = system.composition.counts["V_O"] / 1000
    grown = system.tables.supercell
    strain = grown.crystal.cell_angstrom[0, 0] / still.crystal.cell_angstrom[0, 0] - 1
    assert strain == pytest.approx(0.144 / 3.94 * delta, rel=1e-3)
    assert any(line.startswith(f"expansion: strain +{strain:.5f}") for line in system.composition.notes)
    hop = system.tables.hop_length_angstrom[0] / (3.94 / 2**0.5)
    assert hop == pytest.approx(1 + strain, rel=1e-9)
    ceria = tmp_path / "ceria.toml"
    ceria.write_text(
        '[crystal]\nprototype = "fluorite"\nhost = { cation = "Ce" }\nrepeats = [5, 5, 5]\ndoping = { Gd = 0.1 }\n'
        'vacancies = "charge-balance"\nexpansion = { material = "ceria" }\n'
        '[model]\nparameters = "ceria-reduced"\n[run]\ntemperature_K = 1100\n'
    )
    system = system_of(*load_config(ceria), 0)
    assert any("strain +0.00000" in line for line in system.composition.notes)
    with pytest.raises(ValueError, match="expansion is for prototypes"):
        CrystalSpec.model_validate(
            {"file": "x.cif", "sublattices": {"a": "O"}, "repeats": [2, 2, 2], "expansion": {"material": "lsf64"}}
        )
