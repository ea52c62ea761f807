"""Synthetic trajectories of random walks with known coefficients, for the tests of the estimators.

A continuous-time lattice walk with `rate` hops per frame and direction moves by Poisson(rate) - Poisson(rate) sites
along each axis and frame: 6 D = 6 rate l^2 per frame time.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from kmc.files.header import FamilyRecord, SpeciesRecord
from kmc.files.trajectory import Trajectory
from kmc.measure.lag_windows import lags_of

SPACING_M = 2.0e-10
FRAME_S = 1.0e-9
VOLUME_M3 = 5.0e-26
TEMPERATURE_K = 1000.0


def lattice_steps(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float | tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """((..., 3) steps in sites, (...) numbers of hops) of independent walkers; shape: (T, R, N)."""
    rates = np.broadcast_to(rate, 3)
    forth, back = rng.poisson(rates, (*shape, 3)), rng.poisson(rates, (*shape, 3))
    return forth - back, (forth + back).sum(axis=-1)


def synthetic(
    steps: dict[str, np.ndarray],
    hops: dict[str, np.ndarray] | None = None,
    charges: dict[str, int] | None = None,
    blocks: int | None = None,
    **changes: Any,
) -> Trajectory:
    """A trajectory of carriers that exchange with immobile hosts of charge 0.

    steps: carrier -> (T, R, N, 3) displacement in sites per frame and particle. hops: carrier -> (T, R, N) hops;
    if omitted, the sum of |steps|. changes: fields of the trajectory to replace.
    """
    names = list(steps)
    frames, replicas = next(iter(steps.values())).shape[:2]
    charges = charges or dict.fromkeys(names, 2)
    blocks = blocks or max(-(-16 // replicas), 1)
    block_frames = -(-frames // blocks)
    blocks = -(-frames // block_frames)
    lags = lags_of(frames)
    windows = np.zeros((len(lags), blocks), dtype=np.int64)
    second = np.zeros((len(lags), blocks, replicas, len(names) + 1, 6), dtype=np.int64)
    summed = np.zeros((frames + 1, replicas, len(names) + 1, 3), dtype=np.int64)
    accepted = np.zeros((frames + 1, replicas, len(names)), dtype=np.int64)
    for s, name in enumerate(names):
        walk = np.concatenate([np.zeros_like(steps[name][:1]), np.cumsum(steps[name], axis=0)])
        summed[:, :, s] = walk.sum(axis=2)
        made = np.abs(steps[name]).sum(axis=3) if hops is None else hops[name]
        accepted[1:, :, s] = np.cumsum(made.sum(axis=2), axis=0)
        for k, lag in enumerate(lags):
            for end in range(lag, frames + 1, lag):
                block = (end - 1) // block_frames
                moved = walk[end] - walk[end - lag]
                products = [(moved[..., a] * moved[..., b]).sum(axis=1) for a, b in _PAIRS]
                second[k, block, :, s] += np.stack(products, axis=-1)
                windows[k, block] += s == 0
    species = [
        SpeciesRecord(n, n, charges[n], steps[n].shape[2], True, "X", kind="electronic" if n in _ELECTRONIC else "ion")
        for n in names
    ]
    return Trajectory(
        **{
            "temperature_K": TEMPERATURE_K,
            "volume_m3": VOLUME_M3,
            "field_V_per_m": np.zeros(3),
            "species": (*species, SpeciesRecord("host", "host", 0, 100, False, "O")),
            "families": tuple(FamilyRecord(f"{n} hop", n, "host", SPACING_M) for n in names),
            "configuration": np.arange(replicas),
            "grid_vectors_m": np.eye(3) * SPACING_M,
            "time_s": np.arange(frames + 1) * FRAME_S,
            "summed_displacement": summed,
            "lag_frames": np.array(lags, dtype=np.int64),
            "msd_windows": windows,
            "second_moment": second,
            "trials": 2 * accepted,
            "accepted": accepted,
            "backend": "numpy",
            "wall_s": 1.0,
            "seed": 1,
            "model": "synthetic",
            "digest": "",
            "versions": {},
            "cubic": True,
            "rotations": CUBIC if changes.get("cubic", True) else np.eye(3)[None],
            **changes,
        }
    )


def diffusivity(rate: float) -> float:
    """D in m2/s of `lattice_steps` with this rate."""
    return rate * SPACING_M**2 / FRAME_S


_ELECTRONIC = ("electron", "hole")
CUBIC = np.array(  # m-3m: signed permutations of the axes
    [
        np.eye(3)[list(order)] * np.array(signs)
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]
)
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
