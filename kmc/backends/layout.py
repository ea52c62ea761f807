"""Event tables and state in the layout of kmc/kernels/tables.cuh, for the compiled CPU and the CUDA backend alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.state.domains import Domains, VisitTables
from kmc.state.grand_state import GrandState
from kmc.state.rejection_free import Selection
from kmc.tables.event_tables import EventTables

PADDED = 0xFFFF


def pack_places(cell: NDArray[np.int16], basis: NDArray[np.int16]) -> NDArray[np.uint64]:
    """(..., 3) offsets and (...) basis -> (...) uint64 of four 16-bit fields; basis 0xFFFF where padded."""
    fields = [cell[..., a].astype(np.uint64) << np.uint64(16 * a) for a in range(3)]
    last = basis.astype(np.uint16).astype(np.uint64) << np.uint64(48)  # -1 wraps to PADDED in 16 bits
    return np.ascontiguousarray(fields[0] | fields[1] | fields[2] | last)


def table_arrays(tables: EventTables, selection: Selection | None = None) -> list[tuple[str, int | NDArray[Any]]]:
    """The members of `struct Tables`, in its order: whole numbers, and arrays that become pointers."""
    t = tables
    nx, ny, nz = (int(n) for n in t.supercell.repeats)
    repeats = nx | ny << 16 | nz << 32
    below = (0x8000 - nx) | (0x8000 - ny) << 16 | (0x8000 - nz) << 32
    families, n_basis, directions = t.bond_basis.shape
    integers = {
        "n_families": families,
        "n_basis": n_basis,
        "n_directions": directions,
        "n_gates": t.gate_basis.shape[-1],
        "n_species": len(t.species),
        "n_codes": t.barrier2.shape[-1],
        "n_influence": t.influence_basis.shape[-1],
        "n_coarse": len(t.acceptance.mantissa),
        "n_sites": t.supercell.n_sites,
        "n_mobile": t.n_mobile_sites,
        "n_listed": t.n_listed,
        "n_particles": t.n_particles,
        "n_potential": t.n_potential,
        "tracked": int(t.tracked),
        "repeats": repeats,
        "below": below,
        "ny": ny,
        "nz": nz,
    }
    arrays = {
        "site_offset": t.site_offset,
        "basis_of": t.n_basis,
        "first_particle": t.first_particle,
        "list_offset": t.list_offset,
        "carrier": t.carrier,
        "partner": t.partner,
        "sublattice": t.sublattice,
        "directions": t.directions,
        "carriers": t.counts[t.carrier],
        "family_limit": t.family_limit,
        "bond": pack_places(t.bond_cell, t.bond_basis),
        "bond_image": t.bond_image,
        "bond_energy": t.bond_energy,
        "gate_sublattice": t.gate_sublattice,
        "gate": pack_places(t.gate_cell, t.gate_basis),
        "gate_weight": t.gate_weight,
        "barrier2": t.barrier2,
        "marcus_lambda": t.marcus_lambda,
        "marcus_coupling2": t.marcus_coupling2,
        "reference2": t.reference2,
        "single_barrier": t.single_barrier.astype(np.int64),
        "mantissa": t.acceptance.mantissa,
        "shift": t.acceptance.shift,
        "fine": t.acceptance.fine,
        "potential_offset": t.potential_offset,
        "influence": pack_places(t.influence_cell, t.influence_basis),
        "influence_delta": t.influence_delta,
        "influence_count": (t.influence_basis >= 0).sum(axis=-1, dtype=np.int64),
    }
    return [
        *integers.items(),
        *((name, np.ascontiguousarray(value)) for name, value in arrays.items()),
        *_selection_arrays(selection),
    ]


def _selection_arrays(q: Selection | None) -> list[tuple[str, int | NDArray[Any]]]:
    """The members for the rejection-free selection; zeros where rejection is used."""
    names = ("base_offset", "entry_offset", "scale", "level_offset", "log_table")
    if q is None:
        return [(name, 0) for name in ("n_base", "n_entries", "n_tree", "n_levels", *names)]
    sizes = {"n_base": q.base2.shape[1], "n_entries": q.n_entries, "n_tree": q.n_tree, "n_levels": len(q.level_offset)}
    return [*sizes.items(), *((name, getattr(q, name)) for name in names)]


def domain_members(tables: EventTables, domains: Domains, visits: VisitTables) -> list[int | NDArray[Any]]:
    """The members of `struct Domains` (kernels/domain.cuh), in its order."""
    back = pack_places(domains.back.astype(np.int16), np.zeros_like(tables.bond_basis))
    integers = [*domains.blocks.tolist(), *domains.rim.tolist(), visits.n_levels, domains.capacity]
    return [*integers, back, visits.weight, visits.first_count, visits.row, visits.cumulative]


STATE_MEMBERS = ("occupants", "particle_at", "coordinates", "image", "potential", "trials", "accepted")
DOMAIN_MEMBERS = 13
GRAND_MEMBERS = 13
SELECTION_MEMBERS = ("base2", "weight", "tree")  # after the error array


def abi(tables: EventTables) -> int:
    """What kmc_abi() of a library built from the same headers returns."""
    members = len(table_arrays(tables)) * 100 + len(STATE_MEMBERS) + 1 + len(SELECTION_MEMBERS)
    return (members * 100 + DOMAIN_MEMBERS) * 100 + GRAND_MEMBERS


def walk_kind(tables: EventTables, selection: Selection | None) -> int:
    """Which walk of the kernels serves: 0 with energies, 1 a single barrier per family, 2 rejection-free."""
    return 2 if selection is not None else int(tables.single_barrier.all())


def raise_if_failed(tables: EventTables, errors: NDArray[np.int64]) -> None:
    """BarrierBelowBound for the first lane that met one; errors is (R, 4) as in `struct Arrays`."""
    failed = np.flatnonzero(errors[:, 0])
    if len(failed):
        replica = int(failed[0])
        family, site, barrier2 = (int(value) for value in errors[replica, :3])
        raise tables.below_bound(family - 1, replica, site, barrier2)


ERRORS_AND_SELECTION = 1 + len(SELECTION_MEMBERS)  # members of `struct Arrays` that a grand-canonical walk leaves empty


def grand_members(grand: GrandState, held: Mapping[str, Any] | None = None) -> list[Any]:
    """The members of `struct Grand` (kernels/grand.cuh), in its order. held: arrays that lie on a device, by name."""
    part = grand.component
    integers = [part.ion_family, part.electronic_family, abs(part.electronic), int(part.electronic > 0)]
    sizes = [grand.ion_order.shape[1], grand.electronic_order.shape[1], grand.histogram.shape[1]]
    names = ("ion_order", "electronic_order", "number", "field2", "histogram", "counters")
    arrays = [held[name] if held else getattr(grand, name) for name in names]
    return [*(value % 2**64 for value in integers), *sizes, *arrays]
