"""Conductivities and related formulae of L and z against their definitions, for random positive matrices."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import Unavailable, UnavailableError
from analysis.transport.conductivity import (
    Carriers,
    ambipolar_coefficient,
    at_zero_current,
    conductivity,
    electronic_share,
    require_positive,
    tau,
    transference_number,
)
from lattices.constants import ELEMENTARY_CHARGE_C

E2 = ELEMENTARY_CHARGE_C**2
CHARGES = np.array([2.0, -1.0])


def matrices(size: int, number: int = 20) -> np.ndarray:
    """(number, size, size) symmetric positive definite matrices."""
    factors = np.random.default_rng(size).normal(size=(number, size, size))
    return factors @ np.swapaxes(factors, 1, 2)


def test_at_zero_current_no_charge_flows() -> None:
    """For any forces the fluxes A f carry no charge: z^T A = 0."""
    z = np.array([2.0, 1.0, -1.0])
    closed = at_zero_current(matrices(3), z)
    np.testing.assert_allclose(np.einsum("i,uij->uj", z, closed), 0.0, atol=1e-12)


def test_the_ambipolar_coefficient_is_that_of_the_ion_at_zero_current() -> None:
    pair = matrices(2)
    np.testing.assert_allclose(ambipolar_coefficient(pair, CHARGES), at_zero_current(pair, CHARGES)[:, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(tau(pair, CHARGES), at_zero_current(pair, CHARGES)[:, 0, 0] / pair[:, 0, 0], rtol=1e-9)


def test_without_cross_terms_tau_is_the_electronic_transference_number() -> None:
    own = np.array([np.diag(diagonal) for diagonal in ([1.0, 3.0], [5.0, 0.1])])
    expected = [3.0 / (4 * 1.0 + 3.0), 0.1 / (4 * 5.0 + 0.1)]
    for share in (tau(own, CHARGES), electronic_share(own, CHARGES), transference_number(own, CHARGES, [1])):
        np.testing.assert_allclose(share, expected, rtol=1e-12)


def test_conductivities_of_kinds_add_up_to_the_total() -> None:
    pair = matrices(2)
    total = conductivity(pair, CHARGES)
    np.testing.assert_allclose(total, E2 * (4 * pair[:, 0, 0] - 4 * pair[:, 0, 1] + pair[:, 1, 1]), rtol=1e-12)
    np.testing.assert_allclose(conductivity(pair, CHARGES, [0]) + conductivity(pair, CHARGES, [1]), total, rtol=1e-12)


def test_a_matrix_that_is_not_positive_is_refused() -> None:
    require_positive(matrices(2)[0])
    with pytest.raises(UnavailableError, match="positive semi-definite"):
        require_positive(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_missing_kinds_of_carrier_are_named() -> None:
    ion = Carriers(("V_O",), np.array([2.0]), np.array([False]))
    with pytest.raises(UnavailableError, match="no electronic carrier"):
        ion.pair()
    slowed = Carriers(("V_O",), np.array([2.0]), np.array([False]), Unavailable("electrons were slowed down"))
    with pytest.raises(UnavailableError, match="slowed down"):
        slowed.of_kind(True)
    three = Carriers(("V_O", "H", "electron"), np.array([2.0, 1.0, -1.0]), np.array([False, False, True]))
    with pytest.raises(UnavailableError, match="V_O, H, electron"):
        three.pair()
