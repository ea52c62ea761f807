"""The canvas of every picture: style, panels, scales of axes, legend next to the curves, writing of the file.

Matplotlib is used through its object interface: no pyplot, no display, and figures are closed after writing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from analysis.plots.sheet import Sheet, Target
from lattices.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ONE_AT_A_TIME = threading.RLock()  # the style is a setting of the whole process
STYLE = Path(__file__).with_name("style.mplstyle")
COLOURS = tuple(f"C{number}" for number in range(8))  # places in the colour cycle of the style
MARKERS = "os^Dv<>ph*"
LEAST_LOG_RATIO = 20.0  # of highest to lowest value; over a shorter range the labels of a logarithmic axis collide

MOST_X_INTERVALS = 6  # between labels of a linear abscissa, so that long numbers do not collide
MOST_FOR_MINOR_LABELS = 50.0  # ratio of the ends of a logarithmic axis up to which 2 and 5 are labelled too


@contextmanager
def picture(
    target: Target,
    panels: int = 1,
    height_inches: float = 4.6,
    *,
    width_inches: float = 8.0,
    shared: bool = False,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """(figure, its panels from top to bottom); the picture is written on exit, with a legend next to every panel.

    The style is that of the project, then that of the sheet. shared: the panels have a common abscissa. Raises
    InputError if the file cannot be written.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import AutoLocator, MaxNLocator

    more = target.parameters if isinstance(target, Sheet) else {}
    with ONE_AT_A_TIME, style.context([STYLE, dict(more)]):
        figure = Figure(figsize=(width_inches, height_inches))
        FigureCanvasAgg(figure)
        axes = list(figure.subplots(panels, sharex=shared, squeeze=False)[:, 0])
        yield figure, axes
        for panel in axes:
            _label_logarithmic(panel)
            if isinstance(panel.xaxis.get_major_locator(), AutoLocator):
                panel.xaxis.set_major_locator(MaxNLocator(MOST_X_INTERVALS))
            if panel.get_legend_handles_labels()[0]:
                panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
        if any(panel.containers for panel in axes):
            figure.text(0.005, 0.005, "error bars: 95 % intervals", fontsize="x-small", color="0.4")
        try:
            figure.savefig(Path(target))
        except OSError as error:
            raise InputError(f"{Path(target)}: cannot be written: {error.strerror or error}") from error
        except ValueError as error:
            if "is not supported" not in str(error):  # Matplotlib's message for an unknown suffix
                raise
            raise InputError(f"{Path(target)}: {str(error).splitlines()[0]}") from error


def scale(axes: Axes, which: Literal["x", "y"], values: Iterable[ArrayLike]) -> None:
    """Make an axis logarithmic if every finite value is positive and they span more than LEAST_LOG_RATIO.

    Values that are not finite are ignored; without any the axis stays linear.
    """
    arrays = [np.asarray(value, dtype=float).reshape(-1) for value in values]
    known = np.concatenate([np.zeros(0), *arrays])
    known = known[np.isfinite(known)]
    if known.size and known.min() > 0 and known.max() >= LEAST_LOG_RATIO * known.min():
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")


def _label_logarithmic(axes: Axes) -> None:
    """Labels that do not collide on logarithmic axes: powers of ten, and 2 and 5 times them over short ranges."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, kind in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        if kind != "log":
            continue
        low, high = axis.get_view_interval()
        axis.set_major_formatter(FuncFormatter(_tick_text))
        if high < MOST_FOR_MINOR_LABELS * low:
            axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
            axis.set_minor_formatter(FuncFormatter(_tick_text))
        else:
            axis.set_minor_formatter(NullFormatter())


def _tick_text(value: float, _: object = None) -> str:
    """A number from 0.001 to 9999 as it is, any other as a power of ten with its factor."""
    if value <= 0 or 1e-3 <= value < 1e4:
        return f"{value:g}"
    factor, power = f"{value:.0e}".split("e")
    before = "" if factor == "1" else rf"{factor}\times"
    return rf"${before}10^{{{int(power)}}}$"


def temperatures_on_top(axes: Axes, temperatures_K: Iterable[float]) -> None:
    """An axis in kelvin above a panel whose abscissa is 1000 K/T, with a tick at each temperature."""
    ticks = sorted(set(temperatures_K))
    # One label for each 2 % of the range at most, so that none lies on another.
    places = 1000.0 / np.array(ticks)
    apart = 0.08 * np.ptp(places)
    kept = [ticks[0]]
    for temperature in ticks[1:]:
        if 1000.0 / kept[-1] - 1000.0 / temperature >= apart:
            kept.append(temperature)
    top = axes.secondary_xaxis("top", functions=(_reciprocal, _reciprocal))
    top.set_xticks(kept, labels=[f"{temperature:g}" for temperature in kept])
    top.minorticks_off()
    top.set_xlabel("temperature (K)")


def _reciprocal(value: ArrayLike) -> np.ndarray:
    """1000/value, its own inverse; Matplotlib also asks for 0."""
    given = np.asarray(value, dtype=float)
    return np.asarray(1000.0 / np.where(given == 0.0, np.inf, given))


def time_unit(longest_s: float) -> tuple[float, str]:
    """(units per second, name) of the unit in which a time has a number between 1 and 1000."""
    for factor, name in ((1e15, "fs"), (1e12, "ps"), (1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if longest_s * factor < 1e3:
            return factor, name
    return 1.0, "s"
