"""The thermodynamic factor from a grand-canonical scan: Theta = N/Var N, thermal, within each dopant configuration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    attempt,
    from_samples,
    positive_from_samples,
)
from analysis.thermodynamics.multihistogram import Joined
from kmc.tables.boltzmann import BOLTZMANN_EV_K

if TYPE_CHECKING:
    from kmc.files.records import Scan
    from kmc.files.trajectory import Trajectory

THETA_FORMULA = "Theta_{} = <N_{}>/Var(N_{}), grand-canonical with neutral moves, within each dopant configuration"
REACH = 2.0  # standard deviations of N by which one histogram may be reweighted
MOST_AT_ENDS = 0.02  # probability of the last number that was visited
MOST_AT_EDGE = 1e-3  # probability of an arrangement that holds all or none of the carriers
CURVE_POINTS = 41
FEWEST_LENGTHS = 20.0  # correlation times in the walk of one replica


@dataclass(frozen=True)
class Isotherm:
    """Rows (U+1, J) at J chemical potentials: mean number of ion carriers, its thermal variance, edge probability.

    lengths: (J,) correlation times that one replica walked at the nearest potential of the scan.
    """

    mu_eV: FloatArray
    mean: FloatArray
    variance: FloatArray
    at_edge: FloatArray
    lengths: FloatArray


def isotherm(trajectory: Trajectory, known: Joined, mu_eV: FloatArray | None = None) -> Isotherm:
    """Jackknife samples at the potentials of the scan, or at given ones.

    Raises UnavailableError for a given potential that the scan does not reach.
    """
    kt = BOLTZMANN_EV_K * trajectory.temperature_K
    assert trajectory.scan is not None
    mu = np.asarray(trajectory.scan.mu_eV if mu_eV is None else mu_eV)
    reservoirs = [-trajectory.component["per_carrier"] * each / kt for each in mu.tolist()]
    values = [tuple(known.rows(v) for v in known.moments(each)) for each in reservoirs]
    mean, variance, edge, ends = (np.stack(column, axis=1) for column in zip(*values, strict=True))
    if mu_eV is not None and float(ends[0].max()) > MOST_AT_ENDS:
        raise UnavailableError(_not_found(trajectory))
    return Isotherm(mu, mean, variance, edge, known.lengths[[known.nearest(each) for each in reservoirs]])


def at_composition(trajectory: Trajectory, known: Joined) -> Isotherm:
    """The point with as many carriers as the canonical run; UnavailableError where the scan does not reach it."""
    from scipy.optimize import brentq

    scan = trajectory.scan
    assert scan is not None
    wanted = ion_numbers(trajectory)[0]
    kt, per = BOLTZMANN_EV_K * trajectory.temperature_K, trajectory.component["per_carrier"]
    nearest = scan.mu_eV[int(np.abs(isotherm(trajectory, known).mean[0] - wanted).argmin())]
    sigma = math.sqrt(max(float(known.rows(known.moments(-per * nearest / kt)[1])[0]), 1e-3))
    reach = REACH * kt / sigma

    def off(mu: float) -> float:
        return float(known.rows(known.moments(-per * mu / kt)[0])[0]) - wanted

    if abs(off(nearest)) > REACH * sigma or off(nearest - reach) * off(nearest + reach) > 0:
        raise UnavailableError(_not_found(trajectory))
    middle = float(brentq(off, nearest - reach, nearest + reach, xtol=1e-9))
    return isotherm(trajectory, known, np.array([middle]))


def _not_found(trajectory: Trajectory) -> str:
    scan = trajectory.scan
    assert scan is not None
    seen = scan.histogram.sum(axis=(0, 1, 2)) @ (scan.first + np.arange(scan.histogram.shape[-1]))
    mean = seen / scan.histogram.sum()
    return (
        f"the scan, from {scan.mu_eV.min():.4g} to {scan.mu_eV.max():.4g} eV with {mean:.4g} carriers on average, does "
        f"not reach the run's {ion_numbers(trajectory)[0]}: take other potentials, or points and step_kT in their place"
    )


def ion_numbers(trajectory: Trajectory) -> tuple[int, int]:
    """(ion carriers, ion carriers and their partners) of a replica."""
    count = {record.name: record.count for record in trajectory.species}
    carriers = count[trajectory.component["carrier"]]
    return carriers, carriers + count[partner_of(trajectory)]


def partner_of(trajectory: Trajectory) -> str:
    """The species with which the ion carrier exchanges sites."""
    carrier = trajectory.component["carrier"]
    return next(family.partner for family in trajectory.families if family.carrier == carrier)


def theta_samples(trajectory: Trajectory, point: Isotherm) -> tuple[FloatArray, FloatArray]:
    """(U+1, J) Theta of the ion carrier and of its partner."""
    _, both = ion_numbers(trajectory)
    with np.errstate(divide="ignore", invalid="ignore"):
        return point.mean / point.variance, (both - point.mean) / point.variance


def check_point(point: Isotherm, j: int) -> None:
    """Raise UnavailableError at points where Theta is not defined or not sampled.

    That is where the supercell is too often full or empty to fluctuate freely, or where the walk was too short.
    """
    if point.at_edge[0, j] > MOST_AT_EDGE:
        raise UnavailableError(
            f"at mu = {point.mu_eV[j]:.4g} eV the supercell is at the end of what it can hold with probability "
            f"{point.at_edge[0, j]:.2g}: Theta is not defined there; take another potential or more cells"
        )
    if point.lengths[j] < FEWEST_LENGTHS:
        raise UnavailableError(
            f"the grand-canonical walk at mu = {point.mu_eV[j]:.4g} eV is {point.lengths[j]:.2g} correlation times "
            f"long (accepted moves/(2 Var N)); at least {FEWEST_LENGTHS:g} are needed: raise "
            "thermodynamics.trials_per_carrier"
        )


def theta_estimates(trajectory: Trajectory, point: Isotherm, j: int) -> tuple[Result, Result]:
    """Theta of the ion carrier and of its partner at point j."""
    carrier, partner = trajectory.component["carrier"], partner_of(trajectory)
    rows = theta_samples(trajectory, point)

    def build(which: int, name: str) -> Result:
        def estimate() -> Estimate:
            check_point(point, j)
            return positive_from_samples(rows[which][:, j], THETA_FORMULA.format(name, name, name))

        return attempt(estimate, THETA_FORMULA.format(name, name, name))

    return build(0, carrier), build(1, partner)


def isotherm_json(trajectory: Trajectory, known: Joined) -> list[dict[str, Any]]:
    """The points of the scan for results.json, by chemical potential."""
    curve = isotherm(trajectory, known)
    _, both = ion_numbers(trajectory)
    points = []
    for j in np.argsort(curve.mu_eV).tolist():
        own, other = theta_estimates(trajectory, curve, j)
        mean = attempt(partial(positive_from_samples, curve.mean[:, j] / both, "<N>/sites"))
        points.append(
            {
                **potential_json(trajectory, float(curve.mu_eV[j])),
                "site_fraction": mean.as_json(),
                "thermodynamic_factor_carrier": own.as_json(),
                "thermodynamic_factor_partner": other.as_json(),
            }
        )
    return points


def curve_json(trajectory: Trajectory, known: Joined) -> dict[str, list[float | None]]:
    """The isotherm and Theta between the outermost potentials of the scan, by reweighting; lists with errors.

    An entry is null where the scan cannot give it.
    """
    assert trajectory.scan is not None
    ends = trajectory.scan.mu_eV.min(), trajectory.scan.mu_eV.max()
    found: dict[str, list[float | None]] = {"mu_eV": []}
    for mu in np.linspace(*ends, CURVE_POINTS).tolist() if ends[1] > ends[0] else []:
        found["mu_eV"].append(mu)
        point = attempt(partial(_curve_point, trajectory, known, mu))
        for k, name in enumerate(("site_fraction", "theta_carrier")):
            value, stderr = (None, None) if isinstance(point, Unavailable) else (point[k].value, point[k].stderr)
            found.setdefault(name, []).append(value)
            found.setdefault(f"{name}_stderr", []).append(stderr)
    return found


def _curve_point(trajectory: Trajectory, known: Joined, mu_eV: float) -> tuple[Estimate, Estimate]:
    """(site fraction, Theta of the ion carrier) at a potential between those of the scan."""
    point = isotherm(trajectory, known, np.array([mu_eV]))
    check_point(point, 0)
    _, both = ion_numbers(trajectory)
    return from_samples(point.mean[:, 0] / both), from_samples(theta_samples(trajectory, point)[0][:, 0])


def potential_json(trajectory: Trajectory, mu_eV: float) -> dict[str, Any]:
    """A chemical potential, and the gas that has it where the parameter file says how to tell."""
    from kmc.model.oxygen_gas import mu_O_eV

    zero = trajectory.component.get("mu_at_1_bar_eV")
    if zero is None:
        why = "relative: the parameter file gives no enthalpy and entropy of oxygen exchange"
        return {"mu_eV": mu_eV, "pO2_bar": None, "reason": why}
    pressure = float(np.exp(2.0 * (mu_eV - zero) / (BOLTZMANN_EV_K * trajectory.temperature_K)))
    return {"mu_eV": mu_eV, "pO2_bar": pressure, "oxygen_mu_eV": mu_O_eV(trajectory.temperature_K, pressure)}


def counts_of(scan: Scan) -> NDArray[np.float64]:
    """(P,) share of accepted moves."""
    return np.asarray(scan.counters[..., 1].sum(axis=1) / scan.counters[..., 0].sum(axis=1))
