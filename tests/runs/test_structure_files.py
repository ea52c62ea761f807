"""Run files with structure files: compositions from occupancies, ordered dopants, and a byte order mark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from ase.build import bulk
from ase.io import write

from runs.cli import main
from runs.config import load_config
from tests.lattices.test_structure_files import CUBIC, YSZ, cif
from tests.runs.systems import system_of

NOTE = {"source": "made up for a test", "mark": "derived"}


def model_file(folder: Path, cation: str, dopant: str) -> None:
    """Oxygen vacancies in fluorite, trivalent dopants on the cation sites."""
    species = {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        cation: {"sublattice": "cation", "charge": 0, "element": cation},
        dopant: {"sublattice": "cation", "charge": -1, "element": dopant},
    }
    hop = {"name": "vacancy", "carrier": "V_O", "partner": "O", "attempt_frequency_Hz": {"value": 1e13, **NOTE}}
    hop["barriers"] = [{"gate": [], "energy_eV": 0.6, **NOTE}]
    (folder / "model.toml").write_text(tomli_w.dumps({"name": "doped", "species": species, "hops": [hop]}), "utf-8")


def run_file(folder: Path, structure: str, cation: str | list[str], **crystal: object) -> Path:
    keys = {"file": structure, "sublattices": {"anion": "O", "cation": cation}, "repeats": [3, 3, 3]} | crystal
    run = {"temperature_K": 1000, "duration": {"hops_per_carrier": 5.0}, "backend": "numpy"}
    path = folder / "run.toml"
    path.write_text(tomli_w.dumps({"crystal": keys, "model": {"parameters": "model.toml"}, "run": run}), "utf-8")
    return path


@pytest.fixture
def zirconia(tmp_path: Path) -> Path:
    model_file(tmp_path, "Zr", "Y")
    cif(tmp_path, CUBIC, YSZ, "F m -3 m")
    return tmp_path


def test_occupancies_are_the_composition(zirconia: Path) -> None:
    """Zr0.85 Y0.15 O1.925 in 27 cells: 16 Y on 108 cation sites and 0.0375 x 216 = 8 vacancies are neutral."""
    config, base = load_config(run_file(zirconia, "test.cif", "Zr"))
    composition = system_of(config, base, 0).composition
    assert {name: composition.counts[name] for name in ("Y", "V_O")} == {"Y": 16, "V_O": 8}
    assert composition.net_charge == 0
    assert "Y: 0.15 of its sites, from the structure file" in [note.line for note in composition.notes]


def test_the_run_file_overrides_occupancies(zirconia: Path) -> None:
    amounts = {"doping": {"Y": {"number": 12}}, "vacancies": "charge-balance"}
    config, base = load_config(run_file(zirconia, "test.cif", "Zr", **amounts))
    composition = system_of(config, base, 0).composition
    assert {name: composition.counts[name] for name in ("Y", "V_O")} == {"Y": 12, "V_O": 6}
    lines = [note.line for note in composition.notes]
    assert "warning: Y: the structure file gives 0.15 of its sites; the run file's amount is used instead" in lines


def test_an_element_that_the_model_lacks_is_named(zirconia: Path, refused: Callable[..., str]) -> None:
    model_file(zirconia, "Zr", "Sc")
    line = refused("validate", run_file(zirconia, "test.cif", "Zr"))
    assert "the structure file has Y there, for which model 'doped' has 0 species" in line


@pytest.mark.parametrize("members", [["Ce", "Gd"], ["Gd", "Ce"]])
def test_ordered_dopants_are_kept(tmp_path: Path, members: list[str]) -> None:
    """One of four cations is Gd, on the same basis site in every cell of the supercell."""
    model_file(tmp_path, "Ce", "Gd")
    atoms = bulk("CeO2", "fluorite", a=5.411, cubic=True)
    cations = [i for i, symbol in enumerate(atoms.symbols) if symbol == "Ce"]
    atoms.symbols[cations[2]] = "Gd"
    write(tmp_path / "ordered.cif", atoms)
    config, base = load_config(
        run_file(tmp_path, "ordered.cif", members, vacancies={"number": 13}, allow_net_charge=True)
    )
    system = system_of(config, base, 0)
    assert system.composition.counts["Gd"] == 27
    occupants = system.initial_state().occupants[0, 216:].reshape(27, 4)
    gadolinium = occupants == system.model.code("Gd")
    assert gadolinium.sum(axis=0).tolist() in ([0, 0, 27, 0], [27, 0, 0, 0], [0, 27, 0, 0], [0, 0, 0, 27])


def test_a_byte_order_mark_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This holds for run files and parameter files; Windows editors write such marks."""
    model_file(tmp_path, "Ce", "Gd")
    write(tmp_path / "ceria.cif", bulk("CeO2", "fluorite", a=5.411, cubic=True))
    run_file(tmp_path, "ceria.cif", "Ce", vacancies={"number": 2}, allow_net_charge=True)
    for name in ("run.toml", "model.toml"):
        (tmp_path / name).write_text((tmp_path / name).read_text("utf-8"), "utf-8-sig")
    assert main(["validate", str(tmp_path / "run.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
