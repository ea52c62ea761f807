"""Reading of results.json for pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from analysis.results import JsonObject, load_results
from analysis.statistics.estimates import Estimate, FloatArray, Result, half_width_95
from lattices.errors import InputError


@contextmanager
def opened(path: Path) -> Iterator[JsonObject]:
    """The contents of a results.json, inside a block that draws pictures from them.

    Raises InputError where the file cannot be read, is not JSON, or lacks what a picture needs.
    """
    results = load_results(path)
    try:
        yield results
    except InputError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: not the results of this version ({what}); run kmc analyze again") from error


def columns(points: Iterable[tuple[float, Result]]) -> FloatArray:
    """(3, n) abscissa, value and half of the 95 % interval of the points whose result is available."""
    known = [
        (x, result.value, half_width_95(result.stderr, result.dof))
        for x, result in points
        if isinstance(result, Estimate)
    ]
    return np.array(known, dtype=float).reshape(-1, 3).T


def heading(results: JsonObject) -> str:
    """Model and temperature of a run, for a title."""
    return f"{results['model']}, {results['temperature_K']:g} K"
