"""How the relative errors of D* and D_sigma fall with the length of a run: the slope of ln error against ln length.

    python -m benchmarks.error_against_length --seeds 8 --out benchmarks/physics/error-against-length.json

Two kinds of runs of the same systems: with a fixed interval between frames, as runs have that are extended or run to a
precision, and with a fixed number of frames. The error of an estimate is the mean of ln(stderr/value) over the seeds.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from analysis.report import analyze
from kmc.files.trajectory import read_trajectory
from kmc.run.engine import frozen_schedule, run
from kmc.version import VERSION
from runs.config import load_config
from runs.prepare import prepare

MODELS = {
    "GDC, 1000 K": ("gdc", ["crystal.repeats=[4,4,4]", "run.temperature_K=1000"]),
    "ideal gas": ("ideal-fluorite", ["crystal.repeats=[3,3,3]", "run.temperature_K=1000"]),
}
REPLICAS, SHORTEST, FRAMES = 16, 500, 50
LENGTHS = (1, 10, 100)  # times the shortest
INTERVAL, NUMBER = "fixed interval of frames", "fixed number of frames"
KINDS = {"GDC, 1000 K": (INTERVAL, NUMBER), "ideal gas": (INTERVAL,)}
KEYS = {
    "D_sigma": ("V_O", "collective_diffusivity_m2_s"),
    "D* of V_O": ("V_O", "tracer_diffusivity_m2_s"),
    "D* of O": ("O", "tracer_diffusivity_m2_s"),
}


def errors(model: str, length: int, frames: int, seed: int, folder: Path) -> dict[str, float]:
    """Relative standard errors of one run, and the samples that it has in a frame."""
    example, keys = MODELS[model]
    sets = [*keys, f"run.seed={seed}", f"run.replicas={REPLICAS}", f"run.frames={frames}", 'run.positions="none"']
    sets += [f"run.duration={{hops_per_carrier={SHORTEST * length}}}", "run.equilibration={hops_per_carrier=50}"]
    job = prepare(*load_config(example, sets)).jobs[0]
    run(job.system, job.settings, folder, backend="cpu")
    species = analyze(read_trajectory(folder / "trajectory.h5"))["species"]
    found = {"samples_per_frame": float(frozen_schedule(folder).samples_per_frame)}
    for name, (carrier, key) in KEYS.items():
        entry = species[carrier][key]  # type: ignore[literal-required]  # keys of results.json
        found[name] = entry["stderr"] / entry["value"]
    return found


def table(rows: dict[int, list[dict[str, float]]]) -> dict[str, object]:
    """Geometric mean of the errors at each length, and the slope with its standard error from the scatter of seeds."""
    result: dict[str, object] = {
        "hops_per_carrier": [SHORTEST * length for length in rows],
        "samples_per_frame": [each[0]["samples_per_frame"] for each in rows.values()],
    }
    for name in KEYS:
        logarithms = np.array([[np.log(each[name]) for each in found] for found in rows.values()])  # (lengths, seeds)
        slopes = np.polyfit(np.log(list(rows)), logarithms, 1)[0]
        result[name] = {
            "relative_stderr": np.round(np.exp(logarithms.mean(axis=1)), 5).tolist(),
            "slope": round(float(slopes.mean()), 4),
            "slope_stderr": round(float(slopes.std(ddof=1) / np.sqrt(len(slopes))), 4),
        }
    return result


def main() -> None:
    """Run, tabulate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--model", action="append", choices=list(MODELS))
    parser.add_argument("--out", type=Path, default=Path("error-against-length.json"))
    arguments = parser.parse_args()
    begun, tables = time.process_time(), {}
    for model in arguments.model or MODELS:
        for kind in KINDS[model]:
            rows: dict[int, list[dict[str, float]]] = {}
            for length in LENGTHS:
                frames = FRAMES * (length if kind == INTERVAL else 1)
                with tempfile.TemporaryDirectory() as scratch:
                    folders = [(seed, Path(scratch) / str(seed)) for seed in range(1, arguments.seeds + 1)]
                    rows[length] = [errors(model, length, frames, seed, folder) for seed, folder in folders]
            tables[f"{model}, {kind}"] = table(rows)
            print(json.dumps({f"{model}, {kind}": tables[f"{model}, {kind}"]}, indent=1), flush=True)
    conditions = {
        "version": VERSION,
        "machine": platform.machine(),
        "backend": "cpu",
        "seeds": arguments.seeds,
        "replicas": REPLICAS,
        "frames": f"{FRAMES}, or one every {SHORTEST / FRAMES:g} hops per carrier",
        "cpu_s": round(time.process_time() - begun, 1),
        "models": {name: {"example": example, "keys": keys} for name, (example, keys) in MODELS.items()},
    }
    arguments.out.write_text(
        json.dumps({"conditions": conditions, "tables": tables}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
