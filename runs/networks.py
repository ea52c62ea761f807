"""Notes on the percolation of each carrier's bonds, and on neighbour shells that depend on the tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lattices.errors import InputError
from lattices.notes import Note

if TYPE_CHECKING:
    from kmc.model.parameters import Model
    from kmc.state.system import System
    from lattices.crystal import Crystal
    from lattices.neighbours import Neighbours

PLURAL = ("0 dimensions", "1 dimension", "2 dimensions", "3 dimensions")


def network_notes(system: System, allow_localised_carriers: bool) -> list[Note]:
    """Notes on the dimensions in which the bonds of each carrier percolate, and on shells that depend on the tolerance.

    InputError for a carrier whose bonds form closed clusters only, unless that is allowed: its motion is local, and
    every long-range transport coefficient of it is zero.
    """
    return [
        *_percolation_notes(system, allow_localised_carriers),
        *_shell_notes(system.model, system.tables.supercell.crystal),
    ]


def _percolation_notes(system: System, allow_localised_carriers: bool) -> list[Note]:
    from lattices.percolation import percolation_dimensions
    from lattices.stencils import stencil_of

    crystal, counts, notes = system.tables.supercell.crystal, system.composition.counts, []
    for carrier in dict.fromkeys(hop.carrier for hop in system.model.hops):
        if not counts[carrier]:
            continue
        hops = [hop for hop in system.model.hops if hop.carrier == carrier]
        home = crystal.index(system.model.species[carrier].sublattice)
        closed = _closed_sites(system, {name for hop in hops for name in (hop.carrier, hop.partner)}, home)
        dimensions = percolation_dimensions([stencil_of(crystal, home, home, hop.neighbours) for hop in hops], closed)
        dimensions = np.delete(dimensions, sorted(closed)) if len(closed) < len(dimensions) else np.zeros(1, np.int64)
        highest, lowest = int(dimensions.max()), int(dimensions.min())
        if highest == 0 and not allow_localised_carriers:
            raise InputError(
                f"the bonds of {carrier} ({', '.join(hop.name for hop in hops)}) form closed clusters and do not "
                "percolate in any dimension: add shells or widen distance_angstrom (`kmc shells` lists them), or set "
                "run.allow_localised_carriers = true"
            )
        notes.append(Note(f"bonds of {carrier} percolate in {PLURAL[highest]}", warning=highest == 0))
        if lowest < highest:
            fewer = int((dimensions < highest).sum())
            text = f"{fewer} of {len(dimensions)} sites of {carrier} per cell belong to networks that percolate in less"
            notes.append(Note(text, warning=True))
    return notes


def _closed_sites(system: System, moving: set[str], home: int) -> set[int]:
    """Basis sites of a sublattice that ions which take no part in the hops occupy in every cell, as ordered dopants."""
    supercell, closed = system.tables.supercell, set()
    n_basis = supercell.crystal.sublattices[home].n_basis
    for name, doping in system.composition.placed.items():
        where = supercell.crystal.index(system.model.species[name].sublattice)
        if where == home and name not in moving and doping.sites is not None:
            held = np.bincount(np.asarray(doping.sites, dtype=np.int64) % n_basis, minlength=n_basis)
            closed |= set(np.flatnonzero(held == supercell.n_cells).tolist())
    return closed


def _shell_notes(model: Model, crystal: Crystal) -> list[Note]:
    """Warnings of shells that another tolerance would split or join with the next."""
    from lattices.shell_table import shell_warnings

    notes = []
    for what, origin, target, neighbours in _named_shells(model):
        lines = shell_warnings(crystal, crystal.index(origin), crystal.index(target), neighbours)
        notes += [Note(f"{what}: {line}", warning=True) for line in lines]
    return list(dict.fromkeys(notes))


def _named_shells(model: Model) -> Iterator[tuple[str, str, str, Neighbours]]:
    """(name in messages, sublattice, sublattice, neighbours) of every hop and pair that gives shells by number."""
    for hop in model.hops:
        home = model.species[hop.carrier].sublattice
        if any(hop.neighbours.shells):
            yield f"hop {hop.name}", home, home, hop.neighbours
    for pair in model.pairs:
        one, other = (model.species[name].sublattice for name in pair.species)
        if any(pair.neighbours.shells):
            yield f"pair {' - '.join(pair.species)}", one, other, pair.neighbours
