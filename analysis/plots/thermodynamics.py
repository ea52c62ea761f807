"""Picture of a grand-canonical scan: composition against pO2 or chemical potential, Theta against composition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots.canvas import COLOURS, picture, scale
from analysis.plots.labels import THETA_METHODS, species_label
from analysis.plots.results import columns, heading
from analysis.plots.sheet import Target
from analysis.results import JsonObject
from analysis.statistics.estimates import FloatArray, from_json, half_width_95

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_isotherm(results: JsonObject, target: Target) -> Path | None:
    """Site fraction of the carrier (above), Theta by every method (below); None with fewer than two points."""
    known = results.get("thermodynamics", {})
    points = [p for p in known.get("isotherm", []) if p["site_fraction"]["value"] is not None]
    if len(points) < 2:
        return None
    gas = all(p["pO2_bar"] is not None for p in points)
    composition = columns((p["pO2_bar"] if gas else p["mu_eV"], from_json(p["site_fraction"])) for p in points)
    carrier = species_label(known["carrier"])
    with picture(target, 2, 6.8) as (_, (above, below)):
        x, y, error = composition
        above.errorbar(x, y, error, fmt="o", color=COLOURS[0])
        _curve_between(above, below, known, gas)
        above.set_ylabel(f"site fraction of {carrier}")
        above.set_xlabel("$p$(O$_2$) (bar)" if gas else f"chemical potential of {known['component']}, relative (eV)")
        above.set_title(f"{heading(results)}: composition and thermodynamic factor")
        if gas:
            scale(above, "x", [composition[0]])
        values = _thetas(below, known, points)
        below.set(xlabel=f"site fraction of {carrier}", ylabel="thermodynamic factor")
        scale(below, "y", values)
        reached = np.append(y, known["site_fraction"])  # of the scan and of the canonical run
        margin = 0.05 * np.ptp(reached) or 0.1 * reached.max()
        below.set_xlim(reached.min() - margin, reached.max() + margin)
        if not any(value.size for value in values):
            below.text(0.5, 0.5, "unavailable at every potential", ha="center", transform=below.transAxes)
    return Path(target)


def _thetas(axes: Axes, known: JsonObject, points: list[JsonObject]) -> list[FloatArray]:
    """Theta of carrier and partner at the potentials of the scan, and by the other methods; returns what was drawn."""
    drawn = []
    for key, colour in (("carrier", COLOURS[0]), ("partner", COLOURS[1])):
        theta = columns((p["site_fraction"]["value"], from_json(p[f"thermodynamic_factor_{key}"])) for p in points)
        label = rf"$\Theta$ of {species_label(known[key])}, {THETA_METHODS['grand_canonical']}"
        if theta.size:
            x, value, error = theta
            axes.errorbar(x, value, error, fmt="o" if key == "carrier" else "o-", color=colour, label=label)
        drawn.append(theta[1])
    carrier = species_label(known["carrier"])
    for method, marker, colour in (("structure_factor", "s", COLOURS[2]), ("slabs", "^", COLOURS[3])):
        result = from_json(known["thermodynamic_factor_of_carrier"][method])
        theta = columns([(known["site_fraction"], result)])
        if theta.size:
            x, value, error = theta
            label = rf"$\Theta$ of {carrier}, {THETA_METHODS[method]}"
            axes.errorbar(x, value, error, fmt=marker, color=colour, label=label)
        drawn.append(theta[1])
    return drawn


def _curve_between(above: Axes, below: Axes, known: JsonObject, gas: bool) -> None:
    """Composition and Theta between the points, by reweighting, with bands of the 95 % intervals."""
    curve = known.get("isotherm_curve", {})
    if not curve.get("mu_eV"):
        return
    mu, fraction, fraction_stderr, theta, theta_stderr = (
        np.array(curve[key], dtype=float)
        for key in ("mu_eV", "site_fraction", "site_fraction_stderr", "theta_carrier", "theta_carrier_stderr")
    )
    at = _pressures(known, mu) if gas else mu
    for axes, x, value, stderr in ((above, at, fraction, fraction_stderr), (below, fraction, theta, theta_stderr)):
        axes.plot(x, value, color=COLOURS[0])
        half = half_width_95(1.0, curve.get("dof")) * stderr
        axes.fill_between(x, value - half, value + half, color=COLOURS[0], alpha=0.2, linewidth=0)


def _pressures(known: JsonObject, mu_eV: FloatArray) -> FloatArray:
    """pO2 at potentials between the points of the scan: ln pO2 is linear in mu."""
    first, last = known["isotherm"][0], known["isotherm"][-1]
    slope = np.log(last["pO2_bar"] / first["pO2_bar"]) / (last["mu_eV"] - first["mu_eV"])
    return np.asarray(first["pO2_bar"] * np.exp(slope * (mu_eV - first["mu_eV"])))
