"""A profile of the neutral component set free: how fast a composition wave flattens is chemical diffusion itself.

Ion carriers begin with site fraction c (1 + A cos(2 pi x/L)) along one axis, electronic carriers with as many more or
fewer as keep every plane neutral, dopants as in the run. The wave is followed by the numbers of carriers by plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.backends import Walker, make_walker
from kmc.component import Component, neutral_component
from kmc.planes import plane_numbers
from kmc.schedule import Schedule, Settings, advance_window
from kmc.state import State, unwrapped_grid_positions
from kmc.system import System
from kmc.thermodynamics import Relaxation
from lattices.doping import Doping, Profile
from lattices.errors import InputError

FIRST_WINDOW = 2**31  # random numbers beyond those of the run itself


@dataclass(frozen=True)
class Wave:
    """axis: of the planes. planes: (T + 1, R, C, P) int32 numbers as in planes.py, frames as long as the run's."""

    axis: int
    planes: NDArray[np.int32]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name."""
        return {"axis": np.array(self.axis), "planes": self.planes}


def waved_state(system: System, asked: Relaxation) -> State:
    """The arrangement that a wave begins with; InputError where the amplitude does not fit the sites."""
    component = neutral_component(system.tables, system.model.vacancies)
    if isinstance(component, str):
        raise InputError(f"thermodynamics.relaxation: {component}")
    layers = system.tables.supercell.repeats[asked.axis]
    wave = np.cos(2.0 * np.pi * (np.arange(layers) + 0.5) / layers)
    fractions = _fractions(system, component, asked.amplitude * wave)
    placed = dict(system.composition.placed)
    for name, values in fractions.items():
        if values.min() < 0.0 or values.max() > 1.0:
            raise InputError(
                f"thermodynamics.relaxation.amplitude = {asked.amplitude}: {name} would need site fractions from "
                f"{values.min():.3g} to {values.max():.3g}; a smaller amplitude is needed"
            )
        placed[name] = Doping(profile=Profile(asked.axis, tuple(values.tolist()), "step"))
    composition = replace(system.composition, placed=placed)
    state = replace(system, composition=composition).initial_state()
    state.window = FIRST_WINDOW
    return state


def _fractions(system: System, component: Component, wave: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Site fraction of ion and electronic carriers in every layer of cells."""
    tables = system.tables
    code = int(tables.carrier[component.ion_family])
    count = int(tables.counts[code])
    result = {component.carrier: count * (1.0 + wave) / tables.supercell.n_sites_of(int(tables.sublattice_of[code]))}
    if component.electronic_carrier:
        other = int(tables.carrier[component.electronic_family])
        numbers = int(tables.counts[other]) + component.electronic * count * wave
        sites = tables.supercell.n_sites_of(int(tables.sublattice_of[other]))
        result[component.electronic_carrier] = numbers / sites
    return result


def relax(
    system: System,
    settings: Settings,
    schedule: Schedule,
    backend: str,
    report: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> Wave | None:
    """Follow a wave for as many frames as the run has; None if `stop` asked for an end."""
    assert settings.thermodynamics is not None and settings.thermodynamics.relaxation is not None
    asked = settings.thermodynamics.relaxation
    block = settings.domains.block if settings.domains else None
    walker: Walker = make_walker(backend, system, waved_state(system, asked), schedule.selection, block=block)
    kept = []
    for frame in range(settings.frames + 1):
        positions = unwrapped_grid_positions(system.tables, walker.live())
        kept.append(plane_numbers(system.tables, positions, (asked.axis,))[0])
        report(frame, settings.frames)
        if stop():
            return None
        for _ in range(schedule.windows_per_frame if frame < settings.frames else 0):
            advance_window(walker, system, settings, schedule.selection, schedule.mean, schedule.sweep)
    return Wave(asked.axis, np.array(kept))
