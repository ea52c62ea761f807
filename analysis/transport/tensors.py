"""Conductivities, transference numbers and ambipolar coefficients as tensors, from Onsager tensors.

The functions take L as (..., C, C, 3, 3) arrays in 1/(J m s), any leading axes, and charges (C,) in units of e. Where
all tensors share their principal axes, as symmetry requires in orthorhombic and more symmetric crystals, each function
is the scalar formula of conductivity.py along every axis; the matrix forms below hold in any frame and for any symmetry
(derived). Directions without conduction give zero: pseudo-inverses are used.
"""

from __future__ import annotations

import numpy as np

from analysis.statistics.estimates import FloatArray
from lattices.constants import ELEMENTARY_CHARGE_C

NEGLIGIBLE = 1e-9  # of the largest principal value: smaller ones are zero by symmetry, up to rounding


def conductivity_tensor(matrix: FloatArray, charges: FloatArray, carriers: list[int] | None = None) -> FloatArray:
    """(..., 3, 3) e^2 sum over i of `carriers` (all where None) and over all j of z_i z_j L_ij, symmetric, in S/m."""
    weight = np.multiply.outer(charges, charges)
    if carriers is not None:
        others = [i for i in range(len(charges)) if i not in carriers]
        weight = weight.copy()
        weight[others] = 0.0
    return symmetric(ELEMENTARY_CHARGE_C**2 * np.einsum("ij,...ijab->...ab", weight, matrix))


def own_conductivity_tensors(pair: FloatArray, charges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(..., 3, 3) z_i^2 e^2 L_ii of both carriers of a pair, cross terms left out, in S/m."""
    one, other = (
        symmetric((z * ELEMENTARY_CHARGE_C) ** 2 * pair[..., i, i, :, :]) for i, z in enumerate(charges.tolist())
    )
    return one, other


def ratio_tensor(part: FloatArray, whole: FloatArray) -> FloatArray:
    """(..., 3, 3) whole^(-1/2) part whole^(-1/2): the ratio along each axis, as of a transference number."""
    root = _power(whole, -0.5)
    return symmetric(root @ part @ root)


def product_tensor(one: FloatArray, factor: FloatArray) -> FloatArray:
    """(..., 3, 3) one^(1/2) factor one^(1/2): the product along each axis."""
    root = _power(one, 0.5)
    return symmetric(root @ factor @ root)


def series_tensor(one: FloatArray, other: FloatArray) -> FloatArray:
    """(..., 3, 3) one (one + other)^-1 other: two conductivities in series along each axis."""
    return symmetric(one @ _power(one + other, -1.0) @ other)


def ambipolar_tensor(pair: FloatArray, charges: FloatArray) -> FloatArray:
    """(..., 3, 3) L_amb of the ion at zero electric current: the ion's block of L - L Z (Z^T L Z)^-1 Z^T L.

    pair: (..., 2, 2, 3, 3), the ion first. Z holds z_i times the unit matrix for each carrier.
    """
    current = np.einsum("j,...ijab->...iab", charges, pair)
    total = np.einsum("i,...iab->...ab", charges, current)
    ion = current[..., 0, :, :]
    return symmetric(pair[..., 0, 0, :, :] - ion @ _power(symmetric(total), -1.0) @ np.swapaxes(ion, -1, -2))


def symmetric(tensor: FloatArray) -> FloatArray:
    """The symmetric part of (..., 3, 3) tensors."""
    return np.asarray((tensor + np.swapaxes(tensor, -1, -2)) / 2.0)


def _power(tensor: FloatArray, exponent: float) -> FloatArray:
    """A power of symmetric (..., 3, 3) tensors; principal values that are negligible or negative stay zero."""
    values, vectors = np.linalg.eigh(symmetric(tensor))
    kept = values > NEGLIGIBLE * np.abs(values).max(axis=-1, keepdims=True)
    raised = np.where(kept, np.where(kept, values, 1.0) ** exponent, 0.0)
    return np.asarray((vectors * raised[..., None, :]) @ np.swapaxes(vectors, -1, -2))
