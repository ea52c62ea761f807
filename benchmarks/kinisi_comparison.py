"""D* of exported trajectories by kinisi (extra `validate`) and by this program.

    python -m benchmarks.kinisi_comparison --seeds 20 --out benchmarks/physics/kinisi.json

Each run is a single replica; kinisi reads what `kmc export` gives to ASE. It computes means over overlapping windows
and takes ions as independent of one another; this program uses windows without overlap and the spread over parts of the
run. Both get the same sparse lags (powers of two, as stored in the trajectory) from the same start on. kinisi: A. R.
McCluskey, S. W. Coles and B. J. Morgan, J. Chem. Theory Comput. 21 (2025) 79.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.statistics.estimates import Estimate, available
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.tracer import tracer_estimates
from kmc.files.trajectory import Trajectory, read_trajectory
from kmc.run.engine import run
from kmc.version import VERSION
from runs.config import load_config
from runs.export import frames
from runs.prepare import prepare

CASES = {  # name -> example, keys
    "ideal gas, 1000 K": ("ideal-fluorite", ["crystal.repeats=[4,4,4]", "run.temperature_K=1000"]),
    "GDC, 1000 K": ("gdc", ["crystal.repeats=[4,4,4]", "run.temperature_K=1000"]),
}
LOST = 0.5  # relative width of a posterior beyond which the sampler is taken to have got lost
LENGTH = ["run.frames=128", "run.duration={hops_per_carrier=128}", "run.equilibration={hops_per_carrier=50}"]


class Pair(NamedTuple):
    """D* of the oxygen ions in m2/s by both programs, with standard errors."""

    own: float
    own_stderr: float
    kinisi: float
    kinisi_stderr: float

    @property
    def joint_errors(self) -> float:
        """Their difference in joint standard errors."""
        return (self.kinisi - self.own) / math.hypot(self.own_stderr, self.kinisi_stderr)


def compare(folder: Path) -> Pair:
    """Both estimates of D* of O from replica 0 of a run with one replica and all positions kept."""
    trajectory = read_trajectory(folder / "trajectory.h5")
    tracer = available(TransportAnalysis(trajectory).tracer("O"))
    own = tracer_estimates(tracer)[0]
    assert isinstance(own, Estimate)
    mean, stderr = by_kinisi(folder, trajectory, tracer.fit.weights.lags)
    return Pair(own.value, own.stderr, mean, stderr)


def by_kinisi(folder: Path, trajectory: Trajectory, lags: np.ndarray) -> tuple[float, float]:
    """(median, half of the central 68 %) of the posterior of D* in m2/s at some lags, in frames, of the exported atoms.

    Mean and standard deviation are useless where some walkers of the sampler have got lost.
    """
    import scipp as sc
    from kinisi.analyze import DiffusionAnalyzer

    atoms = list(frames(folder / "trajectory.h5"))
    for each in atoms:
        each.wrap()
    interval = sc.scalar(float(trajectory.time_s[1]) * 1e12, unit="ps")
    chosen = sc.array(dims=["time interval"], values=lags.astype(float)) * interval
    found = DiffusionAnalyzer.from_ase(
        atoms, specie="O", time_step=interval, step_skip=sc.scalar(1), dt=chosen, progress=False
    )
    found.diffusion(chosen["time interval", 0], progress=False, random_state=np.random.RandomState(1))
    draws = np.asarray(found.D.values) * 1e-4  # cm2/s
    low, middle, high = np.quantile(draws, [0.16, 0.5, 0.84]).tolist()
    return middle, (high - low) / 2.0


def simulate(case: str, seed: int, folder: Path, backend: str) -> None:
    """A run of one replica."""
    example, keys = CASES[case]
    sets = [*keys, *LENGTH, "run.replicas=1", 'run.positions="first"', f"run.seed={seed}"]
    job = prepare(*load_config(example, sets)).jobs[0]
    run(job.system, job.settings, folder, backend=backend)


def _scatter(values: list[float]) -> float:
    return round(float(np.std(values, ddof=1) / np.mean(values)), 5)


def summary(every: list[Pair]) -> dict[str, object]:
    """The row of a case; runs in which kinisi's sampler got lost are counted and left out of the averages."""
    pairs = [pair for pair in every if pair.kinisi_stderr < LOST * abs(pair.kinisi) and pair.kinisi < 2.0 * pair.own]
    ratio = np.array([pair.kinisi / pair.own for pair in pairs])
    return {
        "runs": len(every),
        "sampler_lost": len(every) - len(pairs),
        "mean_ratio_kinisi_to_own": round(float(ratio.mean()), 5),
        "stderr_of_mean_ratio": round(float(ratio.std(ddof=1) / math.sqrt(len(pairs))), 5),
        "largest_difference_in_joint_errors": round(max(abs(pair.joint_errors) for pair in pairs), 3),
        "relative_stderr_own": round(float(np.median([p.own_stderr / p.own for p in pairs])), 5),
        "relative_stderr_kinisi": round(float(np.median([p.kinisi_stderr / p.kinisi for p in pairs])), 5),
        "relative_scatter_own": _scatter([pair.own for pair in pairs]),
        "relative_scatter_kinisi": _scatter([pair.kinisi for pair in pairs]),
        "D_m2_s": [list(pair) for pair in every],
    }


def main() -> None:
    """Simulate, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("kinisi.json"))
    arguments = parser.parse_args()
    rows = {}
    for case in CASES:
        pairs = []
        for seed in range(1, arguments.seeds + 1):
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / "run"
                simulate(case, seed, folder, arguments.backend)
                pairs.append(compare(folder))
        rows[case] = summary(pairs)
        print(case, {key: value for key, value in rows[case].items() if key != "D_m2_s"}, flush=True)
    conditions = {
        "version": VERSION,
        "kinisi": version("kinisi"),
        "machine": platform.machine(),
        "backend": arguments.backend,
        "cases": {name: {"example": example, "keys": [*keys, *LENGTH]} for name, (example, keys) in CASES.items()},
    }
    text = json.dumps({"conditions": conditions, "cases": rows}, indent=1, allow_nan=False)
    arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
