"""The collective motion: Onsager coefficients, collective diffusivity, Haven ratio.

L_ij = lim <dR_i . dR_j>/(6 V t kT) with dR_i the summed displacement of species i in the lattice frame; independent
carriers only (V_O, not O). sigma_ij = z_i z_j e^2 L_ij, z being the charge that a displacement moves (carriers_of).
Where the model does not couple two carriers (kmc/carriers/coupling.py), their L_ij is set to zero: its sampled value is
noise of the order of sqrt(L_ii L_jj), which would swamp the smaller of the two conductivities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.results import OF_VACANCIES, MatrixEntry, OnsagerResults, TensorEntry, TransportKey
from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    from_samples,
    half_width_95,
    jackknife_stderr,
    positive_from_samples,
)
from analysis.statistics.independent_samples import FitRange, IndependentSamples
from analysis.statistics.lag_choice import LineFit, fit_line
from analysis.statistics.msd_fit import Candidates, collective_candidates
from analysis.transport.band import with_band
from analysis.transport.collective_path import CollectivePath, collective_path
from analysis.transport.conductivity import Carriers, Coefficient, conductivity_estimates, submatrix, tensor_submatrix
from analysis.transport.conductivity import diffusivity as diffusivity_of
from analysis.transport.species_groups import carriers_of, uncoupled_pairs
from analysis.transport.tensors import ratio_tensor
from analysis.transport.tracer import FIELD_REASON, TracerSamples, check_motion, hop_rate_samples, without_true_motion
from lattices.constants import BOLTZMANN_J_K
from lattices.symmetry import symmetrised

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

L_FORMULA = "L_ij = slope of <dR_i . dR_j> against t, over 6 V kT"
ZERO_CROSS = "; L_ij = 0 between carriers that the model does not couple"
COLLECTIVE_FORMULA = "D_sigma = kT L_ii/c_i"
HAVEN_FORMULA = "H_R = D*/D_sigma"


@dataclass(frozen=True)
class CollectiveSamples:
    """Jackknife samples of the collective motion.

    carriers: C of them. matrix: (U+1, C, C, 3, 3) L in 1/(J m s). of_species: mobile species -> (U+1, 3, 3) its own L.
    cubic: each L_ij is a multiple of the unit matrix.
    fits: of <dR_i^2> by mobile species, with lags in steps of interval_s. uncoupled: pairs of carriers whose cross
    term is set to zero in `matrix`. sampled: (U+1, C, C) scalar L as sampled.
    """

    carriers: Carriers
    matrix: FloatArray
    of_species: dict[str, FloatArray]
    uncoupled: tuple[tuple[str, str], ...] = ()
    sampled: FloatArray | None = None
    cubic: bool = True
    fits: Mapping[str, LineFit] = field(default_factory=dict)
    interval_s: float = 0.0

    @property
    def bound_reason(self) -> str | None:
        """Which carriers are not diffusive at any lag, or None."""
        known = {name: self.fits[name] for name in self.carriers.names if name in self.fits}
        return (
            "; ".join(
                f"L_ii of {name} is not diffusive: {fit.bound_reason}"
                for name, fit in known.items()
                if fit.bound_reason
            )
            or None
        )

    @property
    def remark(self) -> str | None:
        """`bound_reason`, or else whose slope may fall further at longer lags, or None."""
        known = {name: self.fits[name] for name in self.carriers.names if name in self.fits}
        return (
            self.bound_reason
            or "; ".join(f"L_ii of {name} {fit.hint}" for name, fit in known.items() if fit.hint)
            or None
        )

    @property
    def scalars(self) -> FloatArray:
        """(U+1, C, C): a third of the trace."""
        return np.asarray(np.trace(self.matrix, axis1=3, axis2=4) / 3.0)

    def of_names(self, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """((U+1, n, n) scalar L of some carriers in order, (n,) charges moved); UnavailableError if one is missing."""
        known = list(self.carriers.names)
        if missing := [name for name in names if name not in known]:
            raise UnavailableError(self.carriers.left_out or f"no {missing[0]} moved")
        chosen = [known.index(name) for name in names]
        return submatrix(self.scalars, chosen), self.carriers.charges[chosen]

    def tensors_of(self, names: Sequence[str]) -> FloatArray:
        """(U+1, n, n, 3, 3) L of some carriers in this order, which must be there."""
        return tensor_submatrix(self.matrix, [self.carriers.names.index(name) for name in names])


def collective_samples(
    trajectory: Trajectory, independent: IndependentSamples, fit_range: FitRange
) -> CollectiveSamples:
    """L from the second moments of the summed displacements; UnavailableError where the run cannot support it."""
    if np.any(trajectory.field_V_per_m):
        raise UnavailableError(FIELD_REASON)
    missing = without_true_motion(trajectory)
    moved = {name: z for name, z in carriers_of(trajectory).items() if name not in missing}
    names = tuple(moved)
    mobile = [record.name for record in trajectory.species if record.mobile and record.count]
    path = collective_path(trajectory, mobile)
    candidates = collective_candidates(path.steps, independent, fit_range)
    moments = _moments(path, path.group_of(trajectory, independent.groups), independent, candidates)
    fits = _fits(trajectory, independent, candidates, moments, mobile, path)
    slopes = _slopes(moments, [fits[name] for name in mobile]) / path.interval_s
    kt_volume = BOLTZMANN_J_K * trajectory.temperature_K * trajectory.volume_m3
    matrix = symmetrised(slopes / (2.0 * kt_volume), trajectory.rotations)
    place = [mobile.index(name) for name in names]
    charges = np.array(list(moved.values()), dtype=float)
    chosen = matrix[:, place][:, :, place]
    sampled = np.asarray(np.trace(chosen, axis1=3, axis2=4) / 3.0)
    uncoupled = uncoupled_pairs(trajectory.coupled_groups, names)
    for a, b in uncoupled:
        i, j = names.index(a), names.index(b)
        chosen[:, i, j] = chosen[:, j, i] = 0.0
    own = {name: matrix[:, i, i] for i, name in enumerate(mobile) if name not in missing}
    electronic = np.array([name in trajectory.electronic for name in names], dtype=bool)
    carriers = Carriers(names, charges, electronic, next(map(Unavailable, missing.values()), None))
    of_species = {name: fit for name, fit in fits.items() if name not in missing}
    found = CollectiveSamples(carriers, chosen, own, uncoupled, sampled, trajectory.cubic, of_species, path.interval_s)
    if trajectory.band is None:
        return found
    electronic_charges = {name: z for name, z in carriers_of(trajectory).items() if name in trajectory.electronic}
    return with_band(found, trajectory.band, electronic_charges)


def _moments(
    path: CollectivePath, group_of: np.ndarray, independent: IndependentSamples, candidates: Candidates
) -> FloatArray:
    """(U+1, K, M, M, 3, 3) mean of dR_i dR_j^T in m2 at the candidate lags, for M mobile species."""
    lags = candidates.lags.tolist()
    return np.stack([_mean_outer(path.position_m, lag, group_of, independent) for lag in lags], axis=1)


def _fits(
    trajectory: Trajectory,
    independent: IndependentSamples,
    candidates: Candidates,
    moments: FloatArray,
    mobile: Sequence[str],
    path: CollectivePath,
) -> dict[str, LineFit]:
    """The fit of <dR_i^2> of each mobile species; its bare rate is that of all its particles, which hop one by one."""
    fits = {}
    for i, name in enumerate(mobile):
        count = trajectory.species[_index(trajectory, name)].count
        bare = hop_rate_samples(trajectory, independent, name) * count * path.interval_s
        own = np.trace(moments[:, :, i, i], axis1=2, axis2=3)
        fits[name] = fit_line(candidates, own, bare, path.steps)
    return fits


def _slopes(moments: FloatArray, fits: Sequence[LineFit]) -> FloatArray:
    """(U+1, M, M, 3, 3) slopes per frame; those of a pair are fitted to the lags at which both are diffusive."""
    slopes = np.zeros((len(moments), *moments.shape[2:]))
    for i, j in np.ndindex(len(fits), len(fits)):
        fit = max(fits[i], fits[j], key=lambda each: each.range_frames[0])
        slopes[:, i, j] = np.einsum("k,ukab->uab", fit.weights.slope, moments[:, fit.chosen, i, j])
    return slopes


def species_estimates(
    trajectory: Trajectory, collective: CollectiveSamples | Unavailable, tracer: TracerSamples | Unavailable, name: str
) -> tuple[Result, Result]:
    """(D_sigma in m2/s, H_R) of a mobile species."""

    def diffusivity() -> Estimate:
        tensor = collective_diffusivity(trajectory, available(collective), name)
        scalar = np.trace(tensor, axis1=1, axis2=2) / 3.0
        found = positive_from_samples(scalar, COLLECTIVE_FORMULA, tensor)
        return found.noting(available(collective).fits[name].remark)

    def haven() -> Estimate:
        tensor = collective_diffusivity(trajectory, available(collective), name)
        scalar = np.trace(tensor, axis1=1, axis2=2) / 3.0
        own = available(tracer)
        found = positive_from_samples(own.diffusivity / scalar, HAVEN_FORMULA, ratio_tensor(own.tensor, tensor))
        vacant = trajectory.species[_index(trajectory, name)].element == "X"
        collective_remark = available(collective).fits[name].remark
        if vacant:
            found = replace(found, note=None).noting(OF_VACANCIES).noting(found.note)
        if own.fit.remark:
            found = found.noting(f"D*: {own.fit.remark}")
        return found.noting(f"D_sigma: {collective_remark}" if collective_remark else None)

    return attempt(diffusivity, COLLECTIVE_FORMULA), attempt(haven, HAVEN_FORMULA)


def collective_diffusivity(trajectory: Trajectory, collective: CollectiveSamples, name: str) -> FloatArray:
    """(U+1, 3, 3) D_sigma = kT L_ii/c_i of a mobile species in m2/s; UnavailableError without its true motion."""
    check_motion(trajectory, name)
    density = trajectory.species[_index(trajectory, name)].count / trajectory.volume_m3
    return diffusivity_of(collective.of_species[name], trajectory.temperature_K, density)


def transport_coefficients(collective: CollectiveSamples | Unavailable) -> dict[TransportKey, Result]:
    """Conductivities and transference numbers by their key in results.json."""
    if isinstance(collective, Unavailable):
        collective = CollectiveSamples(
            Carriers((), np.zeros(0), np.zeros(0, dtype=bool), collective), np.zeros((1, 0, 0, 3, 3)), {}
        )
    return conductivity_estimates(collective.carriers, collective.scalars[0], partial(evaluate, collective))


def evaluate(collective: CollectiveSamples, coefficient: Coefficient, formula: str) -> Estimate:
    """A coefficient with its tensor; away from cubic symmetry the value is a third of the tensor's trace."""
    tensor = coefficient.tensor(collective.matrix)
    scalar = coefficient.scalar(collective.scalars) if collective.cubic else np.trace(tensor, axis1=1, axis2=2) / 3.0
    return from_samples(np.asarray(scalar), formula, tensor).noting(collective.remark)


def onsager_json(collective: CollectiveSamples | Unavailable) -> OnsagerResults:
    """The "onsager" entry of results.json."""
    if isinstance(collective, Unavailable):
        absent: MatrixEntry = {"value": None, "stderr": None, "reason": collective.reason}
        return {"species": None, "matrix_1_per_J_m_s": absent}
    result: OnsagerResults = {
        "species": list(collective.carriers.names),
        "charge_moved_e": collective.carriers.charges.tolist(),
        "matrix_1_per_J_m_s": _matrix_json(
            collective.scalars, L_FORMULA + (ZERO_CROSS if collective.uncoupled else "")
        ),
    }
    if collective.uncoupled and collective.sampled is not None:
        result["uncoupled"] = [list(pair) for pair in collective.uncoupled]
        result["sampled_matrix_1_per_J_m_s"] = _matrix_json(collective.sampled, L_FORMULA)
    if collective.carriers.given:
        result["given"] = collective.carriers.given
    return result | {"tensor_1_per_J_m_s": _tensor_json(collective.matrix)}


def _tensor_json(samples: FloatArray) -> TensorEntry:
    stderr, dof = jackknife_stderr(samples), len(samples) - 2
    half = half_width_95(1.0, dof) * stderr
    return {"value": samples[0].tolist(), "stderr": stderr.tolist(), "half_width_95": half.tolist(), "dof": dof}


def _matrix_json(samples: FloatArray, formula: str) -> MatrixEntry:
    stderr, dof = jackknife_stderr(samples), len(samples) - 2
    return {
        "value": samples[0].tolist(),
        "stderr": stderr.tolist(),
        "half_width_95": (half_width_95(1.0, dof) * stderr).tolist(),
        "dof": dof,
        "formula": formula,
    }


def _index(trajectory: Trajectory, name: str) -> int:
    return [record.name for record in trajectory.species].index(name)


def _mean_outer(metric: FloatArray, lag: int, group_of: np.ndarray, independent: IndependentSamples) -> FloatArray:
    """(U+1, M, M, 3, 3) mean over windows of lag frames of dR_i dR_j^T, in m2."""
    moved = metric[lag:] - metric[:-lag]  # windows end at frames lag ... T
    group = group_of[lag:]
    replicas, species = moved.shape[1:3]
    total = np.zeros((replicas, independent.groups, species, species, 3, 3))
    number = np.zeros((replicas, independent.groups))
    for g in range(independent.groups):
        here = moved[group == g]
        total[:, g] = np.einsum("nria,nrjb->rijab", here, here, optimize=True)
        number[:, g] = len(here)
    return np.asarray(independent.pool(total) / independent.pool(number)[:, None, None, None, None])
