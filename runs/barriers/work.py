"""The work on a plan: one task after another or in several processes, with a progress bar; failures are collected."""

from __future__ import annotations

import functools
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from lattices.errors import InputError
from runs.barriers.cache import Cache
from runs.barriers.calculators import CalculatorSpec
from runs.barriers.cells import atoms_of
from runs.barriers.plan import ConfigurationTask, HopTask
from runs.barriers.relax import RelaxationFailed, Relaxer
from runs.barriers.saddle import HopEnergies, hop_energies
from runs.barriers.schema import CrystalFile

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

Task = HopTask | ConfigurationTask


@dataclass(frozen=True)
class Bench:
    """What every process needs: the file, the calculator and the folder of relaxed images."""

    file: CrystalFile
    calculator: CalculatorSpec
    folder: Path

    def relaxer(self) -> Relaxer:
        """A relaxer with this process's calculator."""
        return Relaxer(_calculator(self.calculator), self.calculator.identity(), self.file.cells, Cache(self.folder))


@dataclass(frozen=True)
class Outcome:
    """Energies of a hop, or the energy of a configuration in eV, or why there is none."""

    hop: HopEnergies | None = None
    energy_eV: float | None = None
    failure: str | None = None

    def __str__(self) -> str:
        """One line for the progress."""
        if self.failure is not None:
            return f"FAILED: {self.failure}"
        if self.hop is None:
            return f"{self.energy_eV:.4f} eV"
        frequency = self.hop.attempt_frequency_Hz
        nu = "" if frequency is None else f", attempt frequency {frequency:.3g} Hz"
        return f"forward {self.hop.forward_eV:.3f}, backward {self.hop.backward_eV:.3f} eV{nu}"


@functools.cache
def _calculator(spec: CalculatorSpec) -> Calculator:
    """The calculator of this process: a network takes seconds to load."""
    return spec.build()


def perform(bench: Bench, task: Task) -> Outcome:
    """Carry out one task, from the cache as far as it goes."""
    relaxer, species = bench.relaxer(), bench.file.species
    try:
        if isinstance(task, HopTask):
            vineyard = task.entry.attempt_frequency_Hz == "vineyard"
            return Outcome(hop=hop_energies(relaxer, task.cell, species, task.label, task.method, vineyard))
        relaxed = relaxer.relax(task.supercell, atoms_of(task.supercell, species, task.contents), task.label)
        return Outcome(energy_eV=relaxed.get_potential_energy())
    except RelaxationFailed as error:
        return Outcome(failure=str(error))


def perform_all(bench: Bench, tasks: Sequence[Task], jobs: int) -> Mapping[str, Outcome]:
    """Outcome of every task by its label. jobs: processes; 1 stays in this one."""
    from tqdm import tqdm

    if len({task.label for task in tasks}) != len(tasks):
        raise InputError("hops: two hops have the same name")
    found: dict[str, Outcome] = {}
    with tqdm(total=len(tasks), disable=None, unit="task") as bar:
        for label, outcome in _outcomes(bench, tasks, jobs):
            found[label] = outcome
            bar.update()
            bar.clear()
            print(f"{len(found)}/{len(tasks)}  {label}: {outcome}", flush=True)
    return found


def _outcomes(bench: Bench, tasks: Sequence[Task], jobs: int) -> Iterator[tuple[str, Outcome]]:
    if jobs == 1:
        for task in tasks:
            yield task.label, perform(bench, task)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
    try:
        waiting = {pool.submit(perform, bench, task): task.label for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the first process decides, and the others finish their task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
