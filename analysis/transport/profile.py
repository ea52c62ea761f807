"""Site fractions and local diffusivities along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.statistics.estimates import FloatArray, Untrustworthy, jackknife_stderr
from analysis.statistics.msd_fit import Units, group_blocks, tracer_weights
from analysis.transport.tracer import without_true_motion

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory
    from kmc.measure.profile import Profile

LOCAL_FORMULA = "slope of the squared displacement across the axis against t, over 4, by where windows began"


def profile_json(trajectory: Trajectory, units: Units | None, fit_range: tuple[float, float]) -> dict[str, Any] | None:
    """The "profile" entry of results.json; None where the run kept none.

    Lists run over the bins; an entry that cannot be had is null.
    """
    kept = trajectory.profile
    if kept is None:
        return None
    cell_m = float(np.linalg.norm(trajectory.grid_vectors_m[kept.axis])) * trajectory.grid
    width = cell_m * 1e10 * trajectory.repeats[kept.axis] / kept.bins
    species: dict[str, Any] = {}
    for s, record in enumerate(trajectory.species):
        if not record.count:
            continue
        if not (record.mobile and record.tracked):
            species[record.name] = {"site_fraction": _plain(kept.initial[:, s].mean(axis=0) / kept.sites[s])}
            continue
        species[record.name] = {
            "site_fraction": _with_error(_fractions(kept, units, s)),
            "local_tracer_diffusivity_m2_s": _local(trajectory, units, s, fit_range),
        }
    return {"axis": kept.axis, "position_angstrom": (width * (np.arange(kept.bins) + 0.5)).tolist(), "species": species}


def _fractions(kept: Profile, units: Units | None, s: int) -> FloatArray:
    """(U+1, N) rows of the mean site fraction; one row where there are no units."""
    if units is None:
        return np.asarray(kept.occupancy[:, :, s].sum(axis=0).mean(axis=0) / kept.frames.sum() / kept.sites[s])[None]
    seen = units.pool(np.swapaxes(group_blocks(kept.occupancy[:, :, s], 0, units.groups), 0, 1))
    frames = group_blocks(kept.frames, 0, units.groups)
    weight = units.pool(np.broadcast_to(frames, (kept.occupancy.shape[1], units.groups)))
    return np.asarray(seen / weight[:, None] / kept.sites[s])


def _local(trajectory: Trajectory, units: Units | None, s: int, fit_range: tuple[float, float]) -> dict[str, Any]:
    kept = trajectory.profile
    assert kept is not None
    try:
        if units is None:
            raise Untrustworthy("too few independent windows")
        if np.any(trajectory.field_V_per_m):
            raise Untrustworthy("run in a field: fluctuations are analysed at zero field only")
        if reason := without_true_motion(trajectory).get(trajectory.species[s].name):
            raise Untrustworthy(reason)
        chosen, weights = tracer_weights(trajectory, units, fit_range)
    except Untrustworthy as error:
        return {"value": None, "stderr": None, "reason": error.reason, "formula": LOCAL_FORMULA}
    across = [a for a in range(3) if a != kept.axis]
    scale = np.array([float(trajectory.grid_vectors_m[a] @ trajectory.grid_vectors_m[a]) for a in across])
    moment = group_blocks(kept.moment[chosen][:, :, :, s][..., across] @ scale, 1, units.groups)  # (k, G, R, N)
    count = group_blocks(kept.count[chosen][:, :, :, s], 1, units.groups)
    rows = [units.pool(np.transpose(array, (2, 1, 0, 3))) for array in (moment, count)]
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.einsum("k,ukn->un", weights.slope, rows[0] / rows[1]) / float(trajectory.time_s[1])
    return _with_error(slope / 4.0) | {"formula": LOCAL_FORMULA}


def _with_error(rows: FloatArray) -> dict[str, Any]:
    errors = jackknife_stderr(rows) if len(rows) > 1 else np.full(rows.shape[1], np.nan)
    return {"value": _list(rows[0]), "stderr": _list(errors)}


def _plain(values: FloatArray) -> dict[str, Any]:
    return {"value": _list(values), "stderr": None, "reason": "does not move: as the run began"}


def _list(values: FloatArray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
