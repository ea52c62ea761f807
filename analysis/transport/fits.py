"""Entries of results.json on the fits of mean-square displacements."""

from __future__ import annotations

import math

from analysis.results import FitResults
from analysis.statistics.estimates import attempt, from_samples
from analysis.statistics.lag_choice import LineFit

EXPONENT_FORMULA = "d ln MSD/d ln t in the first octave of the fit"


def fit_json(fit: LineFit, interval_s: float) -> FitResults:
    """The entry of a fit. interval_s: time between frames."""
    exponent = attempt(lambda: from_samples(fit.exponent, EXPONENT_FORMULA), EXPONENT_FORMULA)
    return {
        "lags_s": [lag * interval_s for lag in fit.range_frames],
        "chosen_from": "fit_range" if fit.given else "data",
        "local_exponent": exponent.as_json(),
        "diffusive": fit.bound_reason is None,
        "unseen_decrease": None if math.isnan(fit.unseen) else fit.unseen,
        "longest_relaxation_s": fit.longest_relaxation * interval_s,
    }
