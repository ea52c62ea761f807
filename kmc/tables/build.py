"""From a model, a supercell, particle numbers, a temperature and a field to event tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Hop, Model
from kmc.tables.barriers import kra_barrier2, lowest_d_energy, marcus_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K, acceptance_table
from kmc.tables.bonds import Bond, bonds_of, wrap
from kmc.tables.coulomb import Coulomb, coulomb_of
from kmc.tables.event_tables import EventTables, pack_image
from kmc.tables.hop_environments import gate_tables
from kmc.tables.pair_energies import Influence, influences, own_share, to_micro
from kmc.tables.potential_updates import charge_moved, potential_tables
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.stencils import Stencil, stencil_of


def build_tables(
    model: Model,
    supercell: Supercell,
    counts: Mapping[str, int],
    temperature_K: float,
    field_V_per_m: Sequence[float] = (0.0, 0.0, 0.0),
    tracked: bool = True,
    rate_factor: Mapping[str, float] | None = None,
) -> EventTables:
    """Event tables for `counts` particles of each species (name -> number, filling every site).

    rate_factor: factors on the attempt frequencies of families, by name (polarons.py).
    tracked: follow every particle of the mobile sublattices; False follows the carriers alone, in less memory.

    Raises InputError for a temperature outside 1 to 10000 K, a supercell too small for the interactions, a gate
    without barrier, or no carrier at all.
    """
    _check_temperature(temperature_K)
    base = _species_tables(model, supercell, counts, tracked)
    field = _field_integers(supercell, field_V_per_m)
    acting = [influences(model, supercell, f) for f in range(len(model.hops))]
    bonds = [_bond_stencil(model, supercell, hop) for hop in model.hops]
    coulomb = coulomb_of(model, supercell)
    if coulomb:
        coulomb.check_range(base["counts"])
    bond_tables = _bond_tables(model, supercell, bonds, acting, field, coulomb)
    gates = gate_tables(model, supercell, bonds, base["counts"])
    rate_tables = _rate_tables(model, supercell, bonds, acting, field, gates["barrier2"], base, coulomb)
    clock = _clock(
        model, base["counts"], rate_tables["reference2"], bond_tables["directions"], temperature_K, rate_factor or {}
    )
    return EventTables(
        supercell=supercell,
        temperature_K=float(temperature_K),
        field_V_per_m=_field_applied(supercell, field[0]),
        family=tuple(hop.name for hop in model.hops),
        carrier=np.array([model.code(hop.carrier) for hop in model.hops], dtype=np.int64),
        partner=np.array([model.code(hop.partner) for hop in model.hops], dtype=np.int64),
        hop_length_angstrom=np.array([stencil.length_angstrom for stencil in bonds]),
        acceptance=acceptance_table(temperature_K),
        **base,
        **bond_tables,
        **gates,
        **rate_tables,
        **clock,
        **potential_tables(model, supercell, acting, coulomb),
        coulomb=coulomb,
    )


def with_clock(
    tables: EventTables, model: Model, temperature_K: float, rate_factor: Mapping[str, float] | None = None
) -> EventTables:
    """The same tables at another temperature in kelvin or with other rate factors; energies are shared, not rebuilt.

    model: that of the tables. rate_factor: as in `build_tables`. InputError for a temperature outside 1 to 10000 K.
    """
    _check_temperature(temperature_K)
    clock = _clock(model, tables.counts, tables.reference2, tables.directions, temperature_K, rate_factor or {})
    acceptance = tables.acceptance
    if temperature_K != tables.temperature_K:
        acceptance = acceptance_table(temperature_K)
    return replace(tables, temperature_K=float(temperature_K), acceptance=acceptance, **clock)


def field_work(
    model: Model, supercell: Supercell, field_V_per_m: Sequence[float]
) -> list[tuple[Stencil, NDArray[np.int64]]]:
    """(bonds, (B, Z) work of a hop over each of them in microelectronvolt) by family, as the tables hold it."""
    field = _field_integers(supercell, field_V_per_m)
    found = []
    for hop in model.hops:
        stencil = _bond_stencil(model, supercell, hop)
        work = np.zeros((len(stencil.basis), stencil.coordination), dtype=np.int64)
        for b, d, bond in bonds_of(stencil):
            work[b, d] = _work(model, hop, field, stencil.origin, bond)
        found.append((stencil, work))
    return found


def _check_temperature(temperature_K: float) -> None:
    if not 1.0 <= temperature_K <= 10_000.0:
        raise InputError(f"temperature_K = {temperature_K}: from 1 to 10000 is allowed")


def _species_tables(model: Model, supercell: Supercell, counts: Mapping[str, int], tracked: bool) -> dict[str, Any]:
    """Numbers, places of particle ids and of the lists of carriers."""
    crystal = supercell.crystal
    sublattice_of = np.array([crystal.index(s.sublattice) for s in model.species.values()], dtype=np.int64)
    number = np.array([int(counts.get(name, 0)) for name in model.names], dtype=np.int64)
    for s, sublattice in enumerate(crystal.sublattices):
        filled = int(number[sublattice_of == s].sum())
        if filled != supercell.n_sites_of(s) or (number < 0).any():
            raise InputError(
                f"sublattice {sublattice.name!r} has {supercell.n_sites_of(s)} sites; {filled} particles were given"
            )
    moving = sorted({int(sublattice_of[model.code(name)]) for name in model.mobile})
    if not moving:
        raise InputError(f"model {model.name!r} lists no hops: nothing moves")
    n_mobile_sites = supercell.offset_of(moving[-1]) + supercell.n_sites_of(moving[-1])
    carriers = {hop.carrier for hop in model.hops}
    first = np.full(len(number), -1, dtype=np.int64)
    listed = np.full(len(number), -1, dtype=np.int64)
    place = 0
    for s in range(moving[-1] + 1):
        start = supercell.offset_of(s)
        for code in np.flatnonzero(sublattice_of == s):
            first[code] = start
            start += int(number[code])
            if model.names[code] in carriers:
                listed[code] = place
                place += int(number[code])
    if not tracked:
        first = listed
        if both := [hop.name for hop in model.hops if hop.partner in carriers]:
            raise InputError(
                f'run.track = "carriers": hop {both[0]!r} exchanges two carriers and needs all ids; "all" is allowed'
            )
    return {
        "species": model.names,
        "charges": np.array([s.charge for s in model.species.values()], dtype=np.int64),
        "electronic": np.array([name in model.electronic for name in model.names], dtype=np.bool_),
        "counts": number,
        "sublattice_of": sublattice_of,
        "site_offset": np.array([supercell.offset_of(s) for s in range(len(crystal.sublattices))], dtype=np.int64),
        "n_basis": np.array([s.n_basis for s in crystal.sublattices], dtype=np.int64),
        "n_mobile_sites": n_mobile_sites,
        "tracked": tracked,
        "n_particles": n_mobile_sites if tracked else place,
        "first_particle": first,
        "list_offset": listed,
        "n_listed": place,
    }


def _bond_stencil(model: Model, supercell: Supercell, hop: Hop) -> Stencil:
    home = supercell.crystal.index(model.species[hop.carrier].sublattice)
    return stencil_of(supercell.crystal, home, home, hop.neighbours)


def _field_integers(
    supercell: Supercell, field_V_per_m: Sequence[float]
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Potential energy of a unit charge in microelectronvolt: per lattice vector, and per basis site.

    A hop's work is a difference of these integers, so that it vanishes around every closed loop.
    """
    field = np.asarray(field_V_per_m, dtype=float)
    if field.shape != (3,) or not np.isfinite(field).all() or np.abs(field).max() > 1e10:
        raise InputError(f"field_V_per_m = {list(field_V_per_m)}: three numbers up to 1e10 are needed")
    crystal = supercell.crystal
    per_angstrom = -field * 1e-10 * 1e6
    vectors = np.rint(crystal.cell_angstrom @ per_angstrom).astype(np.int64)
    basis = [np.rint(s.basis @ crystal.cell_angstrom @ per_angstrom).astype(np.int64) for s in crystal.sublattices]
    return vectors, basis


def _field_applied(supercell: Supercell, vectors: NDArray[np.int64]) -> NDArray[np.float64]:
    """(3,) the field in V/m that the rounded work per lattice vector amounts to."""
    return np.asarray(-np.linalg.solve(supercell.crystal.cell_angstrom, vectors.astype(float)) * 1e4 + 0.0)


def _work(model: Model, hop: Hop, field: Any, home: int, bond: Bond) -> int:
    """Work on carrier and partner against the field when they exchange over a bond, in microelectronvolt."""
    vectors, basis = field
    charge = charge_moved(model, hop)
    start, dx, dy, dz, end = bond
    return charge * int(np.dot(vectors, (dx, dy, dz)) + basis[home][end] - basis[home][start])


def _bond_tables(
    model: Model,
    supercell: Supercell,
    bonds: list[Stencil],
    acting: list[list[Influence]],
    field: Any,
    coulomb: Coulomb | None,
) -> dict[str, Any]:
    n_families = len(bonds)
    n_basis = max(len(stencil.basis) for stencil in bonds)
    width = max(stencil.coordination for stencil in bonds)
    cell = np.zeros((n_families, n_basis, width, 3), dtype=np.int16)
    basis = np.full((n_families, n_basis, width), -1, dtype=np.int16)
    image = np.zeros((n_families, n_basis, width), dtype=np.int64)
    energy = np.zeros((n_families, n_basis, width), dtype=np.int64)
    for f, (hop, stencil) in enumerate(zip(model.hops, bonds, strict=True)):
        a, b_code = model.code(hop.carrier), model.code(hop.partner)
        for b, d, bond in bonds_of(stencil):
            wrapped, added = wrap(supercell, bond[1:4])
            if bond[4] == b and not wrapped.any():
                raise InputError(
                    f"crystal.repeats = {list(supercell.repeats)}: too small, a bond of hop {hop.name!r} "
                    "joins a site with itself; use more cells"
                )
            cell[f, b, d] = wrapped
            basis[f, b, d] = bond[4]
            image[f, b, d] = pack_image(-added)
            work = _work(model, hop, field, stencil.origin, bond)
            energy[f, b, d] = work - own_share(supercell, acting[f], bond, a, b_code)
            if coulomb:
                energy[f, b, d] -= coulomb.own_share(stencil.origin, bond, charge_moved(model, hop))
    return {
        "sublattice": np.array([stencil.origin for stencil in bonds], dtype=np.int64),
        "directions": np.array([stencil.coordination for stencil in bonds], dtype=np.int64),
        "bond_cell": cell,
        "bond_basis": basis,
        "bond_image": image,
        "bond_energy": energy,
    }


def _rate_tables(
    model: Model,
    supercell: Supercell,
    bonds: list[Stencil],
    acting: list[list[Influence]],
    field: Any,
    barrier2: NDArray[np.int64],
    base: Mapping[str, Any],
    coulomb: Coulomb | None,
) -> dict[str, Any]:
    """Marcus parameters, the proven lower bound of each family's barrier, and whether it is the only barrier."""
    reorganisation, coupling2, reference, single_barrier = [], [], [], []
    for f, (hop, stencil) in enumerate(zip(model.hops, bonds, strict=True)):
        marcus = hop.rate == "marcus"
        lam = to_micro(hop.reorganisation_energy_eV.value) if hop.reorganisation_energy_eV else 0
        v2 = 2 * to_micro(hop.transfer_integral_eV.value) if hop.transfer_integral_eV else 0
        works = [(bond, _work(model, hop, field, stencil.origin, bond)) for _, _, bond in bonds_of(stencil)]
        moved = charge_moved(model, hop) if coulomb else 0
        lowest = min(
            lowest_d_energy(supercell, acting[f], bond, work, base["counts"], base["sublattice_of"])
            + (coulomb.lowest(stencil.origin, bond, moved, base["counts"]) if coulomb else 0)
            for bond, work in works
        )
        allowed = np.unique(barrier2[f][barrier2[f] >= 0])
        if marcus:
            bound = int(marcus_barrier2(lam, v2, max(lowest, -lam)))
        else:
            bound = int(kra_barrier2(int(allowed.min()), lowest))
        reorganisation.append(lam)
        coupling2.append(v2)
        reference.append(bound)
        flat = not acting[f] and not moved and not any(work for _, work in works)
        single_barrier.append(flat and (marcus or len(allowed) == 1))
    return {
        "marcus_lambda": np.array(reorganisation, dtype=np.int64),
        "marcus_coupling2": np.array(coupling2, dtype=np.int64),
        "reference2": np.array(reference, dtype=np.int64),
        "single_barrier": np.array(single_barrier, dtype=np.bool_),
    }


def _clock(
    model: Model,
    counts: NDArray[np.int64],
    reference2: NDArray[np.int64],
    directions: NDArray[np.int64],
    temperature_K: float,
    rate_factor: Mapping[str, float],
) -> dict[str, Any]:
    """Trial rates, and the families' shares of the 64-bit range of the random word that picks one."""
    rate = [
        hop.attempt_frequency_Hz.value
        * rate_factor.get(hop.name, 1.0)
        * math.exp(-int(reference2[f]) * 0.5e-6 / (BOLTZMANN_EV_K * temperature_K))
        for f, hop in enumerate(model.hops)
    ]
    slots = [int(counts[model.code(hop.carrier)] * directions[f]) for f, hop in enumerate(model.hops)]
    weights = [r * n for r, n in zip(rate, slots, strict=True)]
    total = math.fsum(weights)
    if total <= 0:
        names = ", ".join(dict.fromkeys(hop.carrier for hop in model.hops))
        raise InputError(f"no carrier to move: the supercell holds no {names}")
    limits = [min(int(math.fsum(weights[: f + 1]) / total * 2**64), 2**64 - 1) for f in range(len(weights))]
    limits[-1] = 2**64 - 1
    return {
        "family_limit": np.array(limits, dtype=np.uint64),
        "proposal_rate_per_s": np.array(rate),
        "total_rate_per_s": total,
    }
