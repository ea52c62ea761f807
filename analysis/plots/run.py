"""Pictures of a run: MSD against time with its fit, Arrhenius plots. Matplotlib through its object interface only."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.plots.canvas import COLOURS, canvas
from analysis.plots.thermodynamics import plot_thermodynamics
from analysis.plots.transport import plot_conductivities, plot_onsager
from analysis.report import mode_folders, temperature_folders, window_folders
from analysis.statistics.arrhenius import fit_arrhenius
from analysis.statistics.estimates import Unavailable, attempt
from analysis.statistics.independent_samples import FIT_RANGE, planned_range
from analysis.table import with_error
from analysis.transport.tracer import msd_curve
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

HOST_FRACTION = 0.5  # a species above it is not drawn in a profile


def plot_msd(trajectory: Trajectory, path: Path | str, fit_range: tuple[float, float] = FIT_RANGE) -> Path:
    """MSD of every mobile species against lag, log-log, with error bars, the fit and its range."""
    figure, (axes,) = canvas()
    fit_range = planned_range(trajectory, fit_range)
    names = [record.name for record in trajectory.species if record.mobile and record.count and record.tracked]
    for name, colour in zip(names, itertools.cycle(COLOURS), strict=False):
        curve = msd_curve(trajectory, name, fit_range)
        shown = np.isfinite(curve.msd_m2) & (curve.msd_m2 > 0)
        if not shown.any():
            continue
        axes.errorbar(
            curve.time_s[shown] * 1e9,
            curve.msd_m2[shown] * 1e20,
            np.nan_to_num(curve.stderr_m2[shown]) * 1e20,
            fmt="o",
            color=colour,
            capsize=3,
            markersize=5,
            label=name,
        )
        if curve.fit:
            times = np.geomspace(fit_range[0], fit_range[1], 50) * trajectory.time_s[-1]
            label = f"{name}: $D^*$ = {curve.fit[1] / 6:.3g} m²/s"
            axes.plot(times * 1e9, (curve.fit[0] + curve.fit[1] * times) * 1e20, color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="lag time (ns)", ylabel="mean-square displacement (Å²)")
    axes.set_title(f"{trajectory.model}, {trajectory.temperature_K:g} K, {trajectory.replicas} replicas")
    return _save(figure, axes, path)


def plot_arrhenius(results: dict[str, Any], path: Path | str) -> Path | None:
    """Diffusivities of a list of temperatures against 1000/T with their fits; None if there is nothing to draw."""
    figure, (axes,) = canvas()
    series = 0
    for name in results["runs"][0]["species"]:
        for key, symbol, marker in (
            ("tracer_diffusivity_m2_s", "D^*", "o"),
            ("collective_diffusivity_m2_s", "D_σ", "s"),
        ):
            points = [(run["temperature_K"], run["species"][name][key]) for run in results["runs"]]
            good = [(T, f["value"], f["stderr"]) for T, f in points if f["value"] is not None]
            if not good:
                continue
            _arrhenius_series(axes, good, f"${symbol}$ of {name}", marker, COLOURS[series % len(COLOURS)])
            series += 1
    if not series:
        return None
    axes.set(yscale="log", xlabel="1000 K / T", ylabel="diffusivity (m²/s)", title=results["runs"][0]["model"])
    return _save(figure, axes, path)


def plot_profile(results: dict[str, Any], path: Path | str) -> Path:
    """Site fractions (above) and local diffusivities (below) along the axis of a run that kept a profile."""
    figure, (above, below) = canvas(2, 6.4)
    profile = results["profile"]
    place = np.array(profile["position_angstrom"]) / 10
    series = 0
    for name, entry in profile["species"].items():
        fractions = np.array(entry["site_fraction"]["value"], dtype=float)
        if fractions.max() > HOST_FRACTION:
            continue  # the host: its profile is that of the others turned round
        colour = COLOURS[series % len(COLOURS)]
        series += 1
        _steps(above, place, entry["site_fraction"], name, colour)
        local = entry.get("local_tracer_diffusivity_m2_s")
        if local and local["value"] is not None:
            _steps(below, place, local, f"$D^*$ of {name}", colour)
    above.set(ylabel="site fraction", title=f"{results['model']}, {results['temperature_K']:g} K")
    below.set(ylabel="local diffusivity (m²/s)", xlabel=f"place along axis {profile['axis']} (nm)")
    for axes in (above, below):
        axes.grid(True, linewidth=0.3, alpha=0.5)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)
    return Path(path)


def _steps(axes: Any, place: Any, entry: dict[str, Any], label: str, colour: str) -> None:
    value = np.array(entry["value"], dtype=float)
    stderr = np.array(entry["stderr"], dtype=float) if entry["stderr"] else np.zeros(len(value))
    axes.step(place, value, where="mid", color=colour, linewidth=0.8)
    axes.errorbar(place, value, np.nan_to_num(stderr), fmt=".", color=colour, capsize=2, label=label)


def plot_folder(folder: Path | str) -> list[Path]:
    """All pictures of an analysed run; InputError if it has no results.json."""
    from kmc.files.trajectory import read_trajectory

    folder = Path(folder)
    if (folder / "trajectory.h5").exists():
        trajectory = read_trajectory(folder / "trajectory.h5")
        pictures = [plot_msd(trajectory, folder / "msd.png")]
        if (folder / "results.json").exists():
            results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
            pictures += [plot_profile(results, folder / "profile.png")] if "profile" in results else []
            pictures += [picture] if (picture := plot_onsager(results, folder / "onsager.png")) else []
            pictures += plot_thermodynamics(results, folder)
        return pictures
    if inner := window_folders(folder) or mode_folders(folder):
        pictures = [picture for part in inner for picture in plot_folder(part)]
        if (folder / "results.json").exists():  # the matrix put together from several modes
            results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
            together = plot_onsager(results, folder / "onsager.png") if "onsager" in results else None
            pictures += [together] if together else []
        return pictures
    if not (folder / "results.json").exists():
        raise InputError(f"{folder}: no results.json; run kmc analyze first")
    pictures = [picture for part in temperature_folders(folder) for picture in plot_folder(part)]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    overview = [plot_arrhenius(results, folder / "arrhenius.png")]
    overview.append(plot_conductivities(results, folder / "conductivities.png"))
    return [*pictures, *(picture for picture in overview if picture)]


def _arrhenius_series(
    axes: Any, points: list[tuple[float, float, float]], label: str, marker: str, colour: str
) -> None:
    temperature, value, stderr = (np.array(column) for column in zip(*points, strict=True))
    fit = attempt(lambda: fit_arrhenius(temperature, value, stderr))
    if not isinstance(fit, Unavailable):  # else the points alone are drawn
        energy = {"value": fit.activation_energy_eV, "stderr": fit.activation_energy_stderr_eV}
        label += f", $E_a$ = {with_error(energy)} eV"
        span = np.linspace(temperature.min(), temperature.max(), 50)
        axes.plot(1000 / span, [fit.at(T) for T in span], color=colour, linewidth=1)
    axes.errorbar(1000 / temperature, value, stderr, fmt=marker, color=colour, capsize=3, markersize=5, label=label)


def _save(figure: Any, axes: Any, path: Path | str) -> Path:
    axes.legend(frameon=False, fontsize=9)
    axes.grid(True, which="both", linewidth=0.3, alpha=0.5)
    figure.savefig(path, dpi=150)
    return Path(path)
