"""Measured values beside results."""

from __future__ import annotations

import math

import pytest

from kmc.model.parameters import shipped_models
from runs.page.measured import Measured, measured_values


def test_every_value_belongs_to_a_shipped_set_and_names_its_source() -> None:
    values = [value for name in shipped_models() for value in measured_values(name)]
    assert values and all(set(value.sets) <= set(shipped_models()) and value.source for value in values)


def test_an_expression_is_evaluated_in_its_range_alone() -> None:
    (value,) = [value for value in measured_values("lsf64-vacancies") if value.prefactor is not None]
    found = value.beside(1173.15)
    assert found is not None
    assert found[0] == pytest.approx(7.19e-11 * math.exp(-120300.0 / (8.31446261815324 * 1173.15)))
    assert value.beside(900.0) is None and value.beside(1073.0) is not None


def test_a_single_value_stands_beside_near_temperatures() -> None:
    (value,) = [value for value in measured_values("lsf64-vacancies") if value.value is not None]
    assert value.beside(1300.0) == (5.88e-11, 1273.15) and value.beside(1400.0) is None


def test_half_an_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="are needed"):
        Measured(sets=("lsf64",), key="x", prefactor=1.0, sample="s", source="nowhere", mark="read")
