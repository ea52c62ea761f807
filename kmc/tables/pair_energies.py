"""Pair energies as integers, and the exchange potentials that the walk keeps per site.

A family exchanges species a (carrier) and b (partner). Its exchange potential at site k is the sum over the
neighbours of k of ``J(a, x) - J(b, x)``, x being what stands on the neighbour. Then moving a from i to j and b
back changes the energy by ``potential[j] - potential[i]`` less the pair's own share, a constant of the bond.

A forbidden pair counts `FORBIDDEN` in the same integers: a flag in bits that no sum of energies reaches, taken
apart again by `split` before any energy is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.bonds import bonds_of
from lattices.crystal import Crystal, Supercell
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.stencils import Stencil, check_fits, stencil_of

MICRO = 1_000_000  # energies are integers in microelectronvolt
FORBIDDEN = 1 << 26
HALF_FORBIDDEN = FORBIDDEN >> 1
MAX_ENERGY = FORBIDDEN >> 2  # 16.8 eV: differences of two sums stay below HALF_FORBIDDEN


def to_micro(energy_eV: float) -> int:
    """Whole microelectronvolts, rounded once."""
    return round(energy_eV * MICRO)


def split(packed: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(number of forbidden contacts, energy in microelectronvolt) of packed potentials or their differences."""
    contacts = (packed + HALF_FORBIDDEN) >> 26
    return contacts, packed - (contacts << 26)


@dataclass(frozen=True)
class Influence:
    """How the neighbours that one pair energy is for act on the exchange potential of a family.

    stencil: from the family's sublattice to the neighbours. values: (n_species,) int64, packed J(a, x) - J(b, x).
    """

    family: int
    neighbours: Neighbours
    stencil: Stencil
    values: NDArray[np.int64]


def influences(model: Model, supercell: Supercell, hop_number: int) -> list[Influence]:
    """All neighbours on which the exchange potential of one hop family depends; InputError if the cell is too small."""
    hop = model.hops[hop_number]
    crystal = supercell.crystal
    home = crystal.index(model.species[hop.carrier].sublattice)
    table: dict[tuple[int, Neighbours], NDArray[np.int64]] = {}
    _check_listed_once(model, supercell.crystal)
    for pair in model.pairs:
        packed = to_micro(pair.energy_eV) + (FORBIDDEN if pair.forbidden else 0)
        for one, other in {pair.species, pair.species[::-1]}:
            sign = (one == hop.carrier) - (one == hop.partner)
            if sign:
                key = (crystal.index(model.species[other].sublattice), pair.neighbours)
                row = table.setdefault(key, np.zeros(len(model.names), dtype=np.int64))
                row[model.code(other)] += sign * packed
    result = []
    for (target, neighbours), values in sorted(table.items(), key=lambda item: item[0]):
        if not values.any():
            continue
        stencil = stencil_of(crystal, home, target, neighbours)
        check_fits(supercell, stencil, f"the pair energies of {neighbours}")
        result.append(Influence(hop_number, neighbours, stencil, values))
    _check_range(hop.name, result)
    return result


def _check_listed_once(model: Model, crystal: Crystal) -> None:
    """InputError if a range of distances of a pair holds neighbours that another entry of the same pair holds too."""
    by_species: dict[tuple[str, ...], list[Neighbours]] = {}
    for pair in model.pairs:
        by_species.setdefault(tuple(sorted(pair.species)), []).append(pair.neighbours)
    for names, entries in by_species.items():
        if len(entries) == 1 or not any(entry.distance_angstrom for entry in entries):
            continue  # shells are told apart by their numbers, which the model checks
        home, target = (crystal.index(model.species[name].sublattice) for name in names)
        seen: dict[tuple[int, ...], Neighbours] = {}
        for entry in entries:
            for _, _, bond in bonds_of(stencil_of(crystal, home, target, entry)):
                if bond in seen:
                    raise InputError(f"the pair {' - '.join(names)} has two energies for {seen[bond]} and {entry}")
                seen[bond] = entry


def own_share(
    supercell: Supercell, acting: list[Influence], bond: tuple[int, int, int, int, int], a: int, b: int
) -> int:
    """Packed share of the exchanging pair itself in ``potential[j] - potential[i]``.

    bond: (basis of i, dx, dy, dz, basis of j). In a small cell several shells may join i and j; each counts.
    """
    start, dx, dy, dz, end = bond
    wanted = (*(np.array([dx, dy, dz]) % supercell.repeats).tolist(), end)
    total = 0
    for influence in acting:
        if influence.stencil.target != influence.stencil.origin:
            continue
        for x, y, z, t in influence.stencil.neighbours(start):
            if (*(np.array([x, y, z]) % supercell.repeats).tolist(), t) == wanted:
                total += int(influence.values[a] - influence.values[b])
    return total


def _check_range(name: str, acting: list[Influence]) -> None:
    """InputError if the energies around one site could leave the range of the packed integers."""
    reach = 0
    for influence in acting:
        energies = split(influence.values)[1]
        reach += int(np.abs(energies).max()) * influence.stencil.coordination
    if reach >= MAX_ENERGY:
        raise InputError(
            f"hop {name!r}: pair energies around one site add up to {reach / MICRO:.1f} eV; "
            f"at most {MAX_ENERGY / MICRO:.1f} eV is allowed"
        )
