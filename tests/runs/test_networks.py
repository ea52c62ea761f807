"""Percolation of a carrier's bonds as reported by `kmc validate` and `kmc run`, and `kmc shells`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from ase import Atoms
from ase.build import bulk
from ase.io import write

from runs.cli import main
from tests import crystals

NOTE = {"source": "made up for a test", "mark": "derived"}


def run_file(folder: Path, atoms: Atoms, element: str, allow: bool = False, **hop: object) -> Path:
    """A neutral carrier (as F) on the sites of one element; the other elements are immobile."""
    names = list(dict.fromkeys(atoms.get_chemical_symbols()))
    names.sort(key=lambda name: name != element)
    species = {name: {"sublattice": name, "charge": 0, "element": name} for name in names}
    species["guest"] = {"sublattice": element, "charge": 0, "element": "F"}
    keys = {"name": "jump", "carrier": "guest", "partner": element, "attempt_frequency_Hz": {"value": 1e13, **NOTE}}
    keys["barriers"] = [{"gate": [], "energy_eV": 0.5, **NOTE}]
    (folder / "model.toml").write_text(tomli_w.dumps({"name": "m", "species": species, "hops": [keys | hop]}), "utf-8")
    write(folder / "crystal.cif", atoms)
    run = {"temperature_K": 1000, "duration": {"hops_per_carrier": 5.0}, "backend": "numpy", "replicas": 2}
    data = {
        "crystal": {
            "file": "crystal.cif",
            "sublattices": {name: name for name in names},
            "repeats": [3, 3, 3],
            "carriers": {"guest": {"number": 4}},
        },
        "model": {"parameters": "model.toml"},
        "run": run | ({"allow_localised_carriers": True} if allow else {}),
    }
    (folder / "run.toml").write_text(tomli_w.dumps(data), "utf-8")
    return folder / "run.toml"


CLUSTERS = {"distance_angstrom": [2.79, 2.797]}  # the shortest edge of each octahedron of the Pnma perovskite


@pytest.mark.parametrize("command", ["validate", "run"])
def test_closed_clusters_are_refused_with_advice(
    tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(command, run_file(tmp_path, crystals.pnma_perovskite(), "O", **CLUSTERS))
    assert "the bonds of guest (jump) form closed clusters and do not percolate in any dimension: add shells" in line
    assert "run.allow_localised_carriers = true" in line


def test_closed_clusters_can_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_file(tmp_path, crystals.pnma_perovskite(), "O", allow=True, **CLUSTERS)
    assert main(["validate", str(path)]) == 0
    assert "warning: bonds of guest percolate in 0 dimensions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("build", "element", "expected"),
    [
        (crystals.ceria, "O", "bonds of guest percolate in 3 dimensions"),
        (crystals.k2nif4, "N", "bonds of guest percolate in 2 dimensions"),
        (crystals.pnma_perovskite, "O", "bonds of guest percolate in 3 dimensions"),
    ],
)
def test_validate_reports_the_dimensions_of_percolation(tmp_path, capsys, build, element, expected) -> None:
    assert main(["validate", str(run_file(tmp_path, build(), element))]) == 0
    assert expected in capsys.readouterr().out


def test_ordered_ions_close_their_sites(tmp_path: Path, refused: Callable[..., str]) -> None:
    """Fe and Mo in rock-salt order: all nearest neighbours of Fe are Mo, so that a carrier needs the second shell."""
    atoms = bulk("FeMo", "rocksalt", a=7.9, cubic=True)
    path = run_file(tmp_path, atoms, "Fe")
    data, model = (tomllib.loads((tmp_path / name).read_text("utf-8")) for name in ("run.toml", "model.toml"))
    data["crystal"]["sublattices"] = {"Fe": ["Fe", "Mo"]}
    path.write_text(tomli_w.dumps(data), "utf-8")
    model["species"]["Mo"]["sublattice"] = "Fe"
    (tmp_path / "model.toml").write_text(tomli_w.dumps(model), "utf-8")
    assert "form closed clusters" in refused("validate", path)
    model["hops"][0]["shell"] = [1, 2]
    (tmp_path / "model.toml").write_text(tomli_w.dumps(model), "utf-8")
    assert main(["validate", str(path)]) == 0


def test_a_shell_that_depends_on_the_tolerance_gives_a_warning(tmp_path, capsys) -> None:
    assert main(["validate", str(run_file(tmp_path, crystals.strained_ceria(), "O"))]) == 0
    printed = capsys.readouterr().out
    assert "warning: hop jump: a shell joins distances from 2.6857 to 2.7168 angstrom" in printed


def test_shells_of_a_run_file_an_example_and_a_structure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_file(tmp_path, crystals.ceria(), "O")
    for name in (str(path), "smallest", str(tmp_path / "crystal.cif")):
        assert main(["shells", name, "--count", "1", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["space_group"] == "Fm-3m"
        anions = next(
            row for row in report["shells"] if row["origin"] == row["target"] and row["origin"] in ("O", "anion")
        )
        assert anions["neighbours"] == [6, 6] and anions["middle"][0].startswith("2 ")
    assert main(["shells", "smallest"]) == 0
    assert "anion - anion" in capsys.readouterr().out


def test_bad_arguments_of_shells_give_a_one_line_error(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "from 1 to 100 shells" in refused("shells", "smallest", "--count", "0")
    assert "cannot read the structure file" in refused("shells", str(tmp_path / "none.cif"))
