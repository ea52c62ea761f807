"""exp(-x/kT) as an integer: the product of two small tables, computed once per temperature in float64 on the host.

x is the energy above the family's reference in half units (0.5 microelectronvolt). A trial is accepted if
``x == 0 or fraction < threshold(x)`` with a random 64-bit fraction; no floating-point number takes part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BOLTZMANN_EV_K = 8.617333262e-5  # CODATA 2018 (exact SI): 1.380649e-23 J/K over 1.602176634e-19 C
HALF_UNITS_PER_EV = 2_000_000
FINE_BITS = 12


@dataclass(frozen=True)
class AcceptanceTable:
    """threshold(x) = (mantissa[x >> 12] * fine[x & 4095]) >> shift[x >> 12], in units of 2^-64.

    mantissa: (K,) uint64 with 32 significant bits; shift: (K,) uint64; fine: (4096,) uint64 below 2^32.
    x at or beyond K * 4096 is never accepted: its probability is below 2^-64.
    """

    mantissa: NDArray[np.uint64]
    shift: NDArray[np.uint64]
    fine: NDArray[np.uint64]

    def threshold(self, x: NDArray[np.int64]) -> NDArray[np.uint64]:
        """(n,) uint64 acceptance thresholds of (n,) non-negative half units."""
        coarse = np.minimum(x >> FINE_BITS, len(self.mantissa) - 1)
        product = self.mantissa[coarse] * self.fine[x & (2**FINE_BITS - 1)]
        inside = x < (len(self.mantissa) << FINE_BITS)
        return np.where(inside, product >> self.shift[coarse], np.uint64(0))


def acceptance_table(temperature_K: float) -> AcceptanceTable:
    """The table of one temperature in kelvin."""
    per_half_unit = 1.0 / (HALF_UNITS_PER_EV * BOLTZMANN_EV_K * temperature_K)
    step = per_half_unit * 2**FINE_BITS
    rows = math.ceil(64 * math.log(2) / step)
    mantissa, shift = [], []
    for row in range(rows):
        value, exponent = math.frexp(math.exp(-row * step))  # value in [0.5, 1)
        digits = min(round(value * 2**32), 2**32 - 1)
        mantissa.append(digits)
        shift.append(-exponent)
    mantissa[0], shift[0] = 2**32 - 1, 0
    fine = [min(round(2**32 * math.exp(-k * per_half_unit)), 2**32 - 1) for k in range(2**FINE_BITS)]
    # frexp gives value * 2^exponent; with exponent <= 0 the shift is never negative
    return AcceptanceTable(*(np.array(column, dtype=np.uint64) for column in (mantissa, shift, fine)))
