"""A figure with its error or its reason for being absent, and the jackknife that gives the error.

Every estimate is a function of sums over independent units (replicas, or replicas x time groups). `leave_one_out`
makes the (U+1, ...) array of those sums: row 0 over all units, row 1 + u without unit u. A quantity computed row by
row from such arrays carries its own error and its correlation with every other quantity, so ratios such as
D*/D_sigma need no propagation by hand (delete-one jackknife; Efron and Stein, Ann. Stat. 9 (1981) 586).
For a mean over units of equal weight it is the usual standard error of the mean.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DISAGREE = 3.0  # joint standard errors
MOST_BIAS = 0.1  # of a value that is taken out of it


class Untrustworthy(Exception):
    """An estimate that the run cannot support; `reason` is one line for the reader of the results."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Figure:
    """One result: value with standard error, or None with a reason.

    tensor, tensor_stderr: (3, 3) float64 in the unit of value, which is a third of the trace; None for cubic crystals.
    """

    value: float | None
    stderr: float | None
    formula: str | None = None
    reason: str | None = None
    tensor: FloatArray | None = None
    tensor_stderr: FloatArray | None = None
    note: str | None = None

    @classmethod
    def absent(cls, reason: str, formula: str | None = None) -> Figure:
        """The figure that cannot be had, and why."""
        return cls(None, None, formula=formula, reason=reason)

    def as_json(self) -> dict[str, Any]:
        """A dict for results.json; `value` and `stderr` are always there, the rest where it is set."""
        result: dict[str, Any] = {"value": self.value, "stderr": self.stderr}
        for key in ("formula", "reason", "note"):
            if getattr(self, key) is not None:
                result[key] = getattr(self, key)
        for key in ("tensor", "tensor_stderr"):
            if getattr(self, key) is not None:
                result[key] = getattr(self, key).tolist()
        return result


def leave_one_out(per_unit: FloatArray) -> FloatArray:
    """(U+1, ...) sums: over all units of the (U, ...) input, then without unit 0, 1, ..."""
    total = per_unit.sum(axis=0)
    return np.concatenate([total[None], total[None] - per_unit])


def jackknife_stderr(rows: FloatArray) -> FloatArray:
    """Standard error (...) of a quantity given as (U+1, ...) rows of `leave_one_out`."""
    left_out = rows[1:]
    units = len(left_out)
    spread = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((units - 1) / units * (spread**2).sum(axis=0)))


def without_bias(rows: FloatArray, what: str) -> FloatArray:
    """The rows with the first-order bias of a nonlinear estimate taken from row 0: U x - (U-1) <x left out>.

    Untrustworthy where that is more than MOST_BIAS of the value: too few independent samples.
    """
    units = len(rows) - 1
    corrected = units * rows[0] - (units - 1) * rows[1:].mean(axis=0)
    if not abs(float(corrected - rows[0])) <= MOST_BIAS * abs(float(rows[0])):
        raise Untrustworthy(f"{what}: too few independent samples; take more replicas or a longer run")
    return np.concatenate([corrected[None], rows[1:]])


def from_rows(
    rows: FloatArray,
    formula: str | None = None,
    tensor_rows: FloatArray | None = None,
    note: str | None = None,
) -> Figure:
    """Figure of a scalar given as (U+1,) rows, with a tensor given as (U+1, 3, 3) rows where wanted.

    Raises Untrustworthy if the value or its error is not a finite number.
    """
    value, stderr = float(rows[0]), float(jackknife_stderr(rows))
    if not (math.isfinite(value) and math.isfinite(stderr)):
        raise Untrustworthy("not a finite number for this run: too few events")
    if tensor_rows is None:
        return Figure(value, stderr, formula=formula, note=note)
    return Figure(value, stderr, formula, None, tensor_rows[0], jackknife_stderr(tensor_rows), note)


def positive_from_rows(rows: FloatArray, formula: str | None = None, tensor_rows: FloatArray | None = None) -> Figure:
    """Like `from_rows` for what is positive by definition: Untrustworthy unless the value exceeds two errors."""
    return above_two_errors(from_rows(rows, formula, tensor_rows))


def above_two_errors(figure: Figure) -> Figure:
    """The figure, of something positive by definition; Untrustworthy unless its value exceeds two errors."""
    assert figure.value is not None and figure.stderr is not None
    if not figure.value > 2.0 * figure.stderr:
        raise Untrustworthy(
            f"estimate {figure.value:.3g} with error {figure.stderr:.2g} is not above two errors: "
            "take a longer run or more replicas"
        )
    return figure


def disagreements(figures: Mapping[str, Figure], what: str) -> list[str]:
    """A line for each two figures of one quantity that differ by more than DISAGREE joint errors."""
    lines = []
    for one, other in itertools.combinations([(n, f) for n, f in figures.items() if f.value is not None], 2):
        (name, a), (second, b) = one, other
        assert a.value is not None and b.value is not None and a.stderr is not None and b.stderr is not None
        error = math.hypot(a.stderr, b.stderr)
        if abs(a.value - b.value) > DISAGREE * error:
            apart = f"differ by {abs(a.value - b.value) / error:.1f} joint errors"
            lines.append(f"{what}: {a.value:.3g} by {name} and {b.value:.3g} by {second} {apart}")
    return lines


def attempt(build: Callable[[], Figure], formula: str | None = None) -> Figure:
    """The figure that `build` returns, or an absent one with the reason that it raised."""
    try:
        return build()
    except Untrustworthy as error:
        return Figure.absent(error.reason, formula)
