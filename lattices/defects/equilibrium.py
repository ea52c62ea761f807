"""Defect equilibria of ceria, La(1-x)Sr(x)FeO3 and proton-conducting perovskites against temperature and gas.

    solve_equilibrium("lsf64", temperature_K=1073, pO2_bar=0.21).delta

The equations are in lattices/defects/models.py, the forms that choose among them in lattices/defects/forms.py, the
numbers with source and range in lattices/defects/*.toml.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lattices.defects.constants import Material, Quantity, load_materials
from lattices.defects.request import check_pressure, check_request, collect_warnings

_THETA_REASON = "delta does not depend on pO2 in this model: no electronic carrier takes part"


@dataclass(frozen=True)
class Equilibrium:
    """Equilibrium of one material with one gas.

    delta: oxygen vacancies per formula unit. site_fractions: "V_O", "O_O", "H" per oxygen site; "electron",
    "hole", "host_cation" per cation site (B site). thermodynamic_factor_O = (1/2) d ln pO2/d ln c_O and
    thermodynamic_factor_V = -(1/2) d ln pO2/d ln delta at constant temperature and pH2O, None with an entry
    in reasons where the model has none. constants: the numbers used, with unit, source and mark. notes:
    remarks of their source. warnings: one line for each range that the request exceeds.
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

    def as_dict(self) -> dict[str, object]:
        """Flat dict for JSON: null where the model gives no value, with the reason under "reasons"."""
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


def list_materials() -> dict[str, str]:
    """Names that solve_equilibrium accepts, each with its formula."""
    return {name: material.description for name, material in sorted(load_materials().items())}


def solve_equilibrium(
    material: str | Material,
    temperature_K: float,
    pO2_bar: float,
    pH2O_bar: float | None = None,
    dopant_fraction: float | None = None,
    constants: str | Mapping[str, object] | None = None,
) -> Equilibrium:
    """Nonstoichiometry, carriers and thermodynamic factors of a material in equilibrium with a gas.

    material: a name of list_materials(), or a material of your own (kmc/model/defect_material.py). pH2O_bar: needed by
    the proton conductors (0: dry), no effect on the others. dopant_fraction: acceptors per cation site (Sr per A site
    in lsf). constants: None (the material's default), the name of a shipped set, or a mapping of user values that
    replace those of a set (keys as in the set, plus "set" and "source"). Raises InputError with one line for bad input.
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
        material=request.material.name,
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


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
