"""Pair energies by neighbour shell, as an energy term, and the packing of forbidden pairs into the same integers.

A family exchanges species a (carrier) and b (partner). Its potential at site k is the sum over the neighbours of k of
``J(a, x) - J(b, x)``, x being the species on the neighbour. Exchanging a on i with b on j then changes the energy by
``potential[j] - potential[i]`` less the share of the exchanging pair itself, a constant of the bond.

A forbidden pair counts `FORBIDDEN` in the same integers: a flag in bits that no sum of energies reaches. `split`
separates the two before any energy is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.tables.bonds import Bond, bonds_of, neighbour_sites
from kmc.tables.energy_terms import NO_UPDATES, EnergyContext, EnergyTerm, HopFamily, IntArray, Updates
from kmc.tables.pair_bounds import lowest_d_energy, lowest_gain
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.stencils import Stencil, check_fits, stencil_of

MICRO = 1_000_000  # energies are integers in microelectronvolt
FORBIDDEN_BITS = 26
FORBIDDEN = 1 << FORBIDDEN_BITS
HALF_FORBIDDEN = FORBIDDEN >> 1
MAX_ENERGY = FORBIDDEN >> 2  # 16.8 eV: differences of two sums stay below HALF_FORBIDDEN


def to_micro(energy_eV: float) -> int:
    """Whole microelectronvolts, rounded once."""
    return round(energy_eV * MICRO)


def split(packed: IntArray) -> tuple[IntArray, IntArray]:
    """(number of forbidden contacts, energy in microelectronvolt) of packed potentials or their differences."""
    contacts = (packed + HALF_FORBIDDEN) >> FORBIDDEN_BITS
    return contacts, packed - (contacts << FORBIDDEN_BITS)


@dataclass(frozen=True)
class Influence:
    """How the species on the neighbours that one pair energy is for contribute to the potential of a family.

    stencil: from the family's sublattice to the neighbours. back: from the neighbours to the family's sublattice.
    values: (S,) int64, packed J(a, x) - J(b, x).
    """

    neighbours: Neighbours
    stencil: Stencil
    back: Stencil
    values: IntArray

    @property
    def energies(self) -> IntArray:
        """(S,) int64 J(a, x) - J(b, x) in microelectronvolt, without forbidden contacts."""
        return split(self.values)[1]


class PairEnergies(EnergyTerm):
    """Energies and forbidden contacts of pairs of species.

    influences: for each family, the shells on which its potential depends.
    """

    name = "pairs"

    def __init__(self, context: EnergyContext, influences: tuple[tuple[Influence, ...], ...]) -> None:
        self.context, self.influences = context, influences

    def has_potential(self, f: int) -> bool:
        """Whether any pair energy differs between carrier and partner."""
        return bool(self.influences[f])

    def potentials(self, f: int, occupants: NDArray[np.uint8]) -> NDArray[np.int32]:
        """(R, n) int32 packed sums over all neighbours."""
        supercell = self.context.supercell
        home = self.context.families[f].sublattice
        n_basis = supercell.crystal.sublattices[home].n_basis
        potential = np.zeros((len(occupants), supercell.n_sites_of(home)), dtype=np.int32)
        for influence in self.influences[f]:
            values = influence.values.astype(np.int32)
            for b in range(n_basis):
                local = np.arange(b, supercell.n_sites_of(home), n_basis, dtype=np.int64)
                cells = supercell.coordinates_of(home, local)[:, :3].astype(np.int64)
                for x, y, z, t in influence.stencil.neighbours(b):
                    near = neighbour_sites(supercell, influence.stencil.target, cells + np.array([x, y, z]), t)
                    potential[:, local] += values[occupants[:, near]]
        return potential

    def updates(self, hop: int, f: int, basis: int) -> Updates:
        """The neighbours whose potential depends on the species that hop onto the basis site."""
        here = self.context.families[hop]
        rows = []
        for influence in self.influences[f]:
            delta = int(influence.values[here.carrier] - influence.values[here.partner])
            if influence.stencil.target != here.sublattice or not delta:
                continue
            rows += [(*neighbour, delta) for neighbour in influence.back.neighbours(basis)]
        if not rows:
            return NO_UPDATES
        table = np.array(rows, dtype=np.int64)
        return table[:, :3], table[:, 3], table[:, 4]

    def reach(self, f: int) -> int:
        """Sum over shells of the largest energy times the number of neighbours."""
        return sum(int(np.abs(one.energies).max()) * one.stencil.coordination for one in self.influences[f])

    def bond_energy(self, f: int, bond: Bond) -> int:
        """Minus the packed correction for the exchanging pair."""
        family = self.context.families[f]
        values = [exchanged_pair(self.context.supercell, one, bond) * one.values for one in self.influences[f]]
        return -sum(int(row[family.carrier] - row[family.partner]) for row in values)

    def lowest_d_energy(self, f: int, bond: Bond) -> int:
        """A lower bound over every arrangement; see kmc/tables/pair_bounds.py."""
        return lowest_d_energy(self.context, self.influences[f], bond)

    def lowest_beyond_folded(self, f: int, bond: Bond, folded: NDArray[np.uint8]) -> int:
        """Exact for the carrier on the near end, a bound for the other mobile species around the far end."""
        carrier = self.context.families[f].carrier
        replaced = sum(
            exchanged_pair(self.context.supercell, one, bond)
            * int(one.energies[carrier] - one.energies[folded[carrier]])
            for one in self.influences[f]
        )
        return replaced + lowest_gain(self.context, self.influences[f], bond[4], folded)

    def acting_species(self) -> frozenset[int]:
        """Species with a pair energy that differs between the carrier and the partner of some family."""
        shells = [one for influences in self.influences for one in influences]
        return frozenset(int(code) for one in shells for code in np.flatnonzero(one.values))

    def fingerprint(self) -> Mapping[str, IntArray]:
        """The values of every shell: those of immobile species appear nowhere in the event tables."""
        return {
            f"{f}.{one.stencil.target}.{one.neighbours}": one.values
            for f, influences in enumerate(self.influences)
            for one in influences
        }


def exchanged_pair(supercell: Supercell, influence: Influence, bond: Bond) -> int:
    """How often the far end of a bond is a neighbour of the near one in a shell; several times in a small cell."""
    if influence.stencil.target != influence.stencil.origin:
        return 0
    start, dx, dy, dz, end = bond
    wanted = (*(np.array([dx, dy, dz]) % supercell.repeats).tolist(), end)
    return sum(
        (*(np.array(cell) % supercell.repeats).tolist(), t) == wanted
        for *cell, t in influence.stencil.neighbours(start)
    )


def pair_term(context: EnergyContext) -> PairEnergies | None:
    """The pair energies of a model; None where it has none that acts. InputError if the supercell is too small."""
    _check_listed_once(context)
    found = tuple(_influences(context, family) for family in context.families)
    return PairEnergies(context, found) if any(found) else None


def _influences(context: EnergyContext, family: HopFamily) -> tuple[Influence, ...]:
    """All neighbours on which the potential of one family depends, sorted by sublattice."""
    model, crystal = context.model, context.supercell.crystal
    carrier, partner = model.names[family.carrier], model.names[family.partner]
    table: dict[tuple[int, Neighbours], IntArray] = {}
    for pair in model.pairs:
        packed = to_micro(pair.energy_eV) + (FORBIDDEN if pair.forbidden else 0)
        for one, other in {pair.species, pair.species[::-1]}:
            sign = (one == carrier) - (one == partner)
            if sign:
                key = (crystal.index(model.species[other].sublattice), pair.neighbours)
                row = table.setdefault(key, np.zeros(len(model.names), dtype=np.int64))
                row[model.code(other)] += sign * packed
    result = []
    for (target, neighbours), values in sorted(table.items(), key=lambda item: item[0]):
        if not values.any():
            continue
        stencil = stencil_of(crystal, family.sublattice, target, neighbours)
        check_fits(context.supercell, stencil, f"the pair energies of {neighbours}")
        back = stencil_of(crystal, target, family.sublattice, neighbours)
        result.append(Influence(neighbours, stencil, back, values))
    return tuple(result)


def _check_listed_once(context: EnergyContext) -> None:
    """InputError if two entries of a pair have neighbours in common, by a range of distances or a kind."""
    model, crystal = context.model, context.supercell.crystal
    by_species: dict[tuple[str, ...], list[Neighbours]] = {}
    for pair in model.pairs:
        by_species.setdefault(tuple(sorted(pair.species)), []).append(pair.neighbours)
    for names, entries in by_species.items():
        by_number = not any(entry.distance_angstrom or entry.kind for entry in entries)
        if len(entries) == 1 or by_number:
            continue  # shells are distinguished by their numbers, which the model checks
        home, target = (crystal.index(model.species[name].sublattice) for name in names)
        seen: dict[Bond, Neighbours] = {}
        for entry in entries:
            for _, _, bond in bonds_of(stencil_of(crystal, home, target, entry)):
                if bond in seen:
                    raise InputError(f"pairs: {' - '.join(names)} has two energies for {seen[bond]} and {entry}")
                seen[bond] = entry
