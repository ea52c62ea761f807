"""Tracer diffusivity D*, correlation factor f and the mean-square displacement of each mobile species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import Figure, FloatArray, Untrustworthy, attempt, positive_from_rows
from analysis.statistics.msd_fit import (
    Units,
    Weights,
    check_correlation_time,
    choose_units,
    curvature_warning,
    group_blocks,
    tracer_weights,
)

if TYPE_CHECKING:
    from kmc.files.trajectory import SpeciesRecord, Trajectory

TRACER_FORMULA = "D* = slope of <|dr|^2> against t, over 6"
CORRELATION_FORMULA = "f = <|dr|^2>/(hops x l^2), both as rates"
FIELD_REASON = "run in a field: fluctuations are analysed at zero field only; see drift_conductivity_S_m"


@dataclass(frozen=True)
class Curve:
    """Mean-square displacement of a species. time_s, msd_m2, stderr_m2: (K,); fit: (offset in m2, slope in m2/s)."""

    time_s: FloatArray
    msd_m2: FloatArray
    stderr_m2: FloatArray
    fit: tuple[float, float] | None


@dataclass(frozen=True)
class TracerRows:
    """Leave-one-out rows of one species: diffusivity (U+1,), its tensor (U+1, 3, 3), f (U+1,); and warnings."""

    diffusivity: FloatArray
    tensor: FloatArray
    correlation: FloatArray
    warning: str | None


def tracer_rows(trajectory: Trajectory, units: Units, name: str, fit_range: tuple[float, float]) -> TracerRows:
    """Everything about the tracer of one species; Untrustworthy where the run cannot give it."""
    if np.any(trajectory.field_V_per_m):
        raise Untrustworthy(FIELD_REASON)
    s = [record.name for record in trajectory.species].index(name)
    check_tracked(trajectory.species[s])
    if reason := without_true_motion(trajectory).get(name):
        raise Untrustworthy(reason)
    bare = hop_rate_rows(trajectory, units, name)
    if not (bare > 0).all():
        raise Untrustworthy(f"{name} made no hop")
    chosen, weights = tracer_weights(trajectory, units, fit_range)
    msd = _msd_rows(trajectory, units, s)[:, chosen]
    interval = float(trajectory.time_s[1])
    slope = np.einsum("k,ukab->uab", weights.slope, msd) / interval
    trace = np.trace(slope, axis1=1, axis2=2)
    offset = np.einsum("k,ukaa->u", weights.offset, msd)
    check_correlation_time(weights, interval, float(trajectory.time_s[-1]), offset, bare, trace)
    return TracerRows(trace / 6.0, slope / 2.0, trace / bare, _warning(name, weights, msd))


def without_true_motion(trajectory: Trajectory) -> dict[str, str]:
    """Species whose hops did not have their true rates -> why; see kmc/carriers/polaron_modes.py."""
    if trajectory.polaron_mode == "kinetic":
        return {}
    electronic = trajectory.polaron_mode == "scaled"
    kind = "electronic carriers were slowed down" if electronic else "ions stood still"
    reason = f"polarons.mode = {trajectory.polaron_mode}: {kind}"
    families = [f for f in trajectory.families if (f.carrier in trajectory.electronic) == electronic]
    return {name: reason for f in families for name in (f.carrier, f.partner)}


def check_tracked(record: SpeciesRecord) -> None:
    """Untrustworthy for a species whose displacements the run did not follow."""
    if not record.tracked:
        raise Untrustworthy(f'{record.name} was not followed (run.track = "carriers")')


def tracer_figures(
    trajectory: Trajectory, units: Units, name: str, fit_range: tuple[float, float]
) -> tuple[Figure, Figure, list[str]]:
    """(D* in m2/s, f, warnings) of one species."""
    warnings: list[str] = []

    def diffusivity() -> Figure:
        rows = tracer_rows(trajectory, units, name, fit_range)
        if rows.warning:
            warnings.append(rows.warning)
        return positive_from_rows(rows.diffusivity, TRACER_FORMULA, None if trajectory.cubic else rows.tensor)

    def correlation() -> Figure:
        return positive_from_rows(tracer_rows(trajectory, units, name, fit_range).correlation, CORRELATION_FORMULA)

    return attempt(diffusivity, TRACER_FORMULA), attempt(correlation, CORRELATION_FORMULA), warnings


def hop_rate_rows(trajectory: Trajectory, units: Units, name: str) -> FloatArray:
    """(U+1,) hops x l^2 per particle and second of a species, in m2/s: 6 D if hops were uncorrelated."""
    record = next(record for record in trajectory.species if record.name == name)
    edges = group_edges(trajectory, units.groups)
    hops = np.diff(trajectory.accepted[edges], axis=0)  # (G, R, F)
    squared = np.array(
        [family.hop_length_m**2 * (name in (family.carrier, family.partner)) for family in trajectory.families]
    )
    walked = units.pool(np.swapaxes(hops @ squared, 0, 1))
    seconds = np.broadcast_to(np.diff(trajectory.time_s[edges]), (trajectory.replicas, units.groups))
    return np.asarray(walked / (units.pool(seconds) * record.count))


def group_edges(trajectory: Trajectory, groups: int) -> np.ndarray:
    """(G + 1,) frames between the time groups that `group_blocks` makes of the time blocks."""
    frames, blocks = trajectory.n_frames, trajectory.msd_windows.shape[1]
    starts = -(-np.arange(groups) * blocks // groups) * -(-frames // blocks)
    return np.append(np.minimum(starts, frames), frames)


def msd_curve(trajectory: Trajectory, name: str, fit_range: tuple[float, float]) -> Curve:
    """The curve and its fit for a picture; InputError never, an empty fit where the run gives none."""
    from analysis.statistics.estimates import jackknife_stderr

    s = [record.name for record in trajectory.species].index(name)
    interval = float(trajectory.time_s[1])
    try:
        units = choose_units(trajectory, fit_range)
        rows = np.trace(_msd_rows(trajectory, units, s), axis1=2, axis2=3)
        stderr = jackknife_stderr(rows)
        chosen, weights = tracer_weights(trajectory, units, fit_range)
        fit = (float(weights.offset @ rows[0, chosen]), float(weights.slope @ rows[0, chosen]) / interval)
        values = rows[0]
    except Untrustworthy:
        whole = Units(np.zeros((trajectory.replicas, 1), dtype=np.int64), 1, "one", None)
        values = np.trace(_msd_rows(trajectory, whole, s), axis1=2, axis2=3)[0]
        stderr, fit = np.full(len(values), np.nan), None
    return Curve(np.asarray(trajectory.lag_frames * interval), values, stderr, fit)


def _msd_rows(trajectory: Trajectory, units: Units, s: int) -> FloatArray:
    """(U+1, K, 3, 3) mean of dr dr^T in m2 over particles and windows; NaN where a row holds no window."""
    moments = group_blocks(trajectory.second_moment[:, :, :, s], 1, units.groups)  # (K, G, R, 6)
    windows = group_blocks(trajectory.msd_windows, 1, units.groups)  # (K, G)
    summed = units.pool(np.transpose(moments, (2, 1, 0, 3)))  # (U+1, K, 6)
    per_replica = np.broadcast_to(windows.T, (trajectory.replicas, *windows.T.shape))
    number = units.pool(per_replica)[..., None, None] * trajectory.species[s].count
    order = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
    vectors = trajectory.grid_vectors_m
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(vectors.T @ summed[..., order] @ vectors / number)


def _warning(name: str, weights: Weights, msd: FloatArray) -> str | None:
    if weights.early is None or weights.late is None:
        return None
    trace = np.trace(msd, axis1=2, axis2=3)
    return curvature_warning(f"D* of {name}", trace @ weights.early, trace @ weights.late)
