"""Quantities that several results share are computed once for a trajectory."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
from scipy import stats

import analysis.thermodynamics.inputs
import analysis.transport.analysis
from analysis.report import analyze
from kmc.files.records import Scan
from tests.analysis.synthetic import lattice_steps, synthetic

COUNTED = (
    (analysis.transport.analysis, "independent_samples"),
    (analysis.transport.analysis, "collective_samples"),
    (analysis.transport.analysis, "tracer_samples"),
    (analysis.thermodynamics.inputs, "join_histograms"),
    (analysis.thermodynamics.inputs, "at_composition"),
)


def test_shared_quantities_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every route to D~ the tracer is fitted once for each of two species, and the rest is computed once."""
    calls: collections.Counter[str] = collections.Counter()

    def count(module: Any, name: str) -> None:
        function = getattr(module, name)

        def counting(*arguments: Any) -> Any:
            calls[name] += 1
            return function(*arguments)

        monkeypatch.setattr(module, name, counting)

    for module, name in COUNTED:
        count(module, name)
    rng = np.random.default_rng(1)
    vacancies, few = lattice_steps(rng, (80, 8, 8), 0.5)
    electrons, many = lattice_steps(rng, (80, 8, 16), 2.0)
    visits = rng.multinomial(4000, stats.binom.pmf(np.arange(13), 12, 0.5), (1, 1, 8))
    scan = Scan(np.zeros(1), 2, visits, np.tile([4000, 2000], (1, 8, 1)), np.full(8, 100), True)
    trajectory = synthetic(
        {"V_O": vacancies, "electron": electrons},
        {"V_O": few, "electron": many},
        {"V_O": 2, "electron": -1},
        scan=scan,
        dopants=False,
        repeats=(8, 8, 8),
        plane_species=("V_O", "electron"),
        planes=tuple(rng.poisson(2.0, (81, 8, 2, 8)).astype(np.int32) for _ in range(3)),
        plane_fractions=(np.arange(8) / 8,) * 3,
        component={
            "carrier": "V_O",
            "electronic_carrier": "electron",
            "electronic": 2.0,
            "per_carrier": -1.0,
            "name": "V_O",
        },
    )
    results = analyze(trajectory)
    assert results["chemical_diffusivity_m2_s"]["onsager"]["value"], results["chemical_diffusivity_m2_s"]
    assert calls == dict.fromkeys((name for _, name in COUNTED), 1) | {"tracer_samples": 2}
