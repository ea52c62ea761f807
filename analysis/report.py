"""results.json of a trajectory, or of a folder of runs."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.statistics.arrhenius import ArrheniusFit, fit_arrhenius
from analysis.statistics.estimates import Estimate, Unavailable, UnavailableError, attempt
from analysis.statistics.independent_samples import FIT_RANGE, IndependentSamples
from analysis.table import SPECIES_KEYS
from analysis.thermodynamics.chemical_diffusion import chemical_json
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.drift import drift_estimates, drift_warning
from analysis.transport.onsager import onsager_json, species_estimates, transport_coefficients
from analysis.transport.polaron_modes import MODES, combine
from analysis.transport.profile import profile_json
from analysis.transport.tracer import tracer_estimates
from analysis.transport.visit_extrapolation import extrapolate
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.files.header import SpeciesRecord
    from kmc.files.trajectory import Trajectory

ONE_SCALE = 'only one scale was run: compare with a run at another, or take polarons.mode = "auto", which does so'


def analyze(trajectory: Trajectory, fit_range: tuple[float, float] = FIT_RANGE) -> dict[str, Any]:
    """All estimates of one trajectory, as results.json holds them.

    fit_range: lags of the fits, as fractions of the run; the lower one as a fraction of the run as first planned, where
    the run was extended. Raises InputError for a fit range that is not allowed.
    """
    analysis = TransportAnalysis(trajectory, fit_range)
    independent = analysis.independent
    results = _header(trajectory, independent)
    results["species"] = {
        record.name: _species(analysis, record) for record in trajectory.species if record.mobile and record.count
    }
    results["onsager"] = onsager_json(analysis.collective)
    results |= {key: each.as_json() for key, each in transport_coefficients(analysis.collective).items()}
    results |= _drift(trajectory, independent)
    chemical, doubts = chemical_json(analysis)
    results |= chemical
    if (profile := profile_json(trajectory, independent, analysis.fit_range)) is not None:
        results["profile"] = profile
    results["hops"] = _hops(trajectory)
    results["notes"] = [note.text for note in trajectory.notes if not note.warning]
    of_run = [note.text for note in trajectory.notes if note.warning]
    results["warnings"] = of_run + _warnings(analysis) + drift_warning(trajectory) + doubts
    if trajectory.polaron_mode == "scaled":
        results["scale_check"] = Unavailable(ONE_SCALE).as_json()
    return results


def _header(trajectory: Trajectory, independent: IndependentSamples | Unavailable) -> dict[str, Any]:
    return {
        "temperature_K": trajectory.temperature_K,
        "model": trajectory.model,
        "backend": trajectory.backend,
        "elapsed_time_s": float(trajectory.time_s[-1]),
        "replicas": trajectory.replicas,
        "hops_per_visit": trajectory.hops_per_visit,
        "polaron_mode": trajectory.polaron_mode,
        "coupled_groups": [list(group) for group in trajectory.coupled_groups],
        "errors_from": None if isinstance(independent, Unavailable) else independent.description,
    }


def _species(analysis: TransportAnalysis, record: SpeciesRecord) -> dict[str, Any]:
    trajectory, tracer = analysis.trajectory, analysis.tracer(record.name)
    diffusivity, correlation = tracer_estimates(trajectory, tracer)
    collective, haven = species_estimates(trajectory, analysis.collective, tracer, record.name)
    estimates = zip(SPECIES_KEYS, (diffusivity, collective, correlation, haven), strict=True)
    return {
        "charge_e": record.charge_e,
        "kind": record.kind,
        "number_density_m3": record.count / trajectory.volume_m3,
        **{key: each.as_json() for key, each in estimates},
    }


def _warnings(analysis: TransportAnalysis) -> list[str]:
    """What the errors exclude, and fits of species whose mean-square displacement is not yet linear."""
    independent = analysis.independent
    if isinstance(independent, Unavailable):
        return []
    mobile = [record.name for record in analysis.trajectory.species if record.mobile and record.count]
    fits = [fit.warning for name in mobile if not isinstance(fit := analysis.tracer(name), Unavailable)]
    return [line for line in (independent.note, *fits) if line]


def _drift(trajectory: Trajectory, independent: IndependentSamples | Unavailable) -> dict[str, Any]:
    conductivity, velocities = drift_estimates(trajectory, independent)
    return {
        "drift_conductivity_S_m": conductivity.as_json(),
        "drift_velocity_m_s": {name: each.as_json() for name, each in velocities.items()},
        "field_applied_V_per_m": trajectory.field_V_per_m.tolist(),
    }


def _hops(trajectory: Trajectory) -> dict[str, Any]:
    trials, accepted = trajectory.trials[-1].sum(axis=0), trajectory.accepted[-1].sum(axis=0)
    families = {
        family.name: {
            "trials": int(trials[f]),
            "accepted": int(accepted[f]),
            "acceptance": float(accepted[f] / trials[f]) if trials[f] else None,
        }
        for f, family in enumerate(trajectory.families)
    }
    per_s = float(accepted.sum()) / trajectory.wall_s if trajectory.wall_s > 0 else None
    return {"families": families, "wall_s": trajectory.wall_s, "accepted_per_s": per_s}


def analyze_folder(folder: Path | str, fit_range: tuple[float, float] = FIT_RANGE) -> dict[str, Any]:
    """Analyse the run in a folder, or each of its temperatures, and write results.json beside every trajectory.

    Raises InputError for a folder without a run, or for a trajectory that cannot be read.
    """
    from kmc.files.trajectory import read_trajectory

    folder = Path(folder)
    if (folder / "trajectory.h5").exists():
        results = analyze(read_trajectory(folder / "trajectory.h5"), fit_range)
        return _write(folder, results)
    if windows := window_folders(folder):
        runs = [analyze_folder(part, fit_range) for part in windows]
        return _write(folder, extrapolate(runs, [run["hops_per_visit"] for run in runs]))
    if modes := mode_folders(folder):
        try:
            return _write(folder, combine({part.name: analyze_folder(part, fit_range) for part in modes}))
        except InputError as error:
            raise InputError(f"{folder}: {error}") from error
    parts = temperature_folders(folder)
    if not parts:
        raise InputError(f"{folder}: neither a trajectory.h5 nor sub-folders T...K with one")
    runs = sorted((analyze_folder(part, fit_range) for part in parts), key=lambda run: run["temperature_K"])
    combined = {
        "temperatures_K": [run["temperature_K"] for run in runs],
        "folders": [part.name for part in parts],
        "arrhenius": _arrhenius(runs),
        "runs": runs,
    }
    return _write(folder, combined)


def temperature_folders(folder: Path) -> list[Path]:
    """Sub-folders T...K that hold a trajectory, or windows with one, by temperature."""
    parts = [p for p in folder.glob("T*K") if (p / "trajectory.h5").exists() or window_folders(p) or mode_folders(p)]
    return sorted(parts, key=lambda part: (len(part.name), part.name))


def mode_folders(folder: Path) -> list[Path]:
    """Sub-folders named by a mode of the electronic carriers that hold a trajectory each: a run in mode "auto"."""
    return [folder / mode for mode in MODES if (folder / mode / "trajectory.h5").exists()]


def window_folders(folder: Path) -> list[Path]:
    """Sub-folders window1 ... that hold a trajectory each: domain-decomposed runs with visits of several lengths."""
    return sorted(part for part in folder.glob("window?") if (part / "trajectory.h5").exists())


def _write(folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    temporary = folder / "results.json.new"
    try:
        temporary.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(temporary, folder / "results.json")
    except OSError as error:
        raise InputError(f"{folder}: results.json cannot be written: {error.strerror}") from error
    return results


def _arrhenius(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Fits of every diffusivity, and of sigma T for conductivities, by their key."""
    found: dict[str, Any] = {}
    for name in runs[0]["species"]:
        for key in ("tracer_diffusivity_m2_s", "collective_diffusivity_m2_s"):
            found[f"species.{name}.{key}"] = _fit([run["species"][name][key] for run in runs], runs, False)
    for key in ("ionic_conductivity_S_m", "electronic_conductivity_S_m"):
        found[key] = _fit([run[key] for run in runs], runs, True)
    return found


def _fit(entries: list[dict[str, Any]], runs: list[dict[str, Any]], times_temperature: bool) -> dict[str, Any]:
    formula = "ln(sigma T) against 1/kT" if times_temperature else "ln D against 1/kT"
    temperatures = [run["temperature_K"] for run in runs]
    factor = temperatures if times_temperature else [1.0] * len(runs)

    def fitted() -> ArrheniusFit:
        missing = [entry["reason"] for entry in entries if entry["value"] is None]
        if missing:
            raise UnavailableError(missing[0])
        return fit_arrhenius(
            temperatures,
            [entry["value"] * f for entry, f in zip(entries, factor, strict=True)],
            [entry["stderr"] * f for entry, f in zip(entries, factor, strict=True)],
        )

    fit = attempt(fitted, formula)
    if isinstance(fit, Unavailable):
        return {"activation_energy_eV": fit.as_json()}
    energy = Estimate(fit.activation_energy_eV, fit.activation_energy_stderr_eV, formula)
    prefactor = math.exp(fit.ln_prefactor)
    return {
        "activation_energy_eV": energy.as_json(),
        "prefactor": {"value": prefactor, "stderr": prefactor * fit.ln_prefactor_stderr},
        "chi2_per_dof": fit.chi2_per_dof,
    }
