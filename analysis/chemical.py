"""Thermodynamic factor and chemical diffusion for results.json: each figure by several routes, side by side.

Routes to D~: (a) tracer diffusivity times Theta, bare and with t_e or tau and the Haven ratio; (b) the Onsager matrix,
kT L_amb Theta_V/c_V; (c) decays of density modes; (d) a composition wave set free. (c) and (d) are chemical diffusion
only where ions and electronic carriers stay together: for one neutral species, or with Coulomb energies in the walk.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.chemical_matrix import chemical_matrix_json
from analysis.decay import (
    CHARGED_DECAY_FORMULA,
    CHARGED_WAVE_FORMULA,
    DECAY_FORMULA,
    WAVE_FORMULA,
    Decay,
    decays,
    diffusivity_rows,
    wave_decay,
    wave_rows,
)
from analysis.density_modes import counted_json, limit, neutral_vector, slab_theta, structure, theta_of_k
from analysis.figures import Figure, FloatArray, Untrustworthy, attempt, jackknife_stderr, positive_from_rows
from analysis.fit import Units
from analysis.isotherm import (
    at_composition,
    counts_of,
    isotherm_json,
    potential_json,
    theta_figures,
)
from analysis.onsager import Collective
from analysis.routes import Routes, Rows
from analysis.tracer import without_true_motion
from analysis.units import BOLTZMANN_J_K

if TYPE_CHECKING:
    from kmc.trajectory import Trajectory

NO_THERMODYNAMICS = "the run had no [thermodynamics]: fluctuations of composition were not sampled"
STRUCTURE_FORMULA = "Theta_{} = limit k -> 0 of c n^T chi(k)^-1 n, chi_ij = <rho_i rho_j*>/V thermal, n = {}"
SLAB_FORMULA = "Theta_{} = c n^T chi^-1 n, chi_ij V_slab (1 - V_slab/V) = Cov(N_i, N_j) of slabs"
APART = (
    "ions and electronic carriers of this model are not held together by Coulomb energies, so that each decays on its "
    "own: see chemical_diffusion.decay_of_species"
)
ROUTES = ("tracer_theta", "tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation")
DISAGREE = 3.0  # joint standard errors


def chemical_json(
    trajectory: Trajectory, units: Units | None, collective: Collective | str, fit_range: tuple[float, float]
) -> tuple[dict[str, Any], list[str]]:
    """(entries of results.json, warnings)."""
    reason = _why_not(trajectory, units)
    result: dict[str, Any]
    if reason is not None:
        absent = Figure.absent(reason).as_json()
        keys = ("thermodynamic_factor_O", "thermodynamic_factor_V")
        result = dict.fromkeys(keys, absent) | {"chemical_diffusivity_m2_s": dict.fromkeys(ROUTES, absent)}
        if units and trajectory.planes and (matrix := chemical_matrix_json(trajectory, units, collective)):
            result["chemical_diffusivity_matrix_m2_s"] = matrix
        return result, []
    assert units is not None
    routes = Routes(trajectory, units, collective, fit_range)
    result = _factors(routes)
    figures, details = _diffusivities(routes)
    result["chemical_diffusivity_m2_s"] = {name: figure.as_json() for name, figure in figures.items()}
    result["chemical_diffusion"] = details
    return result, _disagreements(figures)


def _why_not(trajectory: Trajectory, units: Units | None) -> str | None:
    if "reason" in trajectory.component:
        return str(trajectory.component["reason"])
    if np.any(trajectory.field_V_per_m):
        return "run in a field: composition was not sampled"
    if trajectory.scan is None and not trajectory.planes:
        return NO_THERMODYNAMICS
    return "too few independent windows" if units is None else None


def _factors(routes: Routes) -> dict[str, Any]:
    """Theta of carrier and partner, the isotherm, and Theta by other ways."""
    trajectory, units = routes.trajectory, routes.units
    points, potential = [], {}
    try:
        points = isotherm_json(trajectory, units)
        point = at_composition(trajectory, units)
        own, partner = theta_figures(trajectory, point, 0)
        potential = potential_json(trajectory, float(point.mu_eV[0]))
    except Untrustworthy as error:
        own = partner = Figure.absent(error.reason)
        potential = {"mu_eV": None, "reason": error.reason}
    modes: list[Any] = []
    ways = {
        "grand_canonical": own.as_json(),
        "structure_factor": attempt(lambda: _structure(routes, modes)).as_json(),
        "slabs": attempt(lambda: _slabs(routes)).as_json(),
    }
    vacancies = trajectory.component["per_carrier"] < 0
    other = Figure.absent(f"the component is {routes.particle}: see thermodynamics.carrier").as_json()
    return {
        "thermodynamic_factor_O": partner.as_json() if vacancies else other,
        "thermodynamic_factor_V": own.as_json() if vacancies else other,
        "thermodynamics": {
            "component": routes.particle,
            "carrier": routes.carrier,
            "site_fraction": routes.site_fraction,
            "thermodynamic_factor_of_carrier": ways,
            "at_composition": potential,
            "isotherm": points,
            "theta_of_k": modes,
            "acceptance": counts_of(trajectory.scan).tolist() if trajectory.scan else [],
        },
    }


def _structure(routes: Routes, modes: list[Any]) -> Figure:
    """Theta from structure factors at long wavelengths; puts Theta(k) into `modes`."""
    trajectory, units = routes.trajectory, routes.units
    order, n = neutral_vector(trajectory)
    found, chi = structure(trajectory, units)
    rows = theta_of_k(trajectory, chi, order, n)
    stderr = jackknife_stderr(rows)
    modes.extend(counted_json(found, rows, stderr))
    k = np.array([mode.k_per_m for mode in found])
    words = "(" + ", ".join(f"{value:g}" for value in n) + ")"
    return positive_from_rows(limit(k, rows, stderr), STRUCTURE_FORMULA.format(routes.carrier, words))


def _slabs(routes: Routes) -> Figure:
    return positive_from_rows(slab_theta(routes.trajectory, routes.units), SLAB_FORMULA.format(routes.carrier))


def _diffusivities(routes: Routes) -> tuple[dict[str, Figure], dict[str, Any]]:
    """(D~ by route, what the routes are made of)."""
    particle, carrier = routes.particle, routes.carrier
    kt = BOLTZMANN_J_K * routes.trajectory.temperature_K

    def figure(formula: str, rows: Callable[[], Rows]) -> Figure:
        return attempt(lambda: positive_from_rows(rows(), formula), formula)

    both = f"D~ = t_e Theta_{particle} D*_{particle}/H_R"
    result = {
        "tracer_theta": figure(
            f"D~ = D*_{particle} Theta_{particle} (for t_e = 1, H_R = 1)",
            lambda: routes.tracer() * routes.theta_particle(),
        ),
        "tracer_theta_te": figure(
            both, lambda: routes.t_e() * routes.theta_particle() * routes.tracer() / routes.haven()
        ),
        "tracer_theta_tau": figure(
            both.replace("t_e", "tau") + ", tau = L_amb/L_VV",
            lambda: routes.tau() * routes.theta_particle() * routes.tracer() / routes.haven(),
        ),
        "onsager": figure(
            f"D~ = kT L_amb Theta_{carrier}/c_{carrier}",
            lambda: kt * routes.amb() * routes.theta_carrier() / routes.density,
        ),
    }
    decayed, details = _decays(routes)
    parts = {"tau": figure("tau = L_amb/L_VV", routes.tau), "t_e": figure("t_e, diagonal parts of L", routes.t_e)}
    return result | decayed, {name: part.as_json() for name, part in parts.items()} | details


def _decays(routes: Routes) -> tuple[dict[str, Figure], dict[str, Any]]:
    """Routes (c) and (d), of the neutral combination where there is one, and of each species by itself."""
    trajectory = routes.trajectory
    names = list(trajectory.plane_species)
    together = routes.electronic is None or trajectory.coulomb
    curves: dict[str, Any] = {}
    own: dict[str, Any] = {}
    missing = without_true_motion(trajectory)
    for name in names if not together else []:
        if name in missing:
            own[name] = dict.fromkeys(("decay", "relaxation"), Figure.absent(missing[name]).as_json())
            continue
        weights = np.array([float(other == name) for other in names])
        pair = _pair_of_decays(routes, weights, curves, name)
        own[name] = {key: value.as_json() for key, value in pair.items()}
    if together and names and not missing:
        result = _pair_of_decays(routes, _neutral_weights(routes), curves, routes.carrier)
    else:
        reason = APART if names else "the run kept no density modes"
        reason = next(iter(missing.values()), reason)
        result = {"decay": Figure.absent(reason, DECAY_FORMULA), "relaxation": Figure.absent(reason, WAVE_FORMULA)}
    return result, {"decay_of_species": own, "curves": curves}


def _neutral_weights(routes: Routes) -> FloatArray:
    """Of each counted species: t_e rho_V + t_V rho_e/n, which the fast relaxation of charge leaves alone."""
    names = list(routes.trajectory.plane_species)
    order, n = neutral_vector(routes.trajectory)
    weights = np.zeros(len(names))
    try:
        share = float(routes.t_e()[0]) if len(order) == 2 else 1.0
    except Untrustworthy:
        share = 1.0
    weights[order[0]] = share
    if len(order) == 2:
        weights[order[1]] = (1.0 - share) / n[1]
    return weights


def _pair_of_decays(routes: Routes, weights: FloatArray, curves: dict[str, Any], name: str) -> dict[str, Figure]:
    """(c) and (d) of one combination; puts the curves of the decays into `curves`."""
    trajectory, units = routes.trajectory, routes.units
    shown: dict[str, Any] = {}
    charged = routes.electronic is not None and trajectory.coulomb
    formula = CHARGED_DECAY_FORMULA if charged else DECAY_FORMULA
    of_wave = CHARGED_WAVE_FORMULA if charged else WAVE_FORMULA

    def decay() -> Figure:
        found = decays(trajectory, units, weights)
        rows, of_k = diffusivity_rows(found, charged)
        shown["modes"] = [_curve(each) for each in found]
        shown["diffusivity_of_k"] = counted_json([each.mode for each in found], of_k, jackknife_stderr(of_k))
        return positive_from_rows(rows, formula)

    def wave() -> Figure:
        found = wave_decay(trajectory, units, weights)
        shown["wave"] = _curve(found)
        return positive_from_rows(wave_rows(trajectory, found), of_wave)

    figures = {"decay": attempt(decay, formula), "relaxation": attempt(wave, of_wave)}
    curves[name] = shown
    return figures


def _curve(decay: Decay) -> dict[str, Any]:
    """A decay for pictures, as far as it was fitted and as much again."""
    end = min(2 * decay.fitted[1] + 2, len(decay.value))
    step = max(end // 100, 1)
    return {
        "axis": decay.mode.axis,
        "n": decay.mode.n,
        "k_per_m": decay.mode.k_per_m,
        "rate_per_s": float(decay.rate_rows[0]),
        "fitted_s": [float(decay.lag_s[k]) for k in decay.fitted],
        "at_start": float(decay.value[decay.fitted[0]]),
        "lag_s": decay.lag_s[:end:step].tolist(),
        "value": decay.value[:end:step].tolist(),
        "stderr": decay.stderr[:end:step].tolist(),
    }


def _disagreements(figures: dict[str, Figure]) -> list[str]:
    """A warning for each two routes that differ beyond their errors; the mission's D* Theta is not one of them."""
    known = {n: f for n, f in figures.items() if f.value is not None and n not in ("tracer_theta", "tracer_theta_te")}
    lines = []
    for one, other in itertools.combinations(known, 2):
        a, b = known[one], known[other]
        assert a.value is not None and b.value is not None and a.stderr is not None and b.stderr is not None
        error = float(np.hypot(a.stderr, b.stderr))
        if abs(a.value - b.value) > DISAGREE * error:
            lines.append(
                f"D~ by {one} ({a.value:.3g}) and by {other} ({b.value:.3g} m2/s) differ by "
                f"{abs(a.value - b.value) / error:.1f} joint errors"
            )
    return lines
