"""Inputs of the routes to chemical diffusion, as jackknife samples: Theta, D*, H_R, L_amb, t_e and tau."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from analysis.statistics.estimates import FloatArray, Unavailable, attempt, available
from analysis.thermodynamics.isotherm import Isotherm, at_composition, check_point, ion_numbers, theta_samples
from analysis.thermodynamics.multihistogram import JoinedHistograms, join_histograms
from analysis.transport.analysis import TransportAnalysis
from analysis.transport.conductivity import (
    Coefficient,
    ambipolar_coefficient,
    diagonal_share_coefficient,
    electronic_share,
    require_positive,
    tau,
    tau_coefficient,
)
from analysis.transport.onsager import collective_diffusivity
from analysis.transport.tensors import ambipolar_tensor


class ChemicalDiffusionInputs:
    """Inputs of one run with a neutral component and independent samples; each is computed once.

    Methods return (U+1,) jackknife samples and raise UnavailableError where the run cannot support them.
    """

    def __init__(self, analysis: TransportAnalysis) -> None:
        self.analysis, self.trajectory = analysis, analysis.trajectory
        self.independent = available(analysis.independent)
        component = self.trajectory.component
        self.carrier, self.electronic = component["carrier"], component["electronic_carrier"]
        self.particle = component["name"]
        number, both = ion_numbers(self.trajectory)
        self.site_fraction = number / both
        self.density = number / self.trajectory.volume_m3
        self.particle_share = 1.0 if component["per_carrier"] > 0 else (both - number) / number

    @cached_property
    def histograms(self) -> JoinedHistograms | Unavailable:
        """The histograms of the grand-canonical scan, joined."""
        return attempt(lambda: join_histograms(self.trajectory, self.independent))

    @cached_property
    def point(self) -> Isotherm | Unavailable:
        """The point of the isotherm at the run's composition."""
        return attempt(lambda: at_composition(self.trajectory, available(self.histograms)))

    def theta_carrier(self) -> FloatArray:
        """Theta of the ion carrier from the grand-canonical simulation."""
        point = available(self.point)
        check_point(point, 0)
        return theta_samples(self.trajectory, point)[0][:, 0]

    def theta_particle(self) -> FloatArray:
        """Theta of the component's particle: Theta_O/c_O = Theta_V/c_V."""
        return self.theta_carrier() * self.particle_share

    def tracer(self) -> FloatArray:
        """D* of the component's particle."""
        return available(self.analysis.tracer(self.particle)).diffusivity

    def haven(self) -> FloatArray:
        """D* over D_sigma of the particle."""
        own = collective_diffusivity(self.trajectory, available(self.analysis.collective), self.particle)
        return np.asarray(self.tracer() / (np.trace(own, axis1=1, axis2=2) / 3.0))

    def tracer_tensor(self) -> FloatArray:
        """(U+1, 3, 3) D* of the component's particle."""
        return available(self.analysis.tracer(self.particle)).tensor

    def collective_tensor(self) -> FloatArray:
        """(U+1, 3, 3) D_sigma of the component's particle, which is D*/H_R."""
        return collective_diffusivity(self.trajectory, available(self.analysis.collective), self.particle)

    def onsager_tensors(self) -> FloatArray:
        """(U+1, C, C, 3, 3) L of the carriers of `onsager`."""
        return available(self.analysis.collective).tensors_of(self._wanted)

    def amb_tensor(self) -> FloatArray:
        """(U+1, 3, 3) L_amb."""
        matrix, (_, z) = self.onsager_tensors(), self._positive_pair()
        return matrix[:, 0, 0] if len(z) == 1 else ambipolar_tensor(matrix, z)

    def tau_tensor(self) -> FloatArray:
        """(U+1, 3, 3) tau."""
        return self._share_tensor(tau_coefficient, self._positive_pair()[1])

    def t_e_tensor(self) -> FloatArray:
        """(U+1, 3, 3) t_e."""
        return self._share_tensor(diagonal_share_coefficient, self.onsager()[1])

    def _share_tensor(self, coefficient: Callable[[FloatArray], Coefficient], z: FloatArray) -> FloatArray:
        matrix = self.onsager_tensors()
        return np.tile(np.eye(3), (len(matrix), 1, 1)) if len(z) == 1 else coefficient(z).tensor(matrix)

    @property
    def _wanted(self) -> list[str]:
        if self.trajectory.band is not None:
            return [self.carrier, available(self.analysis.collective).carriers.names[-1]]
        return [self.carrier, *([self.electronic] if self.electronic else [])]

    def onsager(self) -> tuple[FloatArray, FloatArray]:
        """((U+1, C, C) L of the ion and, where there is one, the electronic carrier; (C,) charges moved)."""
        return available(self.analysis.collective).of_names(self._wanted)

    def amb(self) -> FloatArray:
        """L_amb: the ion's coefficient at zero electric current; L_VV for a neutral species."""
        matrix, z = self._positive_pair()
        return matrix[:, 0, 0] if len(z) == 1 else ambipolar_coefficient(matrix, z)

    def tau(self) -> FloatArray:
        """L_amb/L_VV, which becomes t_e without cross terms; 1 for a neutral species."""
        matrix, z = self._positive_pair()
        return np.ones(len(matrix)) if len(z) == 1 else tau(matrix, z)

    def t_e(self) -> FloatArray:
        """Electronic transference number from the diagonal parts of L; 1 for a neutral species."""
        matrix, z = self.onsager()
        return np.ones(len(matrix)) if len(z) == 1 else electronic_share(matrix, z)

    def _positive_pair(self) -> tuple[FloatArray, FloatArray]:
        matrix, z = self.onsager()
        if len(z) > 1:
            require_positive(matrix[0])
        return matrix, z
