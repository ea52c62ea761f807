"""Refuses unphysical structures: cells without volume, wrong units, coinciding atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattices.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

FEW_ATOMS = 100  # whose distances are computed pair by pair
SHORTEST_ANGSTROM = 0.5  # shorter than any bond (H2: 0.74)
LONGEST_CELL_ANGSTROM = 1000.0
# Volume of the cell over its atoms: 5.7 in diamond, the densest crystal at ambient pressure; 115 in
# caesium. The upper end leaves room for the sparse lattices of tests.
LEAST_VOLUME_A3, LARGEST_VOLUME_A3 = 5.0, 2000.0


def check_structure(atoms: Atoms) -> None:
    """InputError unless the structure is periodic in three dimensions with a plausible cell and separate atoms."""
    cell, positions = np.asarray(atoms.cell[:], dtype=float), np.asarray(atoms.positions, dtype=float)
    if not len(atoms):
        raise InputError("the structure has no atoms")
    if not np.isfinite(cell).all() or not np.isfinite(positions).all():
        raise InputError("the structure has a cell or positions that are not finite numbers")
    lengths = np.linalg.norm(np.clip(cell, -1e9, 1e9), axis=1)
    if lengths.max() > LONGEST_CELL_ANGSTROM:
        raise InputError(
            f"the structure's cell has a vector of {lengths.max():.3g} angstrom; at most "
            f"{LONGEST_CELL_ANGSTROM:g} is allowed"
        )
    volume = abs(float(np.linalg.det(cell)))
    if volume < 1e-6:
        raise InputError("the structure has no three-dimensional cell")
    if not atoms.pbc.all():
        shown = " ".join("T" if periodic else "F" for periodic in atoms.pbc)
        raise InputError(f"the structure has pbc = {shown}; only structures periodic in three dimensions are allowed")
    per_atom = volume / len(atoms)
    if not LEAST_VOLUME_A3 <= per_atom <= LARGEST_VOLUME_A3:
        raise InputError(
            f"the structure has {per_atom:.3g} cubic angstrom per atom; {LEAST_VOLUME_A3:g} to {LARGEST_VOLUME_A3:g} "
            "is allowed: lengths are in angstrom (not nm), and each site is given once"
        )
    _check_apart(atoms)


def _check_apart(atoms: Atoms) -> None:
    """InputError if two atoms, or an atom and a periodic image, are closer than any bond."""
    if len(atoms) <= FEW_ATOMS and _shortest_distance(atoms) > SHORTEST_ANGSTROM:
        return
    from ase.neighborlist import neighbor_list  # its import takes a third of a second

    first, second, distance = neighbor_list("ijd", atoms, SHORTEST_ANGSTROM)
    if len(first):
        worst = int(distance.argmin())
        i, j = sorted((int(first[worst]), int(second[worst])))
        symbols = atoms.get_chemical_symbols()
        raise InputError(
            f"the structure's atoms {i} ({symbols[i]}) and {j} ({symbols[j]}) are {distance[worst]:.3g} angstrom "
            f"apart; at least {SHORTEST_ANGSTROM:g} is needed: give each site once, split sites as one"
        )


def _shortest_distance(atoms: Atoms) -> float:
    """In angstrom, between two atoms or an atom and its own image."""
    from ase.geometry import minkowski_reduce

    between = atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)]
    images = np.linalg.norm(minkowski_reduce(atoms.cell[:])[0], axis=1)
    return float(min(images.min(), between.min(initial=np.inf)))
