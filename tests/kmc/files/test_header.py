"""The header of a trajectory file: one dataclass writes and reads it."""

from __future__ import annotations

import json

import h5py
import pytest

from kmc.files.header import Header, RunFacts, header_of
from kmc.files.trajectory import read_trajectory
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from lattices.errors import InputError
from tests.systems import made_up_model, made_up_system, marcus

KEYS = (
    "schema model seed temperature_index digest temperature_K volume_m3 repeats grid field_V_per_m configuration notes "
    "polarons component dopants coulomb coupled_groups grid_vectors_m cubic space_group rotations species families "
    "band short_range_order"
)


def system():
    """Vacancies, dopants and Marcus electrons, so that no field of the header is empty."""
    model = made_up_model(polarons=marcus(1.0, 0.1))
    return made_up_system(model, (2, 2, 2), vacancies=3, dopants=2, electrons=4, replicas=2)


def test_a_header_is_read_as_it_was_written() -> None:
    header = header_of(system())
    assert Header.from_json(header.to_json()) == header
    assert {record.name: record.kind for record in header.species}["electron"] == "electronic"
    assert header.families[1].reorganisation_energy_eV == 1.0 and header.notes and header.component["electronic"] == 2


def test_the_keys_of_the_file() -> None:
    """Other programs read these keys: a change of a key needs a new schema number."""
    assert list(json.loads(header_of(system()).to_json())) == KEYS.split()
    facts = RunFacts("cpu", 1.5, 20, {"numpy": "2"}, 0.5)
    assert list(json.loads(facts.to_json())) == ["backend", "wall_s", "planned_frames", "versions", "hops_per_visit"]
    assert RunFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    ("attribute", "changed", "message"),
    [
        ("description", {"schema": 99}, "schema 99, this version reads 1"),
        ("description", {"grid": None}, "'grid'"),
        ("description", {"notes": [{"line": "?"}]}, "line"),
        ("run", {"versions": None}, "'versions'"),
    ],
)
def test_a_file_with_another_header_is_refused_in_one_line(tmp_path, attribute, changed, message) -> None:
    """None stands for a key that is missing."""
    run(system(), Settings(Hops(1.0), Hops(1.0), frames=2), tmp_path, backend="numpy")
    with h5py.File(tmp_path / "trajectory.h5", "r+") as file:
        found = {**json.loads(file["kmc"].attrs[attribute]), **changed}
        kept = {name: value for name, value in found.items() if value is not None or name not in changed}
        file["kmc"].attrs[attribute] = json.dumps(kept)
    with pytest.raises(InputError, match=rf"not a complete trajectory file of this program: .*{message}") as caught:
        read_trajectory(tmp_path / "trajectory.h5")
    assert "\n" not in str(caught.value)
