"""Pair energies of one kind of a shell, against sums over positions in the periodic cell."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.exact.hop_rates import all_bonds
from kmc.model.parameters import Model
from kmc.state.replicas import exchange_potential
from lattices.errors import InputError
from tests.systems import NOTE, made_up_model, made_up_system

ACROSS_CATION_EV, ACROSS_EMPTY_EV = 0.3, 0.1


def model_of(*pairs: dict[str, object]) -> Model:
    listed = [{"species": ["V_O", "V_O"], "shell": 3, **pair, **NOTE} for pair in pairs]
    return Model.model_validate(made_up_model().model_dump() | {"pairs": listed})


def test_potential_of_both_kinds_from_positions_alone() -> None:
    """Vacancies along <111>, with a cation in the middle or an empty place, in a cell of 3 x 3 x 3."""
    model = model_of({"kind": 1, "energy_eV": ACROSS_CATION_EV}, {"kind": 2, "energy_eV": ACROSS_EMPTY_EV})
    system = made_up_system(model, (3, 3, 3), vacancies=30, seed=3)
    supercell, occupants = system.tables.supercell, system.initial_state().occupants[:1]
    anions, cations = supercell.positions_angstrom(0), supercell.positions_angstrom(1)
    box = supercell.vectors_angstrom[0, 0]

    def apart(vectors: np.ndarray) -> np.ndarray:
        return vectors - box * np.rint(vectors / box)

    vacant = np.flatnonzero(occupants[0, : len(anions)] == model.code("V_O"))
    potential = exchange_potential(system.tables, occupants)[0]
    seen = set()
    for site in vacant:
        energy = 0.0
        for other in vacant:
            vector = apart(anions[other] - anions[site])
            if np.isclose(np.linalg.norm(vector), 2.7 * 3**0.5):
                middle = anions[site] + vector / 2
                filled = np.linalg.norm(apart(cations - middle), axis=1).min() < 0.1
                energy += ACROSS_CATION_EV if filled else ACROSS_EMPTY_EV
        assert potential.reshape(-1)[site] == round(1e6 * energy)
        seen.add(round(energy, 3))
    assert len(seen) > 3


def test_both_kinds_of_one_energy_are_the_whole_shell() -> None:
    apart = model_of({"kind": 1, "energy_eV": 0.2}, {"kind": 2, "energy_eV": 0.2})
    together = model_of({"energy_eV": 0.2})
    one, other = (made_up_system(model, (3, 3, 3), vacancies=30, seed=3) for model in (apart, together))
    occupants = one.initial_state().occupants
    np.testing.assert_array_equal(
        exchange_potential(one.tables, occupants), exchange_potential(other.tables, occupants)
    )
    assert one.tables.reference2.tolist() == other.tables.reference2.tolist()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (({"kind": 1}, {"kind": 1}), "on shell 3, kind 1 is listed twice"),
        (({"kind": 1}, {}), "has two energies for shell 3"),
        (({"kind": 3, "energy_eV": 0.1},), "kind = 3: the pairs of 'anion' and 'anion' on shell 3 are of 2 kinds"),
        (({"kind": 1, "shell": [1, 2]},), r"one shell from 1 is needed, \[1, 2\] was given"),
    ],
)
def test_kinds_that_cannot_be(pairs: tuple[dict[str, object], ...], message: str) -> None:
    with pytest.raises((InputError, ValueError), match=message):
        made_up_system(model_of(*pairs), (3, 3, 3), vacancies=3)


def test_hops_over_one_kind_of_bond() -> None:
    """Half of the bonds along <111>."""
    barriers = [{"gate": [], "energy_eV": 0.5, **NOTE}]
    numbers = []
    for kind in ({}, {"kind": 1}):
        model = made_up_model(vacancy_hop={"shell": 3, "barriers": barriers, **kind})
        numbers.append(len(all_bonds(made_up_system(model, (3, 3, 3), vacancies=3).tables)))
    assert numbers[0] == 2 * numbers[1]
