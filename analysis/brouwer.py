"""Brouwer (Kroger-Vink) diagrams: carriers against pO2 at one temperature, as arrays and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lattices.defects.equilibrium import check_pressure, check_request, collect_warnings
from lattices.defects.mass_action import FloatArray
from lattices.errors import InputError

_LABELS = {
    "V_O": "V$_\\mathrm{O}$ (per O site)",
    "H": "H, OH$_\\mathrm{O}$ (per O site)",
    "electron": "electron (per cation site)",
    "hole": "hole (per cation site)",
}
_STYLES = {
    "V_O": ("#1b6ca8", "-"),
    "H": ("#2e8b57", "-."),
    "electron": ("#c0392b", "--"),
    "hole": ("#e08a00", ":"),
}
# Below this a carrier plays no part in transport; longer tails only squeeze the picture.
_LOWEST_SHOWN = 1e-14


@dataclass(frozen=True)
class BrouwerDiagram:
    """Arrays of shape (n,), float64, over pO2_bar; meanings as in lattices.defects.equilibrium.Equilibrium.

    thermodynamic_factor_O and _V are inf where delta does not depend on pO2. missing: carriers outside the
    model, with the reason.
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


def brouwer_diagram(
    material: str,
    temperature_K: float,
    pO2_bar: ArrayLike,
    pH2O_bar: float | None = None,
    dopant_fraction: float | None = None,
    constants: str | Mapping[str, Any] | None = None,
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
        material=material,
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
    )


def plot_brouwer(diagram: BrouwerDiagram, path: str | Path) -> Path:
    """Write the diagram as a log-log picture (format from the suffix of path) and return the path.

    Draws through Agg without touching pyplot's global state, so it works without a display.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    # Protons of a dry gas are zero, which has no place on a logarithmic axis.
    shown = [name for name in _LABELS if name in diagram.site_fractions and diagram.site_fractions[name].max() > 0.0]
    top, bottom = 0.0, np.inf
    for name in shown:
        values = diagram.site_fractions[name]
        colour, line = _STYLES[name]
        axes.loglog(diagram.pO2_bar, values, line, color=colour, lw=2.0, label=_LABELS[name])
        top, bottom = max(top, float(values.max())), min(bottom, float(values.min()))
    axes.set_ylim(max(0.3 * bottom, _LOWEST_SHOWN), min(5.0 * top, 5.0))
    axes.set_xlim(diagram.pO2_bar.min(), diagram.pO2_bar.max())
    axes.set_xlabel("$p$(O$_2$) / bar")
    axes.set_ylabel("site fraction / 1")
    axes.set_title(_title(diagram))
    axes.grid(True, which="major", alpha=0.25)
    axes.legend(frameon=True, framealpha=0.9, fontsize="small")
    figure.savefig(path)
    return Path(path)


def _title(diagram: BrouwerDiagram) -> str:
    water = "" if diagram.pH2O_bar is None else f", $p$(H$_2$O) = {diagram.pH2O_bar:g} bar"
    return f"{diagram.material}, {diagram.temperature_K:g} K{water}"
