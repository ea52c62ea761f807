"""Estimates of a domain-decomposed run extrapolated to visits of zero length, from runs at three lengths.

The bias of the domain decomposition grows as the square of the hops per visit h; each estimate is fitted as a + b h^2
and a is reported.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import numpy as np

from analysis.results import RunResults
from analysis.statistics.estimates import Estimate, FloatArray, half_width_95

LEAST_RATIO = 1.2  # of the longest visit to the shortest
TOO_ALIKE = (
    "not extrapolated: the frame interval limits the visits to nearly equal lengths; take fewer frames. The estimates "
    "are those of the shortest visit"
)
KEPT = ("hops", "profile", "hops_per_visit")  # parts that are not extrapolated
NOTE = "a of a + b h^2 over h = {} hops per visit, weighted least squares"


def extrapolate(runs: Sequence[RunResults]) -> RunResults:
    """The results of the run with the shortest visit (the last), each estimate replaced by its value at h = 0.

    An estimate that one of the runs lacks is null with that run's reason.
    """
    h = np.array([run["hops_per_visit"] for run in runs], dtype=float)
    result = copy.deepcopy(runs[-1])
    result["hops_per_visit"] = h.tolist()
    if h.max() < LEAST_RATIO * h.min():
        result["warnings"] = [*result["warnings"], TOO_ALIKE]
        return result
    note = NOTE.format(", ".join(f"{value:.3g}" for value in h))
    every = [cast(dict[str, object], run) for run in runs]
    extrapolated = {key: _at_zero([run[key] for run in every], h, note) for key in every[-1] if key not in KEPT}
    return cast(RunResults, {**result, **extrapolated})


def _at_zero(values: Sequence[object], h: FloatArray, note: str) -> object:
    """An entry of the results, given for every run, with its estimates extrapolated."""
    entries = [cast(dict[str, object], value) for value in values if isinstance(value, dict)]
    if len(entries) < len(values):
        return values[-1]
    last = entries[-1]
    if "value" not in last or "stderr" not in last:
        common = [key for key in last if all(key in entry for entry in entries)]
        return {key: _at_zero([entry[key] for entry in entries], h, note) for key in common}
    missing = next((entry for entry in entries if entry["value"] is None), None)
    if missing is not None:
        return missing
    value, stderr = (np.array([entry[key] for entry in entries], dtype=float) for key in ("value", "stderr"))
    best, error = fit_at_zero(h, value, stderr)
    formula = f"{last['formula']}; {note}" if "formula" in last else note
    kept = {key: entry for key, entry in last.items() if not key.startswith(("tensor", "principal", "interval"))}
    found = kept | {"value": best.tolist(), "stderr": error.tolist(), "formula": formula, "by_window": value.tolist()}
    dof = min((cast(float, entry["dof"]) for entry in entries if "dof" in entry), default=None)
    if best.ndim == 0:
        found["interval_95"] = list(Estimate(float(best), float(error), dof=dof).interval_95)
    elif dof is not None:
        found["half_width_95"] = (half_width_95(1.0, dof) * error).tolist()
    return found


def fit_at_zero(h: FloatArray, value: FloatArray, stderr: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(a, its error) of a + b h^2 for (W, ...) values; entries without an error (exact zeros) have equal weights."""
    weight = np.where(stderr > 0, 1.0 / np.where(stderr > 0, stderr, 1.0) ** 2, 1.0)
    x = (h**2).reshape(-1, *[1] * (value.ndim - 1))
    s0, s1, s2 = weight.sum(axis=0), (weight * x).sum(axis=0), (weight * x * x).sum(axis=0)
    determinant = s0 * s2 - s1**2
    y0, y1 = (weight * value).sum(axis=0), (weight * x * value).sum(axis=0)
    error = np.sqrt(s2 / determinant)
    return (s2 * y0 - s1 * y1) / determinant, np.where((stderr > 0).all(axis=0), error, 0.0)
