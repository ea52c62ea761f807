"""The thermodynamic factor from a grand-canonical scan: Theta = N/Var N, thermal, within each dopant configuration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, UnavailableError
from analysis.thermodynamics.multihistogram import JoinedHistograms, Moments, reservoir_energy
from kmc.tables.boltzmann import BOLTZMANN_EV_K

if TYPE_CHECKING:
    from kmc.files.records import Scan
    from kmc.files.trajectory import Trajectory

REACH = 2.0  # standard deviations of N over which a histogram may be reweighted
MOST_AT_ENDS = 0.02  # probability of the first or last number that was visited
MOST_AT_EDGE = 1e-3  # probability of a supercell that holds all or none of the carriers
FEWEST_CORRELATION_TIMES = 20.0  # in the simulation of one replica


@dataclass(frozen=True)
class Isotherm:
    """Jackknife samples (U+1, J) at J chemical potentials.

    mean: number of ion carriers. variance: its thermal variance. at_edge: probability of the fewest and most possible.
    lengths: (J,) correlation times that one replica was simulated at the nearest potential of the scan.
    """

    mu_eV: FloatArray
    mean: FloatArray
    variance: FloatArray
    at_edge: FloatArray
    lengths: FloatArray


def isotherm(trajectory: Trajectory, histograms: JoinedHistograms, mu_eV: FloatArray | None = None) -> Isotherm:
    """The isotherm at the potentials of the scan, or at given ones.

    Raises UnavailableError for a given potential that the scan does not reach.
    """
    mu = np.asarray(_scan_of(trajectory).mu_eV if mu_eV is None else mu_eV)
    reservoirs = reservoir_energy(trajectory, mu).tolist()
    moments = [histograms.moments(reservoir) for reservoir in reservoirs]

    def column(values: list[FloatArray]) -> FloatArray:
        return np.stack([histograms.samples(each) for each in values], axis=1)

    if mu_eV is not None and max(_whole(histograms, each.at_ends) for each in moments) > MOST_AT_ENDS:
        raise UnavailableError(_not_reached(trajectory))
    return Isotherm(
        mu_eV=mu,
        mean=column([each.mean for each in moments]),
        variance=column([each.variance for each in moments]),
        at_edge=column([each.at_edge for each in moments]),
        lengths=histograms.lengths[[histograms.nearest(each) for each in reservoirs]],
    )


def at_composition(trajectory: Trajectory, histograms: JoinedHistograms) -> Isotherm:
    """The point with as many carriers as the canonical run; UnavailableError where the scan does not reach it."""
    from scipy.optimize import brentq

    scan, wanted = _scan_of(trajectory), ion_numbers(trajectory)[0]

    def moments(mu: float) -> Moments:
        return histograms.moments(float(reservoir_energy(trajectory, np.array(mu))))

    def excess(mu: float) -> float:
        return _whole(histograms, moments(mu).mean) - wanted

    nearest = scan.mu_eV[int(np.abs(isotherm(trajectory, histograms).mean[0] - wanted).argmin())]
    sigma = math.sqrt(max(_whole(histograms, moments(nearest).variance), 1e-3))
    reach = REACH * BOLTZMANN_EV_K * trajectory.temperature_K / sigma
    if abs(excess(nearest)) > REACH * sigma or excess(nearest - reach) * excess(nearest + reach) > 0:
        raise UnavailableError(_not_reached(trajectory))
    middle = float(brentq(excess, nearest - reach, nearest + reach, xtol=1e-9))
    return isotherm(trajectory, histograms, np.array([middle]))


def _whole(histograms: JoinedHistograms, values: FloatArray) -> float:
    """The jackknife sample over all independent samples."""
    return float(histograms.samples(values)[0])


def _scan_of(trajectory: Trajectory) -> Scan:
    if trajectory.scan is None:
        raise UnavailableError("the run had no grand-canonical scan")
    return trajectory.scan


def _not_reached(trajectory: Trajectory) -> str:
    scan = _scan_of(trajectory)
    visits = scan.histogram.sum(axis=(0, 1, 2)) @ (scan.first + np.arange(scan.histogram.shape[-1]))
    mean = visits / scan.histogram.sum()
    return (
        f"the scan, from {scan.mu_eV.min():.4g} to {scan.mu_eV.max():.4g} eV with {mean:.4g} carriers on average, does "
        f"not reach the run's {ion_numbers(trajectory)[0]}: take other potentials, or points and step_kT instead"
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
    """Raise UnavailableError at a point where Theta is not defined or not sampled.

    This is the case where the supercell is too often full or empty, or where the simulation was too short.
    """
    if point.at_edge[0, j] > MOST_AT_EDGE:
        raise UnavailableError(
            f"at mu = {point.mu_eV[j]:.4g} eV the supercell holds the fewest or most carriers possible with "
            f"probability {point.at_edge[0, j]:.2g}: Theta is not defined there; take another potential or more cells"
        )
    if point.lengths[j] < FEWEST_CORRELATION_TIMES:
        raise UnavailableError(
            f"the grand-canonical simulation at mu = {point.mu_eV[j]:.4g} eV is {point.lengths[j]:.2g} correlation "
            f"times long (accepted moves/(2 Var N)); at least {FEWEST_CORRELATION_TIMES:g} are needed: raise "
            "thermodynamics.trials_per_carrier"
        )
