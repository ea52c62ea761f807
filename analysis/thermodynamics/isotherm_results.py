"""The grand-canonical scan in results.json: Theta at each potential, the curve between them, the gas in equilibrium."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.statistics.estimates import Estimate, Result, Unavailable, attempt, from_samples, positive_from_samples
from analysis.thermodynamics.isotherm import Isotherm, check_point, ion_numbers, isotherm, partner_of, theta_samples
from analysis.thermodynamics.multihistogram import JoinedHistograms
from analysis.thermodynamics.records import IsothermCurve, IsothermPoint, OptionalNumbers, Potential
from kmc.tables.boltzmann import BOLTZMANN_EV_K

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

THETA_FORMULA = "Theta_{} = <N_{}>/Var(N_{}), grand-canonical with neutral moves, within each dopant configuration"
CURVE_POINTS = 41


def theta_estimates(trajectory: Trajectory, point: Isotherm, j: int) -> tuple[Result, Result]:
    """Theta of the ion carrier and of its partner at point j."""
    of_carrier, of_partner = theta_samples(trajectory, point)

    def estimate(name: str, samples: np.ndarray) -> Result:
        formula = THETA_FORMULA.format(name, name, name)

        def build() -> Estimate:
            check_point(point, j)
            return positive_from_samples(samples[:, j], formula)

        return attempt(build, formula)

    return estimate(trajectory.component["carrier"], of_carrier), estimate(partner_of(trajectory), of_partner)


def isotherm_points(trajectory: Trajectory, histograms: JoinedHistograms) -> list[IsothermPoint]:
    """The points of the scan, by chemical potential."""
    found = isotherm(trajectory, histograms)
    _, both = ion_numbers(trajectory)
    points: list[IsothermPoint] = []
    for j in np.argsort(found.mu_eV).tolist():
        of_carrier, of_partner = theta_estimates(trajectory, found, j)
        fraction = attempt(partial(positive_from_samples, found.mean[:, j] / both, "<N>/sites"))
        points.append(
            {
                **potential(trajectory, float(found.mu_eV[j])),
                "site_fraction": fraction.as_json(),
                "thermodynamic_factor_carrier": of_carrier.as_json(),
                "thermodynamic_factor_partner": of_partner.as_json(),
            }
        )
    return points


def isotherm_curve(trajectory: Trajectory, histograms: JoinedHistograms) -> IsothermCurve:
    """Site fraction and Theta between the outermost potentials of the scan; empty for a scan of one potential."""
    reached = isotherm(trajectory, histograms).mu_eV
    lowest, highest = float(reached.min()), float(reached.max())
    if not highest > lowest:
        return {"mu_eV": []}
    mu = np.linspace(lowest, highest, CURVE_POINTS).tolist()
    points = [attempt(partial(_curve_point, trajectory, histograms, each)) for each in mu]

    def column(which: int, name: Literal["value", "stderr"]) -> OptionalNumbers:
        return [None if isinstance(each, Unavailable) else getattr(each[which], name) for each in points]

    return {
        "mu_eV": mu,
        "site_fraction": column(0, "value"),
        "site_fraction_stderr": column(0, "stderr"),
        "theta_carrier": column(1, "value"),
        "theta_carrier_stderr": column(1, "stderr"),
        "dof": next((each[0].dof for each in points if not isinstance(each, Unavailable)), None),
    }


def _curve_point(trajectory: Trajectory, histograms: JoinedHistograms, mu_eV: float) -> tuple[Estimate, Estimate]:
    """(site fraction, Theta of the ion carrier) at a potential between those of the scan."""
    point = isotherm(trajectory, histograms, np.array([mu_eV]))
    check_point(point, 0)
    _, both = ion_numbers(trajectory)
    return from_samples(point.mean[:, 0] / both), from_samples(theta_samples(trajectory, point)[0][:, 0])


def potential(trajectory: Trajectory, mu_eV: float) -> Potential:
    """A chemical potential, and the gas that has it where the parameter file relates the two."""
    from kmc.model.oxygen_gas import mu_O_eV

    zero = trajectory.component.get("mu_at_1_bar_eV")
    if zero is None:
        why = "relative: the parameter file gives no enthalpy and entropy of oxygen exchange"
        return {"mu_eV": mu_eV, "pO2_bar": None, "reason": why}
    pressure = float(np.exp(2.0 * (mu_eV - zero) / (BOLTZMANN_EV_K * trajectory.temperature_K)))
    return {"mu_eV": mu_eV, "pO2_bar": pressure, "oxygen_mu_eV": mu_O_eV(trajectory.temperature_K, pressure)}
