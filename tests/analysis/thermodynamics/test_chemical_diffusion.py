"""D~ by several routes: which routes are compared, and what is reported where they disagree."""

from __future__ import annotations

import pytest

from analysis.statistics.estimates import Estimate, Result, Unavailable
from analysis.thermodynamics.chemical_diffusion import warnings_of

THETA: dict[str, Result] = {"grand_canonical": Estimate(2.0, 0.1), "slabs": Estimate(2.1, 0.1)}


def by_route(**values: float) -> dict[str, Result]:
    """D~ in 1e-9 m2/s with errors of 1 %; routes that are not listed are unavailable."""
    every = ("tracer_theta", "tracer_theta_te", "tracer_theta_tau", "onsager", "decay", "relaxation")
    return {
        name: Estimate(1e-9 * values[name], 1e-11 * values[name]) if name in values else Unavailable("not run")
        for name in every
    }


def test_independent_routes_that_disagree_are_reported() -> None:
    first, second = warnings_of(by_route(onsager=1.0, decay=1.5, relaxation=1.01), {}, "V_O", cubic=True)
    assert "by onsager" in first and "by decay" in first and "joint errors" in first and "m2/s" in first
    assert "by decay" in second and "by relaxation" in second


def test_routes_that_agree_are_not_reported() -> None:
    """With errors of 1 % a difference of 4 % is 2.8 joint errors, below the threshold of three."""
    assert warnings_of(by_route(onsager=1.0, decay=1.04, relaxation=1.02), THETA, "V_O", cubic=True) == []


@pytest.mark.parametrize("name", ["tracer_theta", "tracer_theta_te", "tracer_theta_tau"])
def test_routes_that_leave_out_correlations_are_not_compared(name: str) -> None:
    assert warnings_of(by_route(onsager=1.0, **{name: 5.0}), {}, "V_O", cubic=True) == []


def test_methods_for_theta_that_disagree_are_reported_in_every_crystal() -> None:
    theta: dict[str, Result] = {**THETA, "structure_factor": Estimate(3.0, 0.1)}
    for cubic in (True, False):
        lines = warnings_of(by_route(onsager=1.0), theta, "V_O", cubic=cubic)
        assert len(lines) == 2 and all("Theta of V_O" in line and "by structure_factor" in line for line in lines)


def test_a_decay_along_one_axis_is_not_compared_with_a_third_of_the_trace() -> None:
    assert warnings_of(by_route(onsager=1.0, decay=1.5), {}, "V_O", cubic=False) == []
