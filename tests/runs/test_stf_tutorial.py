"""The files of the tutorial that writes a material from scratch are valid and run as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kmc.model.listing import numbers_of
from kmc.model.parameters import load_model
from lattices.errors import InputError
from runs.cli import main
from runs.config import load_config
from runs.prepare import prepare

PAGE = (Path(__file__).parents[2] / "docs" / "tutorials" / "stf35.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in re.findall(r"%%writefile (\S+)\n(.*?)```", PAGE, flags=re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_every_energy_of_the_exercise_is_assumed(folder: Path) -> None:
    numbers = numbers_of(load_model(folder / "stf35.toml"))
    assert {number.mark for number in numbers if number.value != "forbidden"} == {"assumed"}


def test_the_gas_sets_vacancies_and_holes_on_iron(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--temperature", "1073", "--pO2", "0.21", "--dopant", "0.35", "--json"]
    assert main(["equilibrium", str(folder / "stf35.toml"), *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 2 * found["delta"] + found["site_fraction.hole"] == pytest.approx(0.35, rel=1e-9)
    config, base = load_config(folder / "run.toml")
    (system,) = prepare(config, base).systems
    counts, net = system.composition.counts, system.composition.net_charge
    assert net == 0 and counts["Fe"] == 44 and counts["V_O"] == pytest.approx(found["delta"] * 125, abs=1)
    state = system.initial_state().occupants
    supercell = system.tables.supercell
    names = [s.name for s in supercell.crystal.sublattices]
    starts = (supercell.offset_of(names.index(name)) for name in ("B", "holes"))
    cations, holes = (state[:, start : start + 125] for start in starts)
    assert (cations[holes == system.model.code("hole")] == system.model.code("Fe")).all()


def test_the_mistakes_of_the_page_are_named_together(folder: Path) -> None:
    text = (folder / "stf35.toml").read_text(encoding="utf-8")
    wrong = folder / "wrong.toml"
    changed = text.replace('carrier = "V_O"', 'carier = "V_O"').replace("energy_eV = 0.90", "energy_eV = -0.9")
    wrong.write_text(changed, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_model(wrong)
    assert len(caught.value.lines) == 3 and "did you mean 'carrier'?" in str(caught.value)
