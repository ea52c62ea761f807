"""Several runs in one picture: tracer diffusivities and sigma_ion T against 1000 K/T."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from analysis.plots.canvas import COLOURS, MARKERS, picture
from analysis.plots.labels import IONIC_SIGMA_T, QUANTITIES, species_label
from analysis.plots.results import columns
from analysis.plots.sheet import Look
from analysis.plots.sigma_T import IONIC
from analysis.plots.temperatures import Points, draw_series, finish_arrhenius
from analysis.results import JsonObject
from analysis.statistics.estimates import from_json

TRACER = "tracer_diffusivity_m2_s"
Series = tuple[str, str, Points, JsonObject | None]  # run, quantity, points, fit


def plot_overlay(runs: Mapping[str, JsonObject], folder: Path, look: Look | None = None) -> list[Path]:
    """Two pictures of the results of several runs, by the name of each; a colour for each run, a marker for each ion.

    A run may have one temperature or several. Returns the pictures for which there are data. Raises InputError if one
    cannot be written.
    """
    look = look or Look()
    kinds = (
        ("overlay-diffusivities", "Tracer diffusivities", "$D^*$ (m²/s)", list(_tracers(runs))),
        ("overlay-conductivities", "Ionic conductivities", f"{IONIC_SIGMA_T} (S K/m)", list(_conductivities(runs))),
    )
    drawn = []
    for name, title, axis, series in kinds:
        if not series:
            continue
        target = look.of(folder, name)
        colours = dict(zip(runs, itertools.cycle(COLOURS), strict=False))
        markers = dict(zip(dict.fromkeys(quantity for _, quantity, _, _ in series), MARKERS, strict=False))
        with picture(target, height_inches=max(4.6, 0.4 * len(series) + 0.8)) as (_, (axes,)):
            for run, quantity, points, fit in series:
                label = f"{run}: {quantity}"
                draw_series(axes, points, fit, label, (colours[run], markers.get(quantity, "o")))
            finish_arrhenius(axes, np.concatenate([points[0] for _, _, points, _ in series]), axis)
            axes.set_title(title)
        drawn.append(target.path)
    return drawn


def _tracers(runs: Mapping[str, JsonObject]) -> Iterator[Series]:
    for name, results in runs.items():
        parts = results.get("runs", [results])
        for species, entry in parts[0]["species"].items():
            if entry["kind"] != "ion":
                continue
            found = columns((part["temperature_K"], from_json(part["species"][species][TRACER])) for part in parts)
            if found.size:
                quantity = f"{QUANTITIES[TRACER]} of {species_label(species)}"
                fit = results.get("arrhenius", {}).get(f"species.{species}.{TRACER}")
                yield name, quantity, (found[0], found[1], found[2]), fit


def _conductivities(runs: Mapping[str, JsonObject]) -> Iterator[Series]:
    for name, results in runs.items():
        parts = results.get("runs", [results])
        found = columns((part["temperature_K"], from_json(part[IONIC])) for part in parts)
        if found.size:
            temperature, value, half_width = found
            points = (temperature, temperature * value, temperature * half_width)
            yield name, IONIC_SIGMA_T, points, results.get("arrhenius", {}).get(IONIC)
