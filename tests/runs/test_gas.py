"""`kmc equilibrium`, [gas] and chemical expansion in a run file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w

from kmc.model.parameters import load_model
from lattices.defects.equilibrium import solve_equilibrium
from lattices.errors import InputError
from runs.cli import main
from runs.config import load_config
from runs.gas import nearest_neutral
from runs.schema.crystal import CrystalSpec
from tests.runs.systems import system_of
from tests.systems import NOTE

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
    ("options", "message"),
    [
        (["nosuch", "--temperature", "1000", "--pO2", "1"], "known materials are"),
        (["lsf64", "--temperature", "1000", "--pO2", "-1"], "pO2_bar = -1: allowed is"),
        (["lsf64", "--temperature", "1000", "--pO2", "-1e-3"], "pO2_bar = -1e-3: allowed is 1e-100 to 1e6"),
        (["lsf64", "--temperature", "-.5E+3", "--pO2", "1"], "temperature_K = -.5E+3: allowed is 300"),
        (["lsf", "--temperature", "1000", "--pO2", "1", "--dopant", "-1e-1"], "dopant_fraction = -1e-1: allowed"),
        (["lsf64", "--temperature", "1000", "--pO2", "x"], "argument --pO2: invalid number value: 'x'"),
        (["bzy20", "--temperature", "1000", "--pO2", "1", "--pH2O", "-inf"], "pH2O_bar = -inf: allowed"),
        (["bzy20", "--temperature", "1000", "--pO2", "1"], "pH2O_bar is missing"),
        (["bzy", "--temperature", "1000", "--pO2", "1", "--pH2O", "0.02"], "dopant_fraction is missing"),
        (["lsf64", "--temperature", "1000", "--pO2", "1", "--constants", "x"], "sets for lsf64 are kuhn2011"),
        (["lsf64", "--temperature", "1000"], "--pO2"),
    ],
)
def test_invalid_options(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["equilibrium", *options])
    except SystemExit as end:
        code = int(str(end.code))
    lines = capsys.readouterr().err.splitlines()
    assert code == 2 and len(lines) == 1 and message in lines[0]
    assert "mapping" not in lines[0]


def test_a_figure_prints_its_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The diagram exceeds the range of pO2, the requested pressure does not."""
    asked = ["equilibrium", "lsf64", "--temperature", "1073", "--pO2", "0.01"]
    assert main([*asked, "--brouwer", str(tmp_path / "b.png")]) == 0
    printed = capsys.readouterr()
    assert "warning" not in printed.out
    assert "warning: pO2_bar = 1e-25 to 1 is outside 1e-19 to 1 of set kuhn2011" in printed.err


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing/b.png", "cannot be written: No such file or directory"), ("b.xyz", "Format 'xyz' is not supported")],
)
def test_a_diagram_that_cannot_be_written(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["equilibrium", "bzy20", "--temperature", "700", "--pO2", "0.2", "--pH2O", "0.02"]
    assert main([*asked, "--brouwer", str(tmp_path / name)]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"--brouwer {tmp_path / name}: {message}" in last


def test_a_dry_gas_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["equilibrium", "bzy20", "--temperature", "700", "--pO2", "0.2", "--pH2O", "0"]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["site_fraction.H"] == 0.0
    assert main(asked) == 0
    assert "dry (pH2O = 0) at 700 K" in capsys.readouterr().out
    with pytest.raises(
        InputError, match=r"no carrier to move, none of H; gas: pO2 = 0.2 bar, dry \(pH2O = 0\) at 600 K"
    ):
        system_of(*load_config("bzy", ["gas.pH2O_bar=0"]), 0)
    one = system_of(*load_config("bzy", ["gas.pH2O_bar=0", "gas.material=bzy", "crystal.doping.Y={number=201}"]), 0)
    assert "dry (pH2O = 0)" in one.composition.notes[0].text and one.composition.counts["H"] == 1
    assert whole_numbers(one).startswith("warning: whole numbers: V_O 100 (100.50), H 1 (0.00)")


def test_a_gas_determines_the_carriers_at_each_temperature(run_file: Path) -> None:
    """The neutral whole numbers nearest to the equilibrium of K_ox; delta = 0.0631 per formula unit at 1073 K."""
    config, base = load_config(run_file)
    for number, delta in ((0, 0.0429), (1, 0.0631)):
        system = system_of(config, base, number)
        counts = system.composition.counts
        assert counts["V_O"] == pytest.approx(1000 * delta, abs=0.6)
        assert counts["hole"] == 400 - 2 * counts["V_O"] and system.composition.net_charge == 0
        assert f"delta = {delta}" in system.composition.notes[0].text


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
        (
            "crystal.doping.Sr=0.2",
            "holds 0.4 acceptors per site, the doping gives 0.2 in whole numbers; change crystal",
        ),
        ("crystal.doping.Sr={number=401}", "the doping gives 0.401 in whole numbers"),
        ("gas.pO2_bar=0.0", "gas.pO2_bar"),
        ("gas.material=bzy", "gas.material = 'bzy' is for Zr on cation sites; the hosts of this crystal are Fe, La"),
        ("gas.material=ceria", "gas.material = 'ceria' is for Ce"),
        ("gas.material=glass", "known materials are"),
        ("model.parameters=ideal-perovskite", "crystal.doping|gas.material is missing|unknown species"),
    ],
)
def test_gases_that_do_not_fit(run_file: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        system_of(*load_config(run_file, [change]), 1)


SMALL = ["crystal.repeats=[3, 3, 3]", "run.temperature_K=1073", "gas.material=lsf"]
CERIA = """
[crystal]
prototype = "fluorite"
host = { cation = "Ce" }
repeats = [3, 3, 4]
doping = { Gd = { number = 13 } }
[gas]
pO2_bar = 0.2
material = "ceria"
[model]
parameters = "ceria-reduced"
[run]
temperature_K = 1273
"""


def whole_numbers(system) -> str:
    (line,) = [note.line for note in system.composition.notes if "whole numbers" in note.text]
    return line


def test_a_warning_about_an_odd_number_of_dopants(run_file: Path) -> None:
    """13 Gd need 6.5 vacancies: 6 would need -1 electrons, and 7 bring an electron that equilibrium does not have."""
    run_file.write_text(CERIA, encoding="utf-8")
    system = system_of(*load_config(run_file), 0)
    assert (system.composition.counts["V_O"], system.composition.counts["electron"]) == (7, 1)
    assert system.composition.net_charge == 0
    assert whole_numbers(system).startswith("warning: whole numbers: V_O 7 (6.50), electron 1 (0.0")
    even = system_of(*load_config(run_file, ["crystal.doping.Gd.number=14"]), 0)
    assert (even.composition.counts["V_O"], even.composition.counts["electron"]) == (7, 0)
    assert whole_numbers(even).startswith("whole numbers: V_O 7 (7.00), electron 0 (0.0")


def test_a_small_supercell_misses_equilibrium_and_says_so(run_file: Path) -> None:
    """11 Sr of 27, delta near 0.2: one vacancy more or less changes the number of holes by two."""
    system = system_of(*load_config(run_file, [*SMALL, "gas.pO2_bar=1e-8"]), 0)
    counts = system.composition.counts
    assert counts["hole"] == 11 - 2 * counts["V_O"] == 1 and counts["V_O"] == 5
    assert whole_numbers(system).startswith("warning: whole numbers: V_O 5 (5.")
    large = system_of(*load_config(run_file), 1)
    assert whole_numbers(large).startswith("whole numbers: V_O 63 (63.14), hole 274 (273.7")


@pytest.mark.parametrize("repeats", [(3, 3, 3), (3, 3, 4), (5, 5, 7)])
def test_rounding_by_half_a_site_keeps_a_fixed_composition(run_file: Path, repeats: tuple[int, int, int]) -> None:
    """10.8 -> 11, 14.4 -> 14 and 70 Sr are the nearest numbers to LSF64; one more Sr is refused."""
    cells = repeats[0] * repeats[1] * repeats[2]
    size = f"crystal.repeats={list(repeats)}"
    system = system_of(*load_config(run_file, [size]), 0)
    number = system.composition.counts["Sr"]
    assert number == int(0.4 * cells + 0.5) and system.composition.net_charge == 0
    with pytest.raises(InputError, match=r"the doping gives 0\.\d+ in whole numbers"):
        system_of(*load_config(run_file, [size, f"crystal.doping.Sr={{number={number + 1}}}"]), 0)


def test_nearest_neutral_tries_every_rounding() -> None:
    charges = {"V_O": 2, "H": 1, "electron": -1, "hole": 1}
    assert nearest_neutral({"V_O": 6.5, "H": 0.0}, charges, -13) == {"V_O": 6, "H": 1}
    assert nearest_neutral({"V_O": 6.4, "H": 0.2, "electron": 0.0}, charges, -13) == {"V_O": 6, "H": 1, "electron": 0}
    assert nearest_neutral({"V_O": 6.2, "H": 3.4, "hole": 1.2}, charges, -17) == {"V_O": 6, "H": 4, "hole": 1}
    assert nearest_neutral({"V_O": 6.5}, charges, -13) is None
    assert nearest_neutral({"V_O": 7.4, "hole": 0.0}, charges, -13) is None  # would need a negative number of holes


def test_protons_from_a_gas_are_those_of_the_equilibrium() -> None:
    """BZY20 at 600, 700 and 800 K: numbers of H and V_O on 3000 oxygen sites within one of equilibrium, and neutral."""
    config, base = load_config("bzy", [])
    for number, temperature_K in enumerate((600.0, 700.0, 800.0)):
        exact = solve_equilibrium("bzy20", temperature_K, 0.2, pH2O_bar=0.02).site_fractions
        counts = system_of(config, base, number).composition.counts
        assert 10 < counts["H"] < 200 and 10 < counts["V_O"] < 95
        assert abs(counts["H"] - 3000 * exact["H"]) <= 1.0 and abs(counts["V_O"] - 3000 * exact["V_O"]) <= 0.5
        assert counts["H"] + 2 * counts["V_O"] == counts["Y"] == 200


def test_protons_and_holes_from_a_gas(tmp_path: Path) -> None:
    """User-defined hole constants and a made-up model with holes: three carriers with equilibrium numbers."""
    data = load_model("bzy").model_dump(mode="json", exclude_none=True)
    data["layers"] = {"holes": "B"}
    data["species"]["empty"] = {"sublattice": "holes", "charge": 0, "element": "X"}
    data["species"]["hole"] = {"sublattice": "holes", "charge": 1, "element": "X"}
    nu = {"value": 1e13, **NOTE}
    hop = {"name": "hole", "carrier": "hole", "partner": "empty", "attempt_frequency_Hz": nu}
    data["hops"] = [*data["hops"], {**hop, "barriers": [{"gate": [], "energy_eV": 0.25, **NOTE}]}]
    (tmp_path / "holes.toml").write_text(tomli_w.dumps(data), encoding="utf-8")
    constants = {"hole_oxidation_enthalpy_J_mol": -5e4, "hole_oxidation_entropy_J_mol_K": -100.0, "source": "a test"}
    (tmp_path / "run.toml").write_text(
        '[crystal]\nprototype = "perovskite"\nhost = { A = "Ba", B = "Zr" }\nrepeats = [10, 10, 10]\n'
        'doping = { Y = 0.2 }\n[gas]\nmaterial = "bzy20"\npO2_bar = 1.0\npH2O_bar = 0.02\n'
        f"constants = {{ {', '.join(f'{key} = {value!r}' for key, value in constants.items())} }}\n"
        '[model]\nparameters = "holes.toml"\n[run]\ntemperature_K = 700\n'
    )
    system = system_of(*load_config(tmp_path / "run.toml"), 0)
    exact = solve_equilibrium("bzy20", 700, 1.0, pH2O_bar=0.02, constants=constants)
    counts, f = system.composition.counts, exact.site_fractions
    assert f["hole"] > 0.01 and f["H"] > 0.005 and system.composition.net_charge == 0
    for name, number in (("V_O", 3000 * f["V_O"]), ("H", 3000 * f["H"])):
        assert abs(counts[name] - number) < 1.0, name
    assert abs(counts["hole"] - 1000 * f["hole"]) < 3.0  # two roundings, one of which counts twice
    assert whole_numbers(system).startswith("whole numbers: V_O")


def test_expansion_is_applied_and_printed(run_file: Path, tmp_path: Path) -> None:
    """0.144 angstrom per delta, 3.94 angstrom, delta = 0.063: strain 0.0023; in doped ceria only reduction counts."""
    still = system_of(*load_config(run_file), 1).tables.supercell
    system = system_of(*load_config(run_file, ['crystal.expansion={material="lsf64"}']), 1)
    delta = system.composition.counts["V_O"] / 1000
    grown = system.tables.supercell
    strain = grown.crystal.cell_angstrom[0, 0] / still.crystal.cell_angstrom[0, 0] - 1
    assert strain == pytest.approx(0.144 / 3.94 * delta, rel=1e-3)
    assert any(note.text.startswith(f"expansion: strain +{strain:.5f}") for note in system.composition.notes)
    hop = system.tables.hop_length_angstrom[0] / (3.94 / 2**0.5)
    assert hop == pytest.approx(1 + strain, rel=1e-9)
    ceria = tmp_path / "ceria.toml"
    ceria.write_text(
        '[crystal]\nprototype = "fluorite"\nhost = { cation = "Ce" }\nrepeats = [5, 5, 5]\ndoping = { Gd = 0.1 }\n'
        'vacancies = "charge-balance"\nexpansion = { material = "ceria" }\n'
        '[model]\nparameters = "ceria-reduced"\n[run]\ntemperature_K = 1100\n'
    )
    system = system_of(*load_config(ceria), 0)
    assert any("strain +0.00000" in note.text for note in system.composition.notes)
    with pytest.raises(ValueError, match="expansion is for prototypes"):
        CrystalSpec.model_validate(
            {"file": "x.cif", "sublattices": {"a": "O"}, "repeats": [2, 2, 2], "expansion": {"material": "lsf64"}}
        )
