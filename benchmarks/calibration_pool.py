"""Pools of independent replicas for the calibration of error bars (calibration.py).

A pool holds the replicas of one model, temperature and length in parts of PART replicas, each part a trajectory file
of its own with its own seed. Every replica has its own dopants and random numbers, so that any disjoint groups of
replicas are independent runs: a run of 8 replicas is 8 replicas of the pool. Parts that exist are kept, so that a pool
grows from call to call and an interrupted one continues. Lengths share seeds and are not independent of one another.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kmc.files.trajectory import Trajectory, read_trajectory
from kmc.run.engine import run
from runs.config import load_config
from runs.prepare import prepare

PART = 400
FRAMES = (40, 120, 360)  # of the three lengths
EQUILIBRATION_HOPS = 50
HERE = Path(__file__).parent / "physics"
SMALL = ["crystal.repeats=[3,3,3]"]
SCAN = ["thermodynamics.points=3", "thermodynamics.trials_per_carrier=200"]


@dataclass(frozen=True)
class Model:
    """A model of the calibration.

    example: run file, by name or path. keys: changes to it. carrier: whose coefficients are tabulated.
    hops_per_frame: hops per carrier between two frames. temperatures_K: the first one is that of the table, all of them
    give the activation energy.
    """

    example: str
    keys: tuple[str, ...]
    carrier: str
    hops_per_frame: float
    temperatures_K: tuple[float, float, float]


def _gas(parameters: str, fraction: float) -> tuple[str, ...]:
    return (f'model.parameters="{HERE / parameters}"', f"crystal.vacancies={{fraction={fraction}}}", *SCAN)


MODELS = {
    "ideal gas": Model("ideal-fluorite", _gas("lattice-gas.toml", 0.1), "V_O", 1.0, (1000.0, 1150.0, 1300.0)),
    "GDC": Model("gdc", (), "V_O", 2.5, (1000.0, 1150.0, 1300.0)),
    "reduced ceria": Model("ceria-reduced", ("crystal.repeats=[4,4,4]", *SCAN), "V_O", 1.0, (1400.0, 1273.0, 1150.0)),
    "trapped protons": Model("bzy", ("crystal.repeats=[4,4,4]",), "H", 15.0, (700.0, 800.0, 900.0)),
    "repulsive gas": Model(
        "ideal-fluorite",
        ("crystal.repeats=[2,2,2]", *_gas("repulsive-gas.toml", 0.5)),
        "V_O",
        1.0,
        (1000.0, 1150.0, 1300.0),
    ),
}


def part_file(pool: Path, model: str, temperature_K: float, frames: int, part: int) -> Path:
    """Where a part of a pool lies."""
    return pool / model.replace(" ", "-") / f"T{temperature_K:g}K" / f"{frames}-frames" / f"{part}.h5"


def simulate_part(pool: Path, model: str, temperature_K: float, part: int, backend: str) -> None:
    """Simulate the lengths of one part that are missing."""
    missing = [f for f in FRAMES if not part_file(pool, model, temperature_K, f, part).exists()]
    if not missing:
        return
    each = MODELS[model]
    keys = [*SMALL, f"run.temperature_K={temperature_K}", f"run.replicas={PART}", f"run.seed={part + 1}"]
    keys += ['run.positions="none"', 'run.track="carriers"', *each.keys]
    keys += [f"run.equilibration={{hops_per_carrier={EQUILIBRATION_HOPS * max(each.hops_per_frame, 1.0)}}}"]
    for frames in missing:
        length = [f"run.frames={frames}", f"run.duration={{hops_per_carrier={frames * each.hops_per_frame}}}"]
        job = prepare(*load_config(each.example, keys + length)).jobs[0]
        file = part_file(pool, model, temperature_K, frames, part)
        folder = file.with_suffix("")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run(job.system, job.settings, folder, backend=backend)
        (folder / "trajectory.h5").rename(file)
        shutil.rmtree(folder)


def groups(pool: Path, model: str, temperature_K: float, frames: int, size: int) -> Iterator[Trajectory]:
    """Disjoint groups of `size` replicas, as runs of their own, in the order of the parts."""
    for part in range(len(MODELS) * 10**6):
        file = part_file(pool, model, temperature_K, frames, part)
        if not file.exists():
            return
        whole = read_trajectory(file)
        for first in range(0, PART - size + 1, size):
            yield of_replicas(whole, slice(first, first + size))


def of_replicas(whole: Trajectory, chosen: slice) -> Trajectory:
    """A trajectory with some of the replicas."""
    scan = whole.scan
    if scan is not None:
        scan = replace(
            scan,
            histogram=scan.histogram[:, :, chosen],
            counters=scan.counters[:, chosen],
            capacity=scan.capacity[chosen],
        )
    return replace(
        whole,
        configuration=whole.configuration[chosen],
        summed_displacement=whole.summed_displacement[:, chosen],
        second_moment=whole.second_moment[:, :, chosen],
        trials=whole.trials[:, chosen],
        accepted=whole.accepted[:, chosen],
        planes=tuple(each[:, chosen] for each in whole.planes),
        scan=scan,
    )
