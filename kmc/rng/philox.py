"""Philox4x32-10, the project's only source of random numbers, and the layout of its key and counter.

Algorithm: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011).
Key = (seed, temperature index and stream); counter = (index within the window, window, lane, replica).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Count = int | np.integer | NDArray[np.integer]  # arrays are broadcast together
Counter = tuple[Count, Count, Count, Count]

# Streams: every purpose has its own numbers.
STREAM_DOPANTS = 1
STREAM_CARRIERS = 2
STREAM_POISSON = 3
STREAM_TRIALS = 4
STREAM_DOMAINS = 5
STREAM_GRAND = 6
STREAM_ANNEAL = 7

M0, M1 = 0xD2511F53, 0xCD9E8D57  # multipliers
W0, W1 = 0x9E3779B9, 0xBB67AE85  # increments of the key
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def stream_key(seed: int, temperature_index: int, stream: int) -> tuple[int, int]:
    """The two 32-bit key words of a stream at one temperature of a list."""
    return seed & 0xFFFFFFFF, ((temperature_index & 0xFFFFFF) << 8) | stream


def philox4x32(counter: Counter, key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Ten rounds on arrays of counters (broadcast together); four uint64 arrays holding 32-bit words."""
    c0, c1, c2, c3 = (np.asarray(c, dtype=np.uint64) for c in counter)
    k0, k1 = key
    for _ in range(10):
        p0, p1 = np.uint64(M0) * c0, np.uint64(M1) * c2
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _MASK,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _MASK,
        )
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def words64(counter: Counter, key: tuple[int, int]) -> tuple[Words, Words]:
    """The same 128 bits as two 64-bit words: (word 1, word 0) and (word 3, word 2), high half first."""
    w0, w1, w2, w3 = philox4x32(counter, key)
    return (w1 << _HALF) | w0, (w3 << _HALF) | w2


def high64(a: Count, b: Count) -> Words:
    """High half of the 128-bit products of two arrays of 64-bit words."""
    a, b = np.asarray(a, dtype=np.uint64), np.asarray(b, dtype=np.uint64)
    a0, a1, b0, b1 = a & _MASK, a >> _HALF, b & _MASK, b >> _HALF
    middle = a1 * b0 + (a0 * b0 >> _HALF)
    other = a0 * b1 + (middle & _MASK)
    return a1 * b1 + (middle >> _HALF) + (other >> _HALF)


def sequence(key: tuple[int, int], count: int, window: int = 0, lane: int = 0, replica: int = 0) -> Words:
    """(count,) uint64: the first `count` 64-bit words of one counter line."""
    index = np.arange((count + 1) // 2, dtype=np.uint64)
    first, second = words64((index, window, lane, replica), key)
    return np.stack([first, second], axis=-1).reshape(-1)[:count]
