"""The composition that a structure file gives: shared sites, partly vacant sites and ordered dopants, as species."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.model.parameters import Model
    from lattices.crystal import Sublattice, Supercell
    from lattices.doping import Doping

VACANT = "X"
EQUAL = 1e-3  # occupancies that differ by less are the same


def species_of_file(model: Model, supercell: Supercell) -> dict[str, Doping]:
    """Species -> how its sites are chosen, for everything on the crystal's sublattices except the hosts.

    Sites that all have the same occupancies are filled at random; sites with one element each keep it.
    InputError for other mixtures, or an element for which the model has no species, or several.
    """
    found: dict[str, Doping] = {}
    for s, sublattice in enumerate(supercell.crystal.sublattices):
        contents = [_with_vacancies(content) for content in sublattice.contents]
        for element in sorted({e for content in contents for e in content} - {sublattice.element}):
            shares = [content.get(element, 0.0) for content in contents]
            found[_species(model, sublattice, element)] = _doping(supercell, s, element, shares)
    return found


def _with_vacancies(content: Mapping[str, float]) -> dict[str, float]:
    """The content, completed to full occupancy by vacancies."""
    vacant = 1.0 - sum(content.values())
    return {**content, **({VACANT: vacant} if vacant > EQUAL else {})}


def _doping(supercell: Supercell, s: int, element: str, shares: Sequence[float]) -> Doping:
    from lattices.doping import Doping

    if max(shares) - min(shares) < EQUAL:
        return Doping(fraction=float(np.mean(shares)))
    sublattice = supercell.crystal.sublattices[s]
    if not all(share < EQUAL or share > 1.0 - EQUAL for share in shares):
        raise InputError(
            f"sublattice {sublattice.name!r}: the structure file gives its sites different shares of "
            f"{'vacancies' if element == VACANT else element} ({min(shares):g} to {max(shares):g}); give each kind of "
            "site its own sublattice"
        )
    taken = np.flatnonzero(np.asarray(shares) > 0.5)
    cells = np.arange(supercell.n_cells, dtype=np.int64)[:, None] * sublattice.n_basis
    return Doping(sites=tuple((cells + taken).ravel().tolist()))


def _species(model: Model, sublattice: Sublattice, element: str) -> str:
    """The species of the model for an element (or a vacancy) on a sublattice."""
    names = [
        name
        for name in model.on_sublattice(sublattice.name)
        if model.species[name].element == element and name not in model.electronic
    ]
    if len(names) == 1:
        return names[0]
    held = "vacancies" if element == VACANT else element
    known = ", ".join(f"{n} ({model.species[n].element})" for n in model.on_sublattice(sublattice.name)) or "none"
    raise InputError(
        f"sublattice {sublattice.name!r}: the structure file has {held} there, for which model {model.name!r} has "
        f"{len(names)} species; its species there are {known}: add {held} to the model, or change the file"
    )
