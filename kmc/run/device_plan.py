"""Device memory of a whole run at its peak: what is alive at the same time in production and in what follows it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from kmc.arrays import CHUNK
from kmc.backends.cuda_frame import WINDOWS_KEPT
from kmc.backends.cuda_memory import (
    POSITION_BYTES,
    bytes_per_replica,
    grand_bytes_per_replica,
    table_bytes,
)
from kmc.backends.structs import WORD
from kmc.carriers.neutral_component import neutral_component
from kmc.measure.density_planes import counted
from kmc.measure.lag_windows import LagWindows
from kmc.measure.msd import PAIRS
from kmc.run.sampling import samples_per_frame
from kmc.run.schedule import work_of
from kmc.run.settings import Hops, Settings
from kmc.state.domains import Domains, build_domains
from kmc.state.system import System

PLANE_BYTES = 36  # of temporary arrays per carrier, from the expressions of kmc/measure/density_planes.py
MANY_HOPS = Fraction(10**6)  # per carrier and frame, where a length in seconds does not tell


@dataclass(frozen=True)
class DevicePlan:
    """Device memory of a run. frames: in all, if an extension gives more than the settings."""

    system: System
    settings: Settings
    frames: int

    def bytes(self, replicas: int) -> int:
        """Peak of a run with that many replicas."""
        kept = self._walk(replicas) + self._kept(replicas)
        frame = POSITION_BYTES * self._particles * replicas + max(self._temporary(replicas), self._sums(replicas))
        return kept + max(frame, self._samples(replicas), self._afterwards(replicas))

    @property
    def _particles(self) -> int:
        return self.system.tables.n_particles

    @property
    def _rejection_free(self) -> bool:
        return work_of(self.system, self.settings).rejection_free

    @cached_property
    def _domains(self) -> Domains | None:
        asked = self.settings.domains
        return build_domains(self.system.tables, asked.block) if asked else None

    def _walk(self, replicas: int) -> int:
        """A walker: tables, state, bounds of the rates, lists of the blocks."""
        tables, domains = self.system.tables, self._domains
        each = bytes_per_replica(tables, 0, self._rejection_free)
        lists = WORD * domains.per_colour * domains.capacity if domains else 0
        return table_bytes(tables) + replicas * (each + lists)

    def _kept(self, replicas: int) -> int:
        """Positions at which the windows of the lags began, and second moments; while an extension adds lags, both."""
        windows = LagWindows(self.settings.frames, replicas)
        lags, blocks = windows.shape
        more_lags, more_blocks = windows.shape_of(self.frames)
        number = more_lags * more_blocks + lags * blocks * (self.frames > self.settings.frames)
        moments = WORD * len(PAIRS) * number * len(self.system.tables.species)
        return replicas * (more_lags * POSITION_BYTES * self._particles + moments)

    def _sums(self, replicas: int) -> int:
        return 3 * WORD * len(self.system.tables.species) * replicas

    def _temporary(self, replicas: int) -> int:
        """Temporary arrays of the observers, for a chunk of replicas at a time."""
        planes = self._planes(replicas) if self.settings.thermodynamics else 0
        if not self.settings.profile:
            return planes
        tables = self.system.tables  # bins of all particles; bins, displacements and squares of those of a species
        each = WORD * (self._particles + 3 * int(tables.counts[tables.first_particle >= 0].max()))
        return max(planes, _chunk(replicas, self._particles) * each)

    def _planes(self, replicas: int) -> int:
        tables = self.system.tables
        carriers = [int(tables.counts[c]) for c in counted(tables)]
        return max((PLANE_BYTES * n * _chunk(replicas, n) for n in carriers), default=0)

    def _samples(self, replicas: int) -> int:
        """Summed positions of the carriers in several windows at once."""
        tables, length = self.system.tables, self.settings.scheduled_duration
        codes = counted(tables)
        hops = Fraction(length.per_carrier) / self.settings.frames if isinstance(length, Hops) else MANY_HOPS
        if samples_per_frame(self.system, self.settings, hops, tables.n_carriers) == 1:
            return 0
        return replicas * WINDOWS_KEPT * 3 * WORD * len(codes)

    def _afterwards(self, replicas: int) -> int:
        """The grand-canonical scan, and the waves after it, beside the walker of the run."""
        system, asked = self.system, self.settings.thermodynamics
        component = neutral_component(system.tables, system.model.vacancies) if asked else ""
        if isinstance(component, str) or asked is None:
            return 0
        tables = system.tables
        homes = [component.ion_family, component.electronic_family]
        ions, electronic = (tables.supercell.n_sites_of(int(tables.sublattice[f])) if f >= 0 else 0 for f in homes)
        scan = table_bytes(tables) + replicas * grand_bytes_per_replica(tables, ions, electronic)
        frame = POSITION_BYTES * self._particles * replicas
        wave = self._walk(replicas) + frame + max(frame, self._planes(replicas))
        return max(scan, wave if asked.relaxation else 0)


def _chunk(replicas: int, particles: int) -> int:
    """Replicas that are handled at the same time (`kmc.arrays.replica_chunks`)."""
    return min(replicas, max(1, CHUNK // max(particles, 1)))
