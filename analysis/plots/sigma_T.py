"""sigma T of ionic conductors against 1000 K/T."""

from __future__ import annotations

from pathlib import Path

from analysis.plots.canvas import COLOURS, MARKERS, picture
from analysis.plots.labels import IONIC_SIGMA_T
from analysis.plots.results import columns
from analysis.plots.sheet import Target
from analysis.plots.temperatures import draw_series, finish_arrhenius
from analysis.results import JsonObject
from analysis.statistics.estimates import from_json

IONIC = "ionic_conductivity_S_m"


def plot_sigma_temperature(results: JsonObject, target: Target) -> Path | None:
    """sigma_ion T of a list of temperatures with its Arrhenius line, for a model without electronic carriers.

    Since sigma = n z^2 e^2 D/kT, sigma T of a fixed number of carriers has the activation energy of D. None with
    electronic carriers, and where there is nothing to draw.
    """
    runs = results["runs"]
    if any(run["electronic_conductivity_S_m"]["value"] is not None for run in runs):
        return None
    temperature, value, half_width = columns((run["temperature_K"], from_json(run[IONIC])) for run in runs)
    if not temperature.size:
        return None
    with picture(target) as (_, (axes,)):
        points = (temperature, temperature * value, temperature * half_width)
        draw_series(axes, points, results["arrhenius"].get(IONIC), IONIC_SIGMA_T, (COLOURS[0], MARKERS[0]))
        finish_arrhenius(axes, temperature, f"{IONIC_SIGMA_T} (S K/m)")
        axes.set_title(f"Ionic conductivity, {runs[0]['model']}")
    return Path(target)
