"""An empty picture, through Matplotlib's object interface: nothing global, no display."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's colours, told apart by colour-blind readers
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def canvas(rows: int = 1, height_inches: float = 4.6, shared: bool = True) -> tuple[Any, Any]:
    """(figure, its axes from top to bottom), one above the other; shared: with a common abscissa."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, sharex=shared and rows > 1, squeeze=False)[:, 0]
