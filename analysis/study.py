"""Figures of a study: activation energies over the temperatures of its runs, and exponents against the oxygen pressure.

Runs that differ in the temperature (or pressure) and the seed alone are fitted together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from analysis.results import ArrheniusResults, Entry
from analysis.statistics.arrhenius import arrhenius_json
from analysis.statistics.notation import uncertainty_notation
from analysis.statistics.power_law import PowerLawResults, power_law_json

TEMPERATURE, PRESSURE, SEED = "run.temperature_K", "gas.pO2_bar", "run.seed"
GROUPS = ("species", "chemical_diffusivity_m2_s")  # parts of results.json whose entries are fitted
COMPOSITION_CHANGES = "the composition changes with temperature: the energy mixes composition and mobility"


class Row(TypedDict):
    """The estimates of one combination at one temperature. folder: of its run, relative to that of the study.

    composition: particles of each species per replica. figures: estimates by their dotted key in results.json.
    """

    folder: str
    varied: dict[str, object]
    temperature_K: float
    composition: dict[str, int]
    figures: dict[str, Entry]


class About(TypedDict):
    """quantity: dotted key. at: the other varied keys, and the temperature of a pressure series.

    left_out: folders without a value.
    """

    quantity: str
    at: dict[str, object]
    left_out: list[str]


class ActivationEnergy(About, ArrheniusResults):
    """A fit over temperatures; of conductivities, of sigma T."""

    temperatures_K: list[float]


class PressureSlope(About, PowerLawResults):
    """A fit over pressures."""


class StudyFits(TypedDict):
    """The fits of a study."""

    activation_energies: list[ActivationEnergy]
    pO2_slopes: list[PressureSlope]


def study_fits(rows: Iterable[Row]) -> StudyFits:
    """Every fit that the rows allow: two temperatures, or two pressures, at otherwise equal keys."""
    rows = list(rows)
    energies = [
        _energy(name, at, group)
        for at, group in _groups(rows, (TEMPERATURE, SEED))
        if len({row["temperature_K"] for row in group}) > 1
        for name in _quantities(group)
    ]
    slopes = [
        _slope(name, at, group)
        for at, group in _groups(rows, (TEMPERATURE, PRESSURE, SEED), at_temperature=True)
        if len({row["varied"].get(PRESSURE) for row in group}) > 1
        for name in _quantities(group)
    ]
    return {"activation_energies": energies, "pO2_slopes": slopes}


def _groups(
    rows: list[Row], free: tuple[str, ...], at_temperature: bool = False
) -> list[tuple[dict[str, object], list[Row]]]:
    """Rows with equal varied keys except the free ones, each with those keys."""
    found: dict[str, tuple[dict[str, object], list[Row]]] = {}
    for row in rows:
        at = {key: value for key, value in row["varied"].items() if key not in free}
        if at_temperature:
            at["temperature_K"] = row["temperature_K"]
        found.setdefault(json.dumps(at, sort_keys=True), (at, []))[1].append(row)
    return list(found.values())


def _quantities(rows: list[Row]) -> list[str]:
    """Diffusivities and conductivities with a value in at least two rows."""
    names = dict.fromkeys(name for row in rows for name in row["figures"])
    return [name for name in names if _is_fitted(name) and sum(_has(row, name) for row in rows) > 1]


def _is_fitted(name: str) -> bool:
    first, *more = name.split(".")
    if first == "chemical_diffusivity_m2_s":
        return True
    last = more[-1] if more else first
    return (not more or first in GROUPS) and last.endswith(("diffusivity_m2_s", "conductivity_S_m"))


def _has(row: Row, name: str) -> bool:
    entry = row["figures"].get(name)
    return entry is not None and entry["value"] is not None


def _about(name: str, at: dict[str, object], rows: list[Row]) -> About:
    return {"quantity": name, "at": at, "left_out": [row["folder"] for row in rows if not _has(row, name)]}


def _energy(name: str, at: dict[str, object], rows: list[Row]) -> ActivationEnergy:
    used = sorted((row for row in rows if _has(row, name)), key=lambda row: row["temperature_K"])
    temperatures = [row["temperature_K"] for row in used]
    conductivity = name.endswith("conductivity_S_m")
    formula = "ln(sigma T) against 1/kT" if conductivity else "ln D against 1/kT"
    note = None if all(row["composition"] == used[0]["composition"] for row in used) else COMPOSITION_CHANGES
    entries = [row["figures"][name] for row in used]
    fit = arrhenius_json(temperatures, entries, formula, temperatures if conductivity else None, note)
    return {**_about(name, at, rows), "temperatures_K": temperatures, **fit}


def _slope(name: str, at: dict[str, object], rows: list[Row]) -> PressureSlope:
    used = [row for row in rows if _has(row, name)]
    pressures = [float(str(row["varied"][PRESSURE])) for row in used]
    fit = power_law_json(pressures, [row["figures"][name] for row in used], f"{name} ~ pO2^n")
    return {**_about(name, at, rows), **fit}


def format_fits(fits: StudyFits) -> list[str]:
    """A line for each fit that has a value."""
    lines = [
        f"activation energy of {fit['quantity']}{_at(fit['at'])}: {_value(fit['activation_energy_eV'])} eV"
        for fit in fits["activation_energies"]
        if fit["activation_energy_eV"]["value"] is not None
    ]
    return lines + [
        f"d ln {fit['quantity']}/d ln pO2{_at(fit['at'])}: {_value(fit['exponent'])}"
        for fit in fits["pO2_slopes"]
        if fit["exponent"]["value"] is not None
    ]


def _at(keys: Mapping[str, Any]) -> str:
    text = ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in keys.items())
    return f" at {text}" if text else ""


def _value(entry: Entry) -> str:
    value, stderr = entry["value"], entry["stderr"]
    if value is None or stderr is None:
        return "-"
    note = f" ({entry['note']})" if "note" in entry else ""
    return f"{uncertainty_notation(value, stderr)}{note}"
