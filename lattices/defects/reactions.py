"""Defect equilibrium from reactions that a user gives, each with an enthalpy and an entropy.

    reduction          O_O + 2 M = V_O + 2 M' + 1/2 O2    K = (V/O) (n/m)^2 pO2^(1/2)
    oxidation          V_O + 1/2 O2 + 2 M = O_O + 2 M.    K = (O/V) (p/m)^2 pO2^(-1/2)
    disproportionation 2 M = M. + M'                      K = p n/m^2
    hydration          V_O + O_O + H2O = 2 OH             K = OH^2/(V O pH2O)

V, O and OH are fractions of the oxygen sites, p, n and m the sites with a hole, an electron and neither. The first
three are not independent, K_red K_ox = K_disp^2: at most two are given, and the third follows.
"""

from __future__ import annotations

import math

import numpy as np

from lattices.defects.constants import ConstantSet
from lattices.defects.mass_action import DefectModel, FloatArray
from lattices.defects.models import Carriers, log_constant, mass_action_carriers
from lattices.errors import InputError

REDUCTION, OXIDATION, DISPROPORTIONATION, HYDRATION = "reduction", "oxidation", "disproportionation", "hydration"
DRY, WET = "reactions", "reactions-with-water"  # names of the forms
# Sites of electrons and holes per host cation: constant + per dopant x dopant fraction.
ELECTRONIC_SITES = {"all": (1.0, 0.0), "host": (1.0, -1.0), "dopant": (0.0, 1.0)}
EQUATION = (
    "O_O + 2 M = V_O + 2 M' + 1/2 O2: K_red = (V/O) (n/m)^2 pO2^(1/2); V_O + 1/2 O2 + 2 M = O_O + 2 M.: "
    "K_ox = (O/V) (p/m)^2 pO2^(-1/2); K_red K_ox = (p n/m^2)^2; 2 delta + p = n + x; "
    "hole = p, electron = n per cation site"
)
WET_EQUATION = EQUATION.replace("2 delta + p", "2 delta + OH + p") + "; V_O + O_O + H2O = 2 OH: K = OH^2/(V O pH2O)"
OUTSIDE = {
    "electron": "the parameter file gives no reaction that makes electrons",
    "hole": "the parameter file gives no reaction that makes holes",
    "H": "the parameter file gives no hydration reaction",
}


def from_reactions(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """Carriers over ln_pO2; InputError where no site can hold electrons or holes."""
    given = {key.removesuffix("_enthalpy_J_mol") for key in constants.values if key.endswith("_enthalpy_J_mol")}
    constant, per_dopant = (constants.value(f"electronic_sites_{key}") for key in ("constant", "per_dopant"))
    sites = constant + per_dopant * dopant_fraction
    if sites <= 0.0:
        raise InputError(
            f"dopant_fraction = {dopant_fraction:g}: no site can hold electrons or holes; with electronic_sites = "
            f'"{"dopant" if per_dopant > 0 else "host"}" a fraction {"above 0" if per_dopant > 0 else "below 1"} is '
            "needed"
        )
    half = {name: 0.5 * log_constant(constants, name, temperature_K) for name in given}
    pair = 2.0 * half.get(DISPROPORTIONATION, -math.inf)
    electron = half.get(REDUCTION, pair - half.get(OXIDATION, 0.0))
    hole = half.get(OXIDATION, pair - half.get(REDUCTION, 0.0))
    proton = half.get(HYDRATION, -math.inf) + (0.5 * np.log(pH2O_bar) if pH2O_bar else -math.inf)
    model = DefectModel(
        constants.value("oxygen_sites"),
        sites,
        dopant_fraction,
        log_proton=proton if HYDRATION in given else -math.inf,
        log_hole=hole,
        log_electron=electron,
    )
    return mass_action_carriers(model, ln_pO2, with_protons=HYDRATION in given)
