"""Electronic carriers of the other sign, which a run does not hold: where they would matter, the run says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lattices.notes import Note

if TYPE_CHECKING:
    from kmc.state.system import System

MINORITY = 0.01  # of the electronic carriers that a model knows: more of the other kind is told


def minority_notes(system: System) -> list[Note]:
    """A warning where K_i = p n/m^2 of the model's material asks for more of the other carrier than a hundredth.

    p, n, m: holes, electrons and hosts per cation. Nothing for a model without a material, or one without K_i.
    """
    from lattices.defects.constants import choose_set, find_material
    from lattices.defects.models import defect_model

    tables, model = system.tables, system.model
    known = [hop for hop in model.hops if hop.carrier in model.electronic]
    if model.equilibrium_material is None or len(known) != 1:
        return []
    material = find_material(model.equilibrium_material)
    if material.family != "lsf":
        return []
    constants = choose_set(material, None)[0]
    state = defect_model(constants, tables.temperature_K, None, 0.0)
    sites = tables.supercell.n_sites_of(int(tables.sublattice_of[model.code(known[0].carrier)]))
    own = system.composition.counts[known[0].carrier] / sites
    host = system.composition.counts[known[0].partner] / sites
    other = math.exp(state.log_hole + state.log_electron) * host**2 / max(own, 1e-300)
    if other <= MINORITY * own:
        return []
    name = "electron" if model.species[known[0].carrier].charge > 0 else "hole"
    text = (
        f"beside {own:.3g} {known[0].carrier} per cation the equilibrium of {material.name} "
        f"({constants.name}) holds {min(other, 1.0):.2g} {name}, which model {model.name!r} lacks: outside its range"
    )
    return [Note(text, True)]
