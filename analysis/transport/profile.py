"""Site fractions and local diffusivities along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.results import ListEntry, ProfileResults, ProfileSpecies
from analysis.statistics.estimates import (
    FloatArray,
    Unavailable,
    attempt,
    available,
    half_width_95,
    jackknife_stderr,
)
from analysis.statistics.independent_samples import IndependentSamples, group_blocks

if TYPE_CHECKING:
    from analysis.transport.analysis import TransportAnalysis
    from kmc.measure.profile import Profile

LOCAL_FORMULA = "slope of the squared displacement across the axis against t, over 4, by bin at the start of a window"


def profile_json(analysis: TransportAnalysis) -> ProfileResults | None:
    """The "profile" entry of results.json; None where the run recorded none.

    Lists run over the bins; unavailable entries are null.
    """
    trajectory, independent = analysis.trajectory, analysis.independent
    kept = trajectory.profile
    if kept is None:
        return None
    cell_m = float(np.linalg.norm(trajectory.grid_vectors_m[kept.axis])) * trajectory.grid
    width = cell_m * 1e10 * trajectory.repeats[kept.axis] / kept.bins
    species: dict[str, ProfileSpecies] = {}
    for s, record in enumerate(trajectory.species):
        if not record.count:
            continue
        if not (record.mobile and record.tracked):
            species[record.name] = {"site_fraction": _initial(kept.initial[:, s].mean(axis=0) / kept.sites[s])}
            continue
        species[record.name] = {
            "site_fraction": _with_error(_fractions(kept, independent, s)),
            "local_tracer_diffusivity_m2_s": _local(analysis, s),
        }
    return {"axis": kept.axis, "position_angstrom": (width * (np.arange(kept.bins) + 0.5)).tolist(), "species": species}


def _fractions(kept: Profile, independent: IndependentSamples | Unavailable, s: int) -> FloatArray:
    """(U+1, N) jackknife samples of the mean site fraction; (1, N) where the run has no independent samples."""
    if isinstance(independent, Unavailable):
        return np.asarray(kept.occupancy[:, :, s].sum(axis=0).mean(axis=0) / kept.frames.sum() / kept.sites[s])[None]
    seen = independent.pool(np.swapaxes(group_blocks(kept.occupancy[:, :, s], 0, independent.groups), 0, 1))
    frames = group_blocks(kept.frames, 0, independent.groups)
    weight = independent.pool(np.broadcast_to(frames, (kept.occupancy.shape[1], independent.groups)))
    return np.asarray(seen / weight[:, None] / kept.sites[s])


def _local(analysis: TransportAnalysis, s: int) -> ListEntry:
    found = attempt(lambda: _local_samples(analysis, s), LOCAL_FORMULA)
    if isinstance(found, Unavailable):
        return {"value": None, "stderr": None, "reason": found.reason, "formula": LOCAL_FORMULA}
    return {**_with_error(found), "formula": LOCAL_FORMULA}


def _local_samples(analysis: TransportAnalysis, s: int) -> FloatArray:
    """(U+1, N) jackknife samples of the local diffusivity across the axis, in m2/s, over the lags of the fit of D*."""
    trajectory, independent = analysis.trajectory, available(analysis.independent)
    kept = trajectory.profile
    assert kept is not None
    tracer = available(analysis.tracer(trajectory.species[s].name))
    chosen, weights = tracer.stored, tracer.fit.weights
    across = [a for a in range(3) if a != kept.axis]
    scale = np.array([float(trajectory.grid_vectors_m[a] @ trajectory.grid_vectors_m[a]) for a in across])
    moment = group_blocks(kept.moment[chosen][:, :, :, s][..., across] @ scale, 1, independent.groups)  # (k, G, R, N)
    count = group_blocks(kept.count[chosen][:, :, :, s], 1, independent.groups)
    total, number = (independent.pool(np.transpose(array, (2, 1, 0, 3))) for array in (moment, count))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.einsum("k,ukn->un", weights.slope, total / number) / float(trajectory.time_s[1])
    return np.asarray(slope / 4.0)


def _with_error(samples: FloatArray) -> ListEntry:
    errors = jackknife_stderr(samples) if len(samples) > 1 else np.full(samples.shape[1], np.nan)
    found: ListEntry = {"value": _list(samples[0]), "stderr": _list(errors)}
    if len(samples) <= 2:
        return found
    dof = len(samples) - 2
    return found | {"half_width_95": _list(half_width_95(1.0, dof) * errors), "dof": dof}


def _initial(values: FloatArray) -> ListEntry:
    return {"value": _list(values), "stderr": None, "reason": "immobile: the initial configuration"}


def _list(values: FloatArray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
