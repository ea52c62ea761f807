"""The chemical potential of oxygen gas, and of the oxygen of a model relative to it.

The energies of a model contain no reference to the gas. A parameter file may give the enthalpy and entropy of
1/2 O2 + V_O + 2 hosts -> O + 2 carriers (oxygen_exchange), which set the zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.model.parameters import Model

GAS_CONSTANT_J_MOL_K = 8.31446261815324  # exact in the SI of 2019
FARADAY_J_MOL_EV = 96485.33212  # J/mol of 1 eV per particle, SI of 2019
# Shomate coefficients A to H of O2 gas (t = T/1000 K), NIST Chemistry WebBook after Chase, NIST-JANAF Tables (1998)
SHOMATE_O2 = (
    (100.0, 700.0, (31.32234, -20.23531, 57.86644, -36.50624, -0.007374, -8.903471, 246.7945, 0.0)),
    (700.0, 2000.0, (30.03235, 8.772972, -3.988133, 0.788313, -0.741599, -11.32468, 236.1663, 0.0)),
    (2000.0, 6000.0, (20.91111, 10.72071, -2.020498, 0.146449, 9.245722, 5.337651, 237.6185, 0.0)),
)


def enthalpy_entropy_O2(temperature_K: float) -> tuple[float, float]:  # a chemical formula
    """(H - H(298.15 K) in J/mol, S in J/(mol K)) of O2 at 1 bar; InputError outside 100 to 6000 K."""
    for low, high, (a, b, c, d, e, f, g, h) in SHOMATE_O2:
        if low <= temperature_K <= high:
            t = temperature_K / 1000.0
            enthalpy = a * t + b * t**2 / 2 + c * t**3 / 3 + d * t**4 / 4 - e / t + f - h
            entropy = a * math.log(t) + b * t + c * t**2 / 2 + d * t**3 / 3 - e / (2 * t**2) + g
            return 1000.0 * enthalpy, entropy
    raise InputError(f"temperature_K = {temperature_K}: the gas data of O2 hold from 100 to 6000 K")


def mu_O_eV(temperature_K: float, pO2_bar: float) -> float:
    """Chemical potential of an oxygen atom in the gas, 1/2 [H - T S + RT ln pO2], in eV.

    Its zero is half the enthalpy of O2 at 298.15 K.
    """
    enthalpy, entropy = enthalpy_entropy_O2(temperature_K)
    gibbs = enthalpy - temperature_K * entropy + GAS_CONSTANT_J_MOL_K * temperature_K * math.log(pO2_bar)
    return 0.5 * gibbs / FARADAY_J_MOL_EV


def relative_mu_eV(model: Model, temperature_K: float, pO2_bar: float) -> float:
    """Chemical potential of the neutral oxygen relative to the model's zero of energy: -dH + T dS + 1/2 RT ln pO2.

    InputError where the parameter file gives no enthalpy and entropy.
    """
    exchange = model.oxygen_exchange
    if exchange is None:
        raise InputError(
            f"thermodynamics.pO2_bar: parameter set {model.name!r} gives no enthalpy and entropy of oxygen exchange; "
            "mu_eV, or points and step_kT, are allowed"
        )
    energy = -exchange.enthalpy_J_mol.value + temperature_K * exchange.entropy_J_mol_K.value
    energy += 0.5 * GAS_CONSTANT_J_MOL_K * temperature_K * math.log(pO2_bar)
    return energy / FARADAY_J_MOL_EV


def pO2_bar_of(model: Model, temperature_K: float, mu_eV: float) -> float:
    """The pressure that belongs to a relative chemical potential; the inverse of `relative_mu_eV`."""
    at_one_bar = relative_mu_eV(model, temperature_K, 1.0)
    return math.exp(2.0 * (mu_eV - at_one_bar) * FARADAY_J_MOL_EV / (GAS_CONSTANT_J_MOL_K * temperature_K))
