"""Routes (c) and (d) to chemical diffusion: decays of density modes, and of a relaxing composition wave.

They are chemical diffusion only where ions and electronic carriers stay together: for one neutral species, or with
Coulomb energies in the walk. Elsewhere each species decays on its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.statistics.estimates import (
    Estimate,
    FloatArray,
    Result,
    Unavailable,
    attempt,
    jackknife_stderr,
    positive_from_samples,
)
from analysis.thermodynamics.decay import (
    CHARGED_DECAY_FORMULA,
    CHARGED_WAVE_FORMULA,
    DECAY_FORMULA,
    WAVE_FORMULA,
    Decay,
    decays,
    diffusivity_samples,
    wave_decay,
    wave_diffusivity_samples,
)
from analysis.thermodynamics.density_modes import counted_json, neutral_vector
from analysis.thermodynamics.inputs import ChemicalDiffusionInputs
from analysis.transport.tracer import without_true_motion

APART = (
    "ions and electronic carriers of this model are not held together by Coulomb energies, so that each decays on its "
    "own: see chemical_diffusion.decay_of_species"
)


def decay_routes(inputs: ChemicalDiffusionInputs) -> tuple[dict[str, Result], dict[str, Any]]:
    """Routes (c) and (d), of the neutral combination where there is one, and of each species by itself."""
    trajectory = inputs.trajectory
    names = list(trajectory.plane_species)
    together = inputs.electronic is None or trajectory.coulomb
    curves: dict[str, Any] = {}
    own: dict[str, Any] = {}
    missing = without_true_motion(trajectory)
    for name in names if not together else []:
        if name in missing:
            own[name] = dict.fromkeys(("decay", "relaxation"), Unavailable(missing[name]).as_json())
            continue
        weights = np.array([float(other == name) for other in names])
        pair = _pair_of_decays(inputs, weights, weights, curves, name)
        own[name] = {key: value.as_json() for key, value in pair.items()}
    if together and names and not missing:
        result = _pair_of_decays(inputs, *_neutral_weights(inputs), curves, inputs.carrier)
    else:
        reason = APART if names else "the run kept no density modes"
        reason = next(iter(missing.values()), reason)
        result = {"decay": Unavailable(reason, DECAY_FORMULA), "relaxation": Unavailable(reason, WAVE_FORMULA)}
    return result, {"decay_of_species": own, "curves": curves}


def _neutral_weights(inputs: ChemicalDiffusionInputs) -> tuple[FloatArray, FloatArray]:
    """Of each counted species: weights of t_e rho_V + t_V rho_e/n, which the fast relaxation of charge leaves alone,
    and the shares t_e and t_V.
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
    inputs: ChemicalDiffusionInputs, weights: FloatArray, shares: FloatArray, curves: dict[str, Any], name: str
) -> dict[str, Result]:
    """(c) and (d) of one combination; puts the curves of the decays into `curves`.

    shares: as in `wave_diffusivity_samples`.
    """
    trajectory, independent = inputs.trajectory, inputs.independent
    shown: dict[str, Any] = {}
    charged = inputs.electronic is not None and trajectory.coulomb
    formula = CHARGED_DECAY_FORMULA if charged else DECAY_FORMULA
    of_wave = CHARGED_WAVE_FORMULA if charged else WAVE_FORMULA
    if not trajectory.cubic:
        formula, of_wave = (f"{each}; along the axis of the longest wave alone" for each in (formula, of_wave))

    def decay() -> Estimate:
        found = decays(trajectory, independent, weights)
        rows, of_k = diffusivity_samples(found, charged)
        shown["modes"] = [_curve(each) for each in found]
        shown["diffusivity_of_k"] = counted_json([each.mode for each in found], of_k, jackknife_stderr(of_k))
        return positive_from_samples(rows, formula)

    def wave() -> Estimate:
        found = wave_decay(trajectory, independent, weights)
        shown["wave"] = _curve(found)
        return positive_from_samples(wave_diffusivity_samples(trajectory, found, shares), of_wave)

    results: dict[str, Result] = {"decay": attempt(decay, formula), "relaxation": attempt(wave, of_wave)}
    curves[name] = shown
    return results


def _curve(decay: Decay) -> dict[str, Any]:
    """A decay for pictures, as far as it was fitted and as much again."""
    end = min(2 * decay.fitted[1] + 2, len(decay.value))
    step = max(end // 100, 1)
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
    }
