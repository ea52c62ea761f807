"""Error of the work of a hop in a weak field due to rounding to whole microelectronvolts, and its warning."""

from __future__ import annotations

import pytest

from runs.notes import field_notes, work_rounding
from tests.systems import made_up_model, made_up_system

CASES = [  # field along x in V/m, worst error of the work over the work; in microelectronvolt and per unit charge:
    (5e4, 0.5 / 13.5),  # 27 per cell of two hops, the site between at 13.5 -> 14: hops of 14 and 13 for 13.5
    (1e5, 0.0),  # 54 per cell, the site between at 27
    (1e8, 0.0),
    (1e3, 0.73 / 0.27),  # 0.54 -> 1 per cell, the site between at 0.27 -> 0: hops of 0 and 1 for 0.27
]


@pytest.mark.parametrize(("field", "exact"), CASES)
def test_the_error_of_the_work_per_hop(field: float, exact: float) -> None:
    wanted = (field, 0.0, 0.0)
    system = made_up_system(made_up_model(), (2, 2, 2), 1, field_V_per_m=wanted)
    assert work_rounding(system, wanted) == pytest.approx(exact, rel=1e-6, abs=1e-9)
    warned = [note.line for note in field_notes(system, wanted) if note.warning]
    assert bool(warned) == (exact > 0.01)
    if warned:
        assert f"changes the work per hop by up to {exact:.1%}; a stronger field is needed" in warned[0]


def test_without_a_field_there_is_no_warning() -> None:
    system = made_up_system(made_up_model(), (2, 2, 2), 1)
    assert field_notes(system, (0.0, 0.0, 0.0)) == []
    assert work_rounding(system, (0.0, 0.0, 0.0)) == 0.0
