"""The number of dimensions in which a network of bonds percolates through the crystal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from lattices.stencils import Stencil


def percolation_dimensions(bonds: Sequence[Stencil], closed: Collection[int] = ()) -> NDArray[np.int64]:
    """(n_basis,) int64: dimensions from 0 to 3 in which the network through each basis site of a sublattice extends.

    bonds: stencils from that sublattice to itself, taken together. closed: basis sites that cannot be entered, which
    belong to no network. The translations that closed walks over the bonds
    of one unit cell, taken periodically, lead to form a lattice; its rank is the number of dimensions: 0 for clusters,
    1 for chains, 2 for layers. (The quotient graph of the periodic net: W. E. Klee, Cryst. Res. Technol. 39, 959
    (2004).)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    n_basis = len(bonds[0].basis)
    start, end, cells = _edges(bonds, closed)
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(n_basis, n_basis)).tocsr()
    _, network = connected_components(graph, directed=False)
    dimensions = np.zeros(n_basis, dtype=np.int64)
    for label in np.unique(network):
        members = np.flatnonzero(network == label)
        order, before = breadth_first_order(graph, members[0], directed=False)
        reached = np.zeros((n_basis, 3), dtype=np.int64)  # cell in which the tree of bonds reaches each site
        for site in order[1:]:
            bond = np.flatnonzero((start == before[site]) & (end == site))[0]
            reached[site] = reached[before[site]] + cells[bond]
        here = network[start] == label
        loops = reached[start[here]] + cells[here] - reached[end[here]]
        dimensions[members] = np.linalg.matrix_rank(np.unique(loops, axis=0)) if len(loops) else 0
    return dimensions


def _edges(
    bonds: Sequence[Stencil], closed: Collection[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(first site, second site, cell offset) of every bond between open sites, in both of its directions."""
    every = [(b, t, (x, y, z)) for s in bonds for b in range(len(s.basis)) for x, y, z, t in s.neighbours(b)]
    found = [edge for edge in every if edge[0] not in closed and edge[1] not in closed]
    start, end = (np.array([edge[i] for edge in found], dtype=np.int64) for i in (0, 1))
    return start, end, np.array([edge[2] for edge in found], dtype=np.int64).reshape(-1, 3)
