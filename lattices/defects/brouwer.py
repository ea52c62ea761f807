"""Brouwer (Kroger-Vink) diagrams: carriers against pO2 at one temperature, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lattices.defects.constants import Material
from lattices.defects.mass_action import FloatArray
from lattices.defects.models import Carriers
from lattices.defects.request import Request, check_pressure, check_request, collect_warnings
from lattices.errors import InputError
from lattices.validity import SLACK


@dataclass(frozen=True)
class BrouwerDiagram:
    """Arrays of shape (n,), float64, over pO2_bar; meanings as in lattices.defects.equilibrium.Equilibrium.

    thermodynamic_factor_O and _V are inf where delta does not depend on pO2. missing: carriers outside the
    model, with the reason. extrapolated: (n,) bool, where the set of constants is used outside a range of its source.
    """

    material: str
    temperature_K: float
    pH2O_bar: float | None
    pO2_bar: FloatArray
    delta: FloatArray
    site_fractions: Mapping[str, FloatArray]
    thermodynamic_factor_O: FloatArray
    thermodynamic_factor_V: FloatArray
    warnings: tuple[str, ...]
    formula: str
    missing: Mapping[str, str]
    extrapolated: NDArray[np.bool_]


def brouwer_diagram(
    material: str | Material,
    temperature_K: float,
    pO2_bar: ArrayLike,
    pH2O_bar: float | None = None,
    dopant_fraction: float | None = None,
    constants: str | Mapping[str, object] | None = None,
) -> BrouwerDiagram:
    """Equilibria over a one-dimensional array of pO2 in bar; other arguments as in solve_equilibrium.

    Raises InputError with one line for bad input.
    """
    pressures = np.asarray(pO2_bar, dtype=np.float64)
    if pressures.ndim != 1 or pressures.size == 0:
        raise InputError(f"pO2_bar has shape {pressures.shape}: a one-dimensional array of pressures is needed")
    for pressure in pressures.tolist():
        check_pressure("pO2_bar", pressure)
    request = check_request(material, temperature_K, pH2O_bar, dopant_fraction, constants)
    carriers = request.solve(pressures)
    return BrouwerDiagram(
        material=request.material.name,
        temperature_K=request.temperature_K,
        pH2O_bar=request.pH2O_bar,
        pO2_bar=pressures,
        delta=carriers.delta,
        site_fractions=carriers.site_fractions,
        thermodynamic_factor_O=carriers.theta_O,
        thermodynamic_factor_V=carriers.theta_V,
        warnings=collect_warnings(request, pressures, carriers),
        formula=request.formula(),
        missing=request.missing(carriers.site_fractions),
        extrapolated=_extrapolated(request, pressures, carriers),
    )


def _extrapolated(request: Request, pO2_bar: FloatArray, carriers: Carriers) -> NDArray[np.bool_]:
    asked: dict[str, FloatArray | float | None] = {
        "temperature_K": request.temperature_K,
        "dopant_fraction": request.dopant_fraction,
        "pH2O_bar": request.pH2O_bar or None,
        "pO2_bar": pO2_bar,
        "reduction": carriers.reduction,
        "delta": carriers.delta,
        "thermodynamic_factor_V": carriers.theta_V,
    }
    outside = np.zeros(len(pO2_bar), dtype=bool)
    for key, value in asked.items():
        limits = request.constants.ranges.get(key)
        if limits is not None and value is not None:
            slack = SLACK.get(key, 1e-9)
            outside |= (value < limits.low * (1.0 - slack)) | (value > limits.high * (1.0 + slack))
    return outside
