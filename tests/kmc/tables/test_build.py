"""Tables that cannot be built name what is wrong."""

from __future__ import annotations

import pytest

from kmc.model.composition import compose
from kmc.model.parameters import load_model
from kmc.state.system import build_system
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.prototypes import fluorite


@pytest.mark.parametrize(
    ("vacancies", "temperature_K", "message"),
    [
        (0.1, 3.0, "run.temperature_K = 3: the rate of every hop is zero"),
        (0.0, 1000.0, "the supercell contains no V_O"),
    ],
)
def test_why_nothing_moves(vacancies: float, temperature_K: float, message: str) -> None:
    """exp(-0.52 eV / kT) at 3 K is below the smallest double: it is the temperature, and not a lack of carriers."""
    model = load_model("ideal-fluorite")
    cell = Supercell(fluorite({"cation": "Ce"}, 5.411), (3, 3, 3))
    with pytest.raises(InputError, match=message):
        build_system(model, cell, compose(model, cell, {}, {"V_O": vacancies}), temperature_K)
