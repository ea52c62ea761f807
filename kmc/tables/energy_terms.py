"""Energy terms: what a contribution to the energy must provide so that the walk, its bounds and its files include it.

The engine exchanges the carrier a and the partner b of a hop family on two sites i and j. The change of energy is

    dE = sum over terms of (potential[j] - potential[i] + bond_energy),

where `potential[k]` is the change of energy when a takes the place of b at site k, all other sites unchanged, and
`bond_energy` is a constant of the bond: field work, or the correction for the exchanging pair itself. Everything is an
integer in microelectronvolt, so that sums are exact in any order. Pair energies, Coulomb energies and field work are
terms (`kmc.tables.build.ENERGY_TERMS`); `build_system(..., energy_terms=...)` accepts further ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Model
from kmc.tables.bonds import Bond
from lattices.crystal import Supercell
from lattices.stencils import Stencil

IntArray = NDArray[np.int64]
Updates = tuple[IntArray, IntArray, IntArray]  # (n, 3) cell offsets, (n,) basis sites, (n,) changes of the potential


@dataclass(frozen=True)
class HopFamily:
    """One hop family, as it is passed to an energy term.

    sublattice: index of the sublattice on which it hops. carrier, partner: species codes. charge_moved: charge of the
    carrier less that of the partner, in units of e. bonds: the stencil of its bonds.
    """

    name: str
    sublattice: int
    carrier: int
    partner: int
    charge_moved: int
    bonds: Stencil


@dataclass(frozen=True)
class EnergyContext:
    """What an energy term is built from. S species.

    families: one for each hop of the model, in its order. charges: (S,) int64 in units of e. sublattice_of: (S,) int64.
    counts: (S,) int64 particles of each species in the supercell. field_V_per_m: the electric field asked for.
    """

    model: Model
    supercell: Supercell
    families: tuple[HopFamily, ...]
    charges: IntArray
    sublattice_of: IntArray
    counts: IntArray
    field_V_per_m: Sequence[float]


class EnergyTerm(ABC):
    """One contribution to the energy. A family is given by its number f in `EnergyContext.families`.

    long_range: every hop changes potentials throughout the supercell. Such a term is simulated in independent replicas
    with rejection; domains and the rejection-free selection are refused.
    """

    name: ClassVar[str]
    long_range: ClassVar[bool] = False

    @abstractmethod
    def has_potential(self, f: int) -> bool:
        """Whether the potential of a family can differ from zero."""

    @abstractmethod
    def potentials(self, f: int, occupants: NDArray[np.uint8]) -> NDArray[np.int32]:
        """(R, sites of the family's sublattice) potentials of (R, N) occupants. Called where `has_potential`."""

    @abstractmethod
    def updates(self, hop: int, f: int, basis: int) -> Updates:
        """Which potentials of family f change, and by how much, when a carrier of family `hop` arrives.

        basis: the basis site where the carrier takes the place of its partner; where it leaves, the changes have the
        opposite sign. Cell offsets are relative to the cell of that site and need not be wrapped.
        """

    @abstractmethod
    def reach(self, f: int) -> int:
        """An upper bound of the absolute value of this term's potential at any site, in any arrangement."""

    @abstractmethod
    def lowest_d_energy(self, f: int, bond: Bond) -> int:
        """A lower bound of this term's share of dE over a bond, in any arrangement of the particles present."""

    @abstractmethod
    def lowest_beyond_folded(self, f: int, bond: Bond, folded: NDArray[np.uint8]) -> int:
        """A lower bound of potential[j] - folded potential[j], with the carrier on the near end of the bond.

        The folded potential is that of the arrangement in which every species s is replaced by folded[s], (S,) uint8:
        mobile species by the most frequent one of their sublattice. The rejection-free selection bounds rates with it;
        not called for a long-range term.
        """

    def bond_energy(self, f: int, bond: Bond) -> int:
        """The constant of a bond in dE: minus the share of the exchanging pair in potential[j] - potential[i], or work.

        Pair energies pack forbidden contacts into it; see kmc/tables/pair_energies.py.
        """
        return 0

    def self_correction(self, f: int) -> int:
        """Twice the energy, in microelectronvolt, of a carrier with its own periodic images less that of the partner.

        It cancels where particles only move, and counts where grand-canonical moves add or remove them.
        """
        return 0

    def acting_species(self) -> frozenset[int]:
        """Codes of the species that contribute to the potential of some family, the immobile ones included."""
        return frozenset()

    def fingerprint(self) -> Mapping[str, IntArray]:
        """Integers that decide energies but are not part of the event tables, for the digest of a run."""
        return {}


NO_UPDATES: Updates = (np.zeros((0, 3), dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
TermFactory = Callable[[EnergyContext], EnergyTerm | None]  # None: the model has no such energies
