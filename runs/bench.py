"""`kmc bench`: hops per second of the backends on fixed cases. The only place where speed is measured.

Each case is set up, warmed up, and timed three times for a third of the requested wall time; the best result counts.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lattices.errors import InputError
from lattices.suggestions import did_you_mean

if TYPE_CHECKING:
    from kmc.backends import Walker
    from kmc.state.replicas import State
    from kmc.state.system import System


@dataclass(frozen=True)
class Case:
    """One system to measure. model: a shipped set, on conventional fluorite cells. lanes: replicas, by backend.

    doping, vacancies, electrons: amounts as in a run file. equilibrate: start from an equilibrated state, whose
    acceptance decides the selection. block: edge of the domains of one large supercell, with half a hop per carrier and
    visit.
    """

    model: str
    repeats: tuple[int, int, int]
    doping: dict[str, float]
    vacancies: float | str
    temperature_K: float
    lanes: dict[str, int]
    tracked: bool = True
    equilibrate: bool = False
    block: int | None = None
    electrons: float | str | None = None


@dataclass(frozen=True)
class Row:
    """Speed of one backend on one case. sites: of the anion sublattice. Rates per second of wall time."""

    backend: str
    device: str
    case: str
    driver: int | None
    versions: dict[str, str]
    commit: str | None
    model: str
    selection: str
    tracked: bool
    parallel: str
    sites: int
    lanes: int
    threads: int
    trials_per_s: float
    accepted_per_s: float
    acceptance: float


@dataclass(frozen=True)
class Benchmark:
    """Every row, with the machine on which they were measured."""

    machine: dict[str, str | int]
    rows: list[Row]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return dataclasses.asdict(self)


MOST_THREADS, MOST_SECONDS = 4096, 3600
HOPS_PER_VISIT = 0.5  # with domains; nearly every trial of the ideal gas is a hop
MOST_EQUILIBRATED, EQUILIBRATION_HOPS = 64, 5  # replicas, hops per carrier before interacting carriers are timed
GDC_LANES = {"numpy": 64, "cpu": 16, "cuda": 8192}
MIXED_LANES = {"numpy": 512, "cpu": 16, "cuda": 16384}
ONE = {"numpy": 1, "cpu": 1, "cuda": 1}
CASES = {
    "ideal-4096": Case("ideal-fluorite", (8, 8, 8), {}, 0.05, 1000.0, {"numpy": 8192, "cpu": 16, "cuda": 16384}),
    "ideal-8000": Case("ideal-fluorite", (10, 10, 10), {}, 0.05, 1000.0, {"numpy": 4096, "cpu": 16, "cuda": 16384}),
    "ideal-512": Case("ideal-fluorite", (4, 4, 4), {}, 0.05, 1000.0, {"numpy": 8192, "cpu": 64, "cuda": 65536}),
    "ideal-512-carriers": Case(
        "ideal-fluorite", (4, 4, 4), {}, 0.05, 1000.0, {"numpy": 8192, "cpu": 64, "cuda": 131072}, tracked=False
    ),
    "ideal-1e4": Case("ideal-fluorite", (12, 12, 12), {}, 0.05, 1000.0, ONE, block=6),
    "ideal-1e5": Case("ideal-fluorite", (24, 24, 24), {}, 0.05, 1000.0, ONE, block=12),
    "ideal-1e6": Case("ideal-fluorite", (50, 50, 50), {}, 0.05, 1000.0, ONE, block=25),
    "ideal-1e7": Case("ideal-fluorite", (108, 108, 108), {}, 0.05, 1000.0, ONE, block=27),
    "ideal-1e8": Case("ideal-fluorite", (232, 232, 232), {}, 0.05, 1000.0, ONE, block=8),
    "mixed": Case("ceria-reduced", (10, 10, 10), {}, 0.05, 1400.0, MIXED_LANES, electrons="charge-balance"),
    "mixed-vacancies": Case("ceria-reduced", (10, 10, 10), {}, 0.05, 1400.0, MIXED_LANES),
    "mixed-electrons": Case("ceria-reduced", (10, 10, 10), {}, 0.0, 1400.0, MIXED_LANES, electrons=0.2),
    "gdc-1000K": Case(
        "gdc-chgnet-preview", (10, 10, 10), {"Gd": 0.1}, "charge-balance", 1000.0, GDC_LANES, equilibrate=True
    ),
    "gdc-673K": Case(
        "gdc-chgnet-preview", (10, 10, 10), {"Gd": 0.1}, "charge-balance", 673.0, GDC_LANES, equilibrate=True
    ),
}


def bench(backends: list[str], cases: list[str], threads: int = 0, seconds: float = 3.0) -> Benchmark:
    """Measure every case on every backend. InputError for an unknown case, or a number or backend that cannot be used.

    threads: of the cpu backend, 0 for all cores. seconds: wall time of each row.
    """
    from kmc.backends import choose_backend

    unknown = [name for name in cases if name not in CASES]
    if unknown:
        raise InputError(f"--case {unknown[0]}: {', '.join(CASES)} are allowed{did_you_mean(unknown[0], CASES)}")
    if not 0 <= threads <= MOST_THREADS:
        raise InputError(f"--threads {threads}: 0 (all cores) to {MOST_THREADS} are allowed")
    if not 0.0 < seconds <= MOST_SECONDS:
        raise InputError(f"--seconds {seconds:g}: a number above 0 and up to {MOST_SECONDS} is allowed")
    for backend in backends:
        choose_backend(backend)
    rows = [_row(backend, name, threads, seconds) for name in cases for backend in backends]
    return Benchmark(machine(), rows)


def machine() -> dict[str, str | int]:
    """Processor, number of usable cores and operating system."""
    model = platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:
            model = next((line.split(":")[1].strip() for line in handle if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux: the name that the platform module gives is kept
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "system": platform.system()}


def _row(backend: str, name: str, threads: int, seconds: float) -> Row:
    from kmc.backends import make_walker
    from kmc.version import VERSION

    case = CASES[name]
    system = _system(case, case.lanes.get(backend, case.lanes["numpy"]))
    state, selection = _begin(system, case)
    walker = make_walker(backend, system, state, selection, block=case.block)
    if backend == "cpu" and threads:
        walker.threads = threads  # type: ignore[attr-defined]  # of the compiled backend only
    trials, hops, wall = _measure(walker, system, seconds, case.block is not None)
    return Row(
        backend=backend,
        device=_device(backend),
        case=name,
        driver=_driver(backend),
        versions={"miec-kmc": VERSION, "numpy": np.__version__, "python": platform.python_version()},
        commit=_commit(),
        model=case.model,
        selection=selection,
        tracked=case.tracked,
        parallel="replicas" if case.block is None else f"domains of {case.block}",
        sites=system.tables.supercell.n_sites_of(0),
        lanes=system.replicas,
        threads=getattr(walker, "threads", 1),
        trials_per_s=trials / wall,
        accepted_per_s=hops / wall,
        acceptance=hops / trials,
    )


def _system(case: Case, lanes: int) -> System:
    from kmc.model.composition import compose
    from kmc.model.parameters import load_model
    from kmc.state.system import build_system
    from lattices.crystal import Supercell
    from lattices.prototypes import fluorite

    model = load_model(case.model)
    cell = Supercell(fluorite({"cation": "Ce"}, 5.411), case.repeats)
    carriers = {"V_O": case.vacancies} | ({"electron": case.electrons} if case.electrons is not None else {})
    numbers = compose(model, cell, dict(case.doping), carriers)  # type: ignore[arg-type]  # species names of the table above
    return build_system(
        model,
        cell,
        numbers,
        case.temperature_K,
        replicas=lanes,
        replicas_per_configuration=lanes,
        tracked=case.tracked,
    )


def _begin(system: System, case: Case) -> tuple[State, str]:
    """The initial (state, selection). Equilibration uses few replicas on the fastest host backend."""
    if not case.equilibrate:
        return system.initial_state(), "rejection"
    from kmc.backends import available_backends, make_walker
    from kmc.run.schedule import decide_selection
    from kmc.run.settings import Settings

    few = dataclasses.replace(system, replicas=min(system.replicas, MOST_EQUILIBRATED))
    backend = "numpy" if available_backends()["cpu"] else "cpu"
    walker = make_walker(backend, few, few.initial_state(), "rejection-free")
    carriers = int(system.tables.counts[system.tables.carrier].max()) * few.replicas
    mean, elapsed = 1000, 0
    while (hops := int(walker.counters()[1].sum())) < EQUILIBRATION_HOPS * carriers:
        walker.advance(np.full(few.replicas, mean, dtype=np.int64))
        elapsed, mean = elapsed + mean * few.replicas, 2 * mean
    state = walker.read()
    copies = -(-system.replicas // few.replicas)
    arrays: dict[str, Any] = {
        name: np.tile(a, (copies, *[1] * (a.ndim - 1)))[: system.replicas] for name, a in state.arrays().items()
    }
    return type(state)(**arrays), decide_selection(system.tables, Settings(), hops, elapsed, True)


def _measure(walker: Walker, system: System, seconds: float, domains: bool) -> tuple[int, int, float]:
    """(trials, hops, wall seconds) of the best of three measurements after a warm-up."""
    carriers = int(system.tables.counts[system.tables.carrier].max())
    each = sweep = max(int(HOPS_PER_VISIT * carriers), 1) if domains else 64
    while (wall := _timed(walker, system, each, -(-each // sweep))[2]) < seconds / 10:
        each = int(each * min(8.0, max(2.0, 0.15 * seconds / max(wall, 1e-4))))
    each = max(int(each * seconds / 3 / wall), sweep)
    return max((_timed(walker, system, each, -(-each // sweep)) for _ in range(3)), key=lambda s: s[1] / s[2])


def _timed(walker: Walker, system: System, trials: int, sweeps: int) -> tuple[int, int, float]:
    before = [int(counter.sum()) for counter in walker.counters()]
    start = time.perf_counter()
    walker.advance(np.full(system.replicas, trials, dtype=np.int64), sweeps)
    after = [int(counter.sum()) for counter in walker.counters()]
    return after[0] - before[0], after[1] - before[1], time.perf_counter() - start


def _device(backend: str) -> str:
    if backend != "cuda":
        return str(machine()["processor"])
    import cupy

    return str(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode())


def _driver(backend: str) -> int | None:
    if backend != "cuda":
        return None
    import cupy

    return int(cupy.cuda.runtime.driverGetVersion())


def _commit() -> str | None:
    """The commit of the working tree, where there is one."""
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
