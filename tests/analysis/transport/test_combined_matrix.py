"""Errors of coefficients of a matrix that was combined from several runs."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import half_width_95
from analysis.transport.combined_matrix import CombinedMatrix
from analysis.transport.conductivity import Carriers, Coefficient

ION_DOF, ELECTRON_DOF = 3.0, 15.0


def matrix(cubic: bool = True) -> CombinedMatrix:
    """L = diag(2, 5) with errors 0.1 and 0.3 from runs of 4 and 16 replicas; elsewhere exactly zero."""
    value, stderr = np.diag([2.0, 5.0]), np.diag([0.1, 0.3])
    shape = np.eye(3) if cubic else np.diag([0.5, 1.0, 1.5])
    tensor = value[..., None, None] * shape
    tensor_stderr = stderr[..., None, None] * shape
    dof = np.array([[ION_DOF, np.inf], [np.inf, ELECTRON_DOF]])
    carriers = Carriers(("V_O", "electron"), np.array([2.0, -1.0]), np.array([False, True]))
    return CombinedMatrix(carriers, value, stderr, dof, tensor, tensor_stderr, (("V_O", "electron"),))


def entry_of(i: int, j: int) -> Coefficient:
    return Coefficient(lambda m: m[..., i, j], lambda m: m[..., i, j, :, :])


@pytest.mark.parametrize("cubic", [True, False])
def test_a_single_entry_has_the_degrees_of_freedom_of_its_run(cubic: bool) -> None:
    ion = matrix(cubic).evaluate(entry_of(0, 0), "L")
    assert ion.dof == pytest.approx(ION_DOF)
    assert ion.value == pytest.approx(2.0)
    low, high = ion.interval_95
    assert (high - low) / 2 == pytest.approx(half_width_95(ion.stderr, ion.dof))


def test_a_sum_has_the_degrees_of_freedom_of_welch_and_satterthwaite() -> None:
    total = matrix().evaluate(Coefficient(lambda m: m[..., 0, 0] + m[..., 1, 1], lambda m: m[..., 0, 0, :, :]), "L")
    assert total.stderr == pytest.approx(np.hypot(0.1, 0.3))
    assert total.dof == pytest.approx((0.01 + 0.09) ** 2 / (0.01**2 / ION_DOF + 0.09**2 / ELECTRON_DOF))


def test_half_widths_of_entries_follow_their_own_degrees_of_freedom() -> None:
    half = matrix().half_width_95
    assert half[0, 0] == pytest.approx(half_width_95(0.1, ION_DOF))
    assert half[1, 1] == pytest.approx(half_width_95(0.3, ELECTRON_DOF))
    assert half[0, 1] == 0.0
