"""From constants to carriers: the equations of ceria, iron perovskites and proton conductors.

Each is one mass-action model; ceria also has two empirical forms of pO2(delta, T) without dopants, with n = 2 delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lattices.defects.constants import ConstantSet
from lattices.defects.mass_action import DefectModel, FloatArray, solve_defects
from lattices.errors import InputError

GAS_CONSTANT_J_MOL_K = 8.314462618  # CODATA 2018, exact in the SI
# Where h1 log10(delta) outweighs the entropy term the Bulfin form has dpO2/ddelta > 0: no equilibrium. That
# is below 31400/(2.94 R ln 10) = 558 K; near it delta runs to 1e-100, so the form is refused a little
# above.
_BULFIN_LOWEST_K = 600.0


EmpiricalSolution: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class Carriers:
    """Solution over an array of pO2. Every array: float64, the shape of pO2.

    delta: oxygen vacancies per formula unit. site_fractions: "V_O", "O_O", "H" per oxygen site (H is 0 where the gas
    is dry); "electron", "hole", "host_cation" per cation site. reduction: electrons/2 per formula unit. theta_V,
    theta_O: inf where undefined.
    """

    delta: FloatArray
    site_fractions: Mapping[str, FloatArray]
    reduction: FloatArray
    theta_V: FloatArray
    theta_O: FloatArray


def mass_action_carriers(model: DefectModel, ln_pO2: FloatArray, with_protons: bool = False) -> Carriers:
    """Carriers of a mass-action model over ln_pO2 (float64, any shape)."""
    state = solve_defects(model, ln_pO2)
    fractions = {"V_O": state.vacancy, "O_O": state.oxygen, "host_cation": state.host}
    for name, known, values in (
        ("electron", np.isfinite(model.log_electron), state.electron),
        ("hole", np.isfinite(model.log_hole), state.hole),
        ("H", with_protons, state.proton),
    ):
        if known:
            fractions[name] = values
    delta = model.oxygen_sites * state.vacancy
    return Carriers(delta, fractions, 0.5 * state.electron, state.theta_V, state.theta_O)


def log_constant(constants: ConstantSet, reaction: str, temperature_K: float) -> float:
    """ln K = dS/R - dH/(R T) from the keys <reaction>_enthalpy_J_mol and <reaction>_entropy_J_mol_K."""
    enthalpy = constants.value(f"{reaction}_enthalpy_J_mol")
    entropy = constants.value(f"{reaction}_entropy_J_mol_K")
    return entropy / GAS_CONSTANT_J_MOL_K - enthalpy / (GAS_CONSTANT_J_MOL_K * temperature_K)


def ceria(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """K_R = (V/O)(e/Ce4+)^2 pO2^(1/2)."""
    ln_reduction = log_constant(constants, "reduction", temperature_K)
    model = DefectModel(2.0, 1.0 - dopant_fraction, dopant_fraction, log_electron=0.5 * ln_reduction)
    return mass_action_carriers(model, ln_pO2)


def iron_perovskite(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """K_ox = (p/m)^2 (O/V) pO2^(-1/2), K_i = p n/m^2."""
    ln_hole = 0.5 * log_constant(constants, "oxidation", temperature_K)
    ln_pair = log_constant(constants, "disproportionation", temperature_K)
    model = DefectModel(3.0, 1.0, dopant_fraction, log_hole=ln_hole, log_electron=ln_pair - ln_hole)
    return mass_action_carriers(model, ln_pO2)


def iron_pair_constant(constants: ConstantSet, temperature_K: float) -> float:
    """K_i = p n/m^2 of holes p, electrons n and hosts m per cation (dimensionless)."""
    return float(np.exp(log_constant(constants, "disproportionation", temperature_K)))


def proton_perovskite(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """K_hyd = OH^2/(V O pH2O) and, if its constants are given, K_h = (h/B)^2 (O/V) pO2^(-1/2), a hole site per B."""
    ln_hydration = log_constant(constants, "hydration", temperature_K)
    ln_proton = 0.5 * (ln_hydration + np.log(pH2O_bar)) if pH2O_bar else -np.inf
    holes = "hole_oxidation_enthalpy_J_mol" in constants.values
    ln_hole = 0.5 * log_constant(constants, "hole_oxidation", temperature_K) if holes else -np.inf
    model = DefectModel(3.0, 1.0, dopant_fraction, log_proton=ln_proton, log_hole=ln_hole)
    return mass_action_carriers(model, ln_pO2, with_protons=True)


def _empirical_ceria(constants: ConstantSet, solution: EmpiricalSolution, dopant_fraction: float) -> Carriers:
    """Carriers from (delta, d ln delta/d ln pO2, share of unreduced cations) of undoped ceria."""
    if dopant_fraction != 0.0:
        raise InputError(
            f"dopant_fraction = {dopant_fraction}: set {constants.name} is a fit to undoped ceria; "
            "use mass-action-bulfin for doped ceria"
        )
    delta, slope, unreduced = solution
    with np.errstate(divide="ignore", over="ignore"):
        theta_V = -0.5 / slope
        theta_O = theta_V * ((2.0 - delta) / delta)
    fractions = {
        "V_O": 0.5 * delta,
        "O_O": 0.5 * (2.0 - delta),
        "electron": 2.0 * delta,
        "host_cation": unreduced,
    }
    return Carriers(delta, fractions, delta, theta_V, theta_O)


def ceria_bulfin(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """pO2^(1/2) = exp(dS/R - dH/RT) with dH and dS functions of delta. InputError for a dopant, or below 600 K."""
    return _empirical_ceria(constants, _bulfin(constants, temperature_K, ln_pO2), dopant_fraction)


def ceria_suzuki_watanabe(
    constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray, pH2O_bar: float | None, dopant_fraction: float
) -> Carriers:
    """delta interpolated between two power laws of pO2 and its maximum. InputError for a dopant."""
    return _empirical_ceria(constants, _suzuki_watanabe(constants, temperature_K, ln_pO2), dopant_fraction)


def _bulfin(constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray) -> EmpiricalSolution:
    """delta, d ln delta/d ln pO2, 1 - 2 delta by bisection in ln(delta/(delta_max - delta))."""
    if temperature_K < _BULFIN_LOWEST_K:
        raise InputError(
            f"temperature_K = {temperature_K}: set {constants.name} has no stable solution below "
            f"{_BULFIN_LOWEST_K:g} K; use mass-action-bulfin"
        )
    delta_max = constants.value("delta_max")
    steepness = constants.value("entropy_log_factor")
    per_ln_delta = -constants.value("enthalpy_log10_J_mol") / (np.log(10.0) * GAS_CONSTANT_J_MOL_K * temperature_K)
    constant = (constants.value("entropy_constant_J_mol_K")) / GAS_CONSTANT_J_MOL_K
    constant -= constants.value("enthalpy_constant_J_mol") / (GAS_CONSTANT_J_MOL_K * temperature_K)

    def half_ln_pO2(logit: FloatArray) -> FloatArray:
        ln_delta = np.log(delta_max) - np.logaddexp(0.0, -logit)
        return np.asarray(constant - steepness * logit + per_ln_delta * ln_delta)

    low, high = np.full_like(ln_pO2, -700.0), np.full_like(ln_pO2, 700.0)
    for _ in range(70):
        middle = 0.5 * (low + high)
        above = half_ln_pO2(middle) > 0.5 * ln_pO2
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    logit = 0.5 * (low + high)
    delta = delta_max * np.exp(-np.logaddexp(0.0, -logit))
    free = np.exp(-np.logaddexp(0.0, logit))  # 1 - delta/delta_max
    slope = 0.5 / (-steepness / free + per_ln_delta)
    return delta, slope, 1.0 - 2.0 * delta


def _suzuki_watanabe(constants: ConstantSet, temperature_K: float, ln_pO2: FloatArray) -> EmpiricalSolution:
    """delta, d ln delta/d ln pO2, 1 - delta/delta_max from logarithms of the three branches."""
    thermal = -1.0 / (GAS_CONSTANT_J_MOL_K * temperature_K)
    ln_a = 0.5 * (np.log(constants.value("a_prefactor")) + thermal * constants.value("a_energy_J_mol"))
    ln_b = (np.log(constants.value("b_prefactor")) + thermal * constants.value("b_energy_J_mol")) / 6.0 - np.log(3.0)
    ln_max = np.log(constants.value("delta_max"))
    power = constants.value("sharpness")
    # Terms relative to delta_max^-8, so that the distance from delta_max keeps its digits.
    branch_a = -power * (ln_a - 0.25 * ln_pO2 - ln_max)
    branch_b = -power * (ln_b - ln_pO2 / 12.0 - ln_max)
    terms = np.logaddexp(branch_a, branch_b)
    total = np.logaddexp(terms, 0.0)
    delta = np.exp(ln_max - total / power)
    slope = -0.25 * np.exp(branch_a - total) - np.exp(branch_b - total) / 12.0
    return delta, slope, -np.expm1(-total / power)
