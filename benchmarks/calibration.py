"""Whether intervals cover the truth as often as they say: many runs of models with known or well-measured answers.

    python -m benchmarks.calibration --pool FOLDER --parts 32 --energy-parts 4 --out benchmarks/physics/calibration.json

Runs are disjoint groups of 4, 8 or 32 replicas of a pool (calibration_pool.py), which is simulated first, as far as it
is missing; interrupt it and call it again at will. For each model, quantity, length and number of replicas: the shares
of the runs whose 68 and 95 % intervals hold the truth, among those without a remark that they are bounds; the shares of
bounds and of other remarks; `silent`, the share outside its 95 % interval without any remark; and `silent_beyond`, the
share of all runs that is silent and further off than the stated `unseen_decrease` of the fit allows. Coverage outside
the binomial interval of 99.9 % around its level is marked.

The truth is exact where `EXACT` says so, else the mean over the longest runs of 32 replicas, whose error is given;
these runs are then not independent of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import stats
from tqdm import tqdm

from analysis.results import TransportKey
from analysis.statistics.arrhenius import arrhenius_json
from analysis.statistics.estimates import Estimate, Result, Unavailable, attempt, available, from_json, student_quantile
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.thermodynamics.isotherm_results import theta_estimates
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.onsager import species_estimates, transport_coefficients
from analysis.transport.tracer import tracer_estimates
from benchmarks.calibration_pool import FRAMES, HERE, MODELS, PART, Model, groups, part_file, simulate_part
from kmc.files.trajectory import Trajectory
from kmc.version import VERSION

REPLICAS = (4, 8, 32)
MOST_RUNS = 400  # per cell
MOST_RUNS_FOR_ENERGIES = 150
LEVELS = (0.68, 0.95)
BEYOND_CHANCE = 1e-3  # both sides of the binomial interval together
D_TRACER, D_SIGMA, THETA, ENERGY = "D* (m2/s)", "D_sigma (m2/s)", "Theta", "E_a of {} (eV)"
TRANSPORT: dict[str, TransportKey] = {
    "sigma_ion (S/m)": "ionic_conductivity_S_m",
    "sigma (S/m)": "total_conductivity_S_m",
    "sigma_amb (S/m)": "ambipolar_conductivity_S_m",
    "t_e": "electronic_transference_number",
}
EXACT: dict[tuple[str, str], float] = {
    ("ideal gas", THETA): 216 / (216 - 22),  # 1/(1 - c)
    ("ideal gas", ENERGY.format("D*")): 0.5,
    ("ideal gas", ENERGY.format("D_sigma")): 0.5,
    ("reduced ceria", ENERGY.format("D*")): 0.52,
    ("reduced ceria", ENERGY.format("D_sigma")): 0.52,
}


@dataclass(frozen=True)
class Found:
    """An estimate of one run. remark: 0 none, 1 one of the fit, 2 a bound. unseen: relative decrease not excluded."""

    value: float
    stderr: float
    dof: float
    remark: int
    unseen: float


def estimates(model: str, trajectory: Trajectory) -> dict[str, Found]:
    """Every quantity of one run that is available."""
    analysis = TransportAnalysis(trajectory)
    carrier = MODELS[model].carrier
    tracer = analysis.tracer(carrier)
    results: dict[str, Result] = {}
    results[D_TRACER], results["f"] = tracer_estimates(tracer)
    results[D_SIGMA], results["H_R"] = species_estimates(trajectory, analysis.collective, tracer, carrier)
    coefficients = transport_coefficients(analysis.collective)
    results |= {name: coefficients[key] for name, key in TRANSPORT.items()}
    if trajectory.scan is not None:
        inputs = ChemicalDiffusionInputs(analysis)
        results[THETA] = attempt(lambda: available(theta_estimates(trajectory, available(inputs.point), 0)[0]))
    of_tracer = 0.0 if isinstance(tracer, Unavailable) else tracer.fit.unseen
    of_sigma = 0.0 if isinstance(analysis.collective, Unavailable) else analysis.collective.fits[carrier].unseen
    unseen = {D_TRACER: of_tracer, "f": of_tracer, D_SIGMA: of_sigma, "H_R": of_tracer}
    unseen |= dict.fromkeys(("sigma_ion (S/m)", "sigma_amb (S/m)"), of_sigma)
    return {
        name: _found(each, unseen.get(name, 0.0))
        for name, each in results.items()
        if isinstance(each, Estimate) and each.stderr > 0.0
    }


def _found(estimate: Estimate, unseen: float) -> Found:
    note = estimate.note or ""
    remark = 2 if "bound: " in note else int("may be too high" in note or "too few independent" in note)
    return Found(estimate.value, estimate.stderr, estimate.dof or float("inf"), remark, float(np.nan_to_num(unseen)))


def diffusivities(model: str, trajectory: Trajectory) -> dict[str, Found]:
    """D* and D_sigma of one run at one of the other temperatures."""
    analysis, carrier = TransportAnalysis(trajectory), MODELS[model].carrier
    tracer = analysis.tracer(carrier)
    results = {
        D_TRACER: tracer_estimates(tracer)[0],
        D_SIGMA: species_estimates(trajectory, analysis.collective, tracer, carrier)[0],
    }
    return {name: _found(each, 0.0) for name, each in results.items() if isinstance(each, Estimate)}


def energies(model: str, at_each: list[list[dict[str, Found]]]) -> list[dict[str, Found]]:
    """Activation energies of runs, from the rows at each temperature.

    Parts with the same number share a seed, which at another temperature may give the same trajectory on another clock:
    a run takes its replicas at each temperature from another place of the pool.
    """
    temperatures, rows = MODELS[model].temperatures_K, []
    number = min(map(len, at_each))
    for i in range(number):
        chosen = [rows_k[(i + k * number // len(at_each)) % number] for k, rows_k in enumerate(at_each)]
        row = {}
        for quantity, name in ((D_TRACER, "D*"), (D_SIGMA, "D_sigma")):
            if any(quantity not in each for each in chosen):
                continue
            found = [each[quantity] for each in chosen]
            entries = [Estimate(f.value, f.stderr, dof=f.dof).as_json() for f in found]
            energy = from_json(arrhenius_json(temperatures, entries, "ln D against 1/kT")["activation_energy_eV"])
            if isinstance(energy, Estimate):
                bound = max(f.remark for f in found)
                row[ENERGY.format(name)] = Found(energy.value, energy.stderr, energy.dof or float("inf"), bound, 0.0)
        rows.append(row)
    return rows


def summary(found: list[Found], truth: float) -> dict[str, float | int | list[str]]:
    """One cell of the table."""
    value, stderr, dof = (np.array([getattr(f, key) for f in found]) for key in ("value", "stderr", "dof"))
    remark, unseen = np.array([f.remark for f in found]), np.array([f.unseen for f in found])
    free, inside = remark < 2, {}
    result: dict[str, float | int | list[str]] = {"runs": len(found)}
    failed = []
    for level in LEVELS:
        limit = np.array([student_quantile(each, 1.0 - level) for each in dof])
        inside[level] = np.abs(value - truth) <= limit * stderr
        if number := int(free.sum()):
            hits = int(inside[level][free].sum())
            low, high = stats.binom.ppf([BEYOND_CHANCE / 2, 1 - BEYOND_CHANCE / 2], number, level)
            result[f"covered_{100 * level:.0f}"] = round(hits / number, 4)
            failed += [] if low <= hits <= high else [f"{100 * level:.0f} %"]
    silent = (remark == 0) & ~inside[0.95]
    hidden = (value > truth) & (value - truth <= unseen * value)
    result |= {
        "bounds": round(float((remark == 2).mean()), 4),
        "other_remarks": round(float((remark == 1).mean()), 4),
        "silent": round(float(silent.mean()), 4),
        "silent_beyond": round(float((silent & ~hidden).mean()), 4),
        "relative_stderr": round(float(np.median(stderr) / abs(truth)), 5),
        "relative_rms_deviation": round(float(np.sqrt(np.mean((value / truth - 1.0) ** 2))), 5),
        "mean_relative_deviation": round(float((value / truth - 1.0).mean()), 5),
    }
    if failed:
        result["outside_binomial_bounds"] = failed
    return result


def analysed(pool: Path, model: str, temperature_K: float, frames: int, size: int) -> list[dict[str, Found]]:
    """Estimates of each run of a cell of the table, or D* and D_sigma alone at the other temperatures.

    They are kept in the pool, so that an interrupted analysis continues with the next cell. Remove the files
    analysed-*.json after a change of the analysis.
    """
    first = temperature_K == MODELS[model].temperatures_K[0]
    make, most = (estimates, MOST_RUNS) if first else (diffusivities, MOST_RUNS_FOR_ENERGIES)
    folder = part_file(pool, model, temperature_K, frames, 0).parent
    runs = min(most, len(list(folder.glob("*.h5"))) * (PART // size))
    kept = folder / f"analysed-{VERSION}-{runs}-runs-of-{size}.json"
    if kept.exists():
        return [{k: Found(**f) for k, f in row.items()} for row in json.loads(kept.read_text(encoding="utf-8"))]
    rows = [make(model, run) for run in itertools.islice(groups(pool, model, temperature_K, frames, size), runs)]
    if rows:
        kept.write_text(json.dumps([{k: asdict(f) for k, f in row.items()} for row in rows]), encoding="utf-8")
    return rows


def table(pool: Path, model: str, progress: tqdm) -> dict[str, object]:  # type: ignore[type-arg]  # not generic at run time
    """All quantities of one model."""
    cells = {}
    for frames in FRAMES:
        for size in REPLICAS:
            at_each = [analysed(pool, model, t, frames, size) for t in MODELS[model].temperatures_K]
            cells[frames, size] = at_each[0] + energies(model, at_each)
            progress.update()
    best = cells[FRAMES[-1], REPLICAS[-1]]
    result: dict[str, object] = {}
    for name in dict.fromkeys(name for row in best for name in row):
        values = np.array([row[name].value for row in best if name in row])
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
        exact = EXACT.get((model, name))
        truth = float(values.mean()) if exact is None else exact
        result[name] = {
            "truth": truth,
            "truth_is": f"mean of {len(values)} runs" if exact is None else "exact",
            "relative_error_of_truth": 0.0 if exact is not None else round(error / abs(truth), 5),
            "cells": {
                f"{size} replicas, {frames} frames": summary([row[name] for row in rows if name in row], truth)
                for (frames, size), rows in cells.items()
                if any(name in row for row in rows)
            },
        }
    return result


def _conditions(model: Model) -> dict[str, object]:
    """Of a model, with files named relative to this repository."""
    root = str(HERE.parents[1])
    return {**asdict(model), "keys": [key.replace(f"{root}/", "") for key in model.keys]}


def _parts(pool: Path, model: str, temperature: int) -> int:
    folder = part_file(pool, model, MODELS[model].temperatures_K[temperature], FRAMES[-1], 0).parent
    return len(list(folder.glob("*.h5")))


def main() -> None:
    """Simulate, analyse, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pool", type=Path, required=True, help="folder of the pool, some gigabytes")
    parser.add_argument("--parts", type=int, default=32, help=f"of {PART} replicas each")
    parser.add_argument("--energy-parts", type=int, default=4, help="parts that are simulated at every temperature")
    parser.add_argument("--model", action="append", choices=list(MODELS))
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("calibration.json"))
    arguments = parser.parse_args()
    models = arguments.model or list(MODELS)
    wanted = [
        (model, temperature_K, part)
        for part in range(arguments.parts)
        for model in models
        for temperature_K in MODELS[model].temperatures_K[: None if part < arguments.energy_parts else 1]
    ]
    for model, temperature_K, part in tqdm(wanted, desc="parts of the pool"):
        simulate_part(arguments.pool, model, temperature_K, part, arguments.backend)
    with tqdm(total=len(models) * len(FRAMES) * len(REPLICAS), desc="cells of the table") as progress:
        tables = {model: table(arguments.pool, model, progress) for model in models}
    conditions = {
        "version": VERSION,
        "machine": platform.machine(),
        "backend": arguments.backend,
        "models": {name: _conditions(MODELS[name]) for name in models},
        "frames": FRAMES,
        "replicas_in_pool": {name: PART * _parts(arguments.pool, name, 0) for name in models},
        "replicas_at_every_temperature": {name: PART * _parts(arguments.pool, name, -1) for name in models},
    }
    text = json.dumps({"conditions": conditions, "tables": tables}, indent=1, allow_nan=False)
    arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
