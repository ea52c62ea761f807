"""One set of estimates from runs in several modes of the electronic carriers; the mode is named beside each estimate.

Ionic estimates come from the scaled walk, electronic ones from the walk on frozen ions, and cross terms of L from true
kinetics where that was affordable; they are zero between carriers that the model does not couple. A second scaled walk,
with electrons half as fast, shows whether the scale matters. The runs are independent, and so are the errors of the
entries of L.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.statistics.estimates import Estimate, FloatArray, Result, Unavailable, above_two_errors, attempt
from analysis.transport.onsager import AMBIPOLAR_FORMULA, AMBIPOLAR_ONSAGER_FORMULA, ZERO_CROSS, uncoupled_pairs
from lattices.constants import BOLTZMANN_J_K, ELEMENTARY_CHARGE_C
from lattices.errors import InputError

MODES = ("scaled", "scaled-half", "frozen-ions", "kinetic")  # sub-folders of a run in mode "auto"
NEEDED = ("scaled", "frozen-ions")  # without these no estimates can be combined
SIGNIFICANT = 3.0  # standard errors beyond which scaled walks disagree
SHARP = 0.1  # if the ratio is known worse than this, warn that the scale check is inconclusive
NO_CROSS = "cross terms of L are unknown: true kinetics was not affordable, or did not give them"
NOT_POSITIVE = "the matrix L combined from several modes is not positive semi-definite: take longer runs"


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
    if missing := [mode for mode in NEEDED if mode not in by_mode]:
        raise InputError(
            f'a run in mode "auto" without its part {missing[0]}: it was stopped; '
            "resume it with kmc run FOLDER --resume"
        )
    scaled, frozen = by_mode["scaled"], by_mode["frozen-ions"]
    result = copy.deepcopy(scaled)
    result["polaron_mode"] = "auto"
    for name in scaled["species"]:
        entries = {"scaled": scaled["species"][name], "frozen-ions": frozen["species"][name]}
        result["species"][name] = _of_true_kinetics(entries)
    facts = ("hops", "elapsed_time_s")
    result["modes"] = {mode: {key: part[key] for key in facts} for mode, part in by_mode.items()}
    result["hops"] = _hops(by_mode)
    result["elapsed_time_s"] = None  # differs between the parts: see modes
    result["warnings"] = sorted({line for part in by_mode.values() for line in part["warnings"]})
    result["scale_check"], doubts = _scale_check(by_mode)
    result["warnings"] += doubts
    lacking = [part["onsager"] for part in (scaled, frozen) if part["onsager"]["species"] is None]
    if lacking:
        absent = lacking[0]["matrix_1_per_J_m_s"]
        return result | {"onsager": lacking[0]} | dict.fromkeys(CONDUCTIVITIES, absent)
    names, charges, value, stderr = _matrix(by_mode)
    description = _description(by_mode, names, value)
    electronic = [scaled["species"][name]["kind"] == "electronic" for name in names]
    result["onsager"] = _onsager_json(names, charges, value, stderr) | {"mode": description}
    if pairs := uncoupled_pairs(scaled.get("coupled_groups", ()), names):
        result["onsager"]["uncoupled"] = [list(pair) for pair in pairs]
        result["onsager"]["matrix_1_per_J_m_s"]["formula"] += ZERO_CROSS
    result |= {
        key: entry | {"mode": description}
        for key, entry in _conductivities(names, electronic, charges, value, stderr).items()
    }
    if "thermodynamics" in result:
        result["chemical_diffusivity_m2_s"] |= _chemical(result, charges, description)
        result["chemical_diffusion"] |= {
            key: entry | {"mode": description} for key, entry in _shares(electronic, charges, value, stderr).items()
        }
    return result


def _description(by_mode: dict[str, dict[str, Any]], names: list[str], value: FloatArray) -> str:
    """Which entries of L came from which mode."""
    apart = uncoupled_pairs(by_mode["scaled"].get("coupled_groups", ()), names)
    kinds = {name: by_mode["scaled"]["species"][name]["kind"] for name in names}
    between = [pair for pair in itertools.combinations(names, 2) if len({kinds[name] for name in pair}) == 2]
    cross = "unknown" if not np.isfinite(value).all() else "kinetic"
    if all(pair in apart for pair in between):
        cross = "zero (carriers not coupled)"
    return f"auto: ions scaled, electronic carriers frozen-ions, cross terms between them {cross}"


def _hops(by_mode: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Counts of each family in the mode in which it had its true rates; wall time of all parts."""
    families = dict[str, Any]()
    for mode in reversed(NEEDED):
        for name, counts in by_mode[mode]["hops"]["families"].items():
            if name not in families or not families[name]["accepted"]:
                families[name] = counts | {"mode": mode}
    wall = sum(part["hops"]["wall_s"] for part in by_mode.values())
    accepted = sum(f["accepted"] for part in by_mode.values() for f in part["hops"]["families"].values())
    return {"families": families, "wall_s": wall, "accepted_per_s": accepted / wall if wall else None}


def _chemical(result: dict[str, Any], charges: FloatArray, description: str) -> dict[str, Any]:
    """D~ by the routes that are formulae, from the independent estimates of several modes.

    D*/H_R is D_sigma, so that t_e Theta D*/H_R is kT sigma_amb/(z_V e)^2 Theta_V/c_V with the ambipolar conductivity of
    the diagonal parts of L, and with tau in place of t_e that of the whole matrix.
    """
    theta = result["thermodynamic_factor_V"]
    if theta["value"] is None:
        return {}
    ion = result["species"][result["thermodynamics"]["carrier"]]
    factor = (
        BOLTZMANN_J_K * result["temperature_K"] / (charges[0] * ELEMENTARY_CHARGE_C) ** 2 / ion["number_density_m3"]
    )
    diagonal, full = "ambipolar_conductivity_S_m", "ambipolar_onsager_conductivity_S_m"
    found = {}
    for route, key, name in (
        ("tracer_theta_te", diagonal, "t_e Theta D*/H_R"),
        ("tracer_theta_tau", full, "tau Theta D*/H_R"),
        ("onsager", full, "kT L_amb Theta_V/c_V"),
    ):
        amb = result[key]
        if amb["value"] is None:
            found[route] = Unavailable(amb["reason"]).as_json()
            continue
        value = factor * amb["value"] * theta["value"]
        relative = float(np.hypot(amb["stderr"] / amb["value"], theta["stderr"] / theta["value"]))
        formula = f"D~ = {name} = kT sigma/(z_V e)^2 Theta_V/c_V, sigma = {key}"
        found[route] = {"value": value, "stderr": value * relative, "formula": formula, "mode": description}
    return found


def _of_true_kinetics(entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The species' entry of the mode in which it had its true rates, with the mode beside each estimate."""
    for mode, entry in entries.items():
        reasons = [str(value.get("reason", "")) for value in entry.values() if isinstance(value, dict)]
        if not any(reason.startswith("polarons.mode") for reason in reasons):
            return {key: value | {"mode": mode} if isinstance(value, dict) else value for key, value in entry.items()}
    return next(iter(entries.values()))


def _scale_check(by_mode: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """(species -> ratios of its diffusivities at the scale to those at half the scale, warnings).

    D* is known best; D_sigma is what the conductivities follow from.
    """
    half = by_mode["scaled-half"]["species"] if "scaled-half" in by_mode else {}
    ratios, doubts = dict[str, Any](), list[str]()
    for name, entry in by_mode["scaled"]["species"].items() if half else ():
        for key, symbol in (("tracer_diffusivity_m2_s", "D*"), ("collective_diffusivity_m2_s", "D_sigma")):
            one, other = (e.get(key, {"value": None}) for e in (entry, half[name]))
            if one["value"] is None or other["value"] is None:
                continue
            ratio = one["value"] / other["value"]
            error = ratio * float(np.hypot(one["stderr"] / one["value"], other["stderr"] / other["value"]))
            formula = f"{symbol} at polarons.scale over {symbol} at half that scale"
            ratios.setdefault(name, {})[key] = {"value": ratio, "stderr": error, "formula": formula}
            if abs(ratio - 1) > SIGNIFICANT * error:
                doubts.append(
                    f"{symbol} of {name} changes by {ratio - 1:+.1%} from half of polarons.scale to it: raise the scale"
                )
            elif error > SHARP:
                doubts.append(
                    f"the check of polarons.scale is inconclusive: the ratio of {symbol} of {name} has an error of "
                    f"{error:.0%}"
                )
    return ratios, doubts


def _matrix(by_mode: dict[str, dict[str, Any]]) -> tuple[list[str], FloatArray, FloatArray, FloatArray]:
    """(carriers, charges moved, L, its errors); unknown entries are NaN."""
    parts = {mode: part["onsager"] for mode, part in by_mode.items()}
    names = [*(parts["scaled"]["species"] or []), *(parts["frozen-ions"]["species"] or [])]
    charge = dict[str, float]()
    value, stderr = np.full((2, len(names), len(names)), np.nan)
    for mode in ("kinetic", "scaled", "frozen-ions"):  # later modes overwrite what they know better
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


def _conductivities(
    names: list[str], electronic_of: list[bool], z: FloatArray, value: FloatArray, stderr: FloatArray
) -> dict[str, Any]:
    """Every conductivity and transference number, errors propagated entry by entry."""
    electronic = np.array(electronic_of)
    known = bool(np.isfinite(value).all())
    cross = "all j" if known else "the same j (cross terms unknown)"
    full, error = np.nan_to_num(value), np.nan_to_num(stderr)
    e2 = ELEMENTARY_CHARGE_C**2

    def weighted(matrix: FloatArray) -> FloatArray:
        return np.asarray(e2 * matrix * np.multiply.outer(z, z))

    def part(matrix: FloatArray, kind: bool) -> float:
        return float(weighted(matrix)[electronic == kind].sum())

    def estimate(formula: str, make: Callable[[FloatArray], float], positive: bool = True) -> dict[str, Any]:
        found = Estimate(make(full), _propagated(make, full, error), formula)
        return attempt(lambda: above_two_errors(found) if positive else found, formula).as_json()

    def diagonal(matrix: FloatArray) -> float:
        ionic, own = (weighted(matrix)[k, k] for k in (int(np.argmin(electronic)), int(np.argmax(electronic))))
        return float(ionic * own / (ionic + own))

    pair = len(names) == 2 and electronic.sum() == 1
    absent = Unavailable("defined for one ion and one electronic carrier").as_json()
    result = {
        "ionic_conductivity_S_m": estimate(
            f"sigma_ion = e^2 sum over ions i, {cross} of z_i z_j L_ij", lambda m: part(m, False)
        ),
        "electronic_conductivity_S_m": estimate(
            f"sigma_e = e^2 sum over electronic carriers i, {cross} of z_i z_j L_ij", lambda m: part(m, True)
        ),
        "total_conductivity_S_m": estimate("sigma_ion + sigma_e", lambda m: float(weighted(m).sum())),
        "ionic_transference_number": estimate(
            "t_ion = sigma_ion/sigma_total", lambda m: part(m, False) / float(weighted(m).sum()), False
        ),
        "electronic_transference_number": estimate(
            "t_e = sigma_e/sigma_total", lambda m: part(m, True) / float(weighted(m).sum()), False
        ),
        "ambipolar_conductivity_S_m": estimate(AMBIPOLAR_FORMULA, diagonal) if pair else absent,
    }
    reason = absent["reason"] if not pair else NO_CROSS if not known else None
    if reason is None and np.linalg.eigvalsh(weighted(full)).min() < 0:
        reason = NOT_POSITIVE
    if reason is not None:
        lacking = Unavailable(reason, AMBIPOLAR_ONSAGER_FORMULA).as_json()
        return result | {"ambipolar_onsager_conductivity_S_m": lacking}
    amb = estimate(AMBIPOLAR_ONSAGER_FORMULA, lambda m: float(np.linalg.det(weighted(m)) / weighted(m).sum()))
    return result | {"ambipolar_onsager_conductivity_S_m": amb}


def _shares(electronic: list[bool], z: FloatArray, value: FloatArray, stderr: FloatArray) -> dict[str, Any]:
    """t_e of the diagonal parts and tau = L_amb/L_VV of one ion and one electronic carrier, for results.json."""
    if electronic != [False, True]:
        return {}
    full, error = np.nan_to_num(value), np.nan_to_num(stderr)

    def t_e(m: FloatArray) -> float:
        own = z**2 * np.diag(m)
        return float(own[1] / own.sum())

    def tau(m: FloatArray) -> float:
        return float(z[1] ** 2 * np.linalg.det(m) / (z @ m @ z) / m[0, 0])

    reason = NO_CROSS if not np.isfinite(value).all() else None
    if reason is None and np.linalg.eigvalsh(full).min() < 0:
        reason = NOT_POSITIVE
    found: dict[str, Result] = {"t_e": Estimate(t_e(full), _propagated(t_e, full, error), "t_e, diagonal parts of L")}
    formula = "tau = L_amb/L_VV"
    known = Estimate(tau(full), _propagated(tau, full, error), formula)
    found["tau"] = Unavailable(reason, formula) if reason else known
    return {name: result.as_json() for name, result in found.items()}


def _propagated(make: Callable[[FloatArray], float], value: FloatArray, stderr: FloatArray) -> float:
    """Standard error of a function of the symmetric matrix, whose entries have independent errors."""
    total = 0.0
    for i, j in zip(*np.triu_indices(len(value)), strict=True):
        step = np.zeros_like(value)
        step[i, j] = step[j, i] = stderr[i, j]
        total += ((make(value + step) - make(value - step)) / 2) ** 2
    return float(np.sqrt(total))
