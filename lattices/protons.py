"""Sites of protons around the oxygen ions of a cubic perovskite: four places each, across the B-O-B axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Sublattice
from lattices.errors import InputError
from lattices.stencils import shells

SITES_PER_OXYGEN = 4


def with_protons(crystal: Crystal, name: str, oxygen: str, cation: str, displacement: float) -> Crystal:
    """The crystal with a sublattice of proton sites in front.

    displacement: from the oxygen ion along a lattice vector across the axis of its two cations, in units of that
    vector; below a quarter a rotation about the oxygen is the nearest shell (2 neighbours) and a transfer to the next
    oxygen the second (2). InputError for a taken name, a displacement out of range, or a crystal that is no cubic
    perovskite.
    """
    if name in [sublattice.name for sublattice in crystal.sublattices]:
        raise InputError(f"proton_sites.sublattice = {name!r}: the crystal has a sublattice of that name already")
    if not 0.05 <= displacement < 0.25:
        raise InputError(f"proton_sites.displacement = {displacement}: from 0.05 to below 0.25 of the lattice vector")
    o, b = crystal.index(oxygen), crystal.index(cation)
    bonds = shells(crystal, o, b, 1)[0]
    places = []
    for place, vectors in zip(crystal.sublattices[o].basis, bonds.vectors_angstrom, strict=True):
        axes = _across(crystal.cell_angstrom, vectors)
        if len(vectors) != 2 or len(axes) != 2:
            raise InputError("proton_sites: needs a cubic perovskite, two cations on a line through each oxygen")
        places += [place + sign * displacement * np.eye(3)[axis] for axis in axes for sign in (1, -1)]
    basis = np.mod(np.round(np.array(places), 9), 1.0)
    return Crystal(crystal.cell_angstrom, (Sublattice(name, "X", basis), *crystal.sublattices))


def _across(cell: NDArray[np.float64], bonds: NDArray[np.float64]) -> list[int]:
    """Lattice vectors at right angles to a bond."""
    return [axis for axis in range(3) if abs(cell[axis] @ bonds[0]) < 1e-6 * float(np.linalg.norm(bonds[0]))]
