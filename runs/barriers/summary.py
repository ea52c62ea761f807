"""From the outcomes of all tasks to barriers, pair energies and their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runs.barriers.cells import Contents
from runs.barriers.configurations import pair_counts
from runs.barriers.fit import Fit, fit_energies
from runs.barriers.plan import HopTask, Plan, composition_of
from runs.barriers.saddle import HopEnergies
from runs.barriers.work import Outcome


@dataclass(frozen=True)
class Extrapolated:
    """A value in cells of several sizes. value: at infinite size, where there are two or more sizes.

    change: from the largest cell to infinite size, or None with one size.
    """

    value: float
    change: float | None


@dataclass(frozen=True)
class EnvironmentBarrier:
    """E0 of one entry of the parameter file: the occupations that differ only in the order of their species.

    kra: of the occupation with the given weights, mean over the arrangements. lowest_eV, highest_eV: of them.
    scale_eV: added to the computed value. tasks, energies: those that it comes from.
    """

    hop: str
    species: tuple[str, ...]
    kra: Extrapolated
    lowest_eV: float
    highest_eV: float
    scale_eV: float
    tasks: tuple[HopTask, ...]
    energies: tuple[HopEnergies, ...]

    @property
    def written_eV(self) -> float:
        """The barrier of the parameter file."""
        return self.kra.value + self.scale_eV


@dataclass(frozen=True)
class Summary:
    """All numbers of a parameter file.

    clusters: by hop, the fitted cluster expansion of its barriers. fit: of the pair energies, None without pairs.
    configurations: those of the fit.
    """

    barriers: tuple[EnvironmentBarrier, ...]
    clusters: Mapping[str, Fit]
    fit: Fit | None
    configurations: int


def summarise(plan: Plan, outcomes: Mapping[str, Outcome]) -> Summary:
    """The numbers of a parameter file from outcomes without failures."""
    groups: dict[tuple[str, tuple[str, ...]], list[HopTask]] = {}
    for task in plan.hops:
        same = task.occupation if task.terms else tuple(sorted(task.occupation))
        groups.setdefault((task.entry.name, same), []).append(task)
    barriers = [_barrier(tasks, outcomes) for tasks in groups.values()]
    clusters = _clusters(barriers)
    configurations = [
        (task.supercell, task.contents, outcomes[task.label].energy_eV or 0.0) for task in plan.configurations
    ]
    if not configurations:
        return Summary(tuple(barriers), clusters, None, 0)
    supercell = configurations[0][0]
    counts = np.array([pair_counts(supercell, plan.unknowns, contents) for _, contents, _ in configurations])
    fit = fit_energies(
        counts,
        [composition_of(contents) for _, contents, _ in configurations],
        np.array([energy for _, _, energy in configurations]),
        [str(one) for one in plan.unknowns],
        "cells.configurations",
    )
    return Summary(tuple(barriers), clusters, fit, len(configurations))


def extrapolate(values: Sequence[float], volumes: Sequence[float]) -> Extrapolated:
    """The limit of a straight line in 1/volume, which elastic and Coulomb energies of periodic images follow.

    values: one for each cell; volumes: in any unit.
    """
    if len(set(volumes)) < 2:
        return Extrapolated(float(np.mean(values)), None)
    _, limit = np.polyfit(1.0 / np.asarray(volumes), np.asarray(values), 1)
    return Extrapolated(float(limit), float(limit - values[int(np.argmax(volumes))]))


def _clusters(barriers: Sequence[EnvironmentBarrier]) -> dict[str, Fit]:
    """The fitted cluster expansion of every hop that has one."""
    found = {}
    for name in dict.fromkeys(one.hop for one in barriers):
        rows = [(one, terms) for one in barriers if one.hop == name and (terms := one.tasks[0].terms) is not None]
        if rows:
            found[name] = fit_energies(
                np.array([terms.counts(one.tasks[0].occupation) for one, terms in rows]),
                [name] * len(rows),
                np.array([one.kra.value for one, _ in rows]),
                rows[0][1].names,
                f"hop {name!r}: cluster_expansion.samples",
            )
    return found


def model_difference_eV(plan: Plan, fit: Fit, task: HopTask) -> float:
    """Energy after a hop minus the one before it, by the fitted pair energies."""

    def energy(contents: Contents) -> float:
        return float(pair_counts(task.cell.supercell, plan.unknowns, contents) @ fit.energies_eV)

    return energy(task.cell.final_contents) - energy(task.cell.contents)


def _barrier(tasks: Sequence[HopTask], outcomes: Mapping[str, Outcome]) -> EnvironmentBarrier:
    found = [outcome for task in tasks if (outcome := outcomes[task.label].hop) is not None]
    assert len(found) == len(tasks)
    cells = list(dict.fromkeys(task.repeats for task in tasks))
    means, volumes = [], []
    for repeats in cells:
        here = [(task.weight, one.kra_eV) for task, one in zip(tasks, found, strict=True) if task.repeats == repeats]
        means.append(sum(w * kra for w, kra in here) / sum(w for w, _ in here))
        volumes.append(float(np.prod(repeats)))
    largest = cells[int(np.argmax(volumes))]
    kras = [one.kra_eV for task, one in zip(tasks, found, strict=True) if task.repeats == largest]
    entry = tasks[0].entry
    scale = 0.0 if entry.scale_eV is None else entry.scale_eV.value
    return EnvironmentBarrier(
        entry.name,
        tuple(sorted(tasks[0].occupation)),
        extrapolate(means, volumes),
        min(kras),
        max(kras),
        scale,
        tuple(tasks),
        tuple(found),
    )
