"""Pictures of a list of temperatures: diffusivities, conductivities and transference numbers against 1000 K/T."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots.canvas import COLOURS, MARKERS, picture, temperatures_on_top
from analysis.plots.labels import QUANTITIES, result_text, species_label
from analysis.plots.results import columns
from analysis.plots.sheet import Target
from analysis.results import JsonObject
from analysis.statistics.arrhenius import BOLTZMANN_EV_K
from analysis.statistics.estimates import Estimate, FloatArray, from_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = tuple[FloatArray, FloatArray, FloatArray]  # temperature in K, value, half of the 95 % interval

CONDUCTIVITIES = (  # key, colour, marker and line; sums are dashed: they often lie on one of their parts
    ("ionic_conductivity_S_m", COLOURS[0], "o-"),
    ("electronic_conductivity_S_m", COLOURS[1], "s-"),
    ("total_conductivity_S_m", COLOURS[6], "^--"),
    ("ambipolar_conductivity_S_m", COLOURS[2], "D--"),
)
TRANSFERENCE = (
    ("ionic_transference_number", COLOURS[0], "o-"),
    ("electronic_transference_number", COLOURS[1], "s-"),
)


def plot_arrhenius(results: JsonObject, target: Target) -> Path | None:
    """Diffusivities of a list of temperatures against 1000 K/T with the fits of results.json.

    D_sigma is drawn for independent carriers only: that of their partner differs by the ratio of the numbers only.
    None if there is nothing to draw.
    """
    runs = results["runs"]
    carriers = runs[0]["onsager"]["species"] or list(runs[0]["species"])
    series = []
    for name in runs[0]["species"]:
        for key in ("tracer_diffusivity_m2_s", "collective_diffusivity_m2_s"):
            found = columns((run["temperature_K"], from_json(run["species"][name][key])) for run in runs)
            if found.size and (name in carriers or key.startswith("tracer")):
                series.append((name, key, (found[0], found[1], found[2])))
    if not series:
        return None
    styles = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False)
    with picture(target, height_inches=5.0) as (_, (axes,)):
        for (name, key, points), form in zip(series, styles, strict=False):
            label = f"{QUANTITIES[key]} of {species_label(name)}"
            fit = results["arrhenius"].get(f"species.{name}.{key}")
            draw_series(axes, points, fit, label, form)
        finish_arrhenius(axes, results["temperatures_K"], "diffusivity (m²/s)")
        axes.set_title(f"Diffusivities, {runs[0]['model']}")
    return Path(target)


def draw_series(axes: Axes, points: Points, fit: JsonObject | None, label: str, form: tuple[str, str]) -> None:
    """Points against 1000 K/T with their Arrhenius line, whose energy is added to the label.

    fit: an entry of `arrhenius` in results.json. form: colour and marker.
    """
    temperature, value, half_width = points
    colour, marker = form
    energy = from_json(fit["activation_energy_eV"]) if fit else None
    if fit and isinstance(energy, Estimate):
        label += f"\n$E_a$ = {result_text(energy, 'eV')}"
        _fitted_line(axes, temperature, energy.value, fit["prefactor"]["value"], colour)
    axes.errorbar(1000.0 / temperature, value, half_width, fmt=marker, color=colour, label=label)


def finish_arrhenius(axes: Axes, temperatures_K: Iterable[float], label: str) -> None:
    """Axes of a picture against 1000 K/T; label: of the ordinate."""
    axes.set(yscale="log", xlabel="1000 K / $T$", ylabel=label)
    temperatures_on_top(axes, temperatures_K)


def _fitted_line(axes: Axes, temperature_K: FloatArray, energy_eV: float, prefactor: float, colour: str) -> None:
    span = np.linspace(temperature_K.min(), temperature_K.max(), 50)
    axes.plot(1000.0 / span, prefactor * np.exp(-energy_eV / (BOLTZMANN_EV_K * span)), color=colour)


def plot_conductivities(results: JsonObject, target: Target) -> Path | None:
    """Conductivities (above) and transference numbers (below) against temperature; None without electronic carriers."""
    runs = results["runs"]
    if all(run["electronic_conductivity_S_m"]["value"] is None for run in runs):
        return None
    with picture(target, 2, 6.8, shared=True) as (_, (above, below)):
        for axes, quantities in ((above, CONDUCTIVITIES), (below, TRANSFERENCE)):
            for key, colour, form in quantities:
                points = columns((run["temperature_K"], from_json(run[key])) for run in runs)
                if points.size:
                    temperature, value, stderr = points
                    axes.errorbar(
                        1000.0 / temperature,
                        value,
                        stderr,
                        fmt=form,
                        color=colour,
                        markerfacecolor="none" if form.endswith("--") else colour,
                        markersize=7 if form.endswith("--") else 5,
                        label=QUANTITIES[key],
                    )
        above.set(yscale="log", ylabel="conductivity (S/m)")
        temperatures_on_top(above, results["temperatures_K"])
        above.set_title(f"Conductivities and transference numbers, {runs[0]['model']}")
        below.set(ylabel="transference number", xlabel="1000 K / $T$")
    return Path(target)
