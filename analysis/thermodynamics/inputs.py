"""Inputs of the routes to chemical diffusion, as jackknife samples: Theta, D*, H_R, L_amb, t_e and tau."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, Unavailable, UnavailableError, available
from analysis.statistics.msd_fit import IndependentSamples
from analysis.thermodynamics.isotherm import at_composition, check_point, ion_numbers, theta_samples
from analysis.transport.onsager import CollectiveSamples, collective_diffusivity
from analysis.transport.tracer import tracer_samples

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory


class ChemicalDiffusionInputs:
    """Inputs of one run with a neutral component, (U+1,) each; an unavailable one raises UnavailableError."""

    def __init__(
        self,
        trajectory: Trajectory,
        independent: IndependentSamples,
        collective: CollectiveSamples | Unavailable,
        fit_range: tuple[float, float],
    ) -> None:
        self.trajectory, self.independent, self.collective, self.fit_range = (
            trajectory,
            independent,
            collective,
            fit_range,
        )
        part = trajectory.component
        self.carrier, self.electronic = part["carrier"], part["electronic_carrier"]
        self.particle = part["name"]
        number, both = ion_numbers(trajectory)
        self.site_fraction = number / both
        self.density = number / trajectory.volume_m3
        self.particle_share = 1.0 if part["per_carrier"] > 0 else (both - number) / number

    def theta_carrier(self) -> FloatArray:
        """Theta of the ion carrier from the grand-canonical walk."""
        point = at_composition(self.trajectory, self.independent)
        check_point(point, 0)
        return theta_samples(self.trajectory, point)[0][:, 0]

    def theta_particle(self) -> FloatArray:
        """Theta of the component's particle: Theta_O/c_O = Theta_V/c_V."""
        return self.theta_carrier() * self.particle_share

    def tracer(self) -> FloatArray:
        """D* of the component's particle."""
        return tracer_samples(self.trajectory, self.independent, self.particle, self.fit_range).diffusivity

    def onsager(self) -> tuple[FloatArray, FloatArray]:
        """((U+1, C, C) L of ion and electronic carrier, charges moved)."""
        collective = available(self.collective)
        names = list(collective.names)
        wanted = [self.carrier, *([self.electronic] if self.electronic else [])]
        if missing := [name for name in wanted if name not in names]:
            raise UnavailableError(collective.left_out or f"no {missing[0]} moved")
        place = [names.index(name) for name in wanted]
        return collective.scalars[:, place][:, :, place], collective.charges[place]

    def haven(self) -> FloatArray:
        """D* over D_sigma of the particle."""
        own = collective_diffusivity(self.trajectory, available(self.collective), self.particle)
        return np.asarray(self.tracer() / (np.trace(own, axis1=1, axis2=2) / 3.0))

    def amb(self) -> FloatArray:
        """L_amb: the ion's coefficient at zero electric current."""
        matrix, z = self.onsager()
        if len(z) == 1:
            return matrix[:, 0, 0]
        if np.linalg.eigvalsh(matrix[0]).min() < 0:
            raise UnavailableError("the matrix L is not positive semi-definite within this run: take a longer one")
        return np.asarray(z[1] ** 2 * np.linalg.det(matrix) / np.einsum("i,uij,j->u", z, matrix, z))

    def tau(self) -> FloatArray:
        """L_amb/L_VV, which becomes t_e without cross terms."""
        return np.asarray(self.amb() / self.onsager()[0][:, 0, 0])

    def t_e(self) -> FloatArray:
        """Electronic transference number from the diagonal parts; 1 for a neutral species."""
        matrix, z = self.onsager()
        if len(z) == 1:
            return np.ones(len(matrix))
        own = z**2 * np.diagonal(matrix, axis1=1, axis2=2)
        return np.asarray(own[:, 1] / own.sum(axis=1))
