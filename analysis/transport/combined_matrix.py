"""The Onsager matrix combined from runs in several modes of electronic carriers, with independent errors of entries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.results import RunResults
from analysis.statistics.estimates import ISOTROPIC, Estimate, FloatArray, Unavailable, with_tensor
from analysis.transport.conductivity import Carriers, Coefficient, Function
from analysis.transport.onsager import uncoupled_pairs

NO_CROSS = "cross terms of L are unknown: true kinetics was not affordable, or did not give them"
NEEDED = ("scaled", "frozen-ions")  # without these no estimates can be combined


@dataclass(frozen=True)
class CombinedMatrix:
    """L of all C carriers from runs in several modes, with independent errors of its entries.

    value, stderr: (C, C); NaN where unknown. tensor, tensor_stderr: (C, C, 3, 3) likewise. uncoupled: pairs of carriers
    whose cross term is zero.
    """

    carriers: Carriers
    value: FloatArray
    stderr: FloatArray
    tensor: FloatArray
    tensor_stderr: FloatArray
    uncoupled: tuple[tuple[str, str], ...]

    @property
    def no_cross(self) -> Unavailable | None:
        """Why some entries are unknown, or None where all are known."""
        return None if np.isfinite(self.value).all() else Unavailable(NO_CROSS)

    @property
    def cubic(self) -> bool:
        """Whether every known L_ij is a multiple of the unit matrix."""
        isotropic = np.nan_to_num(self.value)[..., None, None] * np.eye(3)
        return bool(np.allclose(np.nan_to_num(self.tensor), isotropic, rtol=ISOTROPIC, atol=0.0))

    def evaluate(self, coefficient: Coefficient, formula: str) -> Estimate:
        """A coefficient, with its error propagated from each entry of L; unknown entries are zero.

        Away from cubic symmetry the value is a third of the tensor's trace.
        """
        if self.cubic:
            value, stderr = self.propagate(coefficient.scalar)
            found = Estimate(value, stderr, formula)
            return with_tensor(found, value * np.eye(3), stderr * np.eye(3), lambda axes: np.full(3, stderr))
        tensor, steps = _tensor_steps(coefficient.tensor, np.nan_to_num(self.tensor), np.nan_to_num(self.tensor_stderr))
        trace = np.trace(steps, axis1=1, axis2=2) / 3.0
        found = Estimate(float(np.trace(tensor)) / 3.0, float(np.linalg.norm(trace)), formula)

        def errors(axes: FloatArray) -> FloatArray:
            return np.asarray(np.linalg.norm(np.einsum("ak,nab,bk->nk", axes, steps, axes), axis=0))

        return with_tensor(found, tensor, np.asarray(np.linalg.norm(steps, axis=0)), errors)

    def propagate(self, function: Function) -> tuple[float, float]:
        """(value, standard error) of a function of the symmetric (C, C) matrix."""
        value, stderr = np.nan_to_num(self.value), np.nan_to_num(self.stderr)
        variance = 0.0
        for i, j in zip(*np.triu_indices(len(value)), strict=True):
            step = np.zeros_like(value)
            step[i, j] = step[j, i] = stderr[i, j]
            variance += ((float(function(value + step)) - float(function(value - step))) / 2) ** 2
        return float(function(value)), math.sqrt(variance)


def _tensor_steps(function: Function, value: FloatArray, stderr: FloatArray) -> tuple[FloatArray, FloatArray]:
    """((3, 3) the function, (n, 3, 3) its change by one standard error of each independent entry of L)."""
    steps = []
    for i, j, a, b in np.argwhere(stderr > 0).tolist():
        if (i, a) <= (j, b):  # L_ij^ab = L_ji^ba
            step = np.zeros_like(value)
            step[i, j, a, b] = step[j, i, b, a] = stderr[i, j, a, b]
            steps.append((function(value + step) - function(value - step)) / 2)
    return function(value), np.array(steps).reshape(-1, 3, 3)


def combined_matrix(by_mode: Mapping[str, RunResults]) -> CombinedMatrix:
    """L with each entry taken from the mode that gives it best."""
    scaled = by_mode["scaled"]
    names = [name for mode in NEEDED for name in by_mode[mode]["onsager"]["species"] or []]
    charge: dict[str, float] = {}
    value, stderr = np.full((2, len(names), len(names)), np.nan)
    tensor, tensor_stderr = np.full((2, len(names), len(names), 3, 3), np.nan)
    for mode in ("kinetic", "scaled", "frozen-ions"):  # later modes replace entries that they give better
        own = by_mode[mode]["onsager"]["species"] if mode in by_mode else None
        if not own:
            continue
        part = by_mode[mode]["onsager"]
        charge |= dict(zip(own, part["charge_moved_e"], strict=True))
        place = np.ix_([names.index(name) for name in own], [names.index(name) for name in own])
        value[place] = part["matrix_1_per_J_m_s"]["value"]
        stderr[place] = part["matrix_1_per_J_m_s"]["stderr"]
        tensor[place] = part["tensor_1_per_J_m_s"]["value"]
        tensor_stderr[place] = part["tensor_1_per_J_m_s"]["stderr"]
    uncoupled = uncoupled_pairs(scaled["coupled_groups"], names)
    for a, b in uncoupled:
        i, j = names.index(a), names.index(b)
        for known in (value, stderr, tensor, tensor_stderr):
            known[i, j] = known[j, i] = 0.0
    electronic = np.array([scaled["species"][name]["kind"] == "electronic" for name in names])
    carriers = Carriers(tuple(names), np.array([charge[name] for name in names]), electronic)
    return CombinedMatrix(carriers, value, stderr, tensor, tensor_stderr, uncoupled)
