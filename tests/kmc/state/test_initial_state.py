"""The initial arrangement of dopants and carriers."""

from __future__ import annotations

import numpy as np
import pytest

from kmc.tables.pair_energies import split
from lattices.errors import InputError
from tests.systems import made_up_model, made_up_system


def apart(number, **more):
    model = made_up_model("fluorite", forbidden=[("V_O", "V_O", 1), ("V_O", "D", 1)])
    return made_up_system(model, (4, 4, 4), number, dopants=6, replicas=3, **more)


def test_forbidden_contacts_are_avoided_from_the_start():
    """60 of 512 anion sites, none next to another or to one of 6 dopants: a random arrangement would not have this."""
    system = apart(60)
    state = system.initial_state()
    tables = system.tables
    vacancies = state.occupants[:, :512] == 1
    assert vacancies.sum(axis=1).tolist() == [60] * 3
    contacts = split(state.potential[:, :512].astype(np.int64))[0]
    assert not contacts[vacancies].any() and tables.potential_offset[0] == 0
    assert np.array_equal(state.occupants, system.initial_state().occupants)
    assert len({row.tobytes() for row in state.occupants}) == 3


def test_too_many_particles_for_their_exclusions():
    with pytest.raises(InputError, match=r"300 particles with forbidden contacts need sites; only \d+ found one"):
        apart(300).initial_state()
