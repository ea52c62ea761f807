"""The collective part: Onsager coefficients, collective diffusivity, Haven ratio, conductivities.

L_ij = lim <dR_i . dR_j>/(6 V t kT) with dR_i the summed displacement of species i in the lattice frame; independent
carriers only (V_O, not O). sigma_ij = z_i z_j e^2 L_ij, z being the charge that a hop moves: carrier less partner.
Where the model does not couple two carriers (kmc/carriers/coupling.py), their L_ij is zero and not sampled: its noise,
sqrt(L_ii L_jj), would drown the smaller of the two conductivities.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    from_samples,
    jackknife_stderr,
    positive_from_samples,
)
from analysis.statistics.msd_fit import IndependentSamples, collective_weights
from analysis.transport.tracer import FIELD_REASON, check_tracked, group_edges, tracer_samples, without_true_motion
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

L_FORMULA = "L_ij = slope of <dR_i . dR_j> against t, over 6 V kT"
ZERO_CROSS = "; L_ij = 0 between carriers that the model does not couple"
COLLECTIVE_FORMULA = "D_sigma = kT L_ii/c_i"
HAVEN_FORMULA = "H_R = D*/D_sigma"
AMBIPOLAR_FORMULA = "sigma_amb = sigma_e sigma_V/(sigma_e + sigma_V), diagonal parts"
AMBIPOLAR_ONSAGER_FORMULA = (
    "z_V^2 e^2 L_amb, L_amb = z_e^2 (L_VV L_ee - L_Ve^2)/(z_V^2 L_VV + 2 z_V z_e L_Ve + z_e^2 L_ee)"
)
NO_ELECTRONIC = 'the model has no electronic carrier (a species of kind "electronic")'


@dataclass(frozen=True)
class CollectiveSamples:
    """Jackknife samples of the collective motion.

    names: carriers, C of them. charges: (C,) charge moved per hop, in e. matrix: (U+1, C, C, 3, 3) L in 1/(J m s).
    of_species: mobile species -> (U+1, 3, 3) its own L. left_out: why carriers of one kind are missing, or None.
    sampled: (U+1, C, C) scalar L as sampled. uncoupled: pairs of carriers whose cross term is set to zero in `matrix`.
    """

    names: tuple[str, ...]
    charges: FloatArray
    matrix: FloatArray
    of_species: dict[str, FloatArray]
    sampled: FloatArray | None = None
    uncoupled: tuple[tuple[str, str], ...] = ()
    left_out: Unavailable | None = None
    electronic: frozenset[str] = frozenset()

    @property
    def scalars(self) -> FloatArray:
        """(U+1, C, C): a third of the trace."""
        return np.asarray(np.trace(self.matrix, axis1=3, axis2=4) / 3.0)


def collective_samples(
    trajectory: Trajectory, independent: IndependentSamples, fit_range: tuple[float, float]
) -> CollectiveSamples:
    """L from the second moments of the summed displacements; UnavailableError where the run cannot support it."""
    if np.any(trajectory.field_V_per_m):
        raise UnavailableError(FIELD_REASON)
    missing = without_true_motion(trajectory)
    names = tuple(name for name in carriers_of(trajectory) if name not in missing)
    mobile = [record.name for record in trajectory.species if record.mobile and record.count]
    weights = collective_weights(trajectory.n_frames, independent, fit_range)
    interval = float(trajectory.time_s[1])
    group_of = _group_of_frames(trajectory, independent.groups)
    slopes: FloatArray | float = 0.0
    summed = trajectory.summed_displacement[:, :, [_index(trajectory, name) for name in mobile]]
    metric = summed @ trajectory.grid_vectors_m  # (T+1, R, M, 3)
    for lag, weight in zip(weights.lags.tolist(), weights.slope.tolist(), strict=True):
        slopes = slopes + weight / interval * _mean_outer(metric, lag, group_of, independent)
    kt_volume = BOLTZMANN_J_K * trajectory.temperature_K * trajectory.volume_m3
    matrix = np.asarray(slopes) / (2.0 * kt_volume)
    place = [mobile.index(name) for name in names]
    charges = np.array([_charge_moved(trajectory, name) for name in names], dtype=float)
    chosen = matrix[:, place][:, :, place]
    sampled = np.asarray(np.trace(chosen, axis1=3, axis2=4) / 3.0)
    uncoupled = uncoupled_pairs(trajectory.coupled_groups, names)
    for a, b in uncoupled:
        i, j = names.index(a), names.index(b)
        chosen[:, i, j] = chosen[:, j, i] = 0.0
    own = {name: matrix[:, i, i] for i, name in enumerate(mobile) if name not in missing}
    left_out = next(map(Unavailable, missing.values()), None)
    return CollectiveSamples(names, charges, chosen, own, sampled, uncoupled, left_out, trajectory.electronic)


def uncoupled_pairs(groups: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of carriers of different groups, which the model does not couple; none where there are no groups."""
    number = {name: k for k, group in enumerate(groups) for name in group}
    known = [name for name in names if name in number]
    return tuple((a, b) for a, b in itertools.combinations(known, 2) if number[a] != number[b])


def carriers_of(trajectory: Trajectory) -> tuple[str, ...]:
    """Independent carriers that are present, in the order of the hop families."""
    count = {record.name: record.count for record in trajectory.species}
    return tuple(dict.fromkeys(f.carrier for f in trajectory.families if count[f.carrier]))


def species_estimates(
    trajectory: Trajectory,
    independent: IndependentSamples,
    collective: CollectiveSamples | Unavailable,
    name: str,
    fit_range: tuple[float, float],
) -> tuple[Result, Result]:
    """(D_sigma in m2/s, H_R) of a mobile species."""
    record = trajectory.species[_index(trajectory, name)]

    def diffusivity() -> Estimate:
        check_tracked(record)
        tensor = collective_diffusivity(trajectory, available(collective), name)
        scalar = np.trace(tensor, axis1=1, axis2=2) / 3.0
        return positive_from_samples(scalar, COLLECTIVE_FORMULA, None if trajectory.cubic else tensor)

    def haven() -> Estimate:
        check_tracked(record)
        tensor = collective_diffusivity(trajectory, available(collective), name)
        own = tracer_samples(trajectory, independent, name, fit_range).diffusivity
        return positive_from_samples(own / (np.trace(tensor, axis1=1, axis2=2) / 3.0), HAVEN_FORMULA)

    return attempt(diffusivity, COLLECTIVE_FORMULA), attempt(haven, HAVEN_FORMULA)


def collective_diffusivity(trajectory: Trajectory, collective: CollectiveSamples, name: str) -> FloatArray:
    """(U+1, 3, 3) D_sigma = kT L_ii/c_i of a mobile species in m2/s; UnavailableError without its true motion."""
    if name not in collective.of_species:
        raise UnavailableError(collective.left_out or f"{name} has no collective motion of its own")
    density = trajectory.species[_index(trajectory, name)].count / trajectory.volume_m3
    return np.asarray(BOLTZMANN_J_K * trajectory.temperature_K * collective.of_species[name] / density)


def onsager_json(collective: CollectiveSamples | Unavailable) -> dict[str, Any]:
    """The "onsager" entry of results.json."""
    if isinstance(collective, Unavailable):
        return {"species": None, "matrix_1_per_J_m_s": collective.as_json()}
    samples = collective.scalars
    formula = L_FORMULA + (ZERO_CROSS if collective.uncoupled else "")
    matrix = {"value": samples[0].tolist(), "stderr": jackknife_stderr(samples).tolist(), "formula": formula}
    result: dict[str, Any] = {
        "species": list(collective.names),
        "charge_moved_e": collective.charges.tolist(),
        "matrix_1_per_J_m_s": matrix,
    }
    if collective.uncoupled and (seen := collective.sampled) is not None:
        sampled = {"value": seen[0].tolist(), "stderr": jackknife_stderr(seen).tolist(), "formula": L_FORMULA}
        result |= {"uncoupled": [list(pair) for pair in collective.uncoupled], "sampled_matrix_1_per_J_m_s": sampled}
    return result


def conductivity_estimates(trajectory: Trajectory, collective: CollectiveSamples | Unavailable) -> dict[str, Result]:
    """Conductivities and transference numbers by their key in results.json."""

    def build(
        formula: str, make: Callable[[CollectiveSamples], FloatArray], positive: bool = True, both: bool = True
    ) -> Result:
        def estimate() -> Estimate:
            samples = available(collective)
            if samples.left_out and both:
                raise UnavailableError(samples.left_out)
            return (positive_from_samples if positive else from_samples)(make(samples), formula)

        return attempt(estimate, formula)

    e2 = ELEMENTARY_CHARGE_C**2
    seen = (
        "all j"
        if isinstance(collective, Unavailable) or not collective.left_out
        else "the same j (cross terms unknown)"
    )
    ionic = f"sigma_ion = e^2 sum over ions i, {seen} of z_i z_j L_ij"
    electronic = f"sigma_e = e^2 sum over electronic carriers i, {seen} of z_i z_j L_ij"
    return {
        "ionic_conductivity_S_m": build(ionic, lambda c: e2 * _part(c, False), both=False),
        "electronic_conductivity_S_m": build(electronic, lambda c: e2 * _part(c, True), both=False),
        "total_conductivity_S_m": build(
            "e^2 sum over all i, j of z_i z_j L_ij", lambda c: e2 * _weighted(c).sum(axis=(1, 2))
        ),
        "ionic_transference_number": build(
            "t_ion = sigma_ion/sigma_total", lambda c: 1.0 - _part(c, True) / _weighted(c).sum(axis=(1, 2)), False
        ),
        "electronic_transference_number": build(
            "t_e = sigma_e/sigma_total", lambda c: _part(c, True) / _weighted(c).sum(axis=(1, 2)), False
        ),
        "ambipolar_conductivity_S_m": build(AMBIPOLAR_FORMULA, lambda c: e2 * _ambipolar_diagonal(c)),
        "ambipolar_onsager_conductivity_S_m": build(AMBIPOLAR_ONSAGER_FORMULA, lambda c: e2 * _ambipolar_full(c)),
    }


def _weighted(c: CollectiveSamples) -> FloatArray:
    """(U+1, C, C) z_i z_j L_ij."""
    return np.asarray(c.scalars * np.multiply.outer(c.charges, c.charges))


def _part(c: CollectiveSamples, electronic: bool) -> FloatArray:
    """(U+1,) z_i z_j L_ij summed over ions or over electronic carriers i."""
    chosen = [i for i, name in enumerate(c.names) if (name in c.electronic) == electronic]
    if not chosen and c.left_out:
        raise UnavailableError(c.left_out)
    if not chosen:
        raise UnavailableError(NO_ELECTRONIC if electronic else "the model has no mobile ion")
    return np.asarray(_weighted(c)[:, chosen].sum(axis=(1, 2)))


def _pair(c: CollectiveSamples) -> FloatArray:
    """(U+1, 2, 2) z_i z_j L_ij of the one ion and the one electronic carrier."""
    ions = [i for i, name in enumerate(c.names) if name not in c.electronic]
    electrons = [i for i, name in enumerate(c.names) if name in c.electronic]
    if not electrons:
        raise UnavailableError(NO_ELECTRONIC)
    if len(ions) != 1 or len(electrons) != 1:
        raise UnavailableError(f"defined for one ion and one electronic carrier; the run has {', '.join(c.names)}")
    both = [ions[0], electrons[0]]
    return _weighted(c)[:, both][:, :, both]


def _ambipolar_diagonal(c: CollectiveSamples) -> FloatArray:
    pair = _pair(c)
    return np.asarray(pair[:, 0, 0] * pair[:, 1, 1] / (pair[:, 0, 0] + pair[:, 1, 1]))


def _ambipolar_full(c: CollectiveSamples) -> FloatArray:
    pair = _pair(c)
    if np.linalg.eigvalsh(pair[0]).min() < 0:
        raise UnavailableError("the matrix L is not positive semi-definite within this run: take a longer one")
    return np.asarray(np.linalg.det(pair) / pair.sum(axis=(1, 2)))


def _index(trajectory: Trajectory, name: str) -> int:
    return [record.name for record in trajectory.species].index(name)


def _charge_moved(trajectory: Trajectory, carrier: str) -> int:
    """Charge of the carrier less that of the partner it exchanges with."""
    charge = {record.name: record.charge_e for record in trajectory.species}
    partner = next(family.partner for family in trajectory.families if family.carrier == carrier)
    return charge[carrier] - charge[partner]


def _group_of_frames(trajectory: Trajectory, groups: int) -> np.ndarray:
    """(T,) time group of the frames 1 ... T."""
    edges = group_edges(trajectory, groups)
    return np.searchsorted(edges, np.arange(1, trajectory.n_frames + 1), side="left") - 1


def _mean_outer(metric: FloatArray, lag: int, group_of: np.ndarray, independent: IndependentSamples) -> FloatArray:
    """(U+1, M, M, 3, 3) mean over windows of lag frames of dR_i dR_j^T, in m2."""
    moved = metric[lag:] - metric[:-lag]  # windows end at frames lag ... T
    group = group_of[lag - 1 :]
    replicas, species = moved.shape[1:3]
    total = np.zeros((replicas, independent.groups, species, species, 3, 3))
    number = np.zeros((replicas, independent.groups))
    for g in range(independent.groups):
        here = moved[group == g]
        total[:, g] = np.einsum("nria,nrjb->rijab", here, here, optimize=True)
        number[:, g] = len(here)
    return np.asarray(independent.pool(total) / independent.pool(number)[:, None, None, None, None])
