"""Whether intervals cover the truth as often as they say: many seeds of models with known or well-measured answers.

    python -m benchmarks.calibration --seeds 400 --out benchmarks/physics/calibration.json

For each model, number of replicas and length: the share of seeds whose 68 and 95 % intervals hold the truth, the share
that is outside its 95 % interval without a note (silent), the share of bounds, the mean relative standard error and the
mean deviation. The truth is the mean over all seeds of the longest runs with the most replicas, whose own error is
given; there coverage is not independent of the truth. The models are those of MODELS; each seed draws its own dopants.
CPU time grows with seeds x replicas x hops.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.report import analyze
from analysis.results import RunResults
from analysis.statistics.estimates import Estimate, from_json, student_quantile
from kmc.files.trajectory import read_trajectory
from kmc.run.engine import run
from kmc.version import VERSION
from runs.config import load_config
from runs.prepare import prepare

MODELS: dict[str, tuple[str, list[str], str, int]] = {  # name -> example, keys, carrier, shortest run in hops
    "ideal gas": ("ideal-perovskite", ["crystal.repeats=[3,3,3]", "run.temperature_K=1000"], "V_O", 100),
    "GDC": ("gdc", ["crystal.repeats=[3,3,3]", "run.temperature_K=1000"], "V_O", 100),
    "reduced ceria": ("ceria-reduced", ["crystal.repeats=[3,3,3]", "run.temperature_K=1200"], "V_O", 50),
    "trapped protons": ("bzy", ["crystal.repeats=[4,4,4]", "run.temperature_K=600"], "H", 300),
}
LENGTHS = (1, 4, 16)  # times the shortest run
REPLICAS = (4, 8)
FRAMES_PER_LENGTH = 100
QUANTITIES = ("tracer_diffusivity_m2_s", "collective_diffusivity_m2_s", "haven_ratio", "correlation_factor")


def estimates(model: str, replicas: int, length: int, seed: int, folder: Path, backend: str) -> dict[str, Estimate]:
    """The estimates of one run that are available."""
    example, keys, carrier, hops = MODELS[model]
    sets = [*keys, f"run.seed={seed}", f"run.replicas={replicas}", f"run.frames={FRAMES_PER_LENGTH * length}"]
    sets += [f"run.duration={{hops_per_carrier={hops * length}}}", 'run.positions="none"']
    sets += ["run.equilibration={hops_per_carrier=50}"]
    config, base = load_config(example, sets)
    job = prepare(config, base).jobs[0]
    run(job.system, job.settings, folder, backend=backend)
    return dict(known(analyze(read_trajectory(folder / "trajectory.h5")), carrier))


def known(results: RunResults, carrier: str) -> Iterator[tuple[str, Estimate]]:
    """(name, estimate) of what the tables report."""
    entries = {key: results["species"][carrier][key] for key in QUANTITIES}
    entries["ionic_conductivity_S_m"] = results["ionic_conductivity_S_m"]
    entries["ambipolar_conductivity_S_m"] = results["ambipolar_conductivity_S_m"]
    entries["electronic_transference_number"] = results["electronic_transference_number"]
    for name, entry in entries.items():
        if isinstance(found := from_json(entry), Estimate):
            yield name, found


def summary(found: list[Estimate], truth: float) -> dict[str, float | int]:
    """Coverage of one cell of the table."""
    value = np.array([each.value for each in found])
    stderr = np.array([each.stderr for each in found])
    pull = np.abs(value - truth) / np.where(stderr > 0, stderr, np.inf)
    limits = {
        level: np.array([student_quantile(e.dof or np.inf, 1.0 - level) for e in found]) for level in (0.68, 0.95)
    }
    bound = np.array(["bound: " in (each.note or "") for each in found])
    outside = pull > limits[0.95]
    free = ~bound
    return {
        "seeds": len(found),
        "covered_68": round(float((pull <= limits[0.68])[free].mean()), 4) if free.any() else -1.0,
        "covered_95": round(float((~outside)[free].mean()), 4) if free.any() else -1.0,
        "bounds": round(float(bound.mean()), 4),
        "silent_outside_95": round(float((outside & free).mean()), 4),
        "relative_stderr": round(float((stderr / abs(truth)).mean()), 5),
        "relative_deviation": round(float((value / truth - 1.0).mean()), 5),
    }


def main() -> None:
    """Run, tabulate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--model", action="append", choices=list(MODELS))
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("calibration.json"))
    arguments = parser.parse_args()
    tables: dict[str, object] = {}
    begun = time.process_time()
    for model in arguments.model or MODELS:
        cells: dict[tuple[int, int], list[dict[str, Estimate]]] = {}
        with tempfile.TemporaryDirectory() as scratch:
            for replicas in REPLICAS:
                for length in LENGTHS:
                    cells[replicas, length] = [
                        estimates(
                            model,
                            replicas,
                            length,
                            seed,
                            Path(scratch) / f"{replicas}-{length}-{seed}",
                            arguments.backend,
                        )
                        for seed in range(1, arguments.seeds + 1)
                    ]
        best = cells[REPLICAS[-1], LENGTHS[-1]]
        table: dict[str, object] = {}
        for name in dict.fromkeys(name for each in best for name in each):
            values = np.array([each[name].value for each in best if name in each])
            truth = float(values.mean())
            rows = {
                f"{replicas} replicas, {MODELS[model][3] * length} hops": summary(found, truth)
                for (replicas, length), runs in cells.items()
                if (found := [each[name] for each in runs if name in each])
            }
            error = float(values.std(ddof=1) / np.sqrt(len(values)) / abs(truth))
            table[name] = {"truth": truth, "relative_error_of_truth": round(error, 5), "runs": rows}
        tables[model] = table
        print(json.dumps({model: table}, indent=1), flush=True)
    conditions = {
        "version": VERSION,
        "machine": platform.machine(),
        "backend": arguments.backend,
        "cpu_s": round(time.process_time() - begun, 1),
        "models": {name: {"example": m[0], "keys": m[1], "carrier": m[2]} for name, m in MODELS.items()},
        "truth": "mean over the seeds of the longest runs with the most replicas",
    }
    arguments.out.write_text(
        json.dumps({"conditions": conditions, "tables": tables}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
