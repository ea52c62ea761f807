"""Checks the input of a defect equilibrium: material, temperature, gas, dopant and constants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lattices.defects.constants import ConstantSet, Material, Quantity, find_material
from lattices.defects.forms import form_of
from lattices.defects.mass_action import FloatArray
from lattices.defects.models import Carriers
from lattices.errors import InputError
from lattices.validity import range_lines

_THETA = "; Theta_O = (1/2) d ln pO2/d ln c_O, Theta_V = -(1/2) d ln pO2/d ln delta"


@dataclass(frozen=True)
class Request:
    """The checked input that solve_equilibrium and brouwer_diagram share."""

    material: Material
    constants: ConstantSet
    dopant_fraction: float
    temperature_K: float
    pH2O_bar: float | None
    user_warnings: tuple[str, ...]

    def solve(self, pO2_bar: FloatArray) -> Carriers:
        """Carriers over pO2_bar (float64, any shape)."""
        ln_pO2 = np.log(np.asarray(pO2_bar, dtype=np.float64))
        form = form_of(self.constants)
        return form.solve(self.constants, self.temperature_K, ln_pO2, self.pH2O_bar, self.dopant_fraction)

    def formula(self) -> str:
        """The equations, with the name of the constant set that was used."""
        equation = form_of(self.constants).text(self.constants)
        return f"{equation}{_THETA}; constants: {self.constants.name} ({self.constants.title})"

    def missing(self, fractions: Mapping[str, FloatArray] | Mapping[str, float]) -> dict[str, str]:
        """Carriers that this form does not include, with the reason."""
        return {name: why for name, why in form_of(self.constants).outside.items() if name not in fractions}


def check_request(
    material: str | Material,
    temperature_K: float,
    pH2O_bar: float | None,
    dopant_fraction: float | None,
    constants: str | Mapping[str, object] | None,
) -> Request:
    """Check everything except pO2; InputError with one line."""
    found = find_material(material)
    if not _is_number(temperature_K) or not 300.0 <= temperature_K <= 2500.0:
        raise InputError(f"temperature_K = {temperature_K!r}: allowed is 300 to 2500")
    dopant = dopant_of(found, dopant_fraction)
    chosen, warnings = choose_set(found, constants)
    water = pH2O_bar
    if water is not None:
        water = 0.0 if _is_number(water) and water == 0.0 else check_pressure("pH2O_bar", water)
    form = form_of(chosen)
    if form.needs_water:
        if water is None:
            raise InputError(f"pH2O_bar is missing: {found.name} needs it (0 for a dry gas)")
        if dopant == 0.0:
            raise InputError(f"dopant_fraction = 0: {found.name} needs an acceptor, 0 < dopant_fraction < 1")
        form.has_holes(chosen)  # one constant of the holes without the other is refused here
    elif water:
        warnings.append(f"pH2O_bar has no effect on {found.name}: its model has no protons")
    return Request(found, chosen, dopant, float(temperature_K), water, tuple(warnings))


def check_pressure(name: str, value: float) -> float:
    """The pressure in bar as float; InputError outside 1e-100 to 1e6."""
    if not _is_number(value) or not 1e-100 <= value <= 1e6:
        raise InputError(f"{name} = {value!r}: allowed is 1e-100 to 1e6 (bar)")
    return float(value)


def collect_warnings(request: Request, pO2_bar: FloatArray, carriers: Carriers) -> tuple[str, ...]:
    """User values without a source, and every range of the constant set that the request exceeds."""
    asked: dict[str, tuple[float, float]] = {
        "temperature_K": (request.temperature_K, request.temperature_K),
        "dopant_fraction": (request.dopant_fraction, request.dopant_fraction),
        "pO2_bar": (float(pO2_bar.min()), float(pO2_bar.max())),
        "reduction": _four_digits(carriers.reduction),
        "delta": _four_digits(carriers.delta),
        "thermodynamic_factor_V": _four_digits(carriers.theta_V),
    }
    if request.pH2O_bar:
        asked["pH2O_bar"] = (request.pH2O_bar, request.pH2O_bar)
    constants = request.constants
    lines = range_lines(constants.name, constants.ranges, constants.unknown, asked)
    return (*request.user_warnings, *lines)


def _four_digits(values: FloatArray) -> tuple[float, float]:
    """Lowest and highest of the computed values, with the digits that are printed."""
    return float(f"{values.min():.4g}"), float(f"{values.max():.4g}")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        return False
    return math.isfinite(value)


def dopant_of(material: Material, given: float | None) -> float:
    """Site fraction of the acceptor; InputError if missing, outside 0 <= x < 1, or not the fixed one."""
    if given is None:
        if material.dopant_fraction is None:
            raise InputError(f"dopant_fraction is missing: {material.name} needs 0 <= dopant_fraction < 1")
        return material.dopant_fraction
    if not (isinstance(given, (int, float)) and 0.0 <= given < 1.0):
        raise InputError(f"dopant_fraction = {given!r}: allowed is 0 <= dopant_fraction < 1")
    if material.dopant_fixed and given != material.dopant_fraction:
        raise InputError(
            f"dopant_fraction = {given}: {material.name} is fixed at {material.dopant_fraction}; "
            "use the general material (ceria, lsf, bzy, bcy) for another"
        )
    return float(given)


def choose_set(material: Material, constants: str | Mapping[str, object] | None) -> tuple[ConstantSet, list[str]]:
    """The constant set to use and warnings about user values.

    constants: None for the material's default, the name of a shipped set, or a mapping whose keys are "set"
    (a name), "source" (text) and numbers that replace or add to that set. InputError for anything else.
    """
    if isinstance(constants, Mapping):
        base = _named_set(material, constants.get("set"))
        return _with_user_values(base, {k: v for k, v in constants.items() if k != "set"})
    return _named_set(material, constants), []


def _named_set(material: Material, name: object) -> ConstantSet:
    chosen = material.default_set if name is None else name
    if not isinstance(chosen, str) or chosen not in material.sets:
        raise InputError(f"constants = {chosen!r}: sets for {material.name} are {', '.join(sorted(material.sets))}")
    return material.sets[chosen]


def _with_user_values(base: ConstantSet, user: Mapping[str, object]) -> tuple[ConstantSet, list[str]]:
    allowed = sorted({*base.values, *form_of(base).hole_values})
    source = user.get("source")
    values = dict(base.values)
    numbers = {key: number for key, number in user.items() if key != "source"}
    for key, number in numbers.items():
        if key not in allowed:
            raise InputError(f"constants.{key}: numbers of set {base.name} are {', '.join(allowed)}")
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise InputError(f"constants.{key} = {number!r}: a finite number is needed")
        unit = values[key].unit if key in values else ("J/mol/K" if key.endswith("J_mol_K") else "J/mol")
        values[key] = Quantity(float(number), unit, str(source or "none given"), "user")
    warnings = []
    if numbers and not source:
        warnings.append(f"user constants without a source: {', '.join(numbers)}")
    return replace(base, values=values), warnings
