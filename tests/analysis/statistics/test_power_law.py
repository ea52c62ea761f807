"""Exponents of power laws."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.results import Entry
from analysis.statistics.power_law import power_law_json


def entries(values: list[float], relative: float = 0.01) -> list[Entry]:
    return [{"value": value, "stderr": relative * value} for value in values]


def test_an_exact_power_law_gives_its_exponent_everywhere() -> None:
    pressures = [1e-2, 1e-5, 1e-3]
    found = power_law_json(pressures, entries([3.0 * p**-0.25 for p in pressures]), "sigma ~ pO2^n")
    assert found["exponent"]["value"] == pytest.approx(-0.25, abs=1e-12)
    assert found["pressures_bar"] == [1e-5, 1e-3, 1e-2]
    assert [each["value"] for each in found["local_exponents"]] == pytest.approx([-0.25, -0.25])
    # Two points of relative error e: the exponent has error sqrt(2) e/ln(p2/p1).
    assert found["local_exponents"][0]["stderr"] == pytest.approx(2**0.5 * 0.01 / np.log(100.0))


def test_a_bend_is_said_and_shows_in_the_local_exponents() -> None:
    pressures = [1e-6, 1e-4, 1e-2, 1.0]
    found = power_law_json(pressures, entries([1e3, 1e2, 1e2, 1e3]), "sigma ~ pO2^n")
    assert "one power law does not describe all points" in found["exponent"].get("note", "")
    assert [each["value"] for each in found["local_exponents"]] == pytest.approx([-0.5, 0.0, 0.5], abs=1e-12)


def test_repeated_pressures_are_used_together() -> None:
    found = power_law_json([1.0, 1.0, 10.0], entries([0.9, 1.1, 10.0]), "y ~ p^n")
    assert found["exponent"]["value"] == pytest.approx(1.0, abs=0.01)
    assert len(found["local_exponents"]) == 1


def test_one_pressure_or_a_missing_value_gives_the_reason() -> None:
    assert "needs two pressures" in str(power_law_json([1.0], entries([1.0]), "f")["exponent"].get("reason"))
    missing: list[Entry] = [{"value": None, "stderr": None, "reason": "too short"}, *entries([1.0])]
    assert power_law_json([1.0, 2.0], missing, "f")["exponent"].get("reason") == "too short"
