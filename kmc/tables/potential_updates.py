"""Exchange potentials as tables: where each family keeps them, and which ones a hop changes by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.model.parameters import Hop, Model
from kmc.tables.bonds import bonds_of, wrap
from kmc.tables.coulomb import Coulomb
from kmc.tables.pair_energies import Influence
from lattices.crystal import Supercell
from lattices.stencils import stencil_of


def charge_moved(model: Model, hop: Hop) -> int:
    """Charge of the carrier less that of its partner, in e."""
    return model.species[hop.carrier].charge - model.species[hop.partner].charge


def potential_tables(
    model: Model, supercell: Supercell, acting: list[list[Influence]], coulomb: Coulomb | None
) -> dict[str, Any]:
    """Places of the exchange potentials, and which of them each hop changes by how much."""
    n = len(model.hops)
    home = [supercell.crystal.index(model.species[hop.carrier].sublattice) for hop in model.hops]
    offset, place = np.full(n, -1, dtype=np.int64), 0
    for f in range(n):
        if acting[f] or (coulomb and charge_moved(model, model.hops[f])):
            offset[f], place = place, place + supercell.n_sites_of(home[f])
    rows: dict[tuple[int, int, int], list[tuple[NDArray[np.int64], int, int]]] = {}
    for g, hop in enumerate(model.hops):
        a, b_code = model.code(hop.carrier), model.code(hop.partner)
        for influence in (one for f in range(n) for one in acting[f] if one.stencil.target == home[g]):
            delta = int(influence.values[a] - influence.values[b_code])
            back = stencil_of(supercell.crystal, home[g], influence.stencil.origin, influence.neighbours)
            for b, _, (_, x, y, z, t) in bonds_of(back) if delta else []:
                rows.setdefault((g, influence.family, b), []).append((wrap(supercell, (x, y, z))[0], t, delta))
    n_basis = max(supercell.crystal.sublattices[s].n_basis for s in home)
    charged = _coulomb_rows(model, supercell, home, coulomb) if coulomb else {}
    keys = sorted({*rows, *charged})
    width = max((len(rows.get(key, ())) + len(charged[key][1] if key in charged else ()) for key in keys), default=0)
    cell = np.zeros((n, n, n_basis, width, 3), dtype=np.int16)
    basis = np.full((n, n, n_basis, width), -1, dtype=np.int16)
    change = np.zeros((n, n, n_basis, width), dtype=np.int64)
    for (g, f, b), row in rows.items():
        for e, (wrapped, t, delta) in enumerate(row):
            cell[g, f, b, e], basis[g, f, b, e], change[g, f, b, e] = wrapped, t, delta
    for (g, f, b), (cells, ends, deltas) in charged.items():
        first = len(rows.get((g, f, b), ()))
        here = slice(first, first + len(ends))
        cell[g, f, b, here], basis[g, f, b, here], change[g, f, b, here] = cells, ends, deltas
    return {
        "potential_offset": offset,
        "n_potential": place,
        "influence_cell": cell,
        "influence_basis": basis,
        "influence_delta": change,
    }


def _coulomb_rows(
    model: Model, supercell: Supercell, home: list[int], coulomb: Coulomb
) -> dict[tuple[int, int, int], tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """(hop, family, basis) -> cells, bases and changes of the exchange potentials by the charge that the hop moves."""
    charge = [charge_moved(model, hop) for hop in model.hops]
    return {
        (g, f, b): coulomb.rows((home[g], charge[g]), (home[f], charge[f]), b)
        for g in range(len(home))
        for f in range(len(home))
        for b in range(supercell.crystal.sublattices[home[g]].n_basis)
        if charge[g] and charge[f]
    }
