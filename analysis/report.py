"""results.json of a trajectory, or of a folder of runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.folders import belongs_to_run, holds_one_run, mode_folders, temperature_folders, visit_folders
from analysis.results import (
    ArrheniusResults,
    FamilyResults,
    FolderResults,
    Header,
    HopResults,
    RunResults,
    SpeciesKey,
    SpeciesResults,
    TemperatureResults,
    TransportKey,
)
from analysis.statistics.arrhenius import arrhenius_json, scaled
from analysis.statistics.estimates import Unavailable
from analysis.statistics.independent_samples import FitRange
from analysis.thermodynamics.chemical_diffusion import chemical_json
from analysis.transport.advice import advice_lines
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.conductivity import transport_json
from analysis.transport.drift import drift_json, drift_warning
from analysis.transport.fits import fit_json
from analysis.transport.onsager import onsager_json, species_estimates, transport_coefficients
from analysis.transport.polaron_modes import combine
from analysis.transport.profile import profile_json
from analysis.transport.stationarity import drift_lines
from analysis.transport.tracer import tracer_estimates
from analysis.transport.visit_extrapolation import extrapolate
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.files.header import SpeciesRecord
    from kmc.files.trajectory import Trajectory

Write = Callable[[Path, FolderResults], None]
DIFFUSIVITIES: tuple[SpeciesKey, ...] = ("tracer_diffusivity_m2_s", "collective_diffusivity_m2_s")
CONDUCTIVITIES: tuple[TransportKey, ...] = ("ionic_conductivity_S_m", "electronic_conductivity_S_m")
SIGMA_T_FORMULA = "ln(sigma T) against 1/kT"
COMPOSITION_CHANGES = "the composition changes with temperature: the energy mixes composition and mobility"
ONE_SCALE = 'only one scale was run: compare with a run at another, or take polarons.mode = "auto", which does so'


def analyze(trajectory: Trajectory, fit_range: FitRange = None) -> RunResults:
    """All estimates of one trajectory, in the form of results.json.

    fit_range: lags of the fits, as fractions of the run; the lower one as a fraction of the run as first planned, where
    the run was extended. None: chosen from the data. Raises InputError for a fit range that is not allowed.
    """
    analysis = TransportAnalysis(trajectory, fit_range)
    chemical, doubts = chemical_json(analysis)
    of_run = [note.text for note in trajectory.notes if note.warning]
    results: RunResults = {
        **_header(analysis),
        "species": {r.name: _species(analysis, r) for r in trajectory.species if r.mobile and r.count},
        "onsager": onsager_json(analysis.collective),
        **transport_json(transport_coefficients(analysis.collective)),
        **drift_json(trajectory, analysis.independent),
        **chemical,
        "hops": _hops(trajectory),
        "notes": [note.text for note in trajectory.notes if not note.warning],
        "warnings": of_run + _warnings(analysis) + drift_warning(trajectory) + doubts,
        "advice": advice_lines(analysis),
    }
    if (profile := profile_json(analysis)) is not None:
        results["profile"] = profile
    if trajectory.short_range_order:
        results["short_range_order"] = [vars(order) for order in trajectory.short_range_order]
    if trajectory.polaron_mode == "scaled":
        results["scale_check"] = Unavailable(ONE_SCALE).as_json()
    return results


def _header(analysis: TransportAnalysis) -> Header:
    trajectory, independent = analysis.trajectory, analysis.independent
    return {
        "temperature_K": trajectory.temperature_K,
        "model": trajectory.model,
        "version": trajectory.versions.get("miec-kmc"),
        "seed": trajectory.seed,
        "composition": {record.name: record.count for record in trajectory.species},
        "backend": trajectory.backend,
        "elapsed_time_s": float(trajectory.time_s[-1]),
        "replicas": trajectory.replicas,
        "hops_per_visit": trajectory.hops_per_visit,
        "polaron_mode": trajectory.polaron_mode,
        "coupled_groups": [list(group) for group in trajectory.coupled_groups],
        "errors_from": None if isinstance(independent, Unavailable) else independent.description,
        "fit_range": None if analysis.given_range is None else list(analysis.given_range),
    }


def _species(analysis: TransportAnalysis, record: SpeciesRecord) -> SpeciesResults:
    trajectory, tracer = analysis.trajectory, analysis.tracer(record.name)
    diffusivity, correlation = tracer_estimates(tracer)
    collective, haven = species_estimates(trajectory, analysis.collective, tracer, record.name)
    results: SpeciesResults = {
        "charge_e": record.charge_e,
        "kind": record.kind,
        "number_density_m3": record.count / trajectory.volume_m3,
        "tracer_diffusivity_m2_s": diffusivity.as_json(),
        "collective_diffusivity_m2_s": collective.as_json(),
        "correlation_factor": correlation.as_json(),
        "haven_ratio": haven.as_json(),
    }
    if not isinstance(tracer, Unavailable):
        results["tracer_fit"] = fit_json(tracer.fit, float(trajectory.time_s[1]))
    if not isinstance(analysis.collective, Unavailable) and not isinstance(collective, Unavailable):
        results["collective_fit"] = fit_json(analysis.collective.fits[record.name], analysis.collective.interval_s)
    return results


def _warnings(analysis: TransportAnalysis) -> list[str]:
    """What the errors exclude, and estimates that are bounds because the displacement is not yet diffusive."""
    independent = analysis.independent
    if isinstance(independent, Unavailable):
        return []
    lines = [] if independent.note is None else [independent.note]
    for name in (record.name for record in analysis.trajectory.species if record.mobile and record.count):
        tracer = analysis.tracer(name)
        if not isinstance(tracer, Unavailable) and tracer.fit.bound_reason:
            lines.append(f"D* of {name}: {tracer.fit.bound_reason}")
    if not isinstance(analysis.collective, Unavailable) and analysis.collective.bound_reason:
        lines.append(analysis.collective.bound_reason)
    return lines + drift_lines(analysis)


def _hops(trajectory: Trajectory) -> HopResults:
    trials, accepted = trajectory.trials[-1].sum(axis=0), trajectory.accepted[-1].sum(axis=0)
    families: dict[str, FamilyResults] = {
        family.name: {
            "trials": int(trials[f]),
            "accepted": int(accepted[f]),
            "acceptance": float(accepted[f] / trials[f]) if trials[f] else None,
        }
        for f, family in enumerate(trajectory.families)
    }
    per_s = float(accepted.sum()) / trajectory.wall_s if trajectory.wall_s > 0 else None
    return {"families": families, "wall_s": trajectory.wall_s, "accepted_per_s": per_s}


def analyze_folder(folder: Path | str, fit_range: FitRange = None, unwritten: list[str] | None = None) -> FolderResults:
    """Analyse the run in a folder, or each of its temperatures, and write results.json next to every trajectory.

    Where the folder is part of a run that was analysed before, as a temperature or a mode is, the results of that run
    are made again from those of its parts. unwritten: receives a line for each results.json that cannot be written.
    Raises InputError for a folder without a run, for a trajectory that cannot be read, or, without `unwritten`, where
    results.json cannot be written.
    """
    from kmc.files.trajectory import read_trajectory

    folder = Path(folder)
    write = _write if unwritten is None else partial(_try_to_write, unwritten)
    results = _folder_results(folder, lambda part: analyze(read_trajectory(part / "trajectory.h5"), fit_range), write)
    part = folder.resolve()
    while belongs_to_run(part):
        part = part.parent
        _folder_results(part, lambda each: read_run_results(each, fit_range), write)
    return results


def read_run_results(folder: Path, fit_range: FitRange = None) -> RunResults:
    """results.json of the trajectory in a folder, which is analysed where there is none that can be read."""
    from kmc.files.trajectory import read_trajectory

    try:
        found: RunResults = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        return analyze(read_trajectory(folder / "trajectory.h5"), fit_range)


def _folder_results(folder: Path, leaf: Callable[[Path], RunResults], write: Write) -> FolderResults:
    """Make and write the results of a folder. leaf: makes those of a folder with a trajectory."""
    if holds_one_run(folder):
        return _run_results(folder, leaf, write)
    parts = temperature_folders(folder)
    if not parts:
        raise InputError(f"{folder}: contains neither a trajectory.h5 nor sub-folders T...K with one")
    runs = sorted(
        ((_run_results(part, leaf, write), part.name) for part in parts), key=lambda run: run[0]["temperature_K"]
    )
    results: TemperatureResults = {
        "temperatures_K": [run["temperature_K"] for run, _ in runs],
        "folders": [name for _, name in runs],
        "arrhenius": _arrhenius([run for run, _ in runs]),
        "runs": [run for run, _ in runs],
    }
    write(folder, results)
    return results


def _run_results(folder: Path, leaf: Callable[[Path], RunResults], write: Write) -> RunResults:
    """Make and write the results of one run at one temperature, which may have parts of its own."""
    if (folder / "trajectory.h5").exists():
        results = leaf(folder)
    elif visits := visit_folders(folder):
        results = extrapolate([_run_results(part, leaf, write) for part in visits])
    else:
        modes = {part.name: _run_results(part, leaf, write) for part in mode_folders(folder)}
        try:
            results = combine(modes)
        except InputError as error:
            raise InputError(f"{folder}: {error}") from error
    write(folder, results)
    return results


def _write(folder: Path, results: FolderResults) -> None:
    temporary = folder / "results.json.new"
    try:
        temporary.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(temporary, folder / "results.json")
    except OSError as error:
        raise InputError(f"{folder}: results.json cannot be written: {error.strerror}") from error


def _try_to_write(unwritten: list[str], folder: Path, results: FolderResults) -> None:
    try:
        _write(folder, results)
    except InputError as error:
        unwritten.append(str(error))


def _arrhenius(runs: list[RunResults]) -> dict[str, ArrheniusResults]:
    """Fits of every diffusivity, and of sigma T for conductivities, by their dotted key."""
    fits: dict[str, ArrheniusResults] = {}
    temperatures = [run["temperature_K"] for run in runs]
    densities = [{name: each["number_density_m3"] for name, each in run["species"].items()} for run in runs]
    constant = all(each == densities[0] for each in densities)
    note = None if constant else COMPOSITION_CHANGES
    for name in runs[0]["species"]:
        for key in DIFFUSIVITIES:
            entries = [run["species"][name][key] for run in runs]
            fits[f"species.{name}.{key}"] = arrhenius_json(temperatures, entries, "ln D against 1/kT", note=note)
    for sigma in CONDUCTIVITIES:
        entries = [run[sigma] for run in runs]
        fits[sigma] = arrhenius_json(temperatures, entries, SIGMA_T_FORMULA, temperatures, note)
    carrier = _single_carrier(runs)
    if carrier is not None and constant:  # sigma T = c (z e)^2 D_sigma/k: one measurement, one fit
        name, sigma = carrier
        diffusion, current = runs[0]["species"][name]["collective_diffusivity_m2_s"], runs[0][sigma]
        if diffusion["value"] and current["value"] is not None:
            factor = current["value"] * temperatures[0] / diffusion["value"]
            of_diffusion = fits[f"species.{name}.collective_diffusivity_m2_s"]
            fits[sigma] = scaled(
                of_diffusion, factor, f"{SIGMA_T_FORMULA}: the fit of D_sigma of {name}, times a constant"
            )
    return fits


def _single_carrier(runs: list[RunResults]) -> tuple[str, TransportKey] | None:
    """The only carrier of every run and the conductivity that it makes up; None where there are several."""
    carriers = runs[0]["onsager"]["species"]
    if carriers is None or len(carriers) != 1 or any(run["onsager"]["species"] != carriers for run in runs):
        return None
    electronic = runs[0]["species"][carriers[0]]["kind"] == "electronic"
    return carriers[0], "electronic_conductivity_S_m" if electronic else "ionic_conductivity_S_m"
