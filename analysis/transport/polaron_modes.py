"""One set of estimates from runs in several modes of the electronic carriers; each estimate names its mode.

Ionic estimates come from the scaled run, electronic ones from the run with frozen ions, and cross terms of L from true
kinetics where that was affordable; they are zero between carriers that the model does not couple. A second scaled run,
with electrons half as fast, shows whether the scale matters. The runs are independent, and so are the errors of the
entries of L.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping

import numpy as np

from analysis.results import (
    SPECIES_KEYS,
    Entry,
    FamilyResults,
    HopResults,
    MatrixEntry,
    OnsagerResults,
    RunResults,
    SpeciesKey,
    SpeciesResults,
    TransportKey,
)
from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    UnavailableError,
    attempt,
    available,
    from_json,
    satterthwaite,
)
from analysis.transport.combined_matrix import NEEDED, CombinedMatrix, combined_matrix
from analysis.transport.conductivity import (
    DIAGONAL_SHARE_FORMULA,
    TAU_FORMULA,
    conductivity_estimates,
    diagonal_share_coefficient,
    diffusivity,
    require_positive,
    tau_coefficient,
)
from analysis.transport.onsager import L_FORMULA, ZERO_CROSS, transport_coefficients
from lattices.constants import ELEMENTARY_CHARGE_C
from lattices.errors import InputError

MODES = ("scaled", "scaled-half", "frozen-ions", "kinetic")  # sub-folders of a run in mode "auto"
SIGNIFICANT = 3.0  # standard errors beyond which scaled runs disagree
SHARP = 0.1  # if the relative error of the ratio is larger, warn that the scale check is inconclusive
SCALE_CHECKED: dict[SpeciesKey, str] = {"tracer_diffusivity_m2_s": "D*", "collective_diffusivity_m2_s": "D_sigma"}


def combine(by_mode: Mapping[str, RunResults]) -> RunResults:
    """results.json of a run in mode "auto", from those of its parts; InputError where a needed part is missing."""
    if missing := [mode for mode in NEEDED if mode not in by_mode]:
        raise InputError(
            f'a run in mode "auto" without its part {missing[0]}: it was stopped; '
            "resume it with kmc run FOLDER --resume"
        )
    scaled, frozen = by_mode["scaled"], by_mode["frozen-ions"]
    result = copy.deepcopy(scaled)
    result["polaron_mode"] = "auto"
    result["species"] = {
        name: _of_true_kinetics({"scaled": entry, "frozen-ions": frozen["species"][name]})
        for name, entry in scaled["species"].items()
    }
    result["modes"] = {
        mode: {"hops": part["hops"], "elapsed_time_s": part["elapsed_time_s"]} for mode, part in by_mode.items()
    }
    result["hops"] = _hops(by_mode)
    result["elapsed_time_s"] = None  # differs between the parts: see modes
    result["scale_check"], doubts = _scale_check(by_mode)
    result["warnings"] = sorted({line for part in by_mode.values() for line in part["warnings"]}) + doubts
    lacking = [part["onsager"] for part in (scaled, frozen) if part["onsager"]["species"] is None]
    if lacking:
        result["onsager"] = lacking[0]
        reason = Unavailable(lacking[0]["matrix_1_per_J_m_s"]["reason"])
        for key, absent in transport_coefficients(reason).items():
            result[key] = absent.as_json()
        return result
    matrix = combined_matrix(by_mode)
    coefficients = conductivity_estimates(
        matrix.carriers, np.nan_to_num(matrix.value), matrix.evaluate, matrix.no_cross
    )
    source = _sources(matrix)
    result["onsager"] = _onsager_json(matrix, source)
    for key, coefficient in coefficients.items():
        result[key] = _from_mode(coefficient.as_json(), source)
    if "thermodynamics" in result and "chemical_diffusion" in result:
        routes, shares = _chemical(result, matrix, coefficients), _shares(matrix)
        for route, each in routes.items():
            result["chemical_diffusivity_m2_s"][route] = _from_mode(each.as_json(), source)
        found = {key: _from_mode(each.as_json(), source) for key, each in shares.items()}
        result["chemical_diffusion"] = {**result["chemical_diffusion"], **found}
    return result


def _from_mode(entry: Entry, mode: str) -> Entry:
    """The entry, with the mode that it comes from."""
    return {**entry, "mode": mode}


def _sources(matrix: CombinedMatrix) -> str:
    """The mode from which each entry of L was taken."""
    names, electronic = matrix.carriers.names, matrix.carriers.electronic
    mixed = [
        (names[i], names[j]) for i, j in itertools.combinations(range(len(names)), 2) if electronic[i] != electronic[j]
    ]
    cross = "unknown" if matrix.no_cross else "kinetic"
    if all(pair in matrix.uncoupled for pair in mixed):
        cross = "zero (carriers not coupled)"
    return f"auto: ions scaled, electronic carriers frozen-ions, cross terms between them {cross}"


def _hops(by_mode: Mapping[str, RunResults]) -> HopResults:
    """Counts of each family in the mode in which it had its true rates; wall time of all parts."""
    families: dict[str, FamilyResults] = {}
    for mode in reversed(NEEDED):
        for name, counts in by_mode[mode]["hops"]["families"].items():
            if name not in families or not families[name]["accepted"]:
                families[name] = {**counts, "mode": mode}
    wall = sum(part["hops"]["wall_s"] for part in by_mode.values())
    accepted = sum(f["accepted"] for part in by_mode.values() for f in part["hops"]["families"].values())
    return {"families": families, "wall_s": wall, "accepted_per_s": accepted / wall if wall else None}


def _chemical(
    result: RunResults, matrix: CombinedMatrix, coefficients: Mapping[TransportKey, Result]
) -> dict[str, Result]:
    """D~ by the routes that are formulae, from the independent estimates of several modes.

    D*/H_R is D_sigma, so that t_e Theta D*/H_R is kT sigma_amb/(z_V e)^2 Theta_V/c_V with the ambipolar conductivity of
    the diagonal parts of L, and with tau in place of t_e that of the whole matrix.
    """
    theta = from_json(result["thermodynamic_factor_V"])
    if isinstance(theta, Unavailable):
        return {}
    density = result["species"][result["thermodynamics"]["carrier"]]["number_density_m3"]
    per_conductivity = 1.0 / (matrix.carriers.charges[0] * ELEMENTARY_CHARGE_C) ** 2
    diagonal: TransportKey = "ambipolar_conductivity_S_m"
    full: TransportKey = "ambipolar_onsager_conductivity_S_m"

    def route(key: TransportKey, name: str) -> Result:
        def estimate() -> Estimate:
            sigma = available(coefficients[key])
            l_amb = np.asarray(sigma.value * per_conductivity)
            value = float(diffusivity(l_amb, result["temperature_K"], density)) * theta.value
            factor = float(diffusivity(np.asarray(per_conductivity), result["temperature_K"], density))
            parts = [(factor * sigma.stderr * theta.value) ** 2, (factor * sigma.value * theta.stderr) ** 2]
            dof = satterthwaite(parts, [sigma.dof, theta.dof])
            return Estimate(value, math.sqrt(sum(parts)), formula, dof=dof)

        formula = f"D~ = {name} = kT sigma/(z_V e)^2 Theta_V/c_V, sigma = {key}"
        return attempt(estimate, formula)

    return {
        "tracer_theta_te": route(diagonal, "t_e Theta D*/H_R"),
        "tracer_theta_tau": route(full, "tau Theta D*/H_R"),
        "onsager": route(full, "kT L_amb Theta_V/c_V"),
    }


def _of_true_kinetics(entries: Mapping[str, SpeciesResults]) -> SpeciesResults:
    """The species' entry of the mode in which it had its true rates, with the mode of each estimate."""
    for mode, entry in entries.items():
        if not any(entry[key].get("reason", "").startswith("polarons.mode") for key in SPECIES_KEYS):
            found = copy.deepcopy(entry)
            for key in SPECIES_KEYS:
                found[key] = _from_mode(entry[key], mode)
            return found
    return next(iter(entries.values()))


def _scale_check(by_mode: Mapping[str, RunResults]) -> tuple[dict[str, dict[SpeciesKey, Entry]], list[str]]:
    """(species -> ratios of its diffusivities at the scale to those at half the scale, warnings).

    D* has the smallest error; the conductivities follow from D_sigma.
    """
    ratios: dict[str, dict[SpeciesKey, Entry]] = {}
    doubts: list[str] = []
    half = by_mode["scaled-half"]["species"] if "scaled-half" in by_mode else {}
    for name in half:
        for key, symbol in SCALE_CHECKED.items():
            one, other = (from_json(species[name][key]) for species in (by_mode["scaled"]["species"], half))
            if isinstance(one, Unavailable) or isinstance(other, Unavailable) or other.value == 0.0:
                continue
            ratio = one.value / other.value
            parts = [(one.stderr / other.value) ** 2, (ratio * other.stderr / other.value) ** 2]
            error, dof = math.sqrt(sum(parts)), satterthwaite(parts, [one.dof, other.dof])
            formula = f"{symbol} at polarons.scale over {symbol} at half that scale"
            ratios.setdefault(name, {})[key] = Estimate(ratio, error, formula, dof=dof).as_json()
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


def _onsager_json(matrix: CombinedMatrix, source: str) -> OnsagerResults:
    def known(entries: FloatArray) -> list[list[float | None]]:
        return [[float(x) if np.isfinite(x) else None for x in row] for row in entries]

    entry: MatrixEntry = {
        "value": known(matrix.value),
        "stderr": known(matrix.stderr),
        "half_width_95": known(matrix.half_width_95),
        "dof": known(matrix.dof),
        "formula": f"{L_FORMULA}; ions scaled, electrons on frozen ions{ZERO_CROSS if matrix.uncoupled else ''}",
    }
    if matrix.no_cross:
        entry["reason"] = matrix.no_cross.reason
    result: OnsagerResults = {
        "species": list(matrix.carriers.names),
        "charge_moved_e": matrix.carriers.charges.tolist(),
        "matrix_1_per_J_m_s": entry,
        "mode": source,
    }
    if matrix.uncoupled:
        result["uncoupled"] = [list(pair) for pair in matrix.uncoupled]
    return result


def _shares(matrix: CombinedMatrix) -> dict[str, Result]:
    """t_e of the diagonal parts and tau = L_amb/L_VV of one ion and one electronic carrier; {} for other carriers."""
    if matrix.carriers.electronic.tolist() != [False, True]:
        return {}
    z = matrix.carriers.charges

    def with_cross_terms() -> Estimate:
        if matrix.no_cross:
            raise UnavailableError(matrix.no_cross)
        require_positive(matrix.value)
        return matrix.evaluate(tau_coefficient(z), TAU_FORMULA)

    return {
        "t_e": matrix.evaluate(diagonal_share_coefficient(z), DIAGONAL_SHARE_FORMULA),
        "tau": attempt(with_cross_terms, TAU_FORMULA),
    }
