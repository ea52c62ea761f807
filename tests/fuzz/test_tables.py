"""Run files, parameter files and study files with nonsense in them: accepted, or refused by file and key."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import Damage, Mutation, Table, damaged, damages, mutated, mutations
from tests.fuzz.outcomes import fuzz, outcome

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prepared_only")]

SOURCE = {"source": "a made-up number", "mark": "assumed"}


def example(name: str, repeats: Sequence[int] = (3, 3, 3), **run: Any) -> Table:
    """A shipped example in a small supercell."""
    text = (resources.files("runs") / "examples" / f"{name}.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    table["crystal"]["repeats"] = list(repeats)
    table["run"] |= {"replicas": 2, "frames": 4, "temperature_K": 1200, "seed": 3, "positions": "first"} | run
    return table


RUN_FILES = [
    example("ideal-fluorite", profile={"axis": 0, "bins": 2}, field_V_per_m=[0, 0, 1e5], temperature_index=0),
    example("ideal-fluorite", duration={"time_s": 1e-7}, parallel={"domains": {"block": 2}}, repeats=[4, 4, 4]),
    example("ideal-perovskite", track="carriers", duration={"precision": 0.1}),
    example("smallest", selection="rejection", backend="numpy", checkpoint_every_s=60.0),
    example("lsf64") | {"polarons": {"mode": "scaled", "scale": 10.0}},
    example("ceria-chemical"),
    example("bzy"),
]


@pytest.mark.parametrize("number", range(len(RUN_FILES)))
def test_the_tables_that_are_mutated_are_valid(folder: Path, number: int) -> None:
    assert outcome("validate", write(folder / "run.toml", RUN_FILES[number])).lines == ()
    write(folder / "set.toml", MODEL)
    own = RUN_FILES[3] | {"model": {"parameters": "set.toml"}}
    assert outcome("validate", write(folder / "run.toml", own)).lines == ()


def write(path: Path, table: Table) -> Path:
    """Write a table as TOML."""
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    return path


@fuzz
@given(st.sampled_from(RUN_FILES), mutations())
def test_run_files(folder: Path, table: Table, changes: list[Mutation]) -> None:
    table, keys = mutated(table, changes)
    file = write(folder / "run.toml", table)
    found = outcome("validate", file)
    assert found.names(file, keys), (found, keys)


MODEL: Table = {
    "name": "made-up",
    "prototype": "fluorite",
    "lattice_parameter_angstrom": {"value": 5.4, **SOURCE},
    "species": {
        "O": {"sublattice": "anion", "charge": 0, "element": "O", "label": "O_O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X", "label": "V_O"},
        "Ce": {"sublattice": "cation", "charge": 0, "element": "Ce"},
        "Gd": {"sublattice": "cation", "charge": -1, "element": "Gd", "oxidation_state": 3},
    },
    "hops": [
        {
            "name": "vacancy",
            "carrier": "V_O",
            "partner": "O",
            "shell": 1,
            "rate": "kra",
            "attempt_frequency_Hz": {"value": 1e13, **SOURCE},
            "gate": ["cation"],
            "barriers": [
                {"gate": ["Ce", "Ce"], "energy_eV": 0.5, **SOURCE},
                {"gate": ["Ce", "Gd"], "energy_eV": 0.6, **SOURCE},
                {"gate": ["Gd", "Gd"], "energy_eV": 0.8, **SOURCE},
            ],
        }
    ],
    "pairs": [
        {"species": ["V_O", "Gd"], "shell": 1, "energy_eV": -0.1, **SOURCE},
        {"species": ["V_O", "V_O"], "distance_angstrom": [2.6, 2.8], "energy_eV": 0.2, **SOURCE},
    ],
}


@fuzz
@given(mutations())
def test_parameter_files(folder: Path, changes: list[Mutation]) -> None:
    table, keys = mutated(MODEL, changes)
    file = write(folder / "set.toml", table)
    found = outcome("validate", write(folder / "run.toml", RUN_FILES[3] | {"model": {"parameters": "set.toml"}}))
    # Where the run file does not suit the set, or where the change makes a hop or a pair of it impossible.
    assert found.names(file.name, keys | {"crystal", "distance_angstrom", "shell", "hop", "pair"}), (found, keys)


STUDY = {
    "run": "ideal-fluorite",
    "set": {"crystal.repeats": [3, 3, 3], "run.temperature_K": 1200, "run.replicas": 2},
    "vary": {"run.frames": [3], "crystal.vacancies": [{"fraction": 0.1}, {"number": 4}]},
}


@fuzz
@given(mutations())
def test_study_files(folder: Path, changes: list[Mutation]) -> None:
    table, keys = mutated(STUDY, changes)
    file = write(folder / "study.toml", table)
    shutil.rmtree(folder / "out", ignore_errors=True)
    found = outcome("study", file, "--out", folder / "out")
    assert found.names(file, {part for key in keys for part in key.split(".")}), (found, keys)


@fuzz
@given(st.sampled_from([*RUN_FILES, STUDY]), damages())
def test_damaged_texts(folder: Path, table: Table, changes: list[Damage]) -> None:
    file = folder / "damaged.toml"
    file.write_bytes(damaged(tomli_w.dumps(table).encode(), changes))
    shutil.rmtree(folder / "out", ignore_errors=True)
    found = outcome(*(("study", file, "--out", folder / "out") if table is STUDY else ("validate", file)))
    assert found.names(file), found
