"""Run, validate and study use the same preparation: they refuse the same input and build the tables once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kmc.state.system
import kmc.tables.coulomb
from kmc.state.system import System
from runs.config import load_config
from runs.prepare import prepare
from tests.runs.conftest import arguments

CERIA = ("ceria-chemical", ["crystal.repeats=[4, 4, 8]", "run.replicas=2"])
GDC = ("gdc", ["crystal.repeats=[4, 4, 4]", "run.replicas=2"])
REDUCED = ("ceria-reduced", ["crystal.repeats=[4, 4, 4]", "run.replicas=2"])
IDEAL = ("ideal-fluorite", ["crystal.repeats=[3, 3, 3]", "run.replicas=2"])
BZY = ("bzy", ["crystal.repeats=[3, 3, 3]", "run.replicas=2"])
REFUSED = [
    (CERIA, ["thermodynamics.mu_eV=[1e300]"], "thermodynamics.mu_eV = [1e+300]"),
    (CERIA, ["thermodynamics.pO2_bar=[1e-10]"], "thermodynamics.pO2_bar"),
    (CERIA, ["thermodynamics.relaxation={amplitude=1.0}", "crystal.vacancies=0.2"], "amplitude = 1.0"),
    (IDEAL, ["crystal.vacancies=0.999"], "no carrier can move"),
    (GDC, ["run.track=carriers", "run.selection=rejection-free"], 'needs track = "all"'),
    (GDC, ["run.profile={axis=0, bins=50}"], "run.profile.bins = 50"),
    (GDC, ["run.parallel={domains={block=8}}"], "too small for eight colours"),
    (GDC, ["run.parallel={domains={block=2}}", "run.track=carriers"], 'track = "all"'),
    (GDC, ["crystal.prototype=spinel"], "known prototypes are"),
    (GDC, ["crystal.host.A=Ce"], "needs exactly the keys cation"),
    (GDC, ["polarons.mode=auto"], "needs mobile ions and electronic carriers"),
    (GDC, ["polarons.mode=frozen-ions"], "needs mobile ions and electronic carriers"),
    (GDC, ["run.temperature_K=[900, 1000]", "run.temperature_index=16777215"], "run.temperature_index = 16777215"),
    (REDUCED, ["polarons.mode=auto", "run.temperature_index=65536"], "run.temperature_index = 65536"),
    (REDUCED, ["model.relative_permittivity=30.0", "run.selection=rejection-free"], "Coulomb energies"),
    (BZY, ["gas.pO2_bar=1e200"], "pO2_bar = 1e+200"),
    (BZY, ["gas.material=glass"], "known materials are"),
]


@pytest.mark.parametrize(("case", "changes", "message"), REFUSED)
def test_run_validate_and_study_refuse_the_same_input(
    refused: Callable[..., str],
    tmp_path: Path,
    case: tuple[str, list[str]],
    changes: list[str],
    message: str,
) -> None:
    """Exit code 2 and the same line from all three, that of a study after its file and run, and nothing is written."""
    example, small = case
    overrides = [*small, *changes]
    out = tmp_path / "out"
    lines = {refused("run", example, "--out", out, *arguments(overrides))}
    lines.add(refused("validate", example, *arguments(overrides)))
    study = tmp_path / "some.toml"
    settings = [f'"{key}" = {value}' for key, value in (entry.split("=", 1) for entry in overrides)]
    study.write_text("\n".join([f'run = "{example}"', "[set]", *map(quoted, settings), '[vary]\n"run.seed" = [1, 2]']))
    named = f"kmc: {study}: seed=1: "
    line = refused("study", study, "--out", out)
    assert line.startswith(named)
    lines.add(line.replace(named, "kmc: "))
    assert len(lines) == 1
    (line,) = lines
    assert message in line and line.startswith(f"kmc: example {example}: ")
    assert not out.exists()


def quoted(setting: str) -> str:
    """A line of TOML, with bare strings of the command line in quotes."""
    key, value = setting.split(" = ", 1)
    return setting if value[0] in "[{0123456789" else f'{key} = "{value}"'


def counted(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[str]:
    """A list that grows by one entry with every call of a function."""
    calls: list[str] = []
    original = getattr(module, name)

    def wrapped(*arguments: object, **more: object) -> object:
        calls.append(name)
        return original(*arguments, **more)

    monkeypatch.setattr(module, name, wrapped)
    return calls


def test_the_tables_of_all_trajectories_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two temperatures in mode auto with Coulomb energies: at least six trajectories, one set of tables."""
    tables = counted(monkeypatch, kmc.state.system, "build_tables")
    sums = counted(monkeypatch, kmc.tables.coulomb, "ewald_potential")
    changes = ["polarons.mode=auto", "run.temperature_K=[1200, 1400]", "model.relative_permittivity=300.0"]
    small = ["crystal.repeats=[3, 3, 3]", "run.replicas=2"]
    prepare(*load_config("ceria-reduced", [*small, "run.temperature_K=1200", "model.relative_permittivity=300.0"]))
    assert len(tables) == 1
    once = len(sums)
    prepared = prepare(*load_config("ceria-reduced", [*small, *changes]))
    assert len(tables) == 2 and len(sums) == 2 * once
    assert len(prepared.jobs) >= 6 and {len(job.part.parts) for job in prepared.jobs} == {2}


@pytest.mark.parametrize(
    ("example", "changes"),
    [
        ("ceria-reduced", ["run.temperature_K=[1080, 1160]", 'crystal.expansion={material="ceria"}']),
        ("bzy", ["run.temperature_K=[700, 1100]"]),
    ],
)
def test_another_cell_or_other_particles_have_their_own_tables(example: str, changes: list[str]) -> None:
    """Expansion changes the cell with temperature, a gas the particle numbers: these tables must not be shared."""
    small = ["run.replicas=2", "crystal.repeats=[4, 4, 4]"]
    first, second = prepare(*load_config(example, [*small, *changes])).systems
    assert not np.shares_memory(first.tables.bond_energy, second.tables.bond_energy)
    cells = [system.tables.supercell.vectors_angstrom for system in (first, second)]
    counts = [system.composition.counts for system in (first, second)]
    assert not np.array_equal(*cells) or counts[0] != counts[1]


def test_shared_tables_give_the_same_trajectory_as_separately_built_ones() -> None:
    """Compare every job of a list in mode auto with the job of its own resolved run file."""
    changes = ["polarons.mode=auto", "run.temperature_K=[1200, 1400]", "crystal.repeats=[3, 3, 3]", "run.replicas=2"]
    for job in prepare(*load_config("ceria-reduced", changes)).jobs:
        (alone,) = prepare(job.config, Path()).jobs
        assert alone.part == Path()
        assert same(alone.system, job.system)
        assert (alone.equilibrated_with is None) == (job.equilibrated_with is None)
        if alone.equilibrated_with and job.equilibrated_with:
            assert same(alone.equilibrated_with, job.equilibrated_with)


def same(one: System, other: System) -> bool:
    """Assert that tables, random numbers and notes are equal."""
    names = ("seed", "temperature_index", "replicas", "mode", "scale", "rate_factor", "composition")
    return one.tables.digest == other.tables.digest and all(getattr(one, n) == getattr(other, n) for n in names)


@pytest.mark.parametrize(
    ("temperatures", "names"),
    [
        ([1000, 1000.0001], ["T1000K", "T1000.0001K"]),
        ([900.5, 1000.1, 1000.1004], ["T0900.5K", "T1000.1K", "T1000.1004K"]),
    ],
)
def test_every_temperature_has_its_own_folder(temperatures: list[float], names: list[str]) -> None:
    prepared = prepare(*load_config("smallest", [f"run.temperature_K={temperatures}"]))
    assert [str(job.part) for job in prepared.jobs] == names
