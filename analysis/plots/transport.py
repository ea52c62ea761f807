"""Pictures of the transport of one run: the Onsager matrix, and profiles along an axis."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots.canvas import COLOURS, picture
from analysis.plots.labels import species_label, typeset
from analysis.plots.results import heading
from analysis.plots.sheet import Target
from analysis.results import JsonObject
from analysis.statistics.estimates import FloatArray, half_width_95

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOST_FRACTION = 0.5  # a species above it is not drawn in a profile


def plot_onsager(results: JsonObject, target: Target) -> Path | None:
    """The matrix L with errors; colours show the correlation L_ij/sqrt(L_ii L_jj) of different carriers.

    None for one carrier, and where the matrix is unavailable.
    """
    names, entry = results["onsager"]["species"], results["onsager"]["matrix_1_per_J_m_s"]
    if not names or len(names) < 2 or entry["value"] is None:
        return None
    value, stderr = (np.array(entry[key], dtype=float) for key in ("value", "stderr"))  # null becomes nan
    if not (np.diag(value) > 0).all():
        return None
    correlation = _correlation(value)
    coloured = np.where(np.eye(len(names), dtype=bool), np.nan, correlation)  # 1 by definition on the diagonal
    labels = [species_label(name) for name in names]
    with picture(target, width_inches=6.4) as (figure, (axes,)):
        axes.set_facecolor("0.93")
        image = axes.imshow(coloured, vmin=-1, vmax=1, cmap="RdBu_r")
        for i, j in np.ndindex(value.shape):
            dark = i != j and abs(correlation[i, j]) > 0.6
            text = _entry(float(value[i, j]), float(stderr[i, j]))
            axes.text(j, i, text, ha="center", va="center", color="white" if dark else "black")
        axes.grid(False)
        axes.set(xticks=range(len(names)), yticks=range(len(names)), xticklabels=labels, yticklabels=labels)
        axes.set_title(f"{heading(results)}: Onsager matrix $L_{{ij}}$ in 1/(J m s)")
        figure.colorbar(image, label=r"correlation $L_{ij}/\sqrt{L_{ii} L_{jj}}$")
    return Path(target)


def _entry(value: float, stderr: float) -> str:
    if not np.isfinite(value):
        return "unavailable"
    return "0\nexactly" if value == stderr == 0 else typeset(value, stderr)


def _correlation(value: FloatArray) -> FloatArray:
    root = np.sqrt(np.diag(value))
    return np.asarray(value / np.multiply.outer(root, root))


def plot_profile(results: JsonObject, target: Target) -> Path:
    """Site fractions (above) and local diffusivities (below) along the axis of a run that kept a profile."""
    profile = results["profile"]
    position_nm = np.array(profile["position_angstrom"]) / 10.0
    minority = {
        name: entry
        for name, entry in profile["species"].items()
        if np.nanmax(np.array(entry["site_fraction"]["value"], dtype=float)) <= HOST_FRACTION
    }  # the profile of the host is that of the others subtracted from 1
    with picture(target, 2, 6.8, shared=True) as (_, (above, below)):
        for (name, entry), colour in zip(minority.items(), itertools.cycle(COLOURS), strict=False):
            _steps(above, position_nm, entry["site_fraction"], species_label(name), colour)
            local = entry.get("local_tracer_diffusivity_m2_s")
            if local and local["value"] is not None:
                _steps(below, position_nm, local, f"$D^*$ of {species_label(name)}", colour)
        above.set(ylabel="site fraction", title=f"{heading(results)}: profiles")
        below.set(ylabel="local diffusivity (m²/s)", xlabel=f"position along axis {profile['axis']} (nm)")
    return Path(target)


def _steps(axes: Axes, position_nm: FloatArray, entry: JsonObject, label: str, colour: str) -> None:
    value = np.array(entry["value"], dtype=float)
    stderr = np.array(entry["stderr"], dtype=float) if entry["stderr"] else np.zeros(len(value))
    axes.step(position_nm, value, where="mid", color=colour, linewidth=0.8)
    half = half_width_95(1.0, entry.get("dof")) * np.nan_to_num(stderr)
    axes.errorbar(position_nm, value, half, fmt=".", color=colour, capsize=2, label=label)
