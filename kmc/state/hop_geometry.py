"""The mean second moment of one hop of a family, which turns numbers of hops into the bare diffusion tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.event_tables import EventTables
from lattices.site_pairs import SitePairs
from lattices.stencils import Stencil, stencil_of
from lattices.symmetry import bond_orbits, crystal_space_group


def mean_bond_tensor_angstrom2(model: Model, tables: EventTables, family: int) -> NDArray[np.float64] | None:
    """(3, 3) mean of b b^T over the hops of a family, or None where it does not follow from the crystal.

    It is the mean over all bonds b if every bond is used equally often: where all hops have one barrier, or where the
    crystal's symmetry takes any bond into any other.
    """
    crystal, home = tables.supercell.crystal, int(tables.sublattice[family])
    stencil = stencil_of(crystal, home, home, model.hops[family].neighbours)
    pairs = _pairs(stencil)
    if not tables.single_barrier[family]:
        orbits = bond_orbits(crystal, crystal_space_group(crystal), home, home, pairs)
        if len(np.unique(orbits)) > 1:
            return None
    return np.asarray(pairs.vectors_angstrom.T @ pairs.vectors_angstrom / len(pairs.origin))


def _pairs(stencil: Stencil) -> SitePairs:
    origin, direction = np.nonzero(stencil.basis >= 0)
    vectors = stencil.vectors_angstrom[origin, direction]
    return SitePairs(
        origin.astype(np.int64),
        stencil.basis[origin, direction].astype(np.int64),
        stencil.cells[origin, direction].astype(np.int64),
        vectors,
        np.linalg.norm(vectors, axis=1),
    )
