"""Pictures of thermodynamics: the isotherm with Theta, D~ by route, decays of density modes and of a relaxing wave."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from analysis.plots.canvas import COLOURS, canvas

ROUTE_NAMES = {
    "tracer_theta": "$D^*\\Theta$",
    "tracer_theta_te": "$t_e \\Theta D^*/H_R$",
    "tracer_theta_tau": "$\\tau \\Theta D^*/H_R$",
    "onsager": "Onsager",
    "decay": "decay of $\\rho(k)$",
    "relaxation": "relaxing wave",
}


def plot_thermodynamics(results: dict[str, Any], folder: Path) -> list[Path]:
    """Every picture for which the run has figures."""
    made = [
        _isotherm(results, folder / "isotherm.png"),
        _routes(results, folder / "chemical-diffusivity.png"),
        _decays(results, folder / "decays.png"),
        _waves(results, folder / "relaxation.png"),
    ]
    return [path for path in made if path]


def _isotherm(results: dict[str, Any], path: Path) -> Path | None:
    """Site fraction of the carrier against pO2 or mu (above), Theta against site fraction (below)."""
    known = results.get("thermodynamics", {})
    points = [p for p in known.get("isotherm", []) if p["site_fraction"]["value"] is not None]
    if len(points) < 2:
        return None
    figure, (above, below) = canvas(2, 6.4, shared=False)
    gas = all(p["pO2_bar"] is not None for p in points)
    x = [p["pO2_bar"] if gas else p["mu_eV"] for p in points]
    fraction = np.array([[p["site_fraction"]["value"], p["site_fraction"]["stderr"]] for p in points]).T
    _between(above, known, gas, known.get("isotherm_curve", {}), below)
    above.errorbar(x, fraction[0], fraction[1], fmt="o", color=COLOURS[0], capsize=3, markersize=5, linewidth=1)
    above.set(ylabel=f"site fraction of {known['carrier']}", xscale="log" if gas else "linear")
    above.set_xlabel("pO$_2$ (bar)" if gas else f"chemical potential of {known['component']}, relative (eV)")
    above.set_title(f"{results['model']}, {results['temperature_K']:g} K")
    for key, name, colour in (("carrier", known["carrier"], COLOURS[0]), ("partner", "its partner", COLOURS[1])):
        good = [(p["site_fraction"]["value"], p[f"thermodynamic_factor_{key}"]) for p in points]
        shown = np.array([(c, f["value"], f["stderr"]) for c, f in good if f["value"] is not None]).reshape(-1, 3).T
        style = {"fmt": "o" if key == "carrier" else "o-", "color": colour, "capsize": 3, "markersize": 5}
        below.errorbar(*shown, linewidth=1, label=f"$\\Theta$ of {name}", **style)
    for name, marker in (("structure_factor", "s"), ("slabs", "^")):
        one = known["thermodynamic_factor_of_carrier"][name]
        if one["value"] is not None:
            at, label = [known["site_fraction"]], name.replace("_", " ")
            below.errorbar(at, [one["value"]], [one["stderr"]], fmt=marker, color=COLOURS[2], capsize=3, label=label)
    below.set(xlabel=f"site fraction of {known['carrier']}", ylabel="thermodynamic factor", yscale="log")
    return _finish(figure, (above, below), path)


def _between(above: Any, known: dict[str, Any], gas: bool, curve: dict[str, Any], below: Any) -> None:
    """Bands of one error between the points, by reweighting."""
    if not curve.get("mu_eV"):
        return
    mu, c, dc, theta, dtheta = (
        np.array(curve[key], dtype=float)
        for key in ("mu_eV", "site_fraction", "site_fraction_stderr", "theta_carrier", "theta_carrier_stderr")
    )
    x = mu
    if gas:  # ln pO2 is linear in mu
        ends = [known["isotherm"][k] for k in (0, -1)]
        slope = np.log(ends[1]["pO2_bar"] / ends[0]["pO2_bar"]) / (ends[1]["mu_eV"] - ends[0]["mu_eV"])
        x = ends[0]["pO2_bar"] * np.exp(slope * (mu - ends[0]["mu_eV"]))
    for axes, at, value, error in ((above, x, c, dc), (below, c, theta, dtheta)):
        axes.plot(at, value, color=COLOURS[0], linewidth=1)
        axes.fill_between(at, value - error, value + error, color=COLOURS[0], alpha=0.2, linewidth=0)


def _routes(results: dict[str, Any], path: Path) -> Path | None:
    """D~ by route, side by side, with errors."""
    figures = results.get("chemical_diffusivity_m2_s", {})
    known = [(name, figures[name]) for name in ROUTE_NAMES if figures.get(name, {}).get("value") is not None]
    if not known:
        return None
    figure, (axes,) = canvas(1, 3.6)
    for row, (_, one) in enumerate(known):
        colour = COLOURS[row % len(COLOURS)]
        axes.errorbar([one["value"]], [row], xerr=[one["stderr"]], fmt="o", color=colour, capsize=4, markersize=6)
    axes.set(yticks=range(len(known)), yticklabels=[ROUTE_NAMES[name] for name, _ in known])
    axes.set(xlabel="chemical diffusivity (m²/s)", title=f"{results['model']}, {results['temperature_K']:g} K")
    axes.set_ylim(len(known) - 0.5, -0.5)
    axes.grid(True, linewidth=0.3, alpha=0.5)
    figure.savefig(path, dpi=150)
    return path


def _decays(results: dict[str, Any], path: Path) -> Path | None:
    """F(k, t)/F(k, 0) of every mode with its fit, a panel for each species or combination."""
    curves = {name: c["modes"] for name, c in _curves(results).items() if c.get("modes")}
    if not curves:
        return None
    figure, panels = canvas(len(curves), 1.8 + 2.8 * len(curves), shared=False)
    for axes, (name, modes) in zip(panels, curves.items(), strict=True):
        for mode, colour in zip(modes, itertools.cycle(COLOURS), strict=False):
            _curve(axes, mode, colour, f"axis {mode['axis']}, n = {mode['n']}")
        axes.set(yscale="log", ylabel=f"F(k, t)/F(k, 0) of {name}", xlabel="time (ns)", ylim=(0.05, 1.2))
    return _finish(figure, panels, path)


def _waves(results: dict[str, Any], path: Path) -> Path | None:
    """Amplitude of a wave set free."""
    curves = {name: c["wave"] for name, c in _curves(results).items() if c.get("wave")}
    if not curves:
        return None
    figure, (axes,) = canvas()
    for (name, curve), colour in zip(curves.items(), itertools.cycle(COLOURS), strict=False):
        _curve(axes, curve, colour, f"{name}, wave along axis {curve['axis']}")
    axes.set(yscale="log", ylabel="amplitude over its start", xlabel="time (ns)", ylim=(0.05, 1.2))
    return _finish(figure, (axes,), path)


def _curves(results: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = results.get("chemical_diffusion", {}).get("curves", {})
    return found


def _curve(axes: Any, curve: dict[str, Any], colour: str, label: str) -> None:
    """Points with errors, and the exponential through the fitted stretch."""
    t, value, stderr = (np.array(curve[key]) for key in ("lag_s", "value", "stderr"))
    seen = value > 0
    axes.errorbar(
        t[seen] * 1e9, value[seen], stderr[seen], fmt=".", color=colour, markersize=4, elinewidth=0.6, label=label
    )
    begin, end = curve["fitted_s"]
    line = np.linspace(begin, end, 20)
    axes.plot(line * 1e9, curve["at_start"] * np.exp(-curve["rate_per_s"] * (line - begin)), color=colour, linewidth=1)


def _finish(figure: Any, panels: Any, path: Path) -> Path:
    for axes in panels:
        axes.grid(True, which="both", linewidth=0.3, alpha=0.5)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    return path
