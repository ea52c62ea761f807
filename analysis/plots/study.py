"""Figures of many runs against a varied key, by kind: conductivities, transference numbers, diffusivities and so on."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from analysis.plots.canvas import COLOURS, canvas

KINDS = (  # (how the last part of a figure's name ends, picture, axis label, logarithmic)
    ("conductivity_S_m", "conductivities", "conductivity (S/m)", True),
    ("transference_number", "transference", "transference number", False),
    ("diffusivity_m2_s", "diffusivities", "diffusivity (m²/s)", True),
    ("chemical_diffusivity_m2_s", "chemical", "chemical diffusivity (m²/s)", True),
    ("thermodynamic_factor_O", "theta", "thermodynamic factor $\\Theta_O$", True),
    ("correlation_factor", "correlation", "correlation factor", False),
    ("haven_ratio", "haven", "Haven ratio", False),
)
MARKERS = "os^Dv<>ph*"


def figures_of(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every figure of one run's results by its dotted name, as value, stderr and, where it is null, the reason."""
    found: dict[str, dict[str, Any]] = {}

    def walk(entry: Any, name: str) -> None:
        if not isinstance(entry, dict):
            return
        if {"value", "stderr"} <= set(entry):
            if not isinstance(entry["value"], list):
                found[name] = {key: entry[key] for key in ("value", "stderr", "reason") if key in entry}
            return
        for key, inner in entry.items():
            walk(inner, f"{name}.{key}" if name else key)

    for key, entry in results.items():
        if key not in ("profile", "hops", "modes", "arrhenius"):
            walk(entry, key)
    return found


def plot_study(summary: dict[str, Any], folder: Path) -> list[Path]:
    """A picture for each kind of figure against the first varied key of numbers or vectors; none without such a key."""
    numeric = [k for k, values in summary["vary"].items() if None not in map(_number, values) and len(values) > 1]
    if not numeric:
        return []
    pictures = []
    for kind in KINDS:
        series = _series(summary["rows"], numeric[0], kind[0])
        if series:
            pictures.append(_draw(series, numeric[0], kind, folder / f"study-{kind[1]}.png"))
    return pictures


def _number(value: Any) -> float | None:
    """A number, or the length of a vector such as a field; None for anything else."""
    if isinstance(value, list) and value and all(_number(entry) is not None for entry in value):
        return float(np.linalg.norm(value))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _kind_of(name: str) -> str:
    """The longest ending in KINDS that fits a figure's name; "" if none does."""
    parts = name.split(".")
    own = "chemical_diffusivity_m2_s" if parts[0] == "chemical_diffusivity_m2_s" else parts[-1]
    return max((kind[0] for kind in KINDS if own.endswith(kind[0])), key=len, default="")


def _series(rows: list[dict[str, Any]], key: str, kind: str) -> dict[str, list[tuple[float, float, float]]]:
    """label -> (x, value, stderr) of one kind of figure; rows that differ in other keys are series of their own."""
    series: dict[str, list[tuple[float, float, float]]] = {}
    temperatures = {row["temperature_K"] for row in rows}
    for row in rows:
        others = [f"{k.rpartition('.')[2]} {v}" for k, v in row["varied"].items() if k != key]
        others += [f"{row['temperature_K']:g} K"] if len(temperatures) > 1 and not key.endswith("temperature_K") else []
        for name, figure in row["figures"].items():
            if _kind_of(name) == kind and figure["value"] is not None and not name.startswith("arrhenius"):
                label = ", ".join([_label(name), *others])
                x = _number(row["varied"][key])
                assert x is not None
                series.setdefault(label, []).append((x, figure["value"], figure["stderr"]))
    return series


def _label(name: str) -> str:
    """What a legend calls a figure."""
    short = name.removeprefix("species.").removeprefix("chemical_diffusivity_m2_s.")
    for unit in ("_m2_s", "_S_m"):
        short = short.removesuffix(unit)
    return short.replace(".", " ").replace("_", " ")


def _draw(series: dict[str, list[tuple[float, float, float]]], key: str, kind: tuple[Any, ...], path: Path) -> Path:
    figure, (axes,) = canvas()
    for (label, points), colour, marker in zip(
        series.items(), itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False
    ):
        x, y, error = np.array(sorted(points)).T
        style = {"fmt": marker + "-", "color": colour, "capsize": 3, "markersize": 5, "linewidth": 1}
        axes.errorbar(x, y, error, label=label, **style)
    log = kind[3] and all(value > 0 for points in series.values() for _, value, _ in points)
    axes.set(xlabel=key, ylabel=kind[2], yscale="log" if log else "linear")
    axes.grid(True, which="both", linewidth=0.3, alpha=0.5)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    return path
