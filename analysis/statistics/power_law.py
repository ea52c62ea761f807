"""Power laws: y = y1 p^n, such as a conductivity against pO2, with local exponents between neighbours."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import numpy as np

from analysis.results import Entry
from analysis.statistics.estimates import Estimate, Unavailable, attempt, available, from_json
from analysis.statistics.log_linear import LogLinearFit, fit_log_linear

NOT_ONE_POWER = 3.0  # chi2 per degree of freedom above which one exponent does not describe all points


class PowerLawResults(TypedDict):
    """Exponent over all points, and between each two neighbouring pressures. pressures_bar: of the entries."""

    exponent: Entry
    chi2_per_dof: float | None
    pressures_bar: list[float]
    local_exponents: list[Entry]


def power_law_json(pressure_bar: Sequence[float], entries: Sequence[Entry], formula: str) -> PowerLawResults:
    """The entry of results.json for a quantity at several pressures; a pressure may occur several times."""
    order = sorted(range(len(entries)), key=lambda k: pressure_bar[k])
    pressures, sorted_entries = [pressure_bar[k] for k in order], [entries[k] for k in order]
    whole = attempt(lambda: _fitted(pressures, sorted_entries), formula)
    chi2 = None if isinstance(whole, Unavailable) else whole.chi2_per_dof
    curved = chi2 is not None and chi2 > NOT_ONE_POWER
    note = f"chi2/dof = {chi2:.3g}: one power law does not describe all points" if curved else None
    distinct = sorted(set(pressures))
    local = []
    for low, high in itertools.pairwise(distinct):
        near = [k for k, pressure in enumerate(pressures) if pressure in (low, high)]
        pair = [pressures[k] for k in near], [sorted_entries[k] for k in near]
        local.append(_exponent(attempt(partial(_fitted, *pair), formula), formula, None))
    return {
        "exponent": _exponent(whole, formula, note),
        "chi2_per_dof": chi2,
        "pressures_bar": pressures,
        "local_exponents": local,
    }


def _fitted(pressure_bar: Sequence[float], entries: Sequence[Entry]) -> LogLinearFit:
    estimates = [available(from_json(entry)) for entry in entries]
    values, errors = [e.value for e in estimates], [e.stderr for e in estimates]
    dof = [math.inf if e.dof is None else e.dof for e in estimates]
    return fit_log_linear(np.log(pressure_bar), values, errors, dof, fit="a power law", points="pressures")


def _exponent(fit: LogLinearFit | Unavailable, formula: str, note: str | None) -> Entry:
    if isinstance(fit, Unavailable):
        return fit.as_json()
    return Estimate(fit.slope, fit.slope_stderr, formula, note=note, dof=fit.slope_dof).as_json()
