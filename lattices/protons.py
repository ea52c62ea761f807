"""Proton sites of a cubic perovskite: four around each oxygen ion, at right angles to its B-O-B axis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal, Sublattice
from lattices.errors import InputError
from lattices.stencils import shells

SITES_PER_OXYGEN = 4
# A transfer, sqrt(2) (1/2 - d), must be shorter than the distance to the opposite site, 2 d: d > (sqrt(2) - 1)/2.
LOWEST, BELOW = 0.2072, 0.25
PART_OF_GAP = 0.25  # of the narrowest gap between the three shells of a proton, taken as the shells' tolerance


def with_protons(crystal: Crystal, name: str, oxygen: str, cation: str, displacement: float) -> Crystal:
    """The crystal with a sublattice of proton sites in front.

    displacement: d, from the oxygen ion along a lattice vector at right angles to the axis of its two cations, in units
    of that vector. From (sqrt(2) - 1)/2 to 1/4 a rotation about the oxygen, sqrt(2) d, is the first shell (2
    neighbours), a transfer to the next oxygen, sqrt(2) (1/2 - d), the second (2), and the opposite site, 2 d, the third
    (1); derived. Where these distances are close, a smaller tolerance separates the shells of the result.
    InputError for a name already in use, a displacement outside this range, or a crystal other than a cubic perovskite.
    """
    if name in [sublattice.name for sublattice in crystal.sublattices]:
        raise InputError(f"proton_sites.sublattice = {name!r}: the crystal has a sublattice of that name already")
    if not LOWEST <= displacement < BELOW:
        raise InputError(
            f"proton_sites.displacement = {displacement}: from {LOWEST} to below {BELOW} of the lattice vector is "
            "allowed, so that rotation, transfer and the opposite site follow in this order"
        )
    o, b = crystal.index(oxygen), crystal.index(cation)
    bonds = shells(crystal, o, b, 1)[0]
    sites = []
    for site, vectors in zip(crystal.sublattices[o].basis, bonds.vectors_angstrom, strict=True):
        axes = _across(crystal.cell_angstrom, vectors)
        if len(vectors) != 2 or len(axes) != 2:
            raise InputError(
                "proton_sites: a cubic perovskite is needed, with two cations on a line through each oxygen"
            )
        sites += [site + sign * displacement * np.eye(3)[axis] for axis in axes for sign in (1, -1)]
    basis = np.mod(np.round(np.array(sites), 9), 1.0)
    grown = replace(
        crystal,
        sublattices=(Sublattice(name, "X", basis), *crystal.sublattices),
        shell_tolerance=min(crystal.shell_tolerance, _tolerance(displacement)),
    )
    if [shell.coordination for shell in shells(grown, 0, 0, 3)] != [2, 2, 1]:
        raise InputError(
            "proton_sites: a cubic perovskite is needed; rotation, transfer and the opposite site (displacement "
            f"{displacement}) do not form three shells of 2, 2 and 1 sites"
        )
    return grown


def _tolerance(displacement: float) -> float:
    """Relative tolerance that keeps rotation, transfer and the opposite site apart."""
    lengths = np.array([2**0.5 * displacement, 2**0.5 * (0.5 - displacement), 2.0 * displacement])
    return max(1e-6, float(PART_OF_GAP * (np.diff(lengths) / lengths[1:]).min()))


def _across(cell: NDArray[np.float64], bonds: NDArray[np.float64]) -> list[int]:
    """Lattice vectors at right angles to a bond."""
    return [axis for axis in range(3) if abs(cell[axis] @ bonds[0]) < 1e-6 * float(np.linalg.norm(bonds[0]))]
