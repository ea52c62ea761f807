"""Estimates with standard errors, results that are unavailable, and the jackknife that gives the errors.

Every estimate is a function of sums over independent samples (replicas, or replicas x time groups; U of them).
`leave_one_out` turns the sums of the single samples into U + 1 jackknife samples: number 0 over all samples, number
1 + u without sample u. A quantity that is computed from each jackknife sample separately carries its own error and its
correlation with every other such quantity, so ratios such as D*/D_sigma need no error propagation by hand
(delete-one jackknife; Efron and Stein, Ann. Stat. 9 (1981) 586). For a mean over independent samples of equal weight
the jackknife error is the usual standard error of the mean.

Jackknife samples also give the bias of a nonlinear quantity, as of a ratio of two estimates, to first order in 1/U, and
it is subtracted. Intervals are those of Student's t with U - 1 degrees of freedom.

A result that the run cannot support is an `Unavailable` with its reason. Deep inside a calculation it is raised as
`UnavailableError`, which carries the `Unavailable`; `attempt` is the only place that catches it, and `available` raises
it again where a result is needed for another one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from analysis.results import Entry
from analysis.statistics.notation import uncertainty_notation

FloatArray = NDArray[np.float64]
T = TypeVar("T")

FALSE_ALARM = 0.01  # probability that estimates of one quantity are reported to disagree although they do not
ISOTROPIC = 1e-9  # relative anisotropy that rounding can leave in a tensor of a cubic crystal
NOT_CUBIC = "not cubic: see principal_values and tensor"
MOST_BIAS = 0.1  # largest bias, relative to the value, of estimates that are refused beyond it
NOT_SIGNIFICANT = "not above two standard errors"
TOO_FEW_SAMPLES = "biased by more than its standard error: too few independent samples"


@dataclass(frozen=True)
class Unavailable:
    """A result that cannot be obtained from the run. reason: one line for the reader of the results."""

    reason: str
    formula: str | None = None

    def __str__(self) -> str:
        """`unavailable: reason`."""
        return f"unavailable: {self.reason}"

    def as_json(self) -> Entry:
        """The entry of results.json: value and stderr are null."""
        entry: Entry = {"value": None, "stderr": None, "reason": self.reason}
        if self.formula is not None:
            entry["formula"] = self.formula
        return entry


class UnavailableError(Exception):
    """Raised where a calculation meets a result that is `unavailable`; caught by `attempt` alone."""

    def __init__(self, unavailable: Unavailable | str) -> None:
        self.unavailable = Unavailable(unavailable) if isinstance(unavailable, str) else unavailable
        super().__init__(self.unavailable.reason)


@dataclass(frozen=True)
class Estimate:
    """An estimate with its standard error.

    formula: the expression used. tensor, tensor_stderr: (3, 3) float64 in the unit of `value`, in Cartesian axes.
    principal, principal_stderr: (3,) its principal values, rising; None where the crystal is cubic. note: a remark for
    the reader. unit: for printing; keys of results.json name it. dof: degrees of freedom of the error; None where it is
    taken to be known.
    """

    value: float
    stderr: float
    formula: str | None = None
    tensor: FloatArray | None = field(default=None, compare=False)
    tensor_stderr: FloatArray | None = field(default=None, compare=False)
    note: str | None = None
    unit: str = ""
    principal: FloatArray | None = field(default=None, compare=False)
    principal_stderr: FloatArray | None = field(default=None, compare=False)
    dof: float | None = None

    @property
    def interval_95(self) -> tuple[float, float]:
        """The 95 % confidence interval of Student's t."""
        half = half_width_95(self.stderr, self.dof)
        return self.value - half, self.value + half

    def noting(self, note: str | None) -> Estimate:
        """The estimate with one more remark for the reader, or itself where that is None."""
        if note is None:
            return self
        return replace(self, note=note if self.note is None else f"{self.note}; {note}")

    def __str__(self) -> str:
        """`1.23(4)e-10 m2/s`: the error in units of the last digit shown."""
        return f"{uncertainty_notation(self.value, self.stderr)} {self.unit}".rstrip()

    def as_json(self) -> Entry:
        """The entry of results.json; `value` and `stderr` are always present, the rest where it is set."""
        entry: Entry = {"value": self.value, "stderr": self.stderr, "interval_95": list(self.interval_95)}
        if self.dof is not None:
            entry["dof"] = self.dof
        if self.formula is not None:
            entry["formula"] = self.formula
        if self.note is not None:
            entry["note"] = self.note
        if self.tensor is not None and self.tensor_stderr is not None:
            entry["tensor"], entry["tensor_stderr"] = self.tensor.tolist(), self.tensor_stderr.tolist()
            entry["tensor_half_width_95"] = (half_width_95(1.0, self.dof) * self.tensor_stderr).tolist()
        if self.principal is not None and self.principal_stderr is not None:
            entry["principal_values"] = self.principal.tolist()
            entry["principal_values_stderr"] = self.principal_stderr.tolist()
            entry["principal_values_half_width_95"] = (half_width_95(1.0, self.dof) * self.principal_stderr).tolist()
        return entry


Result: TypeAlias = Estimate | Unavailable


def from_json(entry: Entry, unit: str = "") -> Result:
    """The estimate, or the reason why there is none, of a scalar entry of results.json."""
    formula = entry.get("formula")
    if entry["value"] is None or entry["stderr"] is None:
        return Unavailable(entry["reason"], formula)
    tensor = np.array(entry["tensor"]) if "tensor" in entry else None
    error = np.array(entry["tensor_stderr"]) if "tensor_stderr" in entry else None
    note, dof = entry.get("note"), entry.get("dof")
    return Estimate(entry["value"], entry["stderr"], formula, tensor, error, note, unit, dof=dof)


def attempt(build: Callable[[], T], formula: str | None = None) -> T | Unavailable:
    """What `build` returns, or the `Unavailable` that it raised; `formula` is added where that names none."""
    try:
        return build()
    except UnavailableError as error:
        why = error.unavailable
        return replace(why, formula=formula) if why.formula is None else why


def available(result: T | Unavailable) -> T:
    """The result itself; raises UnavailableError where it is unavailable."""
    if isinstance(result, Unavailable):
        raise UnavailableError(Unavailable(result.reason))
    return result


def leave_one_out(per_sample: FloatArray) -> FloatArray:
    """(U+1, ...) jackknife sums: over all of the (U, ...) independent samples, then without sample 0, 1, ..."""
    total = per_sample.sum(axis=0)
    return np.concatenate([total[None], total[None] - per_sample])


def jackknife_stderr(samples: FloatArray) -> FloatArray:
    """Standard error (...) of a quantity given as (U+1, ...) jackknife samples."""
    left_out = samples[1:]
    number = len(left_out)
    spread = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((number - 1) / number * (spread**2).sum(axis=0)))


def student_quantile(dof: float, outside: float) -> float:
    """Magnitude that Student's t exceeds with probability `outside`, both tails together."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 1.0 - outside / 2.0))


def half_width_95(stderr: float, dof: float | None) -> float:
    """Half of the 95 % interval; dof None: of a Gaussian."""
    return student_quantile(math.inf if dof is None else dof, 0.05) * stderr


def satterthwaite(variances: Sequence[float], dof: Sequence[float | None]) -> float | None:
    """Degrees of freedom of a sum of independent variances with dof each (Welch and Satterthwaite); None: known.

    F. E. Satterthwaite, Biometrics Bull. 2 (1946) 110.
    """
    spread = sum(v**2 / d for v, d in zip(variances, dof, strict=True) if d is not None)
    return sum(variances) ** 2 / spread if spread > 0.0 else None


def student_limit(samples: FloatArray, false_alarm: float) -> float:
    """Magnitude that a (U+1,) quantity of mean zero exceeds with a given probability (Student's t, U - 1 dof)."""
    return student_quantile(len(samples) - 2, false_alarm) * float(jackknife_stderr(samples))


def jackknife_bias(samples: FloatArray) -> FloatArray:
    """(...) first-order bias of sample 0 of (U+1, ...) jackknife samples: (U - 1)(<x left out> - x)."""
    return np.asarray((len(samples) - 2) * (samples[1:].mean(axis=0) - samples[0]))


def check_bias(samples: FloatArray, what: str) -> FloatArray:
    """The jackknife samples; UnavailableError where their bias exceeds MOST_BIAS of the value."""
    if not abs(float(jackknife_bias(samples))) <= MOST_BIAS * abs(float(samples[0])):
        raise UnavailableError(f"{what}: too few independent samples; take more replicas or a longer run")
    return samples


def from_samples(
    samples: FloatArray,
    formula: str | None = None,
    tensor_samples: FloatArray | None = None,
    note: str | None = None,
) -> Estimate:
    """Estimate of a scalar given as (U+1,) jackknife samples, with a tensor given as (U+1, 3, 3) where wanted.

    The bias is subtracted unless it exceeds the standard error, where a series in 1/U makes no sense; a note says so.
    Raises UnavailableError if the value or its error is not a finite number.
    """
    value, stderr, bias = float(samples[0]), float(jackknife_stderr(samples)), float(jackknife_bias(samples))
    if not (math.isfinite(value) and math.isfinite(stderr)):
        raise UnavailableError("not a finite number for this run: too few events")
    corrected = abs(bias) <= stderr
    found = Estimate(value - bias if corrected else value, stderr, formula, note=note, dof=len(samples) - 2)
    if not corrected:
        found = found.noting(TOO_FEW_SAMPLES)
    if tensor_samples is None:
        return found

    def errors(axes: FloatArray) -> FloatArray:
        return jackknife_stderr(np.einsum("ak,uab,bk->uk", axes, tensor_samples, axes))

    tensor = tensor_samples[0] - jackknife_bias(tensor_samples) if corrected else tensor_samples[0]
    return with_tensor(found, tensor, jackknife_stderr(tensor_samples), errors)


def with_tensor(
    estimate: Estimate, tensor: FloatArray, stderr: FloatArray, errors: Callable[[FloatArray], FloatArray]
) -> Estimate:
    """The estimate with its (3, 3) tensor and, where that is no multiple of the unit matrix, its principal values.

    A tensor that was averaged over the point group of a cubic crystal is such a multiple up to rounding. errors: the
    standard errors (3,) of the tensor along three axes, given as columns.
    """
    found = replace(estimate, tensor=tensor, tensor_stderr=stderr)
    mean = np.trace(tensor) / 3.0
    if np.abs(tensor - mean * np.eye(3)).max() <= ISOTROPIC * abs(mean):
        return found
    values, axes = np.linalg.eigh(tensor)
    note = NOT_CUBIC if estimate.note is None else f"{estimate.note}; {NOT_CUBIC}"
    return replace(found, principal=values, principal_stderr=errors(axes), note=note)


def positive_from_samples(
    samples: FloatArray, formula: str | None = None, tensor_samples: FloatArray | None = None
) -> Estimate:
    """Like `from_samples` for a quantity that is positive by definition; see `above_two_errors`."""
    return above_two_errors(from_samples(samples, formula, tensor_samples))


def above_two_errors(estimate: Estimate) -> Estimate:
    """The estimate of a quantity that is positive by definition, with a note where it is not above two standard errors.

    Raises UnavailableError where value and error are both zero: there is nothing to estimate it from.
    """
    if estimate.value == 0.0 == estimate.stderr:
        raise UnavailableError("zero in every independent sample: nothing moved")
    return estimate if estimate.value > 2.0 * estimate.stderr else estimate.noting(NOT_SIGNIFICANT)


def disagreements(results: Mapping[str, Result], what: str) -> list[str]:
    """A line for each two estimates of one quantity that differ significantly.

    Student's t with the degrees of freedom of both errors; FALSE_ALARM for all pairs together (Bonferroni). Estimates
    from the same frames are correlated, which makes alarms rarer.
    """
    lines = []
    known = [(name, result) for name, result in results.items() if isinstance(result, Estimate)]
    pairs = list(itertools.combinations(known, 2))
    for (name, a), (other, b) in pairs:
        error = math.hypot(a.stderr, b.stderr)
        dof = satterthwaite([a.stderr**2, b.stderr**2], [a.dof, b.dof])
        if (
            abs(a.value - b.value)
            > student_quantile(math.inf if dof is None else dof, FALSE_ALARM / len(pairs)) * error
        ):
            apart = f"differ by {abs(a.value - b.value) / error:.1f} joint errors"
            lines.append(f"{what}: {a.value:.3g} by {name} and {b.value:.3g} by {other} {apart}")
    return lines
