"""What is computed for a perovskite: distinct hops, where the other dopants go, and configurations with every pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lattices.errors import InputError
from runs.barriers.cells import astray, atoms_of, crystal_of, shortest, site_positions
from runs.barriers.configurations import pair_counts
from runs.barriers.plan import Plan, composition_of, plan_of
from runs.barriers.schema import CrystalFile

LSCF = {
    "name": "lscf",
    "crystal": {"prototype": "perovskite", "host": {"A": "La", "B": "Fe"}, "lattice_parameter_angstrom": 3.9},
    "species": {
        "O": {"sublattice": "anion", "charge": 0, "element": "O"},
        "V_O": {"sublattice": "anion", "charge": 2, "element": "X"},
        "La": {"sublattice": "A", "charge": 0, "element": "La"},
        "Sr": {"sublattice": "A", "charge": -1, "element": "Sr"},
        "Fe": {"sublattice": "B", "charge": 0, "element": "Fe"},
        "Co": {"sublattice": "B", "charge": 0, "element": "Co"},
    },
    "hops": [
        {
            "name": "vacancy",
            "carrier": "V_O",
            "partner": "O",
            "gate": ["A", "B"],
            "attempt_frequency_Hz": {"value": 1e13, "source": "made up for a test", "mark": "assumed"},
        }
    ],
    "pairs": [{"species": ["V_O", "Sr"], "shells": [1, 2]}, {"species": ["V_O", "Co"], "shells": [1]}],
    "cells": {
        "supercells": [[3, 3, 3]],
        "hop_contents": {"Sr": 2},
        "contents": [{"V_O": 1, "Sr": 2, "Co": 3}],
        "configurations": 9,
    },
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    file = CrystalFile.model_validate(LSCF)
    return plan_of(file, crystal_of(file.crystal, Path()))


def test_six_triangles_each_in_a_neutral_cell(plan: Plan) -> None:
    assert sorted(tuple(sorted(task.occupation)) for task in plan.hops) == [
        ("Co", "La", "La"),
        ("Co", "La", "Sr"),
        ("Co", "Sr", "Sr"),
        ("Fe", "La", "La"),
        ("Fe", "La", "Sr"),
        ("Fe", "Sr", "Sr"),
    ]
    assert sum(task.weight for task in plan.hops) == 8
    for task in plan.hops:
        assert task.cell.contents.count("Sr") == 2 and task.cell.contents.count("V_O") == 1


def test_dopants_outside_the_environment_are_far_away(plan: Plan) -> None:
    """Farther from both ends of the hop than the shells of the fit reach: beyond the second shell of A, 1.58 a."""
    positions = site_positions(plan.hops[0].supercell)
    for task in plan.hops:
        strontium = np.flatnonzero(np.array(task.cell.contents) == "Sr")
        vectors = shortest(task.supercell, positions[strontium] - positions[task.cell.carrier_site])
        far = np.sort(np.linalg.norm(vectors, axis=1))[task.occupation.count("Sr") :]
        assert (far > 1.6 * 3.9).all()


def test_the_ends_of_a_hop_are_the_same_atoms(plan: Plan) -> None:
    species = CrystalFile.model_validate(LSCF).species
    for task in plan.hops:
        start, ion = task.cell.start(species)
        end = task.cell.end(species)
        moved = np.linalg.norm(end.positions - start.positions, axis=1)
        assert np.flatnonzero(moved).tolist() == [ion]
        assert moved[ion] == pytest.approx(3.9 / 2**0.5)
        again = atoms_of(task.supercell, species, task.cell.final_contents)
        assert sorted(zip(end.arrays["site"], end.symbols, strict=True)) == list(
            zip(again.arrays["site"], again.symbols, strict=True)
        )
        assert task.cell.symmetric(species)


def test_an_atom_on_another_site_is_noticed(plan: Plan) -> None:
    species = CrystalFile.model_validate(LSCF).species
    start, ion = plan.hops[0].cell.start(species)
    assert astray(plan.hops[0].supercell, start) == []
    start.positions[ion] += 0.6 * plan.hops[0].cell.displacement_angstrom
    (message,) = astray(plan.hops[0].supercell, start)
    assert message.startswith(f"O of site {plan.hops[0].cell.ion_site} is at site")


def test_configurations_hold_what_was_asked_for_and_every_pair(plan: Plan) -> None:
    assert len(plan.configurations) == 9
    assert {composition_of(task.contents) for task in plan.configurations} == {
        (("Co", 3), ("Fe", 24), ("La", 25), ("O", 80), ("Sr", 2), ("V_O", 1))
    }
    counts = np.array([pair_counts(t.supercell, plan.unknowns, t.contents) for t in plan.configurations])
    assert (counts.max(axis=0) > counts.min(axis=0)).all()


def test_bonds_that_need_two_barriers_are_refused() -> None:
    """The second shell of anions of perovskite holds bonds through a B cation and bonds between A cations."""
    hop = {**LSCF["hops"][0], "shell": 2, "gate": []}  # type: ignore[index]
    file = CrystalFile.model_validate({**LSCF, "hops": [hop]})
    with pytest.raises(InputError, match=r"2 kinds of bonds onto each other.*list one hop for each with kind = 1"):
        plan_of(file, crystal_of(file.crystal, Path()))
    for kind in (1, 2):
        file = CrystalFile.model_validate({**LSCF, "hops": [{**hop, "kind": kind}], "pairs": []})
        (task,) = plan_of(file, crystal_of(file.crystal, Path())).hops
        middle = site_positions(task.supercell)[task.cell.carrier_site] + task.cell.vector_angstrom / 2
        positions = site_positions(task.supercell)[np.array(task.cell.contents) == "Fe"]
        nearest = np.linalg.norm(shortest(task.supercell, positions - middle), axis=1).min()
        assert nearest < 0.01 if kind == 1 else nearest > 1.0
