"""One set of figures from runs in several modes of the electronic carriers (kmc/polarons.py), named beside each figure.

Ionic figures come from the scaled walk, electronic ones from frozen ions, cross terms of L from true kinetics where
that was affordable; they are zero where carriers do not feel one another. A second scaled walk, electrons half as fast again, tells whether the scale matters. The runs are
independent, so errors of the entries of L are, too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.figures import Figure, FloatArray, above_two_errors, attempt
from analysis.onsager import AMBIPOLAR_FORMULA, AMBIPOLAR_ONSAGER_FORMULA, ZERO_CROSS, uncoupled_pairs
from analysis.units import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C
from kmc.polarons import ELECTRONIC

MODES = ("scaled", "scaled-half", "frozen-ions", "kinetic")  # sub-folders of a run in mode "auto"
SIGNIFICANT = 3.0  # standard errors, before scaled walks are said to disagree
NO_CROSS = "cross terms of L are unknown: true kinetics was not affordable, or gave none"
NOT_POSITIVE = "the matrix L put together from several modes is not positive semi-definite: take longer runs"


CONDUCTIVITIES = (
    "ionic_conductivity_S_m",
    "electronic_conductivity_S_m",
    "total_conductivity_S_m",
    "ionic_transference_number",
    "electronic_transference_number",
    "ambipolar_conductivity_S_m",
    "ambipolar_onsager_conductivity_S_m",
)


def combine(by_mode: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """results.json of a run in mode "auto", from those of its parts."""
    scaled, frozen = by_mode["scaled"], by_mode["frozen-ions"]
    result = copy.deepcopy(scaled)
    result["polaron_mode"] = "auto"
    for name in scaled["species"]:
        figures = {"scaled": scaled["species"][name], "frozen-ions": frozen["species"][name]}
        result["species"][name] = _of_one_kind(figures)
    facts = ("hops", "elapsed_time_s")
    result["modes"] = {mode: {key: part[key] for key in facts} for mode, part in by_mode.items()}
    result["warnings"] = sorted({line for part in by_mode.values() for line in part["warnings"]})
    result["scale_check"], doubts = _scale_check(by_mode)
    result["warnings"] += doubts
    lacking = [part["onsager"] for part in (scaled, frozen) if part["onsager"]["species"] is None]
    if lacking:
        absent = lacking[0]["matrix_1_per_J_m_s"]
        return result | {"onsager": lacking[0]} | dict.fromkeys(CONDUCTIVITIES, absent)
    names, charges, value, stderr = _matrix(by_mode)
    result["onsager"] = _onsager_json(names, charges, value, stderr)
    if pairs := uncoupled_pairs(scaled.get("coupled_groups", ()), names):
        result["onsager"]["uncoupled"] = [list(pair) for pair in pairs]
        result["onsager"]["matrix_1_per_J_m_s"]["formula"] += ZERO_CROSS
    result |= _conductivities(names, charges, value, stderr)
    if "thermodynamics" in result:
        result["chemical_diffusivity_m2_s"] |= _chemical(result, charges)
    return result


def _chemical(result: dict[str, Any], charges: FloatArray) -> dict[str, Any]:
    """D~ by the Onsager route from figures of several modes, which are independent."""
    theta = result["thermodynamic_factor_V"]
    if theta["value"] is None:
        return {}
    ion = result["species"][result["thermodynamics"]["carrier"]]
    factor = (
        BOLTZMANN_J_K * result["temperature_K"] / (charges[0] * ELEMENTARY_CHARGE_C) ** 2 / ion["number_density_m3"]
    )
    sources = (("L_amb", "ambipolar_onsager_conductivity_S_m"), ("diagonal parts of L", "ambipolar_conductivity_S_m"))
    for words, key in sources:
        amb = result[key]
        if amb["value"] is not None:
            value = factor * amb["value"] * theta["value"]
            relative = float(np.hypot(amb["stderr"] / amb["value"], theta["stderr"] / theta["value"]))
            formula = f"D~ = kT sigma_amb/(z_V e)^2 Theta_V/c_V, sigma_amb from {words}"
            return {"onsager": {"value": value, "stderr": value * relative, "formula": formula, "mode": "auto"}}
    return {}


def _of_one_kind(figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The species' entry of the mode in which it moved truly, with the mode beside each figure."""
    for mode, entry in figures.items():
        reasons = [str(value.get("reason", "")) for value in entry.values() if isinstance(value, dict)]
        if not any(reason.startswith("polarons.mode") for reason in reasons):
            return {key: value | {"mode": mode} if isinstance(value, dict) else value for key, value in entry.items()}
    return next(iter(figures.values()))


def _scale_check(by_mode: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """(species -> ratio of D* at the scale to D* at half of it, a line for each that differs beyond its error)."""
    half = by_mode["scaled-half"]["species"] if "scaled-half" in by_mode else {}
    ratios, doubts = dict[str, Any](), list[str]()
    for name, entry in by_mode["scaled"]["species"].items() if half else ():
        one, other = (e["tracer_diffusivity_m2_s"] for e in (entry, half[name]))
        if one["value"] is None or other["value"] is None:
            continue
        ratio = one["value"] / other["value"]
        error = ratio * float(np.hypot(one["stderr"] / one["value"], other["stderr"] / other["value"]))
        ratios[name] = {"value": ratio, "stderr": error, "formula": "D* at polarons.scale over D* at half of it"}
        if abs(ratio - 1) > SIGNIFICANT * error:
            doubts.append(
                f"D* of {name} changes by {ratio - 1:+.1%} from half of polarons.scale to it: raise the scale"
            )
    return ratios, doubts


def _matrix(by_mode: dict[str, dict[str, Any]]) -> tuple[list[str], FloatArray, FloatArray, FloatArray]:
    """(carriers, charges moved, L, its errors); NaN where an entry is unknown."""
    parts = {mode: part["onsager"] for mode, part in by_mode.items()}
    names = [*(parts["scaled"]["species"] or []), *(parts["frozen-ions"]["species"] or [])]
    charge = dict[str, float]()
    value, stderr = np.full((2, len(names), len(names)), np.nan)
    for mode in ("kinetic", "scaled", "frozen-ions"):  # later ones overwrite what they know better
        if mode not in parts or not parts[mode]["species"]:
            continue
        own = parts[mode]["species"]
        charge |= dict(zip(own, parts[mode]["charge_moved_e"], strict=True))
        place = np.ix_([names.index(name) for name in own], [names.index(name) for name in own])
        value[place] = parts[mode]["matrix_1_per_J_m_s"]["value"]
        stderr[place] = parts[mode]["matrix_1_per_J_m_s"]["stderr"]
    for a, b in uncoupled_pairs(by_mode["scaled"].get("coupled_groups", ()), names):
        i, j = names.index(a), names.index(b)
        value[i, j] = value[j, i] = stderr[i, j] = stderr[j, i] = 0.0
    return names, np.array([charge[name] for name in names]), value, stderr


def _onsager_json(names: list[str], charges: FloatArray, value: FloatArray, stderr: FloatArray) -> dict[str, Any]:
    def plain(matrix: FloatArray) -> list[list[float | None]]:
        return [[float(x) if np.isfinite(x) else None for x in row] for row in matrix]

    matrix: dict[str, Any] = {"value": plain(value), "stderr": plain(stderr)}
    matrix["formula"] = "L_ij = slope of <dR_i . dR_j> against t, over 6 V kT; ions scaled, electrons on frozen ions"
    if not np.isfinite(value).all():
        matrix["reason"] = NO_CROSS
    return {"species": names, "charge_moved_e": charges.tolist(), "matrix_1_per_J_m_s": matrix}


def _conductivities(names: list[str], z: FloatArray, value: FloatArray, stderr: FloatArray) -> dict[str, Any]:
    """Every conductivity and transference number, errors propagated entry by entry."""
    electronic = np.array([name in ELECTRONIC for name in names])
    known = bool(np.isfinite(value).all())
    cross = "all j" if known else "the same j (cross terms unknown)"
    full, error = np.nan_to_num(value), np.nan_to_num(stderr)
    e2 = ELEMENTARY_CHARGE_C**2

    def weighted(matrix: FloatArray) -> FloatArray:
        return np.asarray(e2 * matrix * np.multiply.outer(z, z))

    def part(matrix: FloatArray, kind: bool) -> float:
        return float(weighted(matrix)[electronic == kind].sum())

    def figure(formula: str, make: Callable[[FloatArray], float], positive: bool = True) -> dict[str, Any]:
        found = Figure(make(full), _propagated(make, full, error), formula)
        made = attempt(lambda: above_two_errors(found) if positive else found, formula)
        return made.as_json() | {"mode": "auto"}

    def diagonal(matrix: FloatArray) -> float:
        ionic, own = (weighted(matrix)[k, k] for k in (int(np.argmin(electronic)), int(np.argmax(electronic))))
        return float(ionic * own / (ionic + own))

    pair = len(names) == 2 and electronic.sum() == 1
    absent = {"value": None, "stderr": None, "reason": "defined for one ion and one electronic carrier"}
    result = {
        "ionic_conductivity_S_m": figure(
            f"sigma_ion = e^2 sum over ions i, {cross} of z_i z_j L_ij", lambda m: part(m, False)
        ),
        "electronic_conductivity_S_m": figure(
            f"sigma_e = e^2 sum over electronic carriers i, {cross} of z_i z_j L_ij", lambda m: part(m, True)
        ),
        "total_conductivity_S_m": figure("sigma_ion + sigma_e", lambda m: float(weighted(m).sum())),
        "ionic_transference_number": figure(
            "t_ion = sigma_ion/sigma_total", lambda m: part(m, False) / float(weighted(m).sum()), False
        ),
        "electronic_transference_number": figure(
            "t_e = sigma_e/sigma_total", lambda m: part(m, True) / float(weighted(m).sum()), False
        ),
        "ambipolar_conductivity_S_m": figure(AMBIPOLAR_FORMULA, diagonal) if pair else absent,
    }
    reason = absent["reason"] if not pair else NO_CROSS if not known else None
    if reason is None and np.linalg.eigvalsh(weighted(full)).min() < 0:
        reason = NOT_POSITIVE
    if reason is not None:
        lacking = {"value": None, "stderr": None, "reason": reason, "formula": AMBIPOLAR_ONSAGER_FORMULA}
        return result | {"ambipolar_onsager_conductivity_S_m": lacking}
    amb = figure(AMBIPOLAR_ONSAGER_FORMULA, lambda m: float(np.linalg.det(weighted(m)) / weighted(m).sum()))
    return result | {"ambipolar_onsager_conductivity_S_m": amb}


def _propagated(make: Callable[[FloatArray], float], value: FloatArray, stderr: FloatArray) -> float:
    """Error of a function of the symmetric matrix, its entries taken one by one."""
    total = 0.0
    for i, j in zip(*np.triu_indices(len(value)), strict=True):
        step = np.zeros_like(value)
        step[i, j] = step[j, i] = stderr[i, j]
        total += ((make(value + step) - make(value - step)) / 2) ** 2
    return float(np.sqrt(total))
