"""Estimates of many runs against a varied key, a picture for each kind of quantity."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from analysis.plots.canvas import COLOURS, MARKERS, picture, scale
from analysis.plots.labels import estimate_label, key_label, varied_label
from analysis.plots.sheet import Look, Target
from analysis.results import JsonObject

Entry: TypeAlias = dict[str, float | str | None]  # value, stderr and, where it is null, the reason

NOT_COMPARED = ("profile", "hops", "modes", "arrhenius")  # parts of results.json that are no estimates of one point
GROUPS = ("species", "chemical_diffusivity_m2_s")  # parts of results.json whose entries are drawn
LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Kind:
    """A kind of quantity. ending: of the last part of its key in results.json. picture: name of the file."""

    ending: str
    picture: str
    axis: str
    logarithmic: bool


KINDS = (
    Kind("conductivity_S_m", "conductivities", "conductivity (S/m)", True),
    Kind("transference_number", "transference", "transference number", False),
    Kind("diffusivity_m2_s", "diffusivities", "diffusivity (m²/s)", True),
    Kind("chemical_diffusivity_m2_s", "chemical", "chemical diffusivity (m²/s)", True),
    Kind("thermodynamic_factor_O", "theta", r"thermodynamic factor $\Theta_\mathrm{O}$", True),
    Kind("correlation_factor", "correlation", "correlation factor", False),
    Kind("haven_ratio", "haven", "Haven ratio", False),
)


@dataclass
class Series:
    """One quantity of the runs that differ in the varied key alone. others: the values of the other varied keys."""

    name: str
    others: str
    points: list[tuple[float, float, float]] = field(default_factory=list)  # abscissa, value, stderr

    @property
    def label(self) -> str:
        """The line of the legend."""
        return ", ".join(part for part in (estimate_label(self.name), self.others) if part)


def scalar_estimates(results: JsonObject) -> dict[str, Entry]:
    """Every scalar estimate of one run's results by its dotted key."""
    found: dict[str, Entry] = {}

    def walk(entry: object, name: str) -> None:
        if not isinstance(entry, dict):
            return
        if {"value", "stderr"} <= set(entry):
            if not isinstance(entry["value"], list):
                found[name] = {key: entry[key] for key in ("value", "stderr", "interval_95", "reason") if key in entry}
            return
        for key, inner in entry.items():
            walk(inner, f"{name}.{key}" if name else key)

    for key, entry in results.items():
        if key not in NOT_COMPARED:
            walk(entry, key)
    return found


def plot_study(summary: JsonObject, folder: Path, look: Look | None = None) -> list[Path]:
    """A picture for each kind of quantity against the first varied key of numbers or vectors; none without such a key.

    summary: as `kmc study` writes it, with run, vary and rows. Raises InputError if a picture cannot be written.
    """
    numeric = [k for k, values in summary["vary"].items() if None not in map(_number, values) and len(values) > 1]
    if not numeric:
        return []
    pictures = []
    for kind in KINDS:
        series = _series(summary["rows"], numeric[0], kind, _zipped_with(summary, numeric[0]))
        if series:
            target = (look or Look()).of(folder, f"study-{kind.picture}")
            pictures.append(_draw(series, numeric[0], kind, str(summary["run"]), target))
    return pictures


def _number(value: object) -> float | None:
    """A number, or the length of a vector such as a field; None for anything else."""
    if isinstance(value, list) and value and all(_number(entry) is not None for entry in value):
        return float(np.linalg.norm(value))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _kind_of(name: str) -> Kind | None:
    """The kind with the longest ending that fits a key; None if none does."""
    parts = name.split(".")
    if len(parts) > 1 and parts[0] not in GROUPS:
        return None
    own = "chemical_diffusivity_m2_s" if parts[0] == "chemical_diffusivity_m2_s" else parts[-1]
    return max((kind for kind in KINDS if own.endswith(kind.ending)), key=lambda kind: len(kind.ending), default=None)


def _zipped_with(summary: JsonObject, key: str) -> tuple[str, ...]:
    """The keys whose values belong to those of a key, which therefore make no series of their own."""
    return next((tuple(group) for group in summary.get("zipped", ()) if key in group), (key,))


def _series(rows: Iterable[JsonObject], key: str, kind: Kind, zipped: tuple[str, ...]) -> list[Series]:
    """Every series of one kind; rows that differ in other keys, or in their temperatures, have their own.

    zipped: keys that vary together with the abscissa.
    """
    rows = list(rows)
    several = len({row["temperature_K"] for row in rows}) > 1 and not any(
        each.endswith("temperature_K") for each in (key, *zipped)
    )
    found: dict[tuple[str, str], Series] = {}
    for row in rows:
        free = {k: v for k, v in row["varied"].items() if k not in (key, *zipped) and not k.endswith("temperature_K")}
        others = [varied_label(k, v) for k, v in free.items()]
        others += [f"{row['temperature_K']:g} K"] if several else []
        x = _number(row["varied"][key])
        for name, entry in row["figures"].items():
            if _kind_of(name) == kind and entry["value"] is not None and x is not None:
                about = ", ".join(others)
                series = found.setdefault((name, about), Series(name, about))
                low, high = entry["interval_95"]
                series.points.append((x, entry["value"], (high - low) / 2.0))
    return list(found.values())


def _draw(series: list[Series], key: str, kind: Kind, run: str, target: Target) -> Path:
    """A colour and a marker for each quantity; a line style for each combination of the other varied keys."""
    names = list(dict.fromkeys(each.name for each in series))
    others = list(dict.fromkeys(each.others for each in series))
    colours = dict(zip(names, itertools.cycle(COLOURS), strict=False))
    markers = dict(zip(names, itertools.cycle(MARKERS), strict=False))
    lines = dict(zip(others, itertools.cycle(LINES), strict=False))
    with picture(target, height_inches=max(4.6, 0.25 * len(series) + 0.8)) as (_, (axes,)):
        for each in series:
            x, y, error = np.array(sorted(each.points)).T
            colour, filled = colours[each.name], "white" if others.index(each.others) % 2 else colours[each.name]
            form = markers[each.name] + lines[each.others]
            axes.errorbar(x, y, error, fmt=form, color=colour, markerfacecolor=filled, label=each.label)
        scale(axes, "x", [[x for x, _, _ in each.points] for each in series])
        values = [value for each in series for _, value, _ in each.points]
        if kind.logarithmic:
            scale(axes, "y", [values])
        axes.set(xlabel=key_label(key), ylabel=kind.axis)
        axes.set_title(f"{run}: {kind.axis.partition(' (')[0]}")
    return Path(target)
