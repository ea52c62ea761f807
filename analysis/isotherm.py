"""The thermodynamic factor from a grand-canonical scan: Theta = N/Var N, thermal, within each dopant configuration.

The histograms of neighbouring potentials are joined by their ratios of successive counts, which differ between
potentials by a known factor (Ferrenberg and Swendsen's multiple histograms, Phys. Rev. Lett. 63 (1989) 1195, with the
weights of Bennett's acceptance ratio for each step); any potential between the outermost ones then follows.
"""

from __future__ import annotations

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
MOST_AT_EDGE = 1e-3  # probability of an arrangement that holds all or none of the carriers
NOT_FOUND = "no chemical potential with the composition of the run was found: name mu_eV"


@dataclass(frozen=True)
class Joined:
    """Of U units: numbers of ion carriers (n,) and ln of the canonical weights (U, n) but for a constant each.

    reservoir: (P,) energies of an ion carrier in the reservoir over kT. edge: (2,) fewest and most carriers possible.
    """

    number: FloatArray
    ln_weight: FloatArray
    reservoir: FloatArray
    edge: tuple[int, int]

    def moments(self, reservoir: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(U, J) <N>, Var N, and probability of the edges at J reservoir energies over kT."""
        ln = self.ln_weight[:, None] - reservoir[:, None] * self.number
        p = np.exp(ln - ln.max(axis=2, keepdims=True))
        p /= p.sum(axis=2, keepdims=True)
        mean = p @ self.number
        edges = np.isin(self.number, self.edge)
        return mean, p @ self.number**2 - mean**2, p[..., edges].sum(axis=2)


def joined(trajectory: Trajectory, units: Units) -> Joined:
    """The scan of a run by unit; Untrustworthy without one."""
    scan, part = trajectory.scan, trajectory.component
    if scan is None:
        raise Untrustworthy("the run had no grand-canonical scan")
    grouped = group_blocks(scan.histogram, 1, units.groups)  # (P, G, R, n)
    per_unit = np.zeros((units.n_units, *grouped[:, 0, 0].shape))
    np.add.at(per_unit, units.unit_of, np.transpose(grouped, (2, 1, 0, 3)).astype(float))
    kt = BOLTZMANN_EV_K * trajectory.temperature_K
    reservoir = -part["per_carrier"] * scan.mu_eV / kt
    number = scan.first + np.arange(scan.histogram.shape[-1], dtype=float)
    ln_weight = np.array([_ln_weight(histogram, reservoir) for histogram in per_unit])
    return Joined(number, ln_weight, reservoir, (0, int(scan.capacity.min())))


def _ln_weight(histogram: FloatArray, reservoir: FloatArray) -> FloatArray:
    """(n,) ln of canonical weights from (P, n) counts; -inf beyond a gap that no potential bridges."""
    low, high = histogram[:, :-1], histogram[:, 1:]
    both = (low > 0) & (high > 0)
    weight = np.where(both, low * high / np.maximum(low + high, 1.0), 0.0)
    step = np.where(both, np.log(np.maximum(high, 1.0) / np.maximum(low, 1.0)) + reservoir[:, None], 0.0)
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(total > 0, (weight * step).sum(axis=0) / total, np.nan)
    start = int(histogram.sum(axis=0).argmax())
    up = np.cumsum(slope[start:])
    down = -np.cumsum(slope[:start][::-1])[::-1]
    found = np.concatenate([down, [0.0], up])
    return np.where(np.isnan(found), -np.inf, found)


@dataclass(frozen=True)
class Isotherm:
    """Rows (U+1, J) at J chemical potentials: mean number of ion carriers, its thermal variance, edge probability."""

    mu_eV: FloatArray
    mean: FloatArray
    variance: FloatArray
    at_edge: FloatArray


def isotherm(trajectory: Trajectory, units: Units, mu_eV: FloatArray | None = None) -> Isotherm:
    """Rows at the potentials of the scan, or at given ones between its ends."""
    known, kt = joined(trajectory, units), BOLTZMANN_EV_K * trajectory.temperature_K
    assert trajectory.scan is not None
    mu = trajectory.scan.mu_eV if mu_eV is None else mu_eV
    values = known.moments(-trajectory.component["per_carrier"] * mu / kt)
    rows = [
        leave_one_out(value) / np.array([units.n_units, *[units.n_units - 1] * units.n_units])[:, None]
        for value in values
    ]
    return Isotherm(mu, *rows)


def at_composition(trajectory: Trajectory, units: Units) -> Isotherm:
    """The point with as many carriers as the canonical run; Untrustworthy where the scan does not reach it."""
    from scipy.optimize import brentq

    scan = trajectory.scan
    known = joined(trajectory, units)
    assert scan is not None
    wanted = ion_numbers(trajectory)[0]
    kt, per = BOLTZMANN_EV_K * trajectory.temperature_K, trajectory.component["per_carrier"]

    def off(mu: float) -> float:
        return float(known.moments(np.array([-per * mu / kt]))[0].mean()) - wanted

    low, high = float(scan.mu_eV.min()), float(scan.mu_eV.max())
    if low == high:
        middle = low
        variance = float(known.moments(np.array([-per * middle / kt]))[1].mean())
        if abs(off(middle)) > 2.0 * np.sqrt(variance):
            raise Untrustworthy(NOT_FOUND)
    elif off(low) * off(high) > 0:
        raise Untrustworthy(NOT_FOUND)
    else:
        middle = brentq(off, low, high, xtol=1e-9)
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
