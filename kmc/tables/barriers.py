"""Barriers in half units (Eb2 = 2 Eb, so that all is integer), and their proven lower bounds.

KRA: Eb2 = max(2 E0 + dE, 2 dE, 0). Marcus: Eb2 = max(floor((lambda^2 + dE^2)/(2 lambda)) + dE - 2 V, 2 dE, 0).
In both, Eb2(ij) - Eb2(ji) = 2 dE exactly, which is detailed balance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.tables.pair_energies import Influence, split
from lattices.crystal import Supercell

Int = Any  # a Python int or an integer array


def kra_barrier2(twice_e0: Int, d_energy: Int) -> Int:
    """2 Eb of a KRA hop, from 2 E0 and dE in microelectronvolt."""
    return np.maximum(np.maximum(twice_e0 + d_energy, 2 * d_energy), 0)


def marcus_barrier2(reorganisation: Int, twice_coupling: Int, d_energy: Int) -> Int:
    """2 Eb of a Marcus hop, from lambda, 2 V and dE in microelectronvolt."""
    even = (reorganisation * reorganisation + d_energy * d_energy) // (2 * reorganisation)
    return np.maximum(np.maximum(even + d_energy - twice_coupling, 2 * d_energy), 0)


def lowest_d_energy(
    supercell: Supercell,
    acting: list[Influence],
    bond: tuple[int, int, int, int, int],
    work: int,
    counts: NDArray[np.int64],
    sublattice_of: NDArray[np.int64],
) -> int:
    """A lower bound of dE of a bond, over every arrangement of the species present.

    Every site near the bond takes the species that lowers dE most; on each sublattice at most as many sites depart
    from its commonest species as there are particles of other species.
    """
    near = _coefficients(supercell, acting, bond, len(counts))
    total = work
    gains: dict[int, list[int]] = {}
    for (target, *_), row in near.items():
        present = np.flatnonzero((sublattice_of == target) & (counts > 0))
        common = present[np.argmax(counts[present])]
        total += int(row[common])
        gains.setdefault(target, []).append(int(row[present].min() - row[common]))
    for target, values in gains.items():
        here = counts[sublattice_of == target]
        others = int(here.sum() - here.max())
        total += sum(sorted(values)[:others])
    return total


def bond_contacts(supercell: Supercell, acting: list[Influence], bond: tuple[int, int, int, int, int], x: int) -> int:
    """Energy that species x on the far site of a bond adds to the exchange potential of the near one."""
    start, dx, dy, dz, end = bond
    wanted = (*(np.array([dx, dy, dz]) % supercell.repeats).tolist(), end)
    total = 0
    for influence in acting:
        if influence.stencil.target != influence.stencil.origin:
            continue
        energy = int(split(influence.values)[1][x])
        for *cell, t in influence.stencil.neighbours(start):
            total += energy * ((*(np.array(cell) % supercell.repeats).tolist(), t) == wanted)
    return total


def lowest_gain(
    acting: list[Influence],
    basis: int,
    common: NDArray[np.uint8],
    counts: NDArray[np.int64],
    sublattice_of: NDArray[np.int64],
) -> int:
    """The most that mobile species other than the common one can lower the exchange potential of a site (<= 0).

    common: (S,) as in selection.py. At most as many sites depart from the common species as there are particles.
    """
    total = 0
    gains: dict[int, list[int]] = {}
    for influence in acting:
        target = influence.stencil.target
        energies = split(influence.values)[1]
        mobile = [
            s for s in np.flatnonzero((sublattice_of == target) & (counts > 0)) if np.sum(common == common[s]) > 1
        ]
        best = min((int(energies[s] - energies[common[s]]) for s in mobile), default=0)
        gains.setdefault(target, []).extend([min(best, 0)] * len(influence.stencil.neighbours(basis)))
    for target, values in gains.items():
        here = [s for s in np.flatnonzero(sublattice_of == target) if np.sum(common == common[s]) > 1]
        others = sum(int(counts[s]) for s in here if common[s] != s)
        total += sum(sorted(values)[:others])
    return total


def _coefficients(
    supercell: Supercell, acting: list[Influence], bond: tuple[int, int, int, int, int], n_species: int
) -> dict[tuple[int, int, int, int, int], NDArray[np.int64]]:
    """Site -> energy of each species there in dE; the two ends of the bond are left out."""
    start, dx, dy, dz, end = bond
    repeats = np.asarray(supercell.repeats)
    near: dict[tuple[int, int, int, int, int], NDArray[np.int64]] = {}
    ends = set()
    for influence in acting:
        home = influence.stencil.origin
        energies = split(influence.values)[1]
        for sign, cell, basis in ((-1, (0, 0, 0), start), (1, (dx, dy, dz), end)):
            ends.add((home, *(np.array(cell) % repeats).tolist(), basis))
            for x, y, z, t in influence.stencil.neighbours(basis):
                wrapped = (np.array([x, y, z]) + cell) % repeats
                key = (influence.stencil.target, *wrapped.tolist(), t)
                near.setdefault(key, np.zeros(n_species, dtype=np.int64))
                near[key] += sign * energies
    return {key: row for key, row in near.items() if key not in ends}
