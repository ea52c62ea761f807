"""D* of exported trajectories by kinisi, an independent program; skipped where it is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kinisi_comparison import CASES, compare, simulate
from tests.systems import BACKENDS

FAST = next((name for name in BACKENDS if name != "numpy"), "numpy")


@pytest.mark.slow
@pytest.mark.statistical
def test_kinisi_finds_the_same_tracer_diffusivity_at_sparse_lags(tmp_path: Path) -> None:
    """One replica of the ideal gas, lags of powers of two: within two joint errors.

    Both programs see the same displacements, so that their difference is smaller than the error of either
    (`benchmarks/kinisi_comparison.py` has the differences of 40 runs); a wrong factor, unit or lag shows.
    """
    pytest.importorskip("kinisi", reason="kinisi (extra validate) is not installed")
    simulate(next(iter(CASES)), 1, tmp_path / "run", FAST)
    pair = compare(tmp_path / "run")
    assert abs(pair.joint_errors) < 2.0
    assert pair.own_stderr < 0.1 * pair.own and pair.kinisi_stderr < 0.15 * pair.kinisi
