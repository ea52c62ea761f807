"""Theta and D~ of a lattice gas by every route against its exact values, at five concentrations on two lattices.

    python benchmarks/thermodynamics.py --out thermodynamics.json

A neutral gas without interactions has Theta = 1/(1 - c) and D~ = z G l^2/6 at every c. Takes half an hour on
two cores; the file also holds versions and machine.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONCENTRATIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
TEMPERATURE_K = 1000.0
LATTICES = {"simple cubic": ("fluorite", (6, 6, 6)), "perovskite anions": ("perovskite", (10, 10, 10))}


def main() -> int:
    """Run every case; the JSON file is written after each."""
    parser = argparse.ArgumentParser(description="Theta and D~ by all routes against exact values.")
    parser.add_argument("--out", type=Path, default=Path("thermodynamics.json"))
    parser.add_argument("--replicas", type=int, default=512)
    parser.add_argument("--hops", type=float, default=1000.0, help="of a lone carrier in the same time")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--backend", default="cpu", choices=("cuda", "cpu", "numpy"))
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from runs.bench import machine

    found: dict[str, Any] = {"machine": machine(), "arguments": {k: str(v) for k, v in vars(arguments).items()}}
    found["rows"] = []
    for lattice in LATTICES:
        for c in CONCENTRATIONS:
            found["rows"].append(_case(lattice, c, arguments))
            print(json.dumps(found["rows"][-1]), flush=True)
            arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _case(lattice: str, c: float, arguments: argparse.Namespace) -> dict[str, Any]:
    """Ratios to the exact values, with errors."""
    from analysis.report import analyze
    from kmc.files.trajectory import read_trajectory
    from kmc.run.engine import run
    from kmc.run.settings import Hops, Relaxation, Settings, Thermodynamics
    from kmc.tables.boltzmann import BOLTZMANN_EV_K
    from tests.systems import neutral_vacancies

    system = neutral_vacancies(*LATTICES[lattice], c, TEMPERATURE_K, replicas=arguments.replicas)
    asked = Thermodynamics(
        points=3, trials_per_carrier=4000.0, relaxation=Relaxation(2, min(0.6, (1 - c) / c), waves=16)
    )
    settings = Settings(Hops(20.0), Hops(arguments.hops * (1 - c)), arguments.frames, "none", thermodynamics=asked)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run(system, settings, folder, backend=arguments.backend)
        results = analyze(read_trajectory(Path(folder) / "trajectory.h5"), (0.01, 0.2))
    rate = 1e13 * math.exp(-0.5 / (BOLTZMANN_EV_K * TEMPERATURE_K))
    length = float(system.tables.hop_length_angstrom[0]) * 1e-10
    exact = int(system.tables.directions[0]) * rate * length**2 / 6
    theta = results["thermodynamics"]["thermodynamic_factor_of_carrier"]
    routes = results["chemical_diffusivity_m2_s"]
    return {
        "lattice": lattice,
        "c": c,
        "theta_times_1_minus_c": {name: _ratio(entry, 1 / (1 - c)) for name, entry in theta.items()},
        "D_over_exact": {name: _ratio(entry, exact) for name, entry in routes.items()},
        "seconds": round(time.monotonic() - start, 1),
    }


def _ratio(entry: dict[str, Any], exact: float) -> list[float] | str:
    """[value, error] divided by the exact value, or the reason why the estimate is unavailable."""
    if entry["value"] is None:
        return str(entry["reason"])
    return [round(entry["value"] / exact, 5), round(entry["stderr"] / exact, 5)]


if __name__ == "__main__":
    sys.exit(main())
