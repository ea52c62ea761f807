"""D~ of an ideal pair of carriers held together by weak Coulomb energies, from decays, against its exact value.

    python benchmarks/ambipolar.py --out ambipolar.json

Undoped ceria with site exclusion as the only interaction, D_e = 10 D_V, Bjerrum length a tenth of the anion spacing, in
a cell of 8 x 8 x 70 anion sites: D~ = tau D_V (1 - x_V) Theta_V, Theta_V = 1/(1 - x_V) + 2/(1 - x_e) (3 D_V t_e when
dilute). The charges lower Theta slightly; the ideal value is the reference. Takes about an hour on two cores.
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
TEMPERATURE_K = 1000.0
A_ANGSTROM = 5.4
BJERRUM = 0.1  # of the anion spacing a/2


def main() -> int:
    """Run the case and write the JSON file."""
    parser = argparse.ArgumentParser(description="Ambipolar diffusion by decays against its exact value.")
    parser.add_argument("--out", type=Path, default=Path("ambipolar.json"))
    parser.add_argument("--replicas", type=int, default=48)
    parser.add_argument("--hops", type=float, default=3000.0, help="per vacancy")
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--length", type=int, default=35, help="cells of the long edge")
    parser.add_argument("--vacancies", type=float, default=0.02, help="site fraction")
    parser.add_argument("--backend", default="cpu", choices=("cuda", "cpu", "numpy"))
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from runs.bench import machine

    found: dict[str, Any] = {"machine": machine(), "arguments": {k: str(v) for k, v in vars(arguments).items()}}
    found |= _case(arguments)
    print(json.dumps(found, indent=1))
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _case(arguments: argparse.Namespace) -> dict[str, Any]:
    """Ratios to the exact values, with errors."""
    from analysis.report import analyze
    from kmc.files.trajectory import read_trajectory
    from kmc.model.parameters import Model
    from kmc.run.engine import run
    from kmc.run.settings import Hops, Relaxation, Settings, Thermodynamics
    from kmc.tables.boltzmann import BOLTZMANN_EV_K
    from kmc.tables.coulomb import COULOMB_EV_ANGSTROM
    from tests.systems import NOTE, made_up_model, made_up_system

    kt = BOLTZMANN_EV_K * TEMPERATURE_K
    barrier = 0.5 + kt * math.log(4 / (10 * 0.5))  # z l^2: 12 (a/sqrt 2)^2 of electrons, 6 (a/2)^2 of vacancies
    model = made_up_model("fluorite", {(): 0.5}, polarons={"barriers": [{"energy_eV": barrier, **NOTE}]})
    permittivity = COULOMB_EV_ANGSTROM / (kt * BJERRUM * A_ANGSTROM / 2)
    screened = {"relative_permittivity": {"value": permittivity, **NOTE}}
    model = Model.model_validate({**model.model_dump(exclude_none=True), "coulomb": screened})
    anions, cations = 128 * arguments.length, 64 * arguments.length
    n = round(arguments.vacancies * anions)
    repeats = (4, 4, arguments.length)
    system = made_up_system(model, repeats, n, TEMPERATURE_K, electrons=2 * n, replicas=arguments.replicas)
    wave = Relaxation(2, 0.5, waves=8)
    asked = Thermodynamics(points=1, trials_per_carrier=300.0, relaxation=wave)
    settings = Settings(Hops(50.0), Hops(arguments.hops), arguments.frames, "none", thermodynamics=asked)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run(system, settings, folder, backend=arguments.backend, report=_progress(start))
        results = analyze(read_trajectory(Path(folder) / "trajectory.h5"), (0.01, 0.1))
    x_v, x_e = n / anions, 2 * n / cations
    d_v = 1e13 * math.exp(-0.5 / kt) * (A_ANGSTROM / 2 * 1e-10) ** 2
    d_e = 12 * 1e13 * math.exp(-barrier / kt) * (A_ANGSTROM**2 / 2 * 1e-20) / 6
    sigma_v, sigma_e = 4 * d_v * (1 - x_v), 2 * d_e * (1 - x_e)
    theta = 1 / (1 - x_v) + 2 / (1 - x_e)
    exact = sigma_e / (sigma_v + sigma_e) * d_v * (1 - x_v) * theta
    routes = results["chemical_diffusivity_m2_s"]
    factors = results["thermodynamics"]["thermodynamic_factor_of_carrier"]
    curves = results["chemical_diffusion"]["curves"]["V_O"]
    return {
        "vacancies": n,
        "relative_permittivity": permittivity,
        "D_over_D_V": {name: _ratio(entry, d_v) for name, entry in routes.items()},
        "D_over_exact": {name: _ratio(entry, exact) for name, entry in routes.items()},
        "D_of_k_over_exact": [
            [round(m["k_per_m"] * A_ANGSTROM / 2 * 1e-10, 5), m["value"] / exact, m["stderr"] / exact]
            for m in curves.get("diffusivity_of_k", [])
        ],
        "D_of_k_by_linear_theory": [
            round(linear_theory(m["k_per_m"] * A_ANGSTROM / 2 * 1e-10, x_v, x_e), 4)
            for m in curves.get("diffusivity_of_k", [])
        ],
        "theta_over_ideal": {name: _ratio(entry, theta) for name, entry in factors.items()},
        "hops": results["hops"],
        "seconds": round(time.monotonic() - start, 1),
    }


def linear_theory(k_spacing: float, x_v: float, x_e: float) -> float:
    """D(k)/D(0) of the slower mode of k^2 L chi^-1, chi^-1_ij = d_ij Theta_i/c_i + 4 pi l_B z_i z_j/k^2 (derived).

    k_spacing: k times the anion spacing, the unit of length; D_V is the unit of diffusivity. Charges with a screening
    length of 1/k or more no longer couple the carriers, which is why D(k) decreases.
    """
    import numpy as np

    c_v, c_e, k2 = x_v, x_e / 2.0, k_spacing**2
    mobile = np.diag([c_v * (1.0 - x_v) * 2.0 * (1.0 - math.cos(k_spacing)) / k2, 10.0 * c_e * (1.0 - x_e)])
    stiff = np.diag([1.0 / (c_v * (1.0 - x_v)), 1.0 / (c_e * (1.0 - x_e))])
    stiff += 4.0 * math.pi * BJERRUM / k2 * np.outer((2.0, -1.0), (2.0, -1.0))
    ion, electronic = 4.0 * c_v * (1.0 - x_v), 10.0 * c_e * (1.0 - x_e)
    long = electronic / (ion + electronic) * (1.0 - x_v) * (1.0 / (1.0 - x_v) + 2.0 / (1.0 - x_e))
    return float(np.linalg.eigvals(mobile @ stiff).real.min()) / long


def _progress(start: float) -> Any:
    last = [0.0]

    def report(progress: Any) -> None:
        if time.monotonic() - last[0] > 60:
            last[0] = time.monotonic()
            print(f"{progress.phase} {progress.done}/{progress.total} {last[0] - start:.0f} s", flush=True)

    return report


def _ratio(entry: dict[str, Any], exact: float) -> list[float] | str:
    """[value, error] divided by the exact value, or the reason why the estimate is unavailable."""
    if entry["value"] is None:
        return str(entry["reason"])
    return [round(entry["value"] / exact, 5), round(entry["stderr"] / exact, 5)]


if __name__ == "__main__":
    sys.exit(main())
