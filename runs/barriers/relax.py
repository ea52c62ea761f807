"""Relaxations: of the cell, of a configuration, of a hop's ends and of its saddle point; each is cached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from runs.barriers.cache import Cache, Facts, key_of
from runs.barriers.cells import HopCell, astray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from kmc.model.entries import Species
    from lattices.crystal import Supercell
    from runs.barriers.schema import Cells

CELL_FMAX = 0.1  # part of fmax to which the stress (times the volume of the cell, in eV) is relaxed


class RelaxationFailed(Exception):
    """A relaxation that gives no number; the message says which and why."""


@dataclass(frozen=True)
class Relaxer:
    """A calculator with the settings of relaxations and the cache of their results.

    identity: name and version of the calculator, part of every key of the cache.
    """

    calculator: Calculator
    identity: str
    cells: Cells
    cache: Cache

    def question(self, what: str) -> Facts:
        """What decides a result beside the atoms."""
        return {
            "what": what,
            "calculator": self.identity,
            "fmax_eV_angstrom": self.cells.fmax_eV_angstrom,
            "rattle_angstrom": self.cells.rattle_angstrom,
            "seed": self.cells.seed,
        }

    def lattice_scale(self, atoms: Atoms) -> float:
        """Factor by which the isotropic relaxation of a cell changes its lattice vectors."""
        from ase.filters import FrechetCellFilter
        from ase.optimize import BFGS

        question = self.question("cell")
        key = key_of(atoms, question)
        found = self.cache.read("cell", key)
        if found is None:
            relaxed = atoms.copy()
            relaxed.calc = self.calculator
            # ASE itself steps through the logarithm of the deformation, which warns about rounding errors only.
            fmax = CELL_FMAX * min(self.cells.fmax_eV_angstrom, 0.1)
            optimizer = BFGS(FrechetCellFilter(relaxed, hydrostatic_strain=True), logfile=os.devnull)  # type: ignore[arg-type]  # a filter stands in for atoms
            if not optimizer.run(fmax=fmax, steps=self.cells.steps):
                raise RelaxationFailed(f"the cell: forces and stress above {fmax:g} after {self.cells.steps} steps")
            found = self.cache.write("cell", key, [relaxed], question)
        return float((found[0].get_volume() / atoms.get_volume()) ** (1 / 3))

    def relax(self, supercell: Supercell, atoms: Atoms, label: str) -> Atoms:
        """The relaxed atoms in a fixed cell, with energy and forces. RelaxationFailed: unconverged, atoms astray."""
        question = self.question("relaxation")
        key = key_of(atoms, question)
        found = self.cache.read(label, key)
        if found is None:
            relaxed = rattled(atoms, self.cells.rattle_angstrom, self.cells.seed)
            self.run(relaxed, label)
            found = self.cache.write(label, key, [relaxed], question)
        lost = astray(supercell, found[0])
        if lost:
            raise RelaxationFailed(f"{label}: {'; '.join(lost[:3])}: the configuration is not stable")
        return found[0]

    def run(self, atoms: Atoms, label: str) -> None:
        """Relax atoms in place. RelaxationFailed where the forces stay above the limit."""
        from ase.optimize import LBFGS

        atoms.calc = self.calculator
        optimizer = LBFGS(atoms, logfile=os.devnull)
        if not optimizer.run(fmax=self.cells.fmax_eV_angstrom, steps=self.cells.steps):
            raise RelaxationFailed(
                f"{label}: forces above {self.cells.fmax_eV_angstrom:g} eV/angstrom after {self.cells.steps} steps"
            )

    def ends(self, hop: HopCell, species: Mapping[str, Species], label: str) -> tuple[Atoms, Atoms, int]:
        """Relaxed atoms before and after a hop, in the same order, and the index of the ion that moves."""
        start, ion = hop.start(species)
        first = self.relax(hop.supercell, start, f"{label}-start")
        return first, self.relax(hop.supercell, hop.end(species), f"{label}-end"), ion


def rattled(atoms: Atoms, standard_deviation_angstrom: float, seed: int) -> Atoms:
    """A copy with normally distributed displacements; the same seed gives the same ones, atom by atom."""
    copy = atoms.copy()
    if standard_deviation_angstrom:
        noise = np.random.default_rng(seed).normal(scale=standard_deviation_angstrom, size=atoms.positions.shape)
        copy.positions += noise - noise.mean(axis=0)
    return copy
