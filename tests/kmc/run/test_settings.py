"""Settings of a run: durations are typed objects, and invalid ones are refused in one line."""

from __future__ import annotations

import math

import pytest

from kmc.run.settings import FIRST_PRODUCTION_HOPS, Hops, Precision, Seconds, Settings
from lattices.errors import InputError


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan])
@pytest.mark.parametrize("kind", [Hops, Seconds])
def test_a_length_is_finite_and_not_negative(kind, bad) -> None:
    with pytest.raises(InputError, match=rf"{kind.__name__}\(.*={bad}\): a finite number of at least 0 is needed"):
        kind(bad)


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, math.nan])
def test_a_precision_is_a_fraction(bad) -> None:
    with pytest.raises(InputError, match=r"Precision\(relative_error=.*above 0 and below 1"):
        Precision(bad)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"duration": Hops(0.0)}, "duration = Hops"),
        ({"duration": Seconds(0.0)}, "duration = Seconds"),
        ({"duration": 100.0}, r"duration = 100\.0: Hops, Seconds or Precision is needed"),
        ({"equilibration": Precision(0.1)}, "equilibration = Precision.*: Hops or Seconds is needed"),
        ({"frames": 1}, "frames = 1: from 2"),
        ({"selection": "fast"}, "selection = 'fast'"),
    ],
)
def test_settings_out_of_range_are_refused(given, message) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**given)


def test_equilibration_may_be_as_short_as_possible() -> None:
    assert Settings(equilibration=Hops(0.0)).equilibration == Hops(0.0)


def test_a_precision_is_scheduled_as_its_first_production() -> None:
    assert Settings(duration=Precision(0.02)).scheduled_duration == Hops(FIRST_PRODUCTION_HOPS)
    assert Settings(duration=Seconds(1e-9)).scheduled_duration == Seconds(1e-9)
