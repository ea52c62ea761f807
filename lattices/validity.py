"""Ranges of validity of a set of constants, and warnings where a request is outside a range or a range is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# A supercell rounds a dopant fraction to whole ions: 0.3999 counts as the 0.4 of the source.
SLACK = {"dopant_fraction": 1e-2}


@dataclass(frozen=True)
class ValidityRange:
    """Closed interval in which a set is valid according to its source."""

    low: float
    high: float
    source: str
    mark: str


def range_lines(
    name: str,
    ranges: Mapping[str, ValidityRange],
    unknown: Iterable[str],
    asked: Mapping[str, tuple[float, float]],
) -> list[str]:
    """One line for each range of set `name` that the request exceeds, and one for ranges that are not known.

    asked: key -> lowest and highest value of the request; keys without a range are not checked.
    """
    missing = list(unknown)
    lines = [f"range of {', '.join(missing)} of set {name} is not known"] if missing else []
    for key, (low, high) in asked.items():
        if key not in ranges:
            continue
        limits, slack = ranges[key], SLACK.get(key, 0.0)
        if low < limits.low * (1.0 - slack) or high > limits.high * (1.0 + slack):
            span = f"{low:.10g}" if low == high else f"{low:.10g} to {high:.10g}"
            lines.append(
                f"{key} = {span} is outside {limits.low:g} to {limits.high:g} of set {name} ({limits.source}): "
                "extrapolated"
            )
    return lines
