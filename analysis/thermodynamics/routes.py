"""What the routes to chemical diffusion share, as leave-one-out rows: Theta, D*, H_R, L_amb, t_e and tau."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import FloatArray, Untrustworthy
from analysis.statistics.msd_fit import Units
from analysis.thermodynamics.isotherm import at_composition, check_point, ion_numbers, theta_rows
from analysis.transport.onsager import Collective
from analysis.transport.tracer import tracer_rows
from lattices.constants import BOLTZMANN_J_K

if TYPE_CHECKING:
    from kmc.files.trajectory import Trajectory

Rows = FloatArray


class Routes:
    """Of one run with a neutral component. A part that cannot be had raises Untrustworthy with its reason."""

    def __init__(
        self, trajectory: Trajectory, units: Units, collective: Collective | str, fit_range: tuple[float, float]
    ) -> None:
        self.trajectory, self.units, self.collective, self.fit_range = trajectory, units, collective, fit_range
        part = trajectory.component
        self.carrier, self.electronic = part["carrier"], part["electronic_carrier"]
        self.particle = part["name"]
        number, both = ion_numbers(trajectory)
        self.site_fraction = number / both
        self.density = number / trajectory.volume_m3
        self.particle_share = 1.0 if part["per_carrier"] > 0 else (both - number) / number

    def theta_carrier(self) -> Rows:
        """Theta of the ion carrier from the grand-canonical walk."""
        point = at_composition(self.trajectory, self.units)
        check_point(point, 0)
        return theta_rows(self.trajectory, point)[0][:, 0]

    def theta_particle(self) -> Rows:
        """Theta of the component's particle: Theta_O/c_O = Theta_V/c_V."""
        return self.theta_carrier() * self.particle_share

    def tracer(self) -> Rows:
        """D* of the component's particle."""
        return tracer_rows(self.trajectory, self.units, self.particle, self.fit_range).diffusivity

    def onsager(self) -> tuple[FloatArray, FloatArray]:
        """((U+1, C, C) L of ion and electronic carrier, charges moved)."""
        if isinstance(self.collective, str):
            raise Untrustworthy(self.collective)
        names = list(self.collective.names)
        wanted = [self.carrier, *([self.electronic] if self.electronic else [])]
        if missing := [name for name in wanted if name not in names]:
            raise Untrustworthy(self.collective.left_out or f"no {missing[0]} moved")
        place = [names.index(name) for name in wanted]
        return self.collective.scalars[:, place][:, :, place], self.collective.charges[place]

    def haven(self) -> Rows:
        """D* over D_sigma of the particle."""
        count = {record.name: record.count for record in self.trajectory.species}
        if isinstance(self.collective, str):
            raise Untrustworthy(self.collective)
        if self.particle not in self.collective.of_species:
            raise Untrustworthy(str(self.collective.left_out))
        own = np.trace(self.collective.of_species[self.particle], axis1=1, axis2=2) / 3.0
        kt = BOLTZMANN_J_K * self.trajectory.temperature_K
        return np.asarray(self.tracer() / (kt * own * self.trajectory.volume_m3 / count[self.particle]))

    def amb(self) -> Rows:
        """L_amb: the ion's coefficient at zero electric current."""
        matrix, z = self.onsager()
        if len(z) == 1:
            return matrix[:, 0, 0]
        if np.linalg.eigvalsh(matrix[0]).min() < 0:
            raise Untrustworthy("the matrix L is not positive semi-definite within this run: take a longer one")
        return np.asarray(z[1] ** 2 * np.linalg.det(matrix) / np.einsum("i,uij,j->u", z, matrix, z))

    def tau(self) -> Rows:
        """L_amb/L_VV, which becomes t_e without cross terms."""
        return np.asarray(self.amb() / self.onsager()[0][:, 0, 0])

    def t_e(self) -> Rows:
        """Electronic transference number from the diagonal parts; 1 for a neutral species."""
        matrix, z = self.onsager()
        if len(z) == 1:
            return np.ones(len(matrix))
        own = z**2 * np.diagonal(matrix, axis1=1, axis2=2)
        return np.asarray(own[:, 1] / own.sum(axis=1))
