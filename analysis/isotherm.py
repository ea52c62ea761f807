"""The thermodynamic factor from a grand-canonical scan: Theta = N/Var N, thermal, within each dopant configuration.

The histograms of neighbouring potentials are joined by their ratios of successive counts, which differ between
potentials by a known factor (Ferrenberg and Swendsen's multiple histograms, Phys. Rev. Lett. 63 (1989) 1195, with the
weights of Bennett's acceptance ratio for each step); any potential between the outermost ones then follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures import Figure, FloatArray, Untrustworthy, attempt, leave_one_out, positive_from_rows
from analysis.fit import Units, group_blocks
from kmc.acceptance import BOLTZMANN_EV_K

if TYPE_CHECKING:
    from kmc.grand_canonical import Scan
    from kmc.trajectory import Trajectory

THETA_FORMULA = "Theta_{} = <N_{}>/Var(N_{}), grand-canonical with neutral moves, within each dopant configuration"
REACH = 2.0  # standard deviations of N by which one histogram may be reweighted
MOST_AT_ENDS = 0.02  # probability of the last number that was visited
MOST_AT_EDGE = 1e-3  # probability of an arrangement that holds all or none of the carriers
NOT_FOUND = "no chemical potential with the composition of the run was found: name mu_eV"


@dataclass(frozen=True)
class Joined:
    """Of U units: numbers of ion carriers (n,) and ln of the ratios of successive canonical weights (U, n - 1).

    A ratio is NaN where no potential visited both numbers. reservoir: (P,) energies of an ion carrier in the reservoir
    over kT; mode: (U, P) most frequent number there, as an index. edge: fewest and most carriers possible.
    """

    number: FloatArray
    ratio: FloatArray
    reservoir: FloatArray
    mode: NDArray[np.int64]
    edge: tuple[int, int]

    def moments(self, reservoir: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(U,) <N>, Var N, probabilities of the edges and of the ends of what was visited, at a reservoir energy.

        The stretch of numbers without a gap about the mode of the nearest potential of the scan is used.
        """
        nearest = int(np.abs(self.reservoir - reservoir).argmin())
        ln = np.array([_chain(r - reservoir, m) for r, m in zip(self.ratio, self.mode[:, nearest], strict=True)])
        p = np.exp(ln - ln.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = p @ self.number
        edges = np.isin(self.number, self.edge)
        return mean, p @ self.number**2 - mean**2, p[:, edges].sum(axis=1), _at_ends(p, edges)


def joined(trajectory: Trajectory, units: Units) -> Joined:
    """The scan of a run by unit; Untrustworthy without one."""
    scan, part = trajectory.scan, trajectory.component
    if scan is None:
        raise Untrustworthy("the run had no grand-canonical scan")
    grouped = group_blocks(scan.histogram, 1, units.groups)  # (P, G, R, n)
    per_unit = np.zeros((units.n_units, *grouped[:, 0, 0].shape))
    np.add.at(per_unit, units.unit_of, np.transpose(grouped, (2, 1, 0, 3)).astype(float))
    reservoir = -part["per_carrier"] * scan.mu_eV / (BOLTZMANN_EV_K * trajectory.temperature_K)
    number = scan.first + np.arange(scan.histogram.shape[-1], dtype=float)
    ratio = np.array([_ratios(histogram, reservoir) for histogram in per_unit])
    return Joined(number, ratio, reservoir, per_unit.argmax(axis=2), (0, int(scan.capacity.min())))


def _ratios(histogram: FloatArray, reservoir: FloatArray) -> FloatArray:
    """(n - 1,) ln of ratios of canonical weights from (P, n) counts; NaN where no potential has both counts."""
    low, high = histogram[:, :-1], histogram[:, 1:]
    both = (low > 0) & (high > 0)
    weight = np.where(both, low * high / np.maximum(low + high, 1.0), 0.0)
    step = np.where(both, np.log(np.maximum(high, 1.0) / np.maximum(low, 1.0)) + reservoir[:, None], 0.0)
    total = weight.sum(axis=0)
    return np.where(total > 0, (weight * step).sum(axis=0) / np.maximum(total, 1e-300), np.nan)


def _chain(step: FloatArray, start: int) -> FloatArray:
    """(n,) sums of (n - 1,) steps from index `start` both ways; -inf beyond a NaN."""
    up = np.cumsum(step[start:])
    down = -np.cumsum(step[:start][::-1])[::-1]
    found = np.concatenate([down, [0.0], up])
    return np.where(np.isnan(found), -np.inf, found)


def _at_ends(p: FloatArray, edges: NDArray[np.bool_]) -> FloatArray:
    """(U,) larger probability of the first and last number with any, those at the edges of the supercell aside."""
    seen = p > 0
    first, last = seen.argmax(axis=1), p.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    rows = np.arange(len(p))
    return np.maximum(np.where(edges[first], 0.0, p[rows, first]), np.where(edges[last], 0.0, p[rows, last]))


@dataclass(frozen=True)
class Isotherm:
    """Rows (U+1, J) at J chemical potentials: mean number of ion carriers, its thermal variance, edge probability."""

    mu_eV: FloatArray
    mean: FloatArray
    variance: FloatArray
    at_edge: FloatArray


def isotherm(trajectory: Trajectory, units: Units, mu_eV: FloatArray | None = None) -> Isotherm:
    """Rows at the potentials of the scan, or at given ones; Untrustworthy where none of the scan is near enough."""
    known, kt = joined(trajectory, units), BOLTZMANN_EV_K * trajectory.temperature_K
    assert trajectory.scan is not None
    mu = np.asarray(trajectory.scan.mu_eV if mu_eV is None else mu_eV)
    values = [known.moments(-trajectory.component["per_carrier"] * each / kt) for each in mu.tolist()]
    mean, variance, edge, ends = (np.stack(column, axis=1) for column in zip(*values, strict=True))
    if mu_eV is not None and float(ends.mean(axis=0).max()) > MOST_AT_ENDS:
        raise Untrustworthy(NOT_FOUND)
    number = np.array([units.n_units, *[units.n_units - 1] * units.n_units])[:, None]
    rows = [leave_one_out(value) / number for value in (mean, variance, edge)]
    return Isotherm(mu, *rows)


def at_composition(trajectory: Trajectory, units: Units) -> Isotherm:
    """The point with as many carriers as the canonical run; Untrustworthy where the scan does not reach it."""
    from scipy.optimize import brentq

    scan = trajectory.scan
    known = joined(trajectory, units)
    assert scan is not None
    wanted = ion_numbers(trajectory)[0]
    kt, per = BOLTZMANN_EV_K * trajectory.temperature_K, trajectory.component["per_carrier"]
    nearest = scan.mu_eV[int(np.abs(isotherm(trajectory, units).mean[0] - wanted).argmin())]
    sigma = math.sqrt(max(float(known.moments(-per * nearest / kt)[1].mean()), 1e-3))
    reach = REACH * kt / sigma

    def off(mu: float) -> float:
        return float(known.moments(-per * mu / kt)[0].mean()) - wanted

    if abs(off(nearest)) > REACH * sigma or off(nearest - reach) * off(nearest + reach) > 0:
        raise Untrustworthy(NOT_FOUND)
    middle = float(brentq(off, nearest - reach, nearest + reach, xtol=1e-9))
    return isotherm(trajectory, units, np.array([middle]))


def ion_numbers(trajectory: Trajectory) -> tuple[int, int]:
    """(ion carriers, ion carriers and their partners) of a replica."""
    count = {record.name: record.count for record in trajectory.species}
    carrier = trajectory.component["carrier"]
    partner = next(family.partner for family in trajectory.families if family.carrier == carrier)
    return count[carrier], count[carrier] + count[partner]


def theta_rows(trajectory: Trajectory, point: Isotherm) -> tuple[FloatArray, FloatArray]:
    """(U+1, J) Theta of the ion carrier and of its partner."""
    _, both = ion_numbers(trajectory)
    with np.errstate(divide="ignore", invalid="ignore"):
        return point.mean / point.variance, (both - point.mean) / point.variance


def check_edge(point: Isotherm, j: int) -> None:
    """Untrustworthy where the supercell holds all or none of the carriers too often to fluctuate freely."""
    if point.at_edge[0, j] > MOST_AT_EDGE:
        raise Untrustworthy(
            f"at mu = {point.mu_eV[j]:.4g} eV the supercell is at the end of what it can hold with probability "
            f"{point.at_edge[0, j]:.2g}: Theta is not defined there; take another potential or more cells"
        )


def theta_figures(trajectory: Trajectory, point: Isotherm, j: int) -> tuple[Figure, Figure]:
    """Theta of the ion carrier and of its partner at point j."""
    carrier = trajectory.component["carrier"]
    partner = next(family.partner for family in trajectory.families if family.carrier == carrier)
    rows = theta_rows(trajectory, point)

    def build(which: int, name: str) -> Figure:
        def figure() -> Figure:
            check_edge(point, j)
            return positive_from_rows(rows[which][:, j], THETA_FORMULA.format(name, name, name))

        return attempt(figure, THETA_FORMULA.format(name, name, name))

    return build(0, carrier), build(1, partner)


def isotherm_json(trajectory: Trajectory, units: Units) -> list[dict[str, Any]]:
    """The points of the scan for results.json, by chemical potential."""
    curve = isotherm(trajectory, units)
    _, both = ion_numbers(trajectory)
    points = []
    for j in np.argsort(curve.mu_eV).tolist():
        own, other = theta_figures(trajectory, curve, j)
        mean = attempt(lambda j=j: positive_from_rows(curve.mean[:, j] / both, "<N>/sites"))  # type: ignore[misc]  # bound now
        points.append(
            {
                **potential_json(trajectory, float(curve.mu_eV[j])),
                "site_fraction": mean.as_json(),
                "thermodynamic_factor_carrier": own.as_json(),
                "thermodynamic_factor_partner": other.as_json(),
            }
        )
    return points


def potential_json(trajectory: Trajectory, mu_eV: float) -> dict[str, Any]:
    """A chemical potential, and the gas that has it where the parameter file says how to tell."""
    from kmc.oxygen import mu_O_eV

    zero = trajectory.component.get("mu_at_1_bar_eV")
    if zero is None:
        why = "relative: the parameter file gives no enthalpy and entropy of oxygen exchange"
        return {"mu_eV": mu_eV, "pO2_bar": None, "reason": why}
    pressure = float(np.exp(2.0 * (mu_eV - zero) / (BOLTZMANN_EV_K * trajectory.temperature_K)))
    return {"mu_eV": mu_eV, "pO2_bar": pressure, "oxygen_mu_eV": mu_O_eV(trajectory.temperature_K, pressure)}


def counts_of(scan: Scan) -> NDArray[np.float64]:
    """(P,) share of accepted moves."""
    return np.asarray(scan.counters[..., 1].sum(axis=1) / scan.counters[..., 0].sum(axis=1))
