"""A profile of the neutral component set free: how fast a composition wave flattens is chemical diffusion itself.

Ion carriers begin with site fraction c (1 + A cos(2 pi x/L)) along one axis, electronic carriers with as many more or
fewer as keep every plane neutral, dopants as in the run. The wave is followed by the numbers of carriers by plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kmc.backends import Walker, make_walker
from kmc.carriers.neutral_component import Component, neutral_component
from kmc.carriers.polaron_modes import bare_rates
from kmc.files.records import Wave
from kmc.measure.density_planes import counted, plane_fractions, plane_numbers
from kmc.run.schedule import Schedule, advance_window
from kmc.run.settings import Relaxation, Settings
from kmc.state.replicas import State, unwrapped_grid_positions
from kmc.state.system import System
from lattices.doping import Doping, Profile
from lattices.errors import InputError
from lattices.stencils import Stencil, stencil_of

SMALL = 1e-2  # of the wave vector, for the limit of long waves
FEWEST_FRAMES = 8  # of a wave
FIRST_WINDOW = 2**31  # random numbers beyond those of the run itself


def wave_fractions(system: System, asked: Relaxation) -> dict[str, NDArray[np.float64]]:
    """Site fraction of each carrier by layer of cells; InputError where the amplitude does not fit the sites."""
    component = neutral_component(system.tables, system.model.vacancies)
    if isinstance(component, str):
        raise InputError(f"thermodynamics.relaxation: {component}")
    layers = system.tables.supercell.repeats[asked.axis]
    wave = np.cos(2.0 * np.pi * (np.arange(layers) + 0.5) / layers)
    fractions = _fractions(system, component, asked.amplitude * wave)
    for name, values in fractions.items():
        if values.min() < 0.0 or values.max() > 1.0:
            raise InputError(
                f"thermodynamics.relaxation.amplitude = {asked.amplitude}: {name} would need site fractions from "
                f"{values.min():.3g} to {values.max():.3g}; a smaller amplitude is needed"
            )
    return fractions


def waved_state(system: System, asked: Relaxation, number: int = 0) -> State:
    """The arrangement that wave `number` begins with; InputError as in `wave_fractions`."""
    placed = dict(system.composition.placed)
    for name, values in wave_fractions(system, asked).items():
        placed[name] = Doping(profile=Profile(asked.axis, tuple(values.tolist()), "step"))
    composition = replace(system.composition, placed=placed)
    state = replace(system, composition=composition).initial_state(number)
    state.window = FIRST_WINDOW + (number << 20)
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
    """Follow the waves, together for as many frames as the run has; None if `stop` asked for an end."""
    assert settings.thermodynamics is not None and settings.thermodynamics.relaxation is not None
    asked = settings.thermodynamics.relaxation
    frames = max(settings.frames // asked.waves, FEWEST_FRAMES)
    waves = []
    for number in range(asked.waves):
        planes = _follow(system, settings, schedule, backend, frames, number)
        report(number + 1, asked.waves)
        if stop():
            return None
        waves.append(planes)
    places = plane_fractions(system.tables, asked.axis)
    return Wave(asked.axis, np.array(waves), places, dispersion(system, asked.axis))


def dispersion(system: System, axis: int) -> NDArray[np.float64]:
    """(C,) of the counted carriers: slowest rate of free hops at one wave per supercell, over its long-wave limit."""
    tables = system.tables
    k = np.asarray(2.0 * np.pi * np.linalg.inv(tables.supercell.vectors_angstrom)[:, axis], dtype=np.float64)
    rates = list(bare_rates(tables).values())
    found = []
    for code in counted(tables):
        bonds = []
        for f in np.flatnonzero(tables.carrier == code).tolist():
            s = int(tables.sublattice[f])
            stencil = stencil_of(tables.supercell.crystal, s, s, system.model.hops[f].neighbours)
            bonds.append((stencil, rates[f] / max(rates) / int(tables.directions[f])))
        found.append(slowest(bonds, k) / (slowest(bonds, SMALL * k) / SMALL**2))
    return np.array(found)


def slowest(bonds: list[tuple[Stencil, float]], k: NDArray[np.float64]) -> float:
    """Smallest eigenvalue of the matrix of free hops at a wave vector; of each family its bonds and its rate."""
    n = len(bonds[0][0].basis)
    matrix = np.zeros((n, n), dtype=complex)
    for stencil, rate in bonds:
        for b in range(n):
            for end, vector in zip(stencil.basis[b], stencil.vectors_angstrom[b], strict=True):
                if end >= 0:
                    matrix[b, b] += rate
                    matrix[b, end] -= rate * np.exp(1j * float(vector @ k))
    return float(np.linalg.eigvalsh(matrix)[0])


def _follow(
    system: System, settings: Settings, schedule: Schedule, backend: str, frames: int, number: int
) -> NDArray[np.int32]:
    """(T + 1, R, C, P) planes of one wave."""
    assert settings.thermodynamics is not None and settings.thermodynamics.relaxation is not None
    asked = settings.thermodynamics.relaxation
    block = settings.domains.block if settings.domains else None
    state = waved_state(system, asked, number)
    walker: Walker = make_walker(backend, system, state, schedule.selection, block=block)
    kept = []
    for frame in range(frames + 1):
        positions = unwrapped_grid_positions(system.tables, walker.live())
        kept.append(plane_numbers(system.tables, positions, (asked.axis,))[0])
        for _ in range(schedule.windows_per_frame if frame < frames else 0):
            advance_window(walker, system, settings, schedule.selection, schedule.mean, schedule.sweep)
    return np.array(kept)
