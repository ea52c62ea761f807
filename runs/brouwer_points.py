"""The compositions of runs as points of a Brouwer diagram."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from lattices.defects.constants import Material
from lattices.errors import InputError
from runs.config import load_config

Points = dict[str, list[tuple[float, float]]]  # carrier -> (pO2 in bar, site fraction)
PER_HOST = ("electron", "hole")


def points_of_runs(folders: Iterable[Path], material: Material, temperature_K: float) -> Points:
    """Simulated site fractions of the carriers, whole numbers as they are, from runs with [gas] at one temperature.

    V_O and H per oxygen site, electrons and holes per cation site that may carry them. Raises InputError for a folder
    without results, without [gas], of another material or without that temperature.
    """
    found: Points = {}
    for folder in folders:
        config, _ = load_config(folder / "run.toml", [])
        if config.gas is None:
            raise InputError(f"--run {folder}: the run has no [gas], so that its pO2 is not known")
        if config.gas.material is not None and config.gas.material != material.name:
            raise InputError(
                f"--run {folder}: gas.material is {config.gas.material!r}, the diagram is of {material.name!r}"
            )
        composition = _composition(folder, temperature_K)
        anions = composition["O"] + composition.get("V_O", 0)
        hosts = anions / material.oxygen_per_host
        for carrier in ("V_O", "H", *PER_HOST):
            if carrier in composition:
                fraction = composition[carrier] / (hosts if carrier in PER_HOST else anions)
                found.setdefault(carrier, []).append((config.gas.pO2_bar, fraction))
    return found


def _composition(folder: Path, temperature_K: float) -> dict[str, int]:
    """Particles of each species in one replica."""
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        runs = {run["temperature_K"]: run["composition"] for run in results.get("runs", [results])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"--run {folder}: no results that can be read ({error}); run kmc analyze first") from error
    if temperature_K not in runs:
        known = ", ".join(f"{value:g}" for value in runs)
        raise InputError(f"--run {folder}: no results at {temperature_K:g} K; its temperatures are {known} K")
    return dict(runs[temperature_K])
