"""Brouwer (Kroger-Vink) diagrams as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lattices.defects.brouwer import BrouwerDiagram

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
