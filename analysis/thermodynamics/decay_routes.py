"""Routes (c) and (d) to chemical diffusion: decays of density modes, and of a relaxing composition wave.

They are chemical diffusion only where ions and electronic carriers stay together: for one neutral species, or with
Coulomb energies in the model. Elsewhere each species decays independently.
"""

from __future__ import annotations

import numpy as np

from analysis.results import Entry
from analysis.statistics.estimates import Estimate, FloatArray, Result, Unavailable, attempt, positive_from_samples
from analysis.thermodynamics.decay import CHARGED_DECAY_FORMULA, DECAY_FORMULA, Decay, decays, diffusivity_samples
from analysis.thermodynamics.density_modes import values_by_mode
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.thermodynamics.records import DecayCurve, DecayCurves
from analysis.thermodynamics.structure_factor import neutral_vector
from analysis.thermodynamics.wave import CHARGED_WAVE_FORMULA, WAVE_FORMULA, wave_decay, wave_diffusivity_samples
from analysis.transport.tracer import without_true_motion

INDEPENDENT_DECAYS = (
    "ions and electronic carriers of this model are not held together by Coulomb energies, so that each decays on its "
    "own: see chemical_diffusion.decay_of_species"
)
GIVEN_CONDUCTIVITY = (
    "the electronic conductivity is given and takes no part in the simulation: decays are those of the simulated "
    "species, see chemical_diffusion.decay_of_species"
)
MOST_POINTS = 100  # of a curve in results.json


def decay_routes(
    inputs: ChemicalDiffusionInputs,
) -> tuple[dict[str, Result], dict[str, dict[str, Entry]], dict[str, DecayCurves]]:
    """(routes (c) and (d) of the neutral combination, those of species that decay independently, curves of both)."""
    trajectory = inputs.trajectory
    names = list(trajectory.plane_species)
    given = trajectory.band is not None
    together = (inputs.electronic is None or trajectory.coulomb) and not given
    missing = without_true_motion(trajectory)
    own: dict[str, dict[str, Entry]] = {}
    curves: dict[str, DecayCurves] = {}
    for name in names if not together else []:
        if name in missing:
            own[name] = {route: Unavailable(missing[name]).as_json() for route in ("decay", "relaxation")}
            continue
        weights = np.array([float(other == name) for other in names])
        pair, curves[name] = _pair_of_decays(inputs, weights, weights)
        own[name] = {route: result.as_json() for route, result in pair.items()}
    if together and names and not missing:
        result, curves[inputs.carrier] = _pair_of_decays(inputs, *_neutral_weights(inputs))
    else:
        reason = (GIVEN_CONDUCTIVITY if given else INDEPENDENT_DECAYS) if names else "the run recorded no density modes"
        reason = next(iter(missing.values()), reason)
        result = {"decay": Unavailable(reason, DECAY_FORMULA), "relaxation": Unavailable(reason, WAVE_FORMULA)}
    return result, own, curves


def _neutral_weights(inputs: ChemicalDiffusionInputs) -> tuple[FloatArray, FloatArray]:
    """Weights of the counted species in t_e rho_V + t_V rho_e/n, and the shares t_e and t_V.

    The fast relaxation of charge leaves this combination unchanged.
    """
    names = list(inputs.trajectory.plane_species)
    order, n = neutral_vector(inputs.trajectory)
    weights, shares = np.zeros(len(names)), np.zeros(len(names))
    t_e = attempt(inputs.t_e)
    share = 1.0 if isinstance(t_e, Unavailable) or len(order) == 1 else float(t_e[0])
    weights[order[0]] = shares[order[0]] = share
    if len(order) == 2:
        shares[order[1]] = 1.0 - share
        weights[order[1]] = (1.0 - share) / n[1]
    return weights, shares


def _pair_of_decays(
    inputs: ChemicalDiffusionInputs, weights: FloatArray, shares: FloatArray
) -> tuple[dict[str, Result], DecayCurves]:
    """((c) and (d) of one combination, the curves of the decays). shares: as in `wave_diffusivity_samples`."""
    trajectory, independent = inputs.trajectory, inputs.independent
    curves: DecayCurves = {}
    charged = inputs.electronic is not None and trajectory.coulomb
    formula = CHARGED_DECAY_FORMULA if charged else DECAY_FORMULA
    of_wave = CHARGED_WAVE_FORMULA if charged else WAVE_FORMULA
    if not trajectory.cubic:
        formula, of_wave = (f"{each}; along the axis of the longest wave alone" for each in (formula, of_wave))

    def decay() -> Estimate:
        found = decays(trajectory, independent, weights)
        samples, of_k = diffusivity_samples(found, charged)
        curves["modes"] = [_curve(each) for each in found]
        curves["diffusivity_of_k"] = values_by_mode([each.mode for each in found], of_k)
        return positive_from_samples(samples, formula)

    def wave() -> Estimate:
        found = wave_decay(trajectory, independent, weights)
        curves["wave"] = _curve(found)
        return positive_from_samples(wave_diffusivity_samples(trajectory, found, shares), of_wave)

    return {"decay": attempt(decay, formula), "relaxation": attempt(wave, of_wave)}, curves


def _curve(decay: Decay) -> DecayCurve:
    """A decay for pictures, up to twice the last lag of the fit."""
    end = min(2 * decay.fitted[1] + 2, len(decay.value))
    step = max(end // MOST_POINTS, 1)
    return {
        "axis": decay.mode.axis,
        "n": decay.mode.n,
        "k_per_m": decay.mode.k_per_m,
        "rate_per_s": float(decay.rate_samples[0]),
        "fitted_s": [float(decay.lag_s[k]) for k in decay.fitted],
        "at_start": float(decay.value[decay.fitted[0]]),
        "lag_s": decay.lag_s[:end:step].tolist(),
        "value": decay.value[:end:step].tolist(),
        "stderr": decay.stderr[:end:step].tolist(),
        "dof": len(decay.rate_samples) - 2,
    }
