"""Relaxing composition waves of the neutral component: the rate at which a wave decays is chemical diffusion itself.

The ion carriers begin with the site fraction c (1 + A cos(2 pi x/L)) along one axis, electronic carriers with the
numbers that keep every plane neutral, and the dopants are those of the run. The wave is followed by the numbers of
carriers in every plane.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kmc.carriers.neutral_component import Component
from kmc.carriers.polaron_modes import bare_rates
from kmc.files.records import Wave
from kmc.measure.density_planes import counted, plane_fractions, plane_numbers
from kmc.run.progress import Advance
from kmc.run.schedule import Schedule, advance_window
from kmc.run.settings import Relaxation
from kmc.run.task import RunTask
from kmc.state.replicas import State
from kmc.state.system import System
from lattices.doping import Doping, DopingProfile
from lattices.errors import InputError
from lattices.stencils import Stencil, stencil_of

SMALL = 1e-2  # of the wave vector, where the limit of long waves is taken
FEWEST_FRAMES = 8  # of a wave
FIRST_WINDOW = 2**31  # so that the random numbers of the waves differ from those of the run


def wave_fractions(system: System, asked: Relaxation) -> dict[str, NDArray[np.float64]]:
    """Site fraction of each carrier by layer of cells; InputError where the amplitude leaves the range from 0 to 1."""
    component = system.component
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
    """The initial state of wave `number`; InputError as in `wave_fractions`."""
    placed = dict(system.composition.placed)
    for name, values in wave_fractions(system, asked).items():
        placed[name] = Doping(profile=DopingProfile(asked.axis, tuple(values.tolist()), "step"))
    composition = replace(system.composition, placed=placed)
    state = replace(system, composition=composition).initial_state(number)
    state.window = FIRST_WINDOW + (number << 20)
    return state


def _fractions(system: System, component: Component, wave: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Site fractions of ion and electronic carriers by layer of cells. wave: (layers,) relative excess of the ions."""
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


def relax(task: RunTask, asked: Relaxation, schedule: Schedule, of_run: int, report: Advance) -> Wave | None:
    """Follow the waves, together for as many frames as the run has, `of_run`; None if asked to stop."""
    frames = max(of_run // asked.waves, FEWEST_FRAMES)
    waves = []
    for number in range(asked.waves):
        planes = _follow(task, asked, schedule, frames, number)
        if planes is None:
            return None
        report(number + 1, asked.waves)
        waves.append(planes)
    tables = task.system.tables
    return Wave(asked.axis, np.array(waves), plane_fractions(tables, asked.axis), dispersion(task.system, asked.axis))


def dispersion(system: System, axis: int) -> NDArray[np.float64]:
    """(C,) of the counted carriers: decay rate of one wave per supercell of non-interacting hops, over D k^2.

    The slowest eigenvalue of the hop matrix at k = 2 pi/L, divided by its limit for long waves.
    """
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
    """Smallest eigenvalue of the matrix of non-interacting hops at the wave vector k (1/angstrom).

    bonds: of each hop family its bonds and its rate per bond.
    """
    n = len(bonds[0][0].basis)
    matrix = np.zeros((n, n), dtype=complex)
    for stencil, rate in bonds:
        for b in range(n):
            for end, vector in zip(stencil.basis[b], stencil.vectors_angstrom[b], strict=True):
                if end >= 0:
                    matrix[b, b] += rate
                    matrix[b, end] -= rate * np.exp(1j * float(vector @ k))
    return float(np.linalg.eigvalsh(matrix)[0])


def _follow(task: RunTask, asked: Relaxation, schedule: Schedule, frames: int, number: int) -> NDArray[np.int32] | None:
    """(T + 1, R, C, P) planes of one wave; None if asked to stop."""
    system, settings = task.system, task.settings
    walker = task.walker(waved_state(system, asked, number), schedule.selection, snapshots=False)
    length = schedule.trials_per_window, schedule.trials_per_sweep
    kept = []
    for frame in range(frames + 1):
        positions = walker.positions()
        kept.append(plane_numbers(system.tables, positions, (asked.axis,))[0])
        for _ in range(schedule.windows_per_frame if frame < frames else 0):
            advance_window(walker, system, settings, schedule.selection, *length)
            if task.stop():
                return None
    return np.array(kept)
