"""Pictures of chemical diffusion: D~ by route, decays of density modes, relaxing waves."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots.canvas import COLOURS, MARKERS, picture, time_unit
from analysis.plots.labels import ROUTES, species_label, typeset
from analysis.plots.results import heading
from analysis.plots.sheet import Target
from analysis.results import JsonObject
from analysis.statistics.estimates import Estimate, from_json, half_width_95

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAME = 1e-9  # relative difference of routes that are equivalent expressions
UNCORRELATED = ("tracer_theta",)  # routes that leave correlations out: drawn hollow


def plot_routes(results: JsonObject, target: Target) -> Path | None:
    """D~ by route, with errors; routes that are equal by definition share a line. None without any."""
    entries = results.get("chemical_diffusivity_m2_s", {})
    lines: list[tuple[list[str], Estimate]] = []
    for name in ROUTES:
        result = from_json(entries[name]) if name in entries else None
        if not isinstance(result, Estimate):
            continue
        equal = next((names for names, other in lines if _same(result, other)), None)
        if equal is None:
            lines.append(([name], result))
        else:
            equal.append(name)
    if not lines:
        return None
    with picture(target, height_inches=1.6 + 0.55 * len(lines)) as (_, (axes,)):
        for row, (names, result) in enumerate(lines):
            hollow = names == list(UNCORRELATED)
            axes.errorbar(
                [result.value],
                [row],
                xerr=[half_width_95(result.stderr, result.dof)],
                fmt="o",
                color=COLOURS[row % len(COLOURS)],
                markerfacecolor="white" if hollow else COLOURS[row % len(COLOURS)],
            )
            axes.annotate(
                typeset(result.value, result.stderr), (1.01, row), xycoords=("axes fraction", "data"), va="center"
            )
        labels = ["\n= ".join(ROUTES[name] for name in names) for names, _ in lines]
        axes.set(yticks=range(len(lines)), yticklabels=labels, xlabel="chemical diffusivity (m²/s)")
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_title(f"{heading(results)}: chemical diffusivity by route")
    return Path(target)


def _same(a: Estimate, b: Estimate) -> bool:
    return math.isclose(a.value, b.value, rel_tol=SAME) and math.isclose(a.stderr, b.stderr, rel_tol=1e3 * SAME)


def plot_decays(results: JsonObject, target: Target) -> Path | None:
    """F(k, t)/F(k, 0) of every mode with its fit, a panel for each species or combination; None without modes."""
    curves = {name: entry["modes"] for name, entry in _curves(results).items() if entry.get("modes")}
    if not curves:
        return None
    with picture(target, len(curves), 1.8 + 2.8 * len(curves)) as (_, panels):
        for axes, (name, modes) in zip(panels, curves.items(), strict=True):
            _decays(axes, [(f"along axis {mode['axis']}, $n$ = {mode['n']}", mode) for mode in modes])
            axes.set_ylabel(f"$F(k, t)/F(k, 0)$ of {species_label(name)}")
        panels[0].set_title(f"{heading(results)}: decay of density modes")
    return Path(target)


def plot_waves(results: JsonObject, target: Target) -> Path | None:
    """Amplitude of a composition wave that relaxes, with its fit; None without one."""
    curves = {name: entry["wave"] for name, entry in _curves(results).items() if entry.get("wave")}
    if not curves:
        return None
    with picture(target) as (_, (axes,)):
        _decays(axes, [(f"{species_label(name)}, along axis {curve['axis']}", curve) for name, curve in curves.items()])
        axes.set_ylabel("amplitude over initial amplitude")
        axes.set_title(f"{heading(results)}: relaxation of a composition wave")
    return Path(target)


def _curves(results: JsonObject) -> JsonObject:
    found: JsonObject = results.get("chemical_diffusion", {}).get("curves", {})
    return found


def _decays(axes: Axes, curves: list[tuple[str, JsonObject]]) -> None:
    """Decays that exceed their standard errors, and the exponentials through their fitted ranges, in one panel."""
    per_second, unit = time_unit(max(curve["lag_s"][-1] for _, curve in curves))
    lowest = 1.0
    for (label, curve), colour, marker in zip(curves, itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False):
        t, value, stderr = (np.array(curve[key]) for key in ("lag_s", "value", "stderr"))
        seen = value > stderr
        points, errors = value[seen], half_width_95(1.0, curve.get("dof")) * stderr[seen]
        axes.errorbar(
            t[seen] * per_second,
            points,
            errors,
            fmt=marker,
            color=colour,
            markersize=3,
            elinewidth=0.5,
            capsize=0,
            label=label,
        )
        begin, end = curve["fitted_s"]
        line = np.linspace(begin, end, 20)
        fit = curve["at_start"] * np.exp(-curve["rate_per_s"] * (line - begin))
        axes.plot(line * per_second, fit, color=colour, linewidth=2.0, zorder=3)
        lowest = min(lowest, float((points - errors).min(initial=1.0)))
    axes.set(yscale="log", xlabel=f"time ({unit})", ylim=(max(0.8 * lowest, 0.01), 1.3))
