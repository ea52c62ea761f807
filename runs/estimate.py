"""What a run will need and do, before it starts: for `kmc validate` and the head of `kmc run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.config import RunConfig, system_of

if TYPE_CHECKING:
    from kmc.system import System

TRIAL_WALK = 2000  # trials per replica of the walk that estimates the acceptance
TRIAL_REPLICAS = 8


def describe_system(system: System, config: RunConfig) -> list[str]:
    """Sites, particles, charge balance and field, a line each."""
    tables, composition = system.tables, system.composition
    parts = [f"{name} {n}" for name, n in composition.counts.items() if n]
    return [
        f"{system.model.name}: {tables.supercell.n_sites} sites, {system.replicas} replicas: {', '.join(parts)}",
        *composition.notes,
        *field_warning(system, config.run.field_V_per_m),
    ]


def file_bytes(system: System, frames: int, positions: str) -> int:
    """Size of trajectory.h5 without compression."""
    tables = system.tables
    shown = {"none": 0, "first": 1, "all": system.replicas}[positions]
    per_frame = shown * (12 * tables.n_mobile_sites + 100)
    per_frame += system.replicas * (24 * len(tables.species) + 16 * tables.n_families) + 8
    return frames * per_frame + system.replicas * 48 * len(tables.species) * 16


def memory_bytes(system: System, frames: int) -> int:
    """Memory of the state and of the accumulators of one temperature on the host."""
    from kmc.backends.cuda import bytes_per_replica

    lags = max(int(np.log2(max(frames // 2, 1))) + 1, 1)
    return system.replicas * (bytes_per_replica(system.tables) + 12 * system.tables.n_mobile_sites * (lags + 1))


def validate(config: RunConfig, base: Path) -> dict[str, Any]:
    """Everything that can be said without running; the acceptance comes from a short walk of random arrangements."""
    from kmc.backends.cuda import bytes_per_replica
    from kmc.pairs import MICRO

    system = system_of(config, base, 0)
    tables = system.tables
    barriers = tables.barrier2[tables.barrier2 >= 0] / (2 * MICRO)
    return {
        "summary": describe_system(system, config),
        "sites": tables.supercell.n_sites,
        "carriers": {tables.species[int(c)]: int(tables.counts[c]) for c in tables.carrier},
        "barrier_eV": [float(barriers.min()), float(barriers.max())] if len(barriers) else None,
        "proven_lowest_barrier_eV": (tables.reference2 / (2 * MICRO)).tolist(),
        "memory_MB": memory_bytes(system, config.run.frames) / 1e6,
        "device_memory_MB": system.replicas * bytes_per_replica(tables) / 1e6,
        "trajectory_MB_per_temperature": file_bytes(system, config.run.frames, config.run.positions) / 1e6,
        "expected_acceptance": [_acceptance(config, base, k) for k in range(len(config.run.temperatures_K))],
        "acceptance_from": f"{TRIAL_WALK} trials in each of {TRIAL_REPLICAS} replicas that start at random",
        "temperature_K": config.run.temperatures_K,
    }


def _acceptance(config: RunConfig, base: Path, index: int) -> float:
    """Accepted over tried in a short walk."""
    from kmc.backends.reference import ReferenceWalker

    few = config.model_copy(update={"run": config.run.model_copy(update={"replicas": TRIAL_REPLICAS})})
    system = system_of(few, base, index)
    walker = ReferenceWalker(system.tables, system.initial_state(), system.seed)
    walker.advance(np.full(TRIAL_REPLICAS, TRIAL_WALK, dtype=np.int64))
    trials, accepted = walker.counters()
    return float(accepted.sum() / trials.sum())


def field_warning(system: System, wanted: tuple[float, float, float]) -> list[str]:
    """The field really applied, and a warning where rounding changes it by more than 1 %."""
    applied, asked = system.tables.field_V_per_m, np.asarray(wanted)
    if not asked.any():
        return []
    lines = [f"field applied: {applied.tolist()} V/m"]
    if np.linalg.norm(applied - asked) > 0.01 * np.linalg.norm(asked):
        lines.append(
            "warning: rounding to whole microelectronvolts changes the field by more than 1 %; take a stronger one"
        )
    return lines
