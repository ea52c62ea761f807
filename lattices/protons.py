"""Sites of protons around the oxygen ions of a cubic perovskite: four places each, across the B-O-B axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Sublattice
from lattices.errors import InputError
from lattices.stencils import shells

SITES_PER_OXYGEN = 4
# A transfer, sqrt(2) (1/2 - d), must be shorter than the way to the opposite place, 2 d: d > (sqrt(2) - 1)/2 = 0.20711.
LOWEST, BELOW = 0.2072, 0.25


def with_protons(crystal: Crystal, name: str, oxygen: str, cation: str, displacement: float) -> Crystal:
    """The crystal with a sublattice of proton sites in front.

    displacement: d, from the oxygen ion along a lattice vector across the axis of its two cations, in units of that
    vector. From (sqrt(2) - 1)/2 to 1/4 a rotation about the oxygen, sqrt(2) d, is the first shell (2 neighbours), a
    transfer to the next oxygen, sqrt(2) (1/2 - d), the second (2), and the opposite place, 2 d, the third (1); derived.
    InputError for a taken name, a displacement outside this range, or a crystal that is no cubic perovskite.
    """
    if name in [sublattice.name for sublattice in crystal.sublattices]:
        raise InputError(f"proton_sites.sublattice = {name!r}: the crystal has a sublattice of that name already")
    if not LOWEST <= displacement < BELOW:
        raise InputError(
            f"proton_sites.displacement = {displacement}: from {LOWEST} to below {BELOW} of the lattice vector, so "
            "that rotation, transfer and the opposite place follow in this order"
        )
    o, b = crystal.index(oxygen), crystal.index(cation)
    bonds = shells(crystal, o, b, 1)[0]
    places = []
    for place, vectors in zip(crystal.sublattices[o].basis, bonds.vectors_angstrom, strict=True):
        axes = _across(crystal.cell_angstrom, vectors)
        if len(vectors) != 2 or len(axes) != 2:
            raise InputError("proton_sites: needs a cubic perovskite, two cations on a line through each oxygen")
        places += [place + sign * displacement * np.eye(3)[axis] for axis in axes for sign in (1, -1)]
    basis = np.mod(np.round(np.array(places), 9), 1.0)
    grown = Crystal(crystal.cell_angstrom, (Sublattice(name, "X", basis), *crystal.sublattices))
    if [shell.coordination for shell in shells(grown, 0, 0, 3)] != [2, 2, 1]:
        raise InputError(
            f"proton_sites: needs a cubic perovskite; rotation, transfer and the opposite place (displacement "
            f"{displacement}) are not three shells of 2, 2 and 1 places"
        )
    return grown


def _across(cell: NDArray[np.float64], bonds: NDArray[np.float64]) -> list[int]:
    """Lattice vectors at right angles to a bond."""
    return [axis for axis in range(3) if abs(cell[axis] @ bonds[0]) < 1e-6 * float(np.linalg.norm(bonds[0]))]
