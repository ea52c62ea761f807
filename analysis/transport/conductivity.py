"""Conductivities, transference numbers and the ambipolar coefficient as functions of the Onsager matrix.

The functions take L as (..., C, C) arrays in 1/(J m s) with any leading axes, usually (U+1,) jackknife samples, and
the charges z moved by a hop as (C,) in units of e; tensors.py has the same formulae for (..., C, C, 3, 3) tensors.
Functions of a pair take the ion first and the electronic carrier second. Jackknife samples carry their errors through
these formulae; for a matrix whose entries have independent errors (polaron_modes.py) the errors are propagated entry by
entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.results import TransportKey, TransportResults
from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    above_two_errors,
    attempt,
)
from analysis.transport.tensors import (
    ambipolar_tensor,
    conductivity_tensor,
    own_conductivity_tensors,
    ratio_tensor,
    series_tensor,
)
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C

NO_ELECTRONIC = 'the model has no electronic carrier (a species of kind "electronic")'
NO_ION = "the model has no mobile ion"
NOT_POSITIVE = "the matrix L is not positive semi-definite within its errors: take a longer run or more replicas"
TOTAL_FORMULA = "sigma_total = e^2 sum over all i, j of z_i z_j L_ij"
ION_SHARE_FORMULA = "t_ion = sigma_ion/sigma_total"
ELECTRONIC_SHARE_FORMULA = "t_e = sigma_e/sigma_total"
AMBIPOLAR_FORMULA = "sigma_amb = sigma_e sigma_V/(sigma_e + sigma_V), diagonal parts"
AMBIPOLAR_ONSAGER_FORMULA = (
    "z_V^2 e^2 L_amb, L_amb = z_e^2 (L_VV L_ee - L_Ve^2)/(z_V^2 L_VV + 2 z_V z_e L_Ve + z_e^2 L_ee)"
)
TAU_FORMULA = "tau = L_amb/L_VV"
DIAGONAL_SHARE_FORMULA = "t_e, diagonal parts of L"

Function = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Coefficient:
    """A transport coefficient as a function of L.

    scalar: of (..., C, C) matrices, for cubic crystals, -> (...). tensor: of (..., C, C, 3, 3) -> (..., 3, 3).
    """

    scalar: Function
    tensor: Function


Evaluate = Callable[[Coefficient, str], Estimate]  # (coefficient, formula) -> its estimate with error


@dataclass(frozen=True)
class Carriers:
    """The C independent carriers of an Onsager matrix.

    charges: (C,) moved by a hop, in e. electronic: (C,) bool. left_out: why carriers of one kind are missing, or None.
    given: where the electronic conductivity is from, if it is not that of hops.
    """

    names: tuple[str, ...]
    charges: FloatArray
    electronic: NDArray[np.bool_]
    left_out: Unavailable | None = None
    given: str | None = None

    def of_kind(self, electronic: bool) -> list[int]:
        """Indices of the electronic carriers, or of the ions; UnavailableError where there are none."""
        chosen = np.flatnonzero(self.electronic == electronic).tolist()
        if not chosen:
            raise UnavailableError(self.left_out or (NO_ELECTRONIC if electronic else NO_ION))
        return chosen

    def pair(self) -> list[int]:
        """Indices of the one ion and the one electronic carrier; UnavailableError for any other set of carriers."""
        both = self.of_kind(False) + self.of_kind(True)
        if len(both) != 2:
            raise UnavailableError(
                f"defined for one ion and one electronic carrier; the run has {', '.join(self.names)}"
            )
        return both


def submatrix(matrix: FloatArray, carriers: list[int]) -> FloatArray:
    """The rows and columns of (..., C, C) that belong to some carriers."""
    return matrix[..., carriers, :][..., carriers]


def tensor_submatrix(matrix: FloatArray, carriers: list[int]) -> FloatArray:
    """The rows and columns of (..., C, C, 3, 3) that belong to some carriers."""
    return matrix[..., carriers, :, :, :][..., carriers, :, :]


def conductivity_matrix(matrix: FloatArray, charges: FloatArray) -> FloatArray:
    """(..., C, C) sigma_ij = e^2 z_i z_j L_ij in S/m."""
    return np.asarray(ELEMENTARY_CHARGE_C**2 * matrix * np.multiply.outer(charges, charges))


def conductivity(matrix: FloatArray, charges: FloatArray, carriers: list[int] | None = None) -> FloatArray:
    """(...) sum over i of `carriers` (all where None) and over all j of sigma_ij, in S/m."""
    every = conductivity_matrix(matrix, charges)
    return np.asarray((every if carriers is None else every[..., carriers, :]).sum(axis=(-2, -1)))


def transference_number(matrix: FloatArray, charges: FloatArray, carriers: list[int]) -> FloatArray:
    """(...) share of some carriers in the total conductivity."""
    return conductivity(matrix, charges, carriers) / conductivity(matrix, charges)


def ambipolar_conductivity(pair: FloatArray, charges: FloatArray) -> FloatArray:
    """(...) sigma_ion and sigma_e in series, from the diagonal of a (..., 2, 2) matrix, in S/m."""
    own = np.diagonal(conductivity_matrix(pair, charges), axis1=-2, axis2=-1)
    return np.asarray(own.prod(axis=-1) / own.sum(axis=-1))


def electronic_share(pair: FloatArray, charges: FloatArray) -> FloatArray:
    """(...) electronic transference number from the diagonal of a (..., 2, 2) matrix."""
    own = np.diagonal(conductivity_matrix(pair, charges), axis1=-2, axis2=-1)
    return np.asarray(own[..., 1] / own.sum(axis=-1))


def ambipolar_coefficient(pair: FloatArray, charges: FloatArray) -> FloatArray:
    """(...) L_amb, the ion's coefficient at zero electric current: z_e^2 det L/(z^T L z) of a (..., 2, 2) matrix.

    This is element (0, 0) of `at_zero_current`, written without cancellation.
    """
    return np.asarray(charges[1] ** 2 * np.linalg.det(pair) / _quadratic(pair, charges))


def tau(pair: FloatArray, charges: FloatArray) -> FloatArray:
    """(...) L_amb/L_VV, which is the electronic transference number where cross terms vanish."""
    return np.asarray(ambipolar_coefficient(pair, charges) / pair[..., 0, 0])


def tau_coefficient(charges: FloatArray) -> Coefficient:
    """`tau` of a pair, and its tensor."""
    return Coefficient(
        lambda m: tau(m, charges), lambda m: ratio_tensor(ambipolar_tensor(m, charges), m[..., 0, 0, :, :])
    )


def diagonal_share_coefficient(charges: FloatArray) -> Coefficient:
    """`electronic_share` of a pair, and its tensor."""

    def tensor(m: FloatArray) -> FloatArray:
        ion, electron = own_conductivity_tensors(m, charges)
        return ratio_tensor(electron, ion + electron)

    return Coefficient(lambda m: electronic_share(m, charges), tensor)


def at_zero_current(matrix: FloatArray, charges: FloatArray) -> FloatArray:
    """(..., C, C) coefficients at zero electric current: L - L z z^T L/(z^T L z)."""
    current = matrix @ charges
    return np.asarray(
        matrix - current[..., :, None] * current[..., None, :] / _quadratic(matrix, charges)[..., None, None]
    )


def _quadratic(matrix: FloatArray, charges: FloatArray) -> FloatArray:
    """(...) z^T L z, the total conductivity over e^2."""
    return np.asarray(np.einsum("i,...ij,j->...", charges, matrix, charges))


def diffusivity(coefficient: FloatArray, temperature_K: float, density_m3: float) -> FloatArray:
    """kT L/c in m2/s: D_sigma of a species from L_ii, D~ over its thermodynamic factor from L_amb."""
    return np.asarray(BOLTZMANN_J_K * temperature_K * coefficient / density_m3)


def require_positive(matrix: FloatArray) -> None:
    """Raise UnavailableError unless a (C, C) matrix is positive semi-definite, as L is by the second law."""
    if np.linalg.eigvalsh(matrix).min() < 0:
        raise UnavailableError(NOT_POSITIVE)


def conductivity_estimates(
    carriers: Carriers, matrix: FloatArray, evaluate: Evaluate, no_cross: Unavailable | None = None
) -> dict[TransportKey, Result]:
    """Conductivities and transference numbers by their key in results.json.

    matrix: (C, C) best estimate of L. no_cross: why its cross terms between ions and electronic carriers are unknown
    (and zero in `matrix`), or None.
    """
    z = carriers.charges

    def estimate(formula: str, choose: Callable[[], Coefficient], positive: bool = True, of_all: bool = True) -> Result:
        def build() -> Estimate:
            if of_all and carriers.left_out:
                raise UnavailableError(carriers.left_out)
            found = evaluate(choose(), formula)
            return above_two_errors(found) if positive else found

        return attempt(build, formula)

    def total() -> Coefficient:
        return Coefficient(lambda m: conductivity(m, z), lambda m: conductivity_tensor(m, z))

    def of_kind(electronic: bool) -> Coefficient:
        chosen = carriers.of_kind(electronic)
        return Coefficient(lambda m: conductivity(m, z, chosen), lambda m: conductivity_tensor(m, z, chosen))

    def share(electronic: bool) -> Coefficient:
        carriers.of_kind(True)  # a purely ionic model has no transference numbers
        chosen = carriers.of_kind(electronic)
        return Coefficient(
            lambda m: transference_number(m, z, chosen),
            lambda m: ratio_tensor(conductivity_tensor(m, z, chosen), conductivity_tensor(m, z)),
        )

    def in_series() -> Coefficient:
        pair = carriers.pair()
        return Coefficient(
            lambda m: ambipolar_conductivity(submatrix(m, pair), z[pair]),
            lambda m: series_tensor(*own_conductivity_tensors(tensor_submatrix(m, pair), z[pair])),
        )

    def with_cross_terms() -> Coefficient:
        pair = carriers.pair()
        if no_cross:
            raise UnavailableError(no_cross)
        require_positive(submatrix(matrix, pair))
        factor = (z[pair[0]] * ELEMENTARY_CHARGE_C) ** 2
        return Coefficient(
            lambda m: factor * ambipolar_coefficient(submatrix(m, pair), z[pair]),
            lambda m: factor * ambipolar_tensor(tensor_submatrix(m, pair), z[pair]),
        )

    incomplete = no_cross or (carriers.left_out and carriers.names)
    cross = "the same j (cross terms unknown)" if incomplete else "all j"
    ionic = f"sigma_ion = e^2 sum over ions i, {cross} of z_i z_j L_ij"
    electronic = carriers.given or f"sigma_e = e^2 sum over electronic carriers i, {cross} of z_i z_j L_ij"
    return {
        "ionic_conductivity_S_m": estimate(ionic, lambda: of_kind(False), of_all=False),
        "electronic_conductivity_S_m": estimate(electronic, lambda: of_kind(True), of_all=False),
        "total_conductivity_S_m": estimate(TOTAL_FORMULA, total),
        "ionic_transference_number": estimate(ION_SHARE_FORMULA, lambda: share(False), positive=False),
        "electronic_transference_number": estimate(ELECTRONIC_SHARE_FORMULA, lambda: share(True), positive=False),
        "ambipolar_conductivity_S_m": estimate(AMBIPOLAR_FORMULA, in_series),
        "ambipolar_onsager_conductivity_S_m": estimate(AMBIPOLAR_ONSAGER_FORMULA, with_cross_terms),
    }


def transport_json(results: dict[TransportKey, Result]) -> TransportResults:
    """The entries of results.json."""
    return {
        "ionic_conductivity_S_m": results["ionic_conductivity_S_m"].as_json(),
        "electronic_conductivity_S_m": results["electronic_conductivity_S_m"].as_json(),
        "total_conductivity_S_m": results["total_conductivity_S_m"].as_json(),
        "ionic_transference_number": results["ionic_transference_number"].as_json(),
        "electronic_transference_number": results["electronic_transference_number"].as_json(),
        "ambipolar_conductivity_S_m": results["ambipolar_conductivity_S_m"].as_json(),
        "ambipolar_onsager_conductivity_S_m": results["ambipolar_onsager_conductivity_S_m"].as_json(),
    }
