"""The Onsager matrix combined from runs in several modes of electronic carriers, with independent errors of entries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.results import RunResults
from analysis.statistics.estimates import (
    ISOTROPIC,
    Estimate,
    FloatArray,
    Unavailable,
    half_width_95,
    satterthwaite,
    with_tensor,
)
from analysis.transport.conductivity import Carriers, Coefficient, Function
from analysis.transport.species_groups import uncoupled_pairs

NO_CROSS = "cross terms of L are unknown: true kinetics was not affordable, or did not give them"
NEEDED = ("scaled", "frozen-ions")  # without these no estimates can be combined


@dataclass(frozen=True)
class CombinedMatrix:
    """L of all C carriers from runs in several modes, with independent errors of its entries.

    value, stderr: (C, C); NaN where unknown. dof: (C, C) degrees of freedom of the errors, infinite where they are
    taken to be known. tensor, tensor_stderr: (C, C, 3, 3) likewise. uncoupled: pairs of carriers whose cross term is
    zero.
    """

    carriers: Carriers
    value: FloatArray
    stderr: FloatArray
    dof: FloatArray
    tensor: FloatArray
    tensor_stderr: FloatArray
    uncoupled: tuple[tuple[str, str], ...]

    @property
    def no_cross(self) -> Unavailable | None:
        """Why some entries are unknown, or None where all are known."""
        return None if np.isfinite(self.value).all() else Unavailable(NO_CROSS)

    @property
    def half_width_95(self) -> FloatArray:
        """(C, C) half of the 95 % interval of each entry; NaN where unknown."""
        each = np.vectorize(half_width_95, otypes=[float])
        return np.asarray(each(self.stderr, self.dof)) if self.stderr.size else self.stderr

    @property
    def cubic(self) -> bool:
        """Whether every known L_ij is a multiple of the unit matrix."""
        isotropic = np.nan_to_num(self.value)[..., None, None] * np.eye(3)
        return bool(np.allclose(np.nan_to_num(self.tensor), isotropic, rtol=ISOTROPIC, atol=0.0))

    def evaluate(self, coefficient: Coefficient, formula: str) -> Estimate:
        """A coefficient, with its error propagated from each entry of L; unknown entries are zero.

        The degrees of freedom are those of Welch and Satterthwaite over the entries. Away from cubic symmetry the value
        is a third of the tensor's trace.
        """
        if self.cubic:
            value, stderr, dof = self.propagate(coefficient.scalar)
            found = Estimate(value, stderr, formula, dof=dof)
            return with_tensor(found, value * np.eye(3), stderr * np.eye(3), lambda axes: np.full(3, stderr))
        known = np.nan_to_num(self.tensor), np.nan_to_num(self.tensor_stderr)
        tensor, steps, entries = _tensor_steps(coefficient.tensor, *known)
        trace = np.trace(steps, axis1=1, axis2=2) / 3.0
        by_entry: dict[tuple[int, int], float] = {}  # elements of one entry come from the same samples
        for entry, each in zip(entries, trace.tolist(), strict=True):
            by_entry[entry] = by_entry.get(entry, 0.0) + each**2
        dof = _together(list(by_entry.values()), [self.dof[entry] for entry in by_entry])
        found = Estimate(float(np.trace(tensor)) / 3.0, float(np.linalg.norm(trace)), formula, dof=dof)

        def errors(axes: FloatArray) -> FloatArray:
            return np.asarray(np.linalg.norm(np.einsum("ak,nab,bk->nk", axes, steps, axes), axis=0))

        return with_tensor(found, tensor, np.asarray(np.linalg.norm(steps, axis=0)), errors)

    def propagate(self, function: Function) -> tuple[float, float, float | None]:
        """(value, standard error, its degrees of freedom or None) of a function of the symmetric (C, C) matrix."""
        value, stderr = np.nan_to_num(self.value), np.nan_to_num(self.stderr)
        variances, dof = [], []
        for i, j in zip(*np.triu_indices(len(value)), strict=True):
            step = np.zeros_like(value)
            step[i, j] = step[j, i] = stderr[i, j]
            variances.append(((float(function(value + step)) - float(function(value - step))) / 2) ** 2)
            dof.append(self.dof[i, j])
        return float(function(value)), math.sqrt(sum(variances)), _together(variances, dof)


def _together(variances: Sequence[float], dof: Sequence[float]) -> float | None:
    """Degrees of freedom of a sum of independent variances; None where all of those that contribute are known."""
    return satterthwaite(variances, [None if np.isinf(each) else float(each) for each in dof])


def _tensor_steps(
    function: Function, value: FloatArray, stderr: FloatArray
) -> tuple[FloatArray, FloatArray, list[tuple[int, int]]]:
    """((3, 3) the function, (n, 3, 3) its change by one standard error of each element of L, (i, j) of these)."""
    steps, entries = [], []
    for i, j, a, b in np.argwhere(stderr > 0).tolist():
        if (i, a) <= (j, b):  # L_ij^ab = L_ji^ba
            step = np.zeros_like(value)
            step[i, j, a, b] = step[j, i, b, a] = stderr[i, j, a, b]
            steps.append((function(value + step) - function(value - step)) / 2)
            entries.append((i, j))
    return function(value), np.array(steps).reshape(-1, 3, 3), entries


def combined_matrix(by_mode: Mapping[str, RunResults]) -> CombinedMatrix:
    """L with each entry taken from the mode that gives it best."""
    scaled = by_mode["scaled"]
    names = [name for mode in NEEDED for name in by_mode[mode]["onsager"]["species"] or []]
    charge: dict[str, float] = {}
    value, stderr = np.full((2, len(names), len(names)), np.nan)
    tensor, tensor_stderr = np.full((2, len(names), len(names), 3, 3), np.nan)
    dof = np.full(value.shape, np.inf)
    for mode in ("kinetic", "scaled", "frozen-ions"):  # later modes replace entries that they give better
        own = by_mode[mode]["onsager"]["species"] if mode in by_mode else None
        if not own:
            continue
        part = by_mode[mode]["onsager"]
        charge |= dict(zip(own, part["charge_moved_e"], strict=True))
        place = np.ix_([names.index(name) for name in own], [names.index(name) for name in own])
        value[place] = part["matrix_1_per_J_m_s"]["value"]
        stderr[place] = part["matrix_1_per_J_m_s"]["stderr"]
        dof[place] = part["matrix_1_per_J_m_s"].get("dof", np.inf)
        tensor[place] = part["tensor_1_per_J_m_s"]["value"]
        tensor_stderr[place] = part["tensor_1_per_J_m_s"]["stderr"]
    uncoupled = uncoupled_pairs(scaled["coupled_groups"], names)
    for a, b in uncoupled:
        i, j = names.index(a), names.index(b)
        for known in (value, stderr, tensor, tensor_stderr):
            known[i, j] = known[j, i] = 0.0
    electronic = np.array([scaled["species"][name]["kind"] == "electronic" for name in names])
    carriers = Carriers(tuple(names), np.array([charge[name] for name in names]), electronic)
    return CombinedMatrix(carriers, value, stderr, dof, tensor, tensor_stderr, uncoupled)
