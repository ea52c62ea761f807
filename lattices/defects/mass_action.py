"""Mass action with site balance and electroneutrality, solved in log space for one unknown.

An oxide with oxygen sites (O_O, V_O, OH_O) and host cation sites (neutral, hole, electron) is in
equilibrium with a gas. With eta the potential acting on one positive charge, every occupation is a softmax
over its sublattice,

    V_O/O_O = exp(2 eta),                         OH_O/O_O = exp(log_proton + eta),
    hole/host = exp(log_hole + eta + ln(pO2)/4),  electron/host = exp(log_electron - eta - ln(pO2)/4),

so site balance holds by construction, the products of mass action contain no eta, and only
electroneutrality is left: positive charge grows and negative charge falls with eta, hence one root. In this
gauge pO2 acts on electronic sites only, so that no derivative below is a difference of nearly equal
numbers. (Derived; the test compares with finite differences.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lattices.errors import InputError

FloatArray: TypeAlias = NDArray[np.float64]

# Far outside any potential that 300 K and pO2 = 1e-100 bar can reach.
_BRACKET = 2000.0
# 4000/2^80 is below the spacing of floats at every root, so the bisection ends on neighbouring floats.
_BISECTIONS = 80


@dataclass(frozen=True)
class DefectModel:
    """One oxide at one temperature and water pressure.

    oxygen_sites, host_sites: sites per formula unit that can carry the defects. acceptor_charge: fixed
    negative charge per formula unit. log_proton, log_hole, log_electron: natural logarithms of the weights
    in the module's equations (dimensionless, pO2 in bar); -inf switches a species off.
    """

    oxygen_sites: float
    host_sites: float
    acceptor_charge: float
    log_proton: float = -np.inf
    log_hole: float = -np.inf
    log_electron: float = -np.inf


@dataclass(frozen=True)
class DefectState:
    """Occupations in equilibrium; each field float64 of the shape of ln_pO2.

    vacancy, proton, oxygen: fractions of the oxygen sites (sum 1). hole, electron, host: number per formula
    unit (sum host_sites). theta_V, theta_O: thermodynamic factors at constant pH2O, inf where delta does
    not depend on pO2.
    """

    vacancy: FloatArray
    proton: FloatArray
    oxygen: FloatArray
    hole: FloatArray
    electron: FloatArray
    host: FloatArray
    theta_V: FloatArray
    theta_O: FloatArray


def solve_defects(model: DefectModel, ln_pO2: FloatArray) -> DefectState:
    """Defect occupations for each ln_pO2 (natural logarithm, pO2 in bar; float64, any shape).

    Raises InputError where nothing can compensate the charge (no acceptor and no electrons).
    """
    if model.acceptor_charge <= 0.0 and not np.isfinite(model.log_electron):
        raise InputError("dopant_fraction = 0: without electrons this model needs an acceptor, give a fraction above 0")
    ln_pO2 = np.asarray(ln_pO2, dtype=np.float64)
    low = np.full_like(ln_pO2, -_BRACKET)
    high = np.full_like(ln_pO2, _BRACKET)
    # Bisection, not Newton: an evaluation is cheap, the root is unique, and bisection always converges.
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        positive = _log_charge_ratio(model, middle, ln_pO2) > 0.0
        high = np.where(positive, middle, high)
        low = np.where(positive, low, middle)
    return _state(model, 0.5 * (low + high), ln_pO2)


def _log_oxygen(model: DefectModel, eta: FloatArray) -> FloatArray:
    """ln of the fractions of O_O, V_O, OH_O; shape (3, *eta.shape)."""
    weights = np.stack([np.zeros_like(eta), 2.0 * eta, model.log_proton + eta])
    return np.asarray(weights - np.logaddexp.reduce(weights, axis=0))


def _log_host(model: DefectModel, eta: FloatArray, ln_pO2: FloatArray) -> FloatArray:
    """ln of the fractions of neutral, hole, electron on the host sites; shape (3, *eta.shape)."""
    shifted = eta + 0.25 * ln_pO2
    weights = np.stack([np.zeros_like(eta), model.log_hole + shifted, model.log_electron - shifted])
    return np.asarray(weights - np.logaddexp.reduce(weights, axis=0))


def _log_charge_ratio(model: DefectModel, eta: FloatArray, ln_pO2: FloatArray) -> FloatArray:
    """ln(positive charge) - ln(negative charge), increasing with eta; small terms keep their digits."""
    _, ln_vacancy, ln_proton = _log_oxygen(model, eta)
    _, ln_hole, ln_electron = _log_host(model, eta, ln_pO2)
    ln_host_sites = np.log(model.host_sites)
    with np.errstate(divide="ignore"):
        ln_acceptor = np.log(model.acceptor_charge)
    ionic = np.log(model.oxygen_sites) + np.logaddexp(np.log(2.0) + ln_vacancy, ln_proton)
    positive = np.logaddexp(ionic, ln_host_sites + ln_hole)
    negative = np.logaddexp(ln_acceptor, ln_host_sites + ln_electron)
    return np.asarray(positive - negative, dtype=np.float64)


def _state(model: DefectModel, eta: FloatArray, ln_pO2: FloatArray) -> DefectState:
    oxygen, vacancy, proton = np.exp(_log_oxygen(model, eta))
    neutral, hole, electron = np.exp(_log_host(model, eta, ln_pO2))
    theta_V = _theta_vacancy(model, (oxygen, vacancy, proton), (neutral, hole, electron))
    with np.errstate(over="ignore"):
        # Theta_V/c_V = Theta_O/c_O: the oxygen sites hold V_O or oxygen (with or without a proton).
        theta_O = theta_V * ((oxygen + proton) / vacancy)
    sites = model.host_sites
    return DefectState(
        vacancy, proton, oxygen, hole * sites, electron * sites, neutral * sites, theta_V, np.asarray(theta_O)
    )


def _theta_vacancy(
    model: DefectModel, oxygen_site: tuple[FloatArray, ...], host_site: tuple[FloatArray, ...]
) -> FloatArray:
    """Theta_V = -(1/2) d ln pO2/d ln delta by implicit differentiation of electroneutrality.

    d eta/d ln pO2 = -(1/4) q_e/(q_O + q_e), with q the variance of the charge of a sublattice per formula
    unit, and d ln delta/d eta = 2 O_O + OH_O. For LSF without electrons it is 1 + 4 delta/p + 4 delta/(1-p)
    + delta/(3-delta).
    """
    oxygen, vacancy, proton = oxygen_site
    neutral, hole, electron = host_site
    # The variance as a sum over pairs of (difference of charge)^2, which has positive terms only.
    ionic = model.oxygen_sites * (4.0 * vacancy * oxygen + vacancy * proton + proton * oxygen)
    electronic = model.host_sites * (hole * neutral + electron * neutral + 4.0 * hole * electron)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(2.0 * (1.0 + ionic / electronic) / (2.0 * oxygen + proton), dtype=np.float64)
