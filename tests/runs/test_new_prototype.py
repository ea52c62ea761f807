"""A new crystal prototype is one entry of PROTOTYPES: run files, models and messages need no other change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lattices.crystal import Crystal
from lattices.from_atoms import crystal_from_atoms
from lattices.prototypes import PROTOTYPES, Prototype
from runs.cli import main

MODEL = """
name = "magnesia"
prototype = "rock-salt"
lattice_parameter_angstrom = { value = 4.21, source = "made up for a test", mark = "derived" }
[species]
O = { sublattice = "anion", charge = 0, element = "O" }
V_O = { sublattice = "anion", charge = 2, element = "X" }
Mg = { sublattice = "cation", charge = 0, element = "Mg" }
[[hops]]
name = "vacancy"
carrier = "V_O"
partner = "O"
attempt_frequency_Hz = { value = 1e13, source = "made up for a test", mark = "derived" }
barriers = [{ energy_eV = 0.5, source = "made up for a test", mark = "derived" }]
"""
RUN = """
[crystal]
prototype = "rock-salt"
host = { metal = "Mg" }
repeats = [3, 3, 3]
vacancies = { delta = 0.1 }
allow_net_charge = true
[model]
parameters = "magnesia.toml"
[run]
temperature_K = 1200
replicas = 4
frames = 20
equilibration = { hops_per_carrier = 2 }
duration = { hops_per_carrier = 30 }
"""


def rock_salt(host: Mapping[str, str], lattice_parameter_angstrom: float) -> Crystal:
    """Conventional cubic cell with four sites of each sublattice."""
    from ase.build import bulk

    atoms = bulk(f"{host['metal']}O", "rocksalt", a=lattice_parameter_angstrom, cubic=True)
    return crystal_from_atoms(atoms, {"anion": "O", "cation": host["metal"]})


@pytest.fixture
def run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run file with a user-defined prototype."""
    monkeypatch.setitem(PROTOTYPES, "rock-salt", Prototype(rock_salt, 1, ("metal",)))
    (tmp_path / "magnesia.toml").write_text(MODEL)
    (tmp_path / "case.toml").write_text(RUN)
    return tmp_path / "case.toml"


def test_a_run_on_a_new_prototype(run_file: Path, tmp_path: Path) -> None:
    """From the run file to D*: twelve neighbours, one anion per formula unit, 0.1 x 108 rounded to 11 vacancies."""
    assert main(["run", str(run_file), "--out", str(tmp_path / "run")]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["species"]["O"]["tracer_diffusivity_m2_s"]["value"] > 0
    volume = 27 * 4.21e-10**3
    assert results["species"]["V_O"]["number_density_m3"] == pytest.approx(11 / volume)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("crystal.host={cation='Mg'}", "rock-salt needs exactly the keys metal"),
        ("crystal.prototype=spinel", "'spinel' was given; known prototypes are fluorite, perovskite, rock-salt"),
        ("crystal.prototype=fluorite", "model 'magnesia' is for rock-salt"),
        ("crystal.vacancies.delta=1.5", "at most 1, the anions of a formula unit"),
        ("crystal.host={metal='Qq'}", "a chemical symbol is needed"),
    ],
)
def test_messages_follow_the_registry(run_file: Path, refused: Callable[..., str], change: str, message: str) -> None:
    assert message in refused("validate", run_file, "--set", change)
