"""The transport quantities of one trajectory, each computed once and shared by everything that needs it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analysis.statistics.estimates import Unavailable, attempt, available
from analysis.statistics.independent_samples import (
    FitRange,
    IndependentSamples,
    check_range,
    independent_samples,
    planned_range,
)
from analysis.transport.onsager import CollectiveSamples, collective_samples
from analysis.transport.tracer import TracerSamples, tracer_samples

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory


class TransportAnalysis:
    """A trajectory with the range of lags of the fits; jackknife samples are made on first use and kept.

    fit_range: fractions of the run; the lower one is a fraction of the run as first planned, where the run was
    extended. None: the lags are chosen from the data, as statistics/lag_choice.py says. Raises InputError for a range
    that is not allowed.
    """

    def __init__(self, trajectory: Trajectory, fit_range: FitRange = None) -> None:
        check_range(fit_range)
        self.trajectory = trajectory
        self.given_range = fit_range
        self.fit_range = planned_range(trajectory, fit_range)
        self._tracers: dict[str, TracerSamples | Unavailable] = {}

    @cached_property
    def independent(self) -> IndependentSamples | Unavailable:
        """The independent samples from which every error follows."""
        return attempt(lambda: independent_samples(self.trajectory, self.fit_range))

    @cached_property
    def collective(self) -> CollectiveSamples | Unavailable:
        """The Onsager matrix."""
        return attempt(lambda: collective_samples(self.trajectory, available(self.independent), self.fit_range))

    def diffusive(self, name: str) -> bool:
        """Whether the run has lags at which the tracer motion of a species is diffusive."""
        found = self.tracer(name)
        return not isinstance(found, Unavailable) and found.fit.bound_reason is None

    def tracer(self, name: str) -> TracerSamples | Unavailable:
        """D* and f of a mobile species."""
        if name not in self._tracers:
            self._tracers[name] = attempt(
                lambda: tracer_samples(self.trajectory, available(self.independent), name, self.fit_range)
            )
        return self._tracers[name]
