"""Mean-square displacement against lag, with its fit."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots.canvas import COLOURS, MARKERS, picture, time_unit
from analysis.plots.labels import result_text, species_label
from analysis.plots.sheet import Target
from analysis.statistics.estimates import Estimate, Result, Unavailable, half_width_95
from analysis.statistics.independent_samples import FitRange
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.tracer import msd_curve, tracer_estimates

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

ANGSTROM2_PER_M2 = 1e20


def plot_msd(trajectory: Trajectory, target: Target, fit_range: FitRange = None) -> Path:
    """MSD of every mobile species against lag with error bars; the line of the fit where D* is available.

    The lags of each fit are shaded in the colour of the species. fit_range: as in `analysis.report.analyze`. Raises
    InputError if the picture cannot be written.
    """
    analysis = TransportAnalysis(trajectory, fit_range)
    per_second, unit = time_unit(float(trajectory.lag_frames[-1] * trajectory.time_s[1]))
    names = [record.name for record in trajectory.species if record.mobile and record.count and record.tracked]
    drawn = shaded = False
    with picture(target) as (_, (axes,)):
        for name, colour, marker in zip(names, itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False):
            curve = msd_curve(trajectory, name, analysis.tracer(name))
            shown = np.isfinite(curve.msd_m2) & (curve.msd_m2 > 0)
            if not shown.any():
                continue
            drawn = True
            samples = analysis.tracer(name)
            tracer, _correlation = tracer_estimates(samples)
            axes.errorbar(
                curve.time_s[shown] * per_second,
                curve.msd_m2[shown] * ANGSTROM2_PER_M2,
                half_width_95(1.0, curve.dof) * np.nan_to_num(curve.stderr_m2[shown]) * ANGSTROM2_PER_M2,
                fmt=marker,
                color=colour,
                label=f"{species_label(name)}\n$D^*$ {_equals(tracer)}",
            )
            if curve.fit and isinstance(tracer, Estimate) and not isinstance(samples, Unavailable):
                first, last = (lag * float(trajectory.time_s[1]) for lag in samples.fit.range_frames)
                label = None if shaded else "lags of the fit"
                axes.axvspan(first * per_second, last * per_second, color=colour, alpha=0.07, zorder=0, label=label)
                shaded = True
                times = np.geomspace(first, last, 50)
                line = curve.fit[0] + curve.fit[1] * times
                axes.plot(times * per_second, line * ANGSTROM2_PER_M2, color=colour)
        if drawn:
            axes.set(xscale="log", yscale="log")
        axes.set(xlabel=f"lag time ({unit})", ylabel="mean-square displacement (Å²)")
        axes.set_title(f"{trajectory.model}, {trajectory.temperature_K:g} K, {trajectory.replicas} replicas")
    return Path(target)


def _equals(tracer: Result) -> str:
    return f"= {result_text(tracer, 'm²/s')}" if isinstance(tracer, Estimate) else "unavailable"
