"""Event tables: a model on a supercell at one temperature and field, as the integers that every backend uses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import module_of
from kmc.errors import BarrierBelowBound
from kmc.tables.attempt_frequencies import AttemptFrequencies
from kmc.tables.boltzmann import AcceptanceTable
from kmc.tables.energy_terms import EnergyTerm
from lattices.crystal import Supercell

IMAGE_BITS = 21  # periodic images of a particle: three signed 21-bit counts in one int64


@dataclass(frozen=True)
class SpeciesTables:
    """Particles of a replica, their ids and their places in the list of carriers. L sublattices, S species."""

    species: tuple[str, ...]
    charges: NDArray[np.int64]  # (S,) in units of e
    electronic: NDArray[np.bool_]  # (S,) belongs to the electronic current
    counts: NDArray[np.int64]  # (S,) particles of each species in a replica
    sublattice_of: NDArray[np.int64]  # (S,)
    site_offset: NDArray[np.int64]  # (L,) first site of each sublattice
    n_basis: NDArray[np.int64]  # (L,)
    n_mobile_sites: int  # sites 0 ... n - 1 are those of the mobile sublattices
    tracked: bool  # every particle of the mobile sublattices has an id and images; otherwise only the carriers
    n_particles: int  # particles with an id
    first_particle: NDArray[np.int64]  # (S,) first particle id; -1 where particles have none
    carrier_offset: NDArray[np.int64]  # (S,) carrier index of the first particle of a species; -1 if it is no carrier
    n_carriers: int  # carriers of all species in a replica; their carrier indices are 0 ... n - 1


@dataclass(frozen=True)
class BondTables:
    """The bonds of every family. F families, B basis sites, Z directions."""

    sublattice: NDArray[np.int64]  # (F,)
    directions: NDArray[np.int64]  # (F,)
    hop_length_angstrom: NDArray[np.float64]  # (F,)
    bond_cell: NDArray[np.int16]  # (F, B, Z, 3)
    bond_basis: NDArray[np.int16]  # (F, B, Z); -1 where a basis site has fewer bonds
    bond_image: NDArray[np.int64]  # (F, B, Z) images to add because the offset was wrapped
    bond_energy: NDArray[np.int64]  # (F, B, Z) sum of the energy terms' constants of the bond, packed as pair energies


@dataclass(frozen=True)
class HopEnvironments:
    """The sites whose species decide the barrier of a bond. G sites at most, C codes at most."""

    environment_sublattice: NDArray[np.int64]  # (F, G)
    environment_cell: NDArray[np.int16]  # (F, B, Z, G, 3)
    environment_basis: NDArray[np.int16]  # (F, B, Z, G); -1 where the family has fewer environment sites
    environment_weight: NDArray[np.int64]  # (F, G, S) contribution of a species on a site to the environment's code
    barrier2: NDArray[np.int64]  # (F, C) 2 E0 by code; -1 where no barrier is given (proven not to occur)


@dataclass(frozen=True)
class RateTables:
    """Parameters of the rates, and proven lower bounds of the barriers."""

    marcus_lambda: NDArray[np.int64]  # (F,) reorganisation energy; 0 for KRA
    marcus_coupling2: NDArray[np.int64]  # (F,) 2 V
    reference2: NDArray[np.int64]  # (F,) proven lower bound of 2 Eb
    single_barrier: NDArray[np.bool_]  # (F,) every hop has exactly the reference barrier


@dataclass(frozen=True)
class TrialRates:
    """How often each family is tried: all that depends on temperature besides the acceptance."""

    family_limit: NDArray[np.uint64]  # (F,) upper ends of the families' shares of the 64-bit range
    proposal_rate_per_s: NDArray[np.float64]  # (F,) per carrier and direction
    total_rate_per_s: float


@dataclass(frozen=True)
class PotentialTables:
    """Where the exchange potentials are stored, and which of them a hop changes by how much. E changes at most."""

    potential_offset: NDArray[np.int64]  # (F,) start of the family's exchange potential; -1 if it has none
    n_potential: int
    influence_cell: NDArray[np.int16]  # (F, F, B, E, 3) sites whose potential (second F) a hop (first F) changes
    influence_basis: NDArray[np.int16]  # (F, F, B, E); -1 pads
    influence_delta: NDArray[np.int64]  # (F, F, B, E) change where the carrier arrives; the opposite where it leaves


@dataclass(frozen=True)
class EventTables(SpeciesTables, BondTables, HopEnvironments, RateTables, TrialRates, PotentialTables):
    """Integer tables of a run. F families, L sublattices, S species, B basis sites, Z directions, G environment sites.

    All cell offsets are already wrapped into the supercell (0 <= offset < repeats), so that one conditional
    subtraction wraps a coordinate. Energies are in microelectronvolt.
    """

    supercell: Supercell
    temperature_K: float
    field_V_per_m: NDArray[np.float64]  # (3,) as applied after rounding
    family: tuple[str, ...]
    carrier: NDArray[np.int64]  # (F,)
    partner: NDArray[np.int64]  # (F,)
    acceptance: AcceptanceTable
    terms: tuple[EnergyTerm, ...]  # what the potentials are summed from
    frequencies: AttemptFrequencies | None = None  # where they differ between environments; part of `barrier2`

    @property
    def n_families(self) -> int:
        """Number of hop families."""
        return len(self.family)

    def term(self, name: str) -> EnergyTerm | None:
        """The energy term of that name; None if the model has none."""
        return next((term for term in self.terms if term.name == name), None)

    @property
    def long_range(self) -> bool:
        """Whether a hop changes potentials throughout the supercell: replicas and rejection only."""
        return any(term.long_range for term in self.terms)

    def proposals(self, family: int) -> int:
        """Number of possible trials of one family: carriers times directions."""
        return int(self.counts[self.carrier[family]] * self.directions[family])

    def below_bound(self, family: int, replica: int, site: int, barrier2: int) -> BarrierBelowBound:
        """The error for a barrier, in half microelectronvolt, below the proven bound of its family."""
        bound_eV = int(self.reference2[family]) / 2e6
        return BarrierBelowBound(self.family[family], replica, site, barrier2 / 2e6, bound_eV)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides a trajectory: runs with equal digests follow the same rules."""
        state = hashlib.sha256()
        arrays: Mapping[str, object] = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays = {**arrays, **{f.name: getattr(self.acceptance, f.name) for f in fields(self.acceptance)}}
        for term in self.terms:
            arrays = {**arrays, **{f"{term.name}.{key}": value for key, value in term.fingerprint().items()}}
        for name, value in sorted(arrays.items()):
            if isinstance(value, np.ndarray):
                state.update(f"{name}{value.dtype}{value.shape}".encode())
                state.update(np.ascontiguousarray(value).tobytes())
        state.update(repr((self.supercell.repeats, self.species, self.family)).encode())
        return state.hexdigest()


def pack_image(wraps: NDArray[np.int64]) -> NDArray[np.int64]:
    """(..., 3) signed image counts -> packed int64."""
    return wraps[..., 0] + (wraps[..., 1] << IMAGE_BITS) + (wraps[..., 2] << (2 * IMAGE_BITS))


def unpack_image(packed: NDArray[np.int64]) -> NDArray[np.int64]:
    """Packed int64 -> (..., 3) signed image counts, on the host or on a device."""
    return module_of(packed).stack(split_image(packed), axis=-1)


def split_image(packed: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The signed image counts along each axis."""
    half, mask = 1 << (IMAGE_BITS - 1), (1 << IMAGE_BITS) - 1
    x = ((packed + half) & mask) - half
    rest = (packed - x) >> IMAGE_BITS
    y = ((rest + half) & mask) - half
    return x, y, (rest - y) >> IMAGE_BITS
