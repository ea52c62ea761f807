"""The material of `kmc equilibrium` that a parameter file describes by its own reactions, or names.

The constants become a set of the form "reactions" (lattices/defects/reactions.py), so that gases, Brouwer diagrams and
runs use them as they use the shipped ones.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lattices.defects.constants import ConstantSet, Material, Quantity, find_material, load_materials
from lattices.defects.reactions import DRY, ELECTRONIC_SITES, HYDRATION, WET
from lattices.errors import InputError
from lattices.suggestions import did_you_mean
from lattices.validity import ValidityRange

if TYPE_CHECKING:
    from kmc.model.defect_entries import DefectSpec
    from kmc.model.parameters import Model


def material_of(model: Model) -> Material | None:
    """The material of a model, or None where it has neither reactions nor the name of one."""
    if model.defects is not None:
        return _own_material(model.name, model.defects)
    return None if model.equilibrium_material is None else find_material(model.equilibrium_material)


def find_material_or_file(name: str) -> Material:
    """A material by name, or that of a parameter file by path or name; InputError where there is none."""
    from kmc.model.parameters import load_model, shipped_models

    if name in load_materials():
        return find_material(name)
    if os.path.isfile(name) or name in shipped_models():
        found = material_of(load_model(name))
        if found is None:
            raise InputError(f"material = {name!r}: this parameter file has neither [defects] nor equilibrium_material")
        return found
    known = sorted(load_materials())
    raise InputError(
        f"material = {name!r}: known materials are {', '.join(known)}, or a parameter file with [defects]"
        + did_you_mean(name, known)
    )


def _own_material(name: str, spec: DefectSpec) -> Material:
    constant, per_dopant = ELECTRONIC_SITES[spec.electronic_sites]
    about = f'electronic_sites = "{spec.electronic_sites}" of {name}'
    values = {
        "oxygen_sites": Quantity(float(spec.oxygen_per_host), "1", f"oxygen_per_host of {name}", "derived"),
        "electronic_sites_constant": Quantity(constant, "1", about, "derived"),
        "electronic_sites_per_dopant": Quantity(per_dopant, "1", about, "derived"),
    }
    for reaction, entry in spec.reactions.items():
        for key, unit in (("enthalpy_J_mol", "J/mol"), ("entropy_J_mol_K", "J/mol/K")):
            number = getattr(entry, key)
            values[f"{reaction}_{key}"] = Quantity(number.value, unit, number.source, number.mark)
    given = {"temperature_K": spec.temperature_K, "pO2_bar": spec.pO2_bar}
    ranges = {
        key: ValidityRange(limits[0], limits[1], f"given in {name}", "derived")
        for key, limits in given.items()
        if limits
    }
    own = ConstantSet(
        name=f"{name}-reactions",
        form=WET if HYDRATION in spec.reactions else DRY,
        title=f"reactions of parameter set {name}",
        values=values,
        ranges=ranges,
        unknown={key: "not given in the parameter file" for key, limits in given.items() if not limits},
    )
    return Material(
        name, f"parameter set {name}", spec.host, spec.oxygen_per_host, own.name, None, False, {own.name: own}
    )
