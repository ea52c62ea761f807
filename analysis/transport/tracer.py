"""Tracer diffusivity D*, correlation factor f and the mean-square displacement of each mobile species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    jackknife_stderr,
    positive_from_samples,
)
from analysis.statistics.independent_samples import (
    FitRange,
    IndependentSamples,
    IntArray,
    group_blocks,
    group_edges,
    independent_samples,
)
from analysis.statistics.lag_choice import LineFit, fit_line
from analysis.statistics.msd_fit import tracer_candidates
from analysis.transport.tensors import ratio_tensor
from lattices.symmetry import symmetrised

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

TRACER_FORMULA = "D* = slope of <|dr|^2> against t, over 6"
CORRELATION_FORMULA = "f = <|dr|^2>/(hops x l^2), both as rates"
FIELD_REASON = "run in a field: fluctuations are analysed at zero field only; see drift_conductivity_S_m"


@dataclass(frozen=True)
class Curve:
    """Mean-square displacement of a species.

    time_s, msd_m2, stderr_m2: (K,); fit: (offset in m2, slope in m2/s); dof: degrees of freedom of the errors.
    """

    time_s: FloatArray
    msd_m2: FloatArray
    stderr_m2: FloatArray
    fit: tuple[float, float] | None
    dof: int | None = None


@dataclass(frozen=True)
class TracerSamples:
    """Jackknife samples of one species.

    diffusivity: (U+1,), tensor: (U+1, 3, 3). correlation: (U+1,) f, correlation_tensor: (U+1, 3, 3) or None where the
    mean bond tensor of a hop family is not known. fit: the lags and whether the motion is diffusive there. stored:
    indices of the stored lags that the fit uses.
    """

    diffusivity: FloatArray
    tensor: FloatArray
    correlation: FloatArray
    correlation_tensor: FloatArray | None
    fit: LineFit
    stored: IntArray


def tracer_samples(
    trajectory: Trajectory, independent: IndependentSamples, name: str, fit_range: FitRange
) -> TracerSamples:
    """D* and f of one species as jackknife samples; raises UnavailableError where the run cannot support them."""
    if np.any(trajectory.field_V_per_m):
        raise UnavailableError(FIELD_REASON)
    s = [record.name for record in trajectory.species].index(name)
    check_motion(trajectory, name)
    bare = hop_rate_samples(trajectory, independent, name)
    if not (bare > 0).all():
        raise UnavailableError(f"{name} made no hop")
    usable, candidates = tracer_candidates(trajectory, independent, fit_range)
    msd = _msd_samples(trajectory, independent, s)[:, usable]
    interval = float(trajectory.time_s[1])
    fit = fit_line(candidates, np.trace(msd, axis1=2, axis2=3), bare * interval, trajectory.n_frames)
    slope = np.einsum("k,ukab->uab", fit.weights.slope, msd[:, fit.chosen])
    slope = symmetrised(slope, trajectory.rotations) / interval
    trace = np.trace(slope, axis1=1, axis2=2)
    tensor = _bare_tensor_samples(trajectory, independent, name)
    by_axis = None if tensor is None else ratio_tensor(slope, tensor)
    return TracerSamples(trace / 6.0, slope / 2.0, trace / bare, by_axis, fit, usable[fit.chosen])


def without_true_motion(trajectory: Trajectory) -> dict[str, str]:
    """Species whose hops did not have their true rates -> the reason; see kmc/carriers/polaron_modes.py."""
    if trajectory.polaron_mode == "kinetic":
        return {}
    electronic = trajectory.polaron_mode == "scaled"
    kind = "electronic carriers were slowed down" if electronic else "ions were immobile"
    reason = f"polarons.mode = {trajectory.polaron_mode}: {kind}"
    families = [f for f in trajectory.families if (f.carrier in trajectory.electronic) == electronic]
    return {name: reason for f in families for name in (f.carrier, f.partner)}


def label_exchange(trajectory: Trajectory) -> dict[str, str]:
    """Host species that electronic carriers exchange with (Ce of Ce3+/Ce4+) -> why they have no diffusivity."""
    return {
        f.partner: f"hops of {f.carrier} move charge and leave {f.partner} in place: see species.{f.carrier}"
        for f in trajectory.families
        if f.carrier in trajectory.electronic and f.partner not in trajectory.electronic
    }


def check_motion(trajectory: Trajectory, name: str) -> None:
    """Raise UnavailableError for a species whose recorded displacements do not represent the motion of its particles.

    They were not recorded, or they are an exchange of labels, or the rates were not the true ones.
    """
    record = next(record for record in trajectory.species if record.name == name)
    if reason := label_exchange(trajectory).get(name):
        raise UnavailableError(reason)
    if not record.tracked:
        raise UnavailableError(f'displacements of {record.name} were not recorded (run.track = "carriers")')
    if reason := without_true_motion(trajectory).get(name):
        raise UnavailableError(reason)


def tracer_estimates(samples: TracerSamples | Unavailable) -> tuple[Result, Result]:
    """(D* in m2/s, f) of one species."""

    def diffusivity() -> Estimate:
        found = available(samples)
        return positive_from_samples(found.diffusivity, TRACER_FORMULA, found.tensor).noting(found.fit.remark)

    def correlation() -> Estimate:
        found = available(samples)
        estimate = positive_from_samples(found.correlation, CORRELATION_FORMULA, found.correlation_tensor)
        return estimate.noting(found.fit.remark)

    return attempt(diffusivity, TRACER_FORMULA), attempt(correlation, CORRELATION_FORMULA)


def hop_rate_samples(trajectory: Trajectory, independent: IndependentSamples, name: str) -> FloatArray:
    """(U+1,) hops x l^2 per particle of a species and second, in m2/s: 6 D for uncorrelated hops."""
    squared = np.array(
        [family.hop_length_m**2 * (name in (family.carrier, family.partner)) for family in trajectory.families]
    )
    return _hops_per_particle_s(trajectory, independent, name) @ squared


def _bare_tensor_samples(trajectory: Trajectory, independent: IndependentSamples, name: str) -> FloatArray | None:
    """(U+1, 3, 3) sum of b b^T over the hops b per particle and second, or None where it is not known."""
    per_hop = np.zeros((len(trajectory.families), 3, 3))
    for f, family in enumerate(trajectory.families):
        if name in (family.carrier, family.partner):
            if family.mean_bond_tensor_m2 is None:
                return None
            per_hop[f] = family.mean_bond_tensor_m2
    return np.einsum("uf,fab->uab", _hops_per_particle_s(trajectory, independent, name), per_hop)


def _hops_per_particle_s(trajectory: Trajectory, independent: IndependentSamples, name: str) -> FloatArray:
    """(U+1, F) hops of each family per particle of a species and second."""
    record = next(record for record in trajectory.species if record.name == name)
    edges = group_edges(trajectory, independent.groups)
    hops = independent.pool(np.swapaxes(np.diff(trajectory.accepted[edges], axis=0), 0, 1))  # from (G, R, F)
    seconds = np.broadcast_to(np.diff(trajectory.time_s[edges]), (trajectory.replicas, independent.groups))
    return np.asarray(hops / (independent.pool(seconds) * record.count)[:, None])


def msd_curve(trajectory: Trajectory, name: str, samples: TracerSamples | Unavailable) -> Curve:
    """The curve and its fit, for plots; the fit is None, and the errors are NaN, where the run cannot support them."""
    s = [record.name for record in trajectory.species].index(name)
    interval = float(trajectory.time_s[1])
    lags_s = np.asarray(trajectory.lag_frames * interval)
    independent = attempt(lambda: independent_samples(trajectory))
    if isinstance(independent, Unavailable):
        whole = IndependentSamples(np.zeros((trajectory.replicas, 1), dtype=np.int64), 1, "the whole run", None)
        values = np.trace(_msd_samples(trajectory, whole, s), axis1=2, axis2=3)[0]
        return Curve(lags_s, values, np.full(len(values), np.nan), None)
    msd = np.trace(_msd_samples(trajectory, independent, s), axis1=2, axis2=3)
    fit = None
    if not isinstance(samples, Unavailable):
        weights, fitted = samples.fit.weights, msd[0, samples.stored]
        fit = (float(weights.offset @ fitted), float(weights.slope @ fitted) / interval)
    return Curve(lags_s, msd[0], jackknife_stderr(msd), fit, independent.n_samples - 1)


def _msd_samples(trajectory: Trajectory, independent: IndependentSamples, s: int) -> FloatArray:
    """(U+1, K, 3, 3) mean of dr dr^T in m2 over particles and windows; NaN where a jackknife sample holds no window."""
    moments = group_blocks(trajectory.second_moment[:, :, :, s], 1, independent.groups)  # (K, G, R, 6)
    windows = group_blocks(trajectory.msd_windows, 1, independent.groups)  # (K, G)
    summed = independent.pool(np.transpose(moments, (2, 1, 0, 3)))  # (U+1, K, 6)
    per_replica = np.broadcast_to(windows.T, (trajectory.replicas, *windows.T.shape))
    number = independent.pool(per_replica)[..., None, None] * trajectory.species[s].count
    order = np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])
    vectors = trajectory.grid_vectors_m
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(vectors.T @ summed[..., order] @ vectors / number)
