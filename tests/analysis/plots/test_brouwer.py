"""Pictures of Brouwer diagrams."""

from __future__ import annotations

import numpy as np

from analysis.plots.brouwer import plot_brouwer
from lattices.defects.brouwer import brouwer_diagram


def test_plot_brouwer_writes_a_png(tmp_path):
    diagram = brouwer_diagram("bzy10", 873, np.logspace(-25, 0, 30), pH2O_bar=0.02)
    path = plot_brouwer(diagram, tmp_path / "brouwer.png")
    assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000
