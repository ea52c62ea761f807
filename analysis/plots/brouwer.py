"""Brouwer (Kroger-Vink) diagrams as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.plots.canvas import COLOURS, picture
from analysis.plots.sheet import Target
from lattices.defects.brouwer import BrouwerDiagram

_LABELS = {
    "V_O": "V$_\\mathrm{O}$, per O site",
    "H": "H as OH$_\\mathrm{O}$, per O site",
    "electron": "electrons, per cation site",
    "hole": "holes, per cation site",
}
_STYLES = {
    "V_O": (COLOURS[0], "-"),
    "H": (COLOURS[2], "-."),
    "electron": (COLOURS[1], "--"),
    "hole": (COLOURS[4], ":"),
}
Points = Mapping[str, Sequence[tuple[float, float]]]

# Below this a carrier does not contribute to transport, and showing it would only compress the figure.
_LOWEST_SHOWN = 1e-14


def plot_brouwer(diagram: BrouwerDiagram, target: Target, points: Points | None = None) -> Path:
    """Draw the diagram on logarithmic axes; returns the path, whose suffix gives the format.

    Pressures at which the constants are extrapolated are shaded. points: (pO2 in bar, site fraction) of carriers in
    simulated supercells; one without any cannot be shown on a logarithmic axis. Raises InputError if the picture cannot
    be written.
    """
    # Protons of a dry gas are zero, which a logarithmic axis cannot show.
    shown = [name for name in _LABELS if name in diagram.site_fractions and diagram.site_fractions[name].max() > 0.0]
    values = np.stack([diagram.site_fractions[name] for name in shown])
    with picture(target) as (_, (axes,)):
        for name, fraction in zip(shown, values, strict=True):
            colour, line = _STYLES[name]
            axes.loglog(diagram.pO2_bar, fraction, line, color=colour, linewidth=2.0, label=_LABELS[name])
        for name, found in (points or {}).items():
            pressure, fraction = np.array(found).T
            label = f"{_LABELS[name].partition(',')[0]}, simulated"
            axes.loglog(pressure, fraction, "o", color=_STYLES[name][0], label=label)
        axes.set_ylim(max(0.3 * values.min(), _LOWEST_SHOWN), min(5.0 * values.max(), 5.0))
        axes.set_xlim(diagram.pO2_bar.min(), diagram.pO2_bar.max())
        if diagram.extrapolated.any():
            axes.fill_between(
                diagram.pO2_bar,
                0.0,
                1.0,
                where=diagram.extrapolated,
                transform=axes.get_xaxis_transform(),
                color="0.9",
                linewidth=0.0,
                zorder=0,
                label="extrapolated",
            )
        axes.set(xlabel="$p$(O$_2$) (bar)", ylabel="site fraction", title=_title(diagram))
    return Path(target)


def _title(diagram: BrouwerDiagram) -> str:
    water = "" if diagram.pH2O_bar is None else f", $p$(H$_2$O) = {diagram.pH2O_bar:g} bar"
    return f"Defects of {diagram.material}, {diagram.temperature_K:g} K{water}"
