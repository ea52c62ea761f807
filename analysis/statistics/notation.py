"""Numbers with their uncertainty in brackets: 1.23(4)e-10."""

from __future__ import annotations

import math
from decimal import Decimal

_TWO_DIGITS_UP_TO = 354  # range of the leading digits of an error that is given with two digits
_PLAIN_POWERS = range(-2, 4)  # powers of ten that are written without an exponent
_MOST_DIGITS = 15  # of a float64


def uncertainty_notation(value: float, stderr: float | None) -> str:
    """`1.23(4)e-10`: the value, with its error in units of the last digit shown.

    The error has two digits where its leading digits are 10 to 35, else one (the rule of the Particle Data Group), so
    that rounding changes it by at most about a tenth. A value without a finite positive error has four digits.
    """
    if stderr is None or not (math.isfinite(value) and abs(value) * 10.0**-_MOST_DIGITS < stderr < math.inf):
        return f"{value:.4g}"
    leading = math.floor(math.log10(stderr))
    two = round(stderr / 10.0 ** (leading - 2)) <= _TWO_DIGITS_UP_TO
    last = leading - 1 if two else leading  # power of ten of the last digit shown
    step = Decimal(1).scaleb(last)
    rounded, error = Decimal(value).quantize(step), Decimal(stderr).quantize(step)
    power = max(rounded.adjusted() if rounded else last, error.adjusted())
    if power in _PLAIN_POWERS:
        places = max(-last, 0)
        return f"{rounded:.{places}f}({error.scaleb(places):.0f})"
    return f"{rounded.scaleb(-power):.{power - last}f}({error.scaleb(-last):.0f})e{power:+03d}"
