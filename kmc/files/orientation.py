"""Orientation of cells in files: first vector along x, second in the plane of x and y, as viewers assume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def viewer_rotation(cell_angstrom: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(3, 3) orthogonal matrix R that brings a cell into lower triangular form; None where it has that form already.

    cell_angstrom: (3, 3), one vector per row; cell @ R has positive diagonal elements and none above, and a position
    (a row) is rotated in the same way, position @ R. Readers such as MDAnalysis keep only lengths and angles of a box
    and assume this orientation. R is improper (a rotation and a reflection) for a left-handed cell.
    """
    if not np.triu(cell_angstrom, 1).any() and (np.diag(cell_angstrom) > 0).all():
        return None
    rotation, upper = np.linalg.qr(cell_angstrom.T)
    return np.asarray(rotation * np.sign(np.diag(upper)), dtype=np.float64)


def rotated(vectors: NDArray[np.float64], rotation: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """(..., 3) row vectors in the file's orientation; unchanged, bit for bit, without a rotation."""
    return vectors if rotation is None else vectors @ rotation
