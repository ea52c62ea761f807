"""Poisson counts from 64-bit random words by table look-up; the table is exact integer arithmetic.

A null-event walk at constant total trial rate samples the master equation exactly if the number of trials in a
time slice is Poisson distributed. All slices of a run have the same mean, so one table serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kmc.rng.philox import words64

MAX_MEAN = 2**22
_SCALE_BITS = 96


@lru_cache(maxsize=8)
def poisson_table(mean: int | Fraction) -> tuple[int, NDArray[np.uint64]]:
    """(first count, cumulative probabilities in units of 2^-64); terms below 2^-96 of the mode are dropped."""
    mean = Fraction(mean)
    mode = int(mean)
    above = []
    weight, k = 1 << _SCALE_BITS, mode
    while weight:
        above.append(weight)
        k += 1
        weight = weight * mean.numerator // (mean.denominator * k)
    below = []
    weight, k = (1 << _SCALE_BITS) if mean else 0, mode
    while weight and k:
        weight = weight * k * mean.denominator // mean.numerator
        k -= 1
        below.append(weight)
    weights = below[::-1] + above
    total, running, cumulative = sum(weights), 0, []
    for value in weights:
        running += value
        cumulative.append(min((running << 64) // total, 2**64 - 1))
    return mode - len(below), np.array(cumulative, dtype=np.uint64)


def check_mean(mean: int) -> None:
    """ValueError for a mean that a table of trials cannot have."""
    if not 0 <= mean <= MAX_MEAN:
        raise ValueError(f"mean = {mean}: a window holds 0 to {MAX_MEAN} trials on average")


def window_counts(mean: int, key: tuple[int, int], window: int | NDArray[np.int64], replicas: int) -> NDArray[np.int64]:
    """(R,) Poisson numbers of trials of a window by replica; (W, R) of (W, 1) windows. key: of STREAM_POISSON."""
    return poisson_counts(mean, words64((0, window, 0, np.arange(replicas, dtype=np.uint64)), key)[0])


@dataclass(frozen=True)
class WindowLengths:
    """Lengths of windows: Poisson numbers of trials of the given mean, drawn with `key` (of STREAM_POISSON); without a
    key, where time passes between trials, the mean itself.
    """

    mean: int
    key: tuple[int, int] | None

    def of(self, first: int, windows: int, replicas: int) -> NDArray[np.int64]:
        """(W, R) lengths of windows first, first + 1, ..."""
        if self.key is None:
            return np.full((windows, replicas), self.mean, dtype=np.int64)
        return window_counts(self.mean, self.key, first + np.arange(windows, dtype=np.int64)[:, None], replicas)


def poisson_counts(mean: int, words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Counts with the given mean (a whole number, 0 to 2^22), one for each 64-bit word."""
    check_mean(mean)
    first, cumulative = poisson_table(mean)
    found = np.searchsorted(cumulative, words, side="right")
    return first + np.minimum(found, len(cumulative) - 1).astype(np.int64)
