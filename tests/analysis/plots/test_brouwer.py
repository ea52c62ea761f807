"""Pictures of Brouwer diagrams."""

from __future__ import annotations

import numpy as np

from analysis.plots.brouwer import plot_brouwer
from lattices.defects.brouwer import brouwer_diagram


def test_plot_brouwer_writes_a_png(tmp_path):
    diagram = brouwer_diagram("bzy10", 873, np.logspace(-25, 0, 30), pH2O_bar=0.02)
    path = plot_brouwer(diagram, tmp_path / "brouwer.png")
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def test_pressures_outside_the_range_of_the_constants_are_extrapolated():
    """The set kuhn2011 holds from 1e-19 to 1 bar and from 932 to 1173 K."""
    pressures = np.array([1e-22, 1e-20, 1e-18, 1e-3, 1.0])
    inside = brouwer_diagram("lsf64", 1073, pressures)
    assert inside.extrapolated.tolist() == [True, True, False, False, False]
    assert brouwer_diagram("lsf64", 1400, pressures).extrapolated.all()
