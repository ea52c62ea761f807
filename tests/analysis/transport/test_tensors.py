"""Tensor formulae against the scalar formulae along each principal axis, in any frame."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.transport.conductivity import (
    ambipolar_coefficient,
    ambipolar_conductivity,
    conductivity,
    electronic_share,
    tau,
    transference_number,
)
from analysis.transport.tensors import (
    ambipolar_tensor,
    conductivity_tensor,
    product_tensor,
    ratio_tensor,
    series_tensor,
)
from lattices.constants import ELEMENTARY_CHARGE_C

Z = np.array([2.0, -1.0])
AXES = np.array([[[3.0, 0.5], [0.5, 7.0]], [[1.0, -0.2], [-0.2, 9.0]], [[2.0, 0.3], [0.3, 0.6]]]) * 1e38  # (3, C, C)


def rotation(seed: int = 3) -> np.ndarray:
    """A random proper rotation."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return q * np.sign(np.linalg.det(q))


def tensors(per_axis: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(C, C, 3, 3) tensors with the given (3, C, C) principal values along the rows of a frame."""
    return np.einsum("kij,ka,kb->ijab", per_axis, frame, frame)


def along(tensor: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(3,) values along the rows of a frame, which must be principal axes."""
    inside = frame @ tensor @ frame.T
    assert np.allclose(inside, np.diag(np.diag(inside)), atol=1e-9 * np.abs(inside).max())
    return np.diag(inside)


@pytest.mark.parametrize("frame", [np.eye(3), rotation()])
def test_each_tensor_is_the_scalar_formula_along_its_axes(frame):
    full = tensors(AXES, frame)
    ion, electron, total = (conductivity_tensor(full, Z, part) for part in ([0], [1], None))
    assert np.allclose(along(ion, frame), conductivity(AXES, Z, [0]))
    assert np.allclose(along(total, frame), conductivity(AXES, Z))
    assert np.allclose(along(ratio_tensor(electron, total), frame), transference_number(AXES, Z, [1]))
    assert np.allclose(along(ambipolar_tensor(full, Z), frame), ambipolar_coefficient(AXES, Z))
    assert np.allclose(along(ratio_tensor(ambipolar_tensor(full, Z), full[0, 0]), frame), tau(AXES, Z))
    own = [conductivity_tensor(full[i : i + 1, i : i + 1], Z[i : i + 1]) for i in (0, 1)]
    assert np.allclose(along(series_tensor(*own), frame), ambipolar_conductivity(AXES, Z))
    share = ratio_tensor(own[1], own[0] + own[1])
    assert np.allclose(along(share, frame), electronic_share(AXES, Z))
    assert np.allclose(along(product_tensor(own[0], share), frame), along(own[0], frame) * along(share, frame))


@pytest.mark.parametrize("frame", [np.eye(3), rotation()])
def test_holes_in_the_plane_leave_no_ambipolar_conduction_across_it(frame):
    """Ions with 90 S/m in each direction and holes with 60 S/m in the plane give 36, 36 and 0 S/m."""
    ions, holes = np.full(3, 90.0), np.array([60.0, 60.0, 0.0])
    z = np.array([2.0, 1.0])
    per_axis = np.stack([np.diag(pair) for pair in zip(ions / z[0] ** 2, holes / z[1] ** 2, strict=True)])
    full = tensors(per_axis / ELEMENTARY_CHARGE_C**2, frame)
    found = series_tensor(*(conductivity_tensor(full[i : i + 1, i : i + 1], z[i : i + 1]) for i in (0, 1)))
    assert np.allclose(along(found, frame), [36.0, 36.0, 0.0])
    assert np.allclose(along(ambipolar_tensor(full, z), frame) * 4 * ELEMENTARY_CHARGE_C**2, [36.0, 36.0, 0.0])


def test_tensors_without_common_axes_keep_the_second_law():
    """Two tensors of a monoclinic crystal do not commute; their series combination is symmetric and below both."""
    one, other = (frame.T @ np.diag(v) @ frame for frame, v in ((np.eye(3), [1.0, 4.0, 2.0]), (rotation(7), [3, 1, 5])))
    found = series_tensor(one, other)
    assert np.allclose(found, found.T) and np.allclose(found, np.linalg.inv(np.linalg.inv(one) + np.linalg.inv(other)))
    for larger in (one, other):
        assert np.linalg.eigvalsh(larger - found).min() > 0
