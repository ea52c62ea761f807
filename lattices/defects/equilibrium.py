"""Defect equilibria of ceria, La(1-x)Sr(x)FeO3 and proton-conducting perovskites against temperature and gas.

    solve_equilibrium("lsf64", temperature_K=1073, pO2_bar=0.21).delta

The equations stand in lattices/defects/models.py, the numbers with source and range in
lattices/defects/*.toml.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lattices.defects.constants import (
    ConstantSet,
    Material,
    Quantity,
    choose_set,
    dopant_of,
    find_material,
    load_materials,
)
from lattices.defects.mass_action import FloatArray
from lattices.defects.models import Carriers, has_holes, solve_carriers
from lattices.errors import InputError
from lattices.validity import range_lines

_EQUATIONS = {
    "ceria-mass-action": "O_O + 2 Ce4+ = V_O + 2 Ce3+ + 1/2 O2: exp(dS/R - dH/RT) = "
    "(V_O/O_O) (Ce3+/Ce4+)^2 pO2^(1/2); 2 delta = n + x; electron = n per cation site",
    "ceria-bulfin": "pO2^(1/2) = exp(dS/R - dH/RT), dH and dS functions of delta; n = 2 delta",
    "ceria-suzuki-watanabe": "delta = (a^-8 + b^-8 + 0.5^-8)^(-1/8), a ~ pO2^(-1/4), b ~ pO2^(-1/12); n = 2 delta",
    "iron-perovskite": "K_ox = p^2 (3-delta)/(delta m^2 pO2^(1/2)), K_i = p n/m^2, p + n + m = 1, "
    "p - n = x - 2 delta; hole = p, electron = n per Fe site",
    "proton-perovskite": "V_O + O_O + H2O = 2 OH_O: K = OH^2/(V_O O_O pH2O) in fractions of oxygen sites; "
    "2 V_O + OH (+ holes) = acceptors; H = OH per oxygen site, delta = vacancies only",
}
_HOLE_EQUATION = "; V_O + 1/2 O2 = O_O + 2 h: K = (O_O/V_O) (h/(1-h))^2 pO2^(-1/2), h per B site"
_THETA = "; Theta_O = (1/2) d ln pO2/d ln c_O, Theta_V = -(1/2) d ln pO2/d ln delta"
_NOT_MODELLED = {
    "ceria": {
        "hole": "holes of ceria are outside this model",
        "H": "protons of ceria are outside this model",
    },
    "lsf": {"H": "protons of the ferrite are outside this model"},
    "proton-perovskite": {
        "electron": "electrons of the proton conductor are outside this model",
        "hole": "no hole constants are shipped: none was found in a citable source; give "
        "hole_oxidation_enthalpy_J_mol and hole_oxidation_entropy_J_mol_K in constants",
    },
}
_THETA_REASON = "delta does not depend on pO2 in this model: no electronic carrier takes part"


@dataclass(frozen=True)
class Equilibrium:
    """Equilibrium of one material with one gas.

    delta: oxygen vacancies per formula unit. site_fractions: "V_O", "O_O", "H" per oxygen site; "electron",
    "hole", "host_cation" per cation site (B site). thermodynamic_factor_O = (1/2) d ln pO2/d ln c_O and
    thermodynamic_factor_V = -(1/2) d ln pO2/d ln delta at constant temperature and pH2O, None with an entry
    in reasons where the model has none. constants: the numbers used, with unit, source and mark. notes:
    what their source says about them. warnings: one line for each range that the request leaves.
    """

    material: str
    temperature_K: float
    pO2_bar: float
    pH2O_bar: float | None
    dopant_fraction: float
    delta: float
    site_fractions: dict[str, float]
    thermodynamic_factor_O: float | None
    thermodynamic_factor_V: float | None
    warnings: tuple[str, ...]
    formula: str
    constant_set: str
    constants: Mapping[str, Quantity]
    notes: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Flat dict for JSON: null where the model has no figure, the reason under "reasons"."""
        fractions: dict[str, float | None] = dict(self.site_fractions)
        for key in self.reasons:
            if key.startswith("site_fraction."):
                fractions[key.removeprefix("site_fraction.")] = None
        return {
            "material": self.material,
            "temperature_K": self.temperature_K,
            "pO2_bar": self.pO2_bar,
            "pH2O_bar": self.pH2O_bar,
            "dopant_fraction": self.dopant_fraction,
            "delta": self.delta,
            "thermodynamic_factor_O": self.thermodynamic_factor_O,
            "thermodynamic_factor_V": self.thermodynamic_factor_V,
            **{f"site_fraction.{name}": value for name, value in fractions.items()},
            "formula": self.formula,
            "constant_set": self.constant_set,
            "constants": {key: vars(number).copy() for key, number in self.constants.items()},
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "reasons": dict(self.reasons),
        }


@dataclass(frozen=True)
class Request:
    """A checked question: what solve_equilibrium and brouwer_diagram have in common."""

    material: Material
    constants: ConstantSet
    dopant_fraction: float
    temperature_K: float
    pH2O_bar: float | None
    user_warnings: tuple[str, ...]

    def solve(self, pO2_bar: FloatArray) -> Carriers:
        """Carriers over pO2_bar (float64, any shape)."""
        return solve_carriers(self.constants, self.temperature_K, pO2_bar, self.pH2O_bar, self.dopant_fraction)

    def formula(self) -> str:
        """The equations in words, with the constant set that went in."""
        holes = _HOLE_EQUATION if has_holes(self.constants) else ""
        equation = _EQUATIONS[self.constants.form]
        return f"{equation}{holes}{_THETA}; constants: {self.constants.name} ({self.constants.title})"

    def missing(self, fractions: Mapping[str, Any]) -> dict[str, str]:
        """Carriers that this model does not have, with the reason."""
        return {name: why for name, why in _NOT_MODELLED[self.material.family].items() if name not in fractions}


def list_materials() -> dict[str, str]:
    """Names that solve_equilibrium accepts, each with its formula in words."""
    return {name: material.description for name, material in sorted(load_materials().items())}


def solve_equilibrium(
    material: str,
    temperature_K: float,
    pO2_bar: float,
    pH2O_bar: float | None = None,
    dopant_fraction: float | None = None,
    constants: str | Mapping[str, Any] | None = None,
) -> Equilibrium:
    """Nonstoichiometry, carriers and thermodynamic factors of a material in equilibrium with a gas.

    material: a name of list_materials(). pH2O_bar: needed by the proton conductors (0: dry), without effect
    on the others. dopant_fraction: acceptors per cation site (Sr per A site in lsf). constants: None (the
    material's default), the name of a shipped set, or a mapping of own numbers over a set (keys as in the
    set, plus "set" and "source"). Raises InputError with one line for bad input.
    """
    request = check_request(material, temperature_K, pH2O_bar, dopant_fraction, constants)
    pO2 = np.asarray([check_pressure("pO2_bar", pO2_bar)])
    carriers = request.solve(pO2)
    fractions = {name: float(values[0]) for name, values in carriers.site_fractions.items()}
    theta_O, theta_V = _finite(carriers.theta_O[0]), _finite(carriers.theta_V[0])
    reasons = {f"site_fraction.{name}": why for name, why in request.missing(fractions).items()}
    if theta_O is None:
        reasons["thermodynamic_factor_O"] = _THETA_REASON
    if theta_V is None:
        reasons["thermodynamic_factor_V"] = _THETA_REASON
    return Equilibrium(
        material=material,
        temperature_K=request.temperature_K,
        pO2_bar=float(pO2[0]),
        pH2O_bar=request.pH2O_bar,
        dopant_fraction=request.dopant_fraction,
        delta=float(carriers.delta[0]),
        site_fractions=fractions,
        thermodynamic_factor_O=theta_O,
        thermodynamic_factor_V=theta_V,
        warnings=collect_warnings(request, pO2, carriers),
        formula=request.formula(),
        constant_set=request.constants.name,
        constants=request.constants.values,
        notes=request.constants.notes,
        reasons=reasons,
    )


def check_request(
    material: str,
    temperature_K: float,
    pH2O_bar: float | None,
    dopant_fraction: float | None,
    constants: str | Mapping[str, Any] | None,
) -> Request:
    """Everything but pO2 checked and looked up; InputError with one line."""
    found = find_material(material)
    if not _is_number(temperature_K) or not 300.0 <= temperature_K <= 2500.0:
        raise InputError(f"temperature_K = {temperature_K!r}: allowed is 300 to 2500")
    dopant = dopant_of(found, dopant_fraction)
    chosen, warnings = choose_set(found, constants)
    water = pH2O_bar
    if water is not None:
        water = 0.0 if _is_number(water) and water == 0.0 else check_pressure("pH2O_bar", water)
    if found.family == "proton-perovskite":
        if water is None:
            raise InputError(f"pH2O_bar is missing: {material} needs it (0 for a dry gas)")
        if dopant == 0.0:
            raise InputError(f"dopant_fraction = 0: {material} needs an acceptor, 0 < dopant_fraction < 1")
        has_holes(chosen)  # one hole constant without the other is refused here
    elif water:
        warnings.append(f"pH2O_bar has no effect on {material}: its model has no protons")
    return Request(found, chosen, dopant, float(temperature_K), water, tuple(warnings))


def check_pressure(name: str, value: float) -> float:
    """The pressure in bar as float; InputError outside 1e-100 to 1e6."""
    if not _is_number(value) or not 1e-100 <= value <= 1e6:
        raise InputError(f"{name} = {value!r}: allowed is 1e-100 to 1e6 (bar)")
    return float(value)


def collect_warnings(request: Request, pO2_bar: FloatArray, carriers: Carriers) -> tuple[str, ...]:
    """User numbers without a source, and every range of the constant set that the request leaves."""
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
    """Lowest and highest of what was computed, as it is told."""
    return float(f"{values.min():.4g}"), float(f"{values.max():.4g}")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        return False
    return math.isfinite(value)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
