"""Event tables and state in the layout of the structs in kmc/kernels, for both the compiled CPU and the CUDA backend.

Every struct is a row of eight-byte words: whole numbers, and addresses of arrays. Names, order and constants are
defined on both sides; `layout_hash` is compared with the kernels' own hash (kernels/layout.cuh) where the library
is opened and where the CUDA kernels are compiled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kmc.backends.structs import WORD, Struct
from kmc.rng import philox
from kmc.state.carrier_sums import CarrierSums
from kmc.state.domains import COLOURS, MAX_FAMILIES, Domains, VisitTables
from kmc.state.grand_state import GrandState
from kmc.state.rejection_free import FAN, LN2, LOG_BITS, RateBounds
from kmc.tables.boltzmann import FINE_BITS
from kmc.tables.event_tables import IMAGE_BITS, EventTables
from kmc.tables.pair_energies import FORBIDDEN

PADDED = 0xFFFF
ERROR_WORDS = 4
WALK_ENERGIES, WALK_SINGLE_BARRIER, WALK_REJECTION_FREE = range(3)

CONSTANTS = {  # as in kernels/constants.cuh
    "ERROR_WORDS": ERROR_WORDS,
    "WALK_ENERGIES": WALK_ENERGIES,
    "WALK_SINGLE_BARRIER": WALK_SINGLE_BARRIER,
    "WALK_REJECTION_FREE": WALK_REJECTION_FREE,
    "PADDED_BASIS": PADDED,
    "IMAGE_BITS": IMAGE_BITS,
    "CONTACT_BITS": FORBIDDEN.bit_length() - 1,
    "FINE_BITS": FINE_BITS,
    "FAN": FAN,
    "LOG_BITS": LOG_BITS,
    "LN2": LN2,
    "COLOURS": COLOURS,
    "MAX_FAMILIES": MAX_FAMILIES,
    "PHILOX_M0": philox.M0,
    "PHILOX_M1": philox.M1,
    "PHILOX_W0": philox.W0,
    "PHILOX_W1": philox.W1,
}


def _struct(name: str, members: str, **words: int) -> Struct:
    return Struct(name, {member: words.get(member, 1) for member in members.split()})


STATE_MEMBERS = ("occupants", "particle_at", "coordinates", "image", "potential", "trials", "accepted")
BOUND_MEMBERS = ("base2", "weight", "tree")  # of the rejection-free selection
TABLES = _struct(
    "Tables",
    "n_families n_basis n_directions n_environment n_species n_codes n_influence n_coarse n_sites n_mobile n_carriers "
    "n_particles n_potential tracked repeats below ny nz site_offset basis_of first_particle carrier_offset carrier "
    "partner sublattice directions carriers family_limit bond bond_image bond_energy environment_sublattice "
    "environment environment_weight barrier2 marcus_lambda marcus_coupling2 reference2 single_barrier mantissa shift "
    "fine potential_offset influence "
    "influence_delta influence_count n_base n_entries n_tree n_levels base_offset entry_offset scale level_offset "
    "log_table",
)
ARRAYS = _struct("Arrays", " ".join([*STATE_MEMBERS, "error", "failed", *BOUND_MEMBERS]))
DOMAINS = _struct("Domains", "blocks rim n_levels capacity back weight first_count row cumulative", blocks=3, rim=3)
GRAND = _struct(
    "Grand",
    "ion_family electronic_family electronic creates_electrons ion_sites electronic_sites bins ion_order "
    "electronic_order number field2 histogram counters",
)
GRAND_ARRAYS = ("ion_order", "electronic_order", "number", "field2", "histogram", "counters")
SUMS = _struct("CarrierSums", "n_species n_basis grid period first_carrier first_particle count place", period=3)
FRAME = _struct(
    "Frame",
    "n_species n_groups n_sublattices grid period first count species sublattice basis basis_row flags",
    period=3,
)
STRUCTS = (TABLES, ARRAYS, DOMAINS, GRAND, SUMS, FRAME)


def layout_hash(structs: Sequence[Struct] = STRUCTS, constants: Mapping[str, int] = CONSTANTS) -> int:
    """What kmc_abi() of a library built from the same headers returns: FNV-1a over names, offsets, sizes and values."""
    state = 0xCBF29CE484222325
    for name, value in constants.items():
        state = _fold(state, name, value, 0)
    for struct in structs:
        state, offset = _fold(state, struct.name, 0, WORD * struct.words), 0
        for name, words in struct.members.items():
            state = _fold(state, name, offset, WORD * words)
            offset += WORD * words
    return state


def _fold(state: int, name: str, first: int, second: int) -> int:
    for byte in name.encode() + first.to_bytes(8, "little") + second.to_bytes(8, "little"):
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


def pack_positions(cell: NDArray[np.int16], basis: NDArray[np.int16]) -> NDArray[np.uint64]:
    """(..., 3) offsets and (...) basis -> (...) uint64 of four 16-bit fields; basis 0xFFFF where padded."""
    fields = [cell[..., a].astype(np.uint64) << np.uint64(16 * a) for a in range(3)]
    last = basis.astype(np.uint16).astype(np.uint64) << np.uint64(48)  # -1 wraps to PADDED in 16 bits
    return np.ascontiguousarray(fields[0] | fields[1] | fields[2] | last)


def table_values(tables: EventTables, bounds: RateBounds | None = None) -> dict[str, int | NDArray[np.generic]]:
    """The members of `struct Tables`; those of the rejection-free selection are 0 without `bounds`."""
    t = tables
    nx, ny, nz = (int(n) for n in t.supercell.repeats)
    families, n_basis, directions = t.bond_basis.shape
    integers = {
        "n_families": families,
        "n_basis": n_basis,
        "n_directions": directions,
        "n_environment": t.environment_basis.shape[-1],
        "n_species": len(t.species),
        "n_codes": t.barrier2.shape[-1],
        "n_influence": t.influence_basis.shape[-1],
        "n_coarse": len(t.acceptance.mantissa),
        "n_sites": t.supercell.n_sites,
        "n_mobile": t.n_mobile_sites,
        "n_carriers": t.n_carriers,
        "n_particles": t.n_particles,
        "n_potential": t.n_potential,
        "tracked": int(t.tracked),
        "repeats": nx | ny << 16 | nz << 32,
        "below": (0x8000 - nx) | (0x8000 - ny) << 16 | (0x8000 - nz) << 32,
        "ny": ny,
        "nz": nz,
    }
    arrays: dict[str, NDArray[np.generic]] = {
        "site_offset": t.site_offset,
        "basis_of": t.n_basis,
        "first_particle": t.first_particle,
        "carrier_offset": t.carrier_offset,
        "carrier": t.carrier,
        "partner": t.partner,
        "sublattice": t.sublattice,
        "directions": t.directions,
        "carriers": t.counts[t.carrier],
        "family_limit": t.family_limit,
        "bond": pack_positions(t.bond_cell, t.bond_basis),
        "bond_image": t.bond_image,
        "bond_energy": t.bond_energy,
        "environment_sublattice": t.environment_sublattice,
        "environment": pack_positions(t.environment_cell, t.environment_basis),
        "environment_weight": t.environment_weight,
        "barrier2": t.barrier2,
        "marcus_lambda": t.marcus_lambda,
        "marcus_coupling2": t.marcus_coupling2,
        "reference2": t.reference2,
        "single_barrier": t.single_barrier.astype(np.int64),
        "mantissa": t.acceptance.mantissa.astype(np.uint32),  # below 2^32
        "shift": t.acceptance.shift.astype(np.uint32),
        "fine": t.acceptance.fine.astype(np.uint32),
        "potential_offset": t.potential_offset,
        "influence": pack_positions(t.influence_cell, t.influence_basis),
        "influence_delta": t.influence_delta,
        "influence_count": (t.influence_basis >= 0).sum(axis=-1, dtype=np.int64),
    }
    return {
        **integers,
        **{name: np.ascontiguousarray(value) for name, value in arrays.items()},
        **_bound_values(bounds),
    }


def _bound_values(bounds: RateBounds | None) -> dict[str, int | NDArray[np.generic]]:
    names = ("base_offset", "entry_offset", "scale", "level_offset", "log_table")
    if bounds is None:
        return dict.fromkeys(("n_base", "n_entries", "n_tree", "n_levels", *names), 0)
    sizes = {"n_base": bounds.base2.shape[1], "n_entries": bounds.n_entries, "n_tree": bounds.n_tree}
    return {**sizes, "n_levels": len(bounds.level_offset), **{name: getattr(bounds, name) for name in names}}


def domain_values(
    tables: EventTables, domains: Domains, visits: VisitTables
) -> dict[str, int | list[int] | NDArray[np.generic]]:
    """The members of `struct Domains` (kernels/domain.cuh)."""
    return {
        "blocks": domains.blocks.tolist(),
        "rim": domains.rim.tolist(),
        "n_levels": visits.n_levels,
        "capacity": domains.capacity,
        "back": pack_positions(domains.back.astype(np.int16), np.zeros_like(tables.bond_basis)),
        "weight": visits.weight,
        "first_count": visits.first_count,
        "row": visits.row,
        "cumulative": visits.cumulative,
    }


def grand_integers(grand: GrandState) -> dict[str, int]:
    """The members of `struct Grand` (kernels/grand.cuh) that are numbers; the others are GRAND_ARRAYS."""
    component = grand.component
    return {
        "ion_family": component.ion_family,
        "electronic_family": component.electronic_family,
        "electronic": abs(component.electronic),
        "creates_electrons": int(component.electronic > 0),
        "ion_sites": grand.ion_order.shape[1],
        "electronic_sites": grand.electronic_order.shape[1],
        "bins": grand.histogram.shape[1],
    }


def sum_values(sums: CarrierSums) -> dict[str, int | list[int] | NDArray[np.generic]]:
    """The members of `struct CarrierSums` (kernels/sums.cuh)."""
    n_species, n_basis, _ = sums.place.shape
    return {
        "n_species": n_species,
        "n_basis": n_basis,
        "grid": sums.grid,
        "period": sums.period.tolist(),
        "first_carrier": sums.first_carrier,
        "first_particle": sums.first_particle,
        "count": sums.count,
        "place": sums.place,
    }


def frame_values(tables: EventTables) -> dict[str, int | list[int] | NDArray[np.generic]]:
    """The members of `struct Frame` (kernels/frame.cuh) except `flags`."""
    supercell = tables.supercell
    mobile = [s for s in range(len(tables.site_offset)) if tables.site_offset[s] < tables.n_mobile_sites]
    codes = np.flatnonzero(tables.first_particle >= 0)
    grid = supercell.crystal.grid
    return {
        "n_species": len(tables.species),
        "n_groups": len(codes),
        "n_sublattices": len(mobile),
        "grid": grid,
        "period": [int(n) * grid for n in supercell.repeats],
        "first": tables.first_particle[codes],
        "count": tables.counts[codes],
        "species": codes.astype(np.int64),
        "sublattice": tables.sublattice_of[codes],
        "basis": np.concatenate([supercell.crystal.basis_on_grid(s) for s in mobile]).astype(np.int64),
        "basis_row": np.cumsum([0, *(tables.n_basis[s] for s in mobile[:-1])], dtype=np.int64),
    }


def walk_kind(tables: EventTables, bounds: RateBounds | None) -> int:
    """Which walk of the kernels applies: WALK_ENERGIES, WALK_SINGLE_BARRIER or WALK_REJECTION_FREE."""
    if bounds is not None:
        return WALK_REJECTION_FREE
    return WALK_SINGLE_BARRIER if tables.single_barrier.all() else WALK_ENERGIES


def raise_if_failed(tables: EventTables, errors: NDArray[np.int64]) -> None:
    """BarrierBelowBound for the first replica that met one; errors is (R, ERROR_WORDS) as in `struct Arrays`."""
    failed = np.flatnonzero(errors[:, 0])
    if len(failed):
        replica = int(failed[0])
        family, site, barrier2 = (int(value) for value in errors[replica, :3])
        raise tables.below_bound(family - 1, replica, site, barrier2)
