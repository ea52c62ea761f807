"""Attempt frequencies against a double well whose curvatures are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes

from runs.barriers.cache import Cache
from runs.barriers.relax import RelaxationFailed, Relaxer
from runs.barriers.schema import Cells
from runs.barriers.vineyard import attempt_frequency_Hz

WELL_EV, SPRING = 0.8, 7.0  # E = WELL_EV (x^2 - 1)^2 / 4 + springs, in eV and angstrom


class DoubleWell(Calculator):
    """The first atom in a double well along x with springs along y and z; springs hold all the others."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        away = self.atoms.positions - np.array([[5.0, 5.0, 5.0], [6.5, 5.0, 5.0]])
        x = away[0, 0]
        forces = -SPRING * away
        forces[0, 0] = -WELL_EV * x * (x**2 - 1)
        energy = SPRING * (away**2).sum() / 2 - SPRING * x**2 / 2 + WELL_EV * (x**2 - 1) ** 2 / 4
        self.results = {"energy": energy, "forces": forces}


def atoms_at(x: float) -> Atoms:
    return Atoms("OGd", positions=[(5.0 + x, 5.0, 5.0), (6.5, 5.0, 5.0)], cell=[10.0] * 3, pbc=True)


@pytest.mark.parametrize("reach", [0.0, 2.0])
def test_frequency_of_a_double_well(tmp_path: Path, reach: float) -> None:
    """Springs are the same in the minimum and at the saddle point: sqrt(2 WELL_EV / m) / 2 pi is left."""
    cells = Cells(supercells=((1, 1, 1),), hessian_angstrom=reach)
    relaxer = Relaxer(DoubleWell(), "double well", cells, Cache(tmp_path))
    found = attempt_frequency_Hz(relaxer, atoms_at(-1.0), atoms_at(0.0), 0, "hop")
    exact = np.sqrt(2 * WELL_EV / atoms_at(0.0).get_masses()[0]) * units.s / (2 * np.pi)
    assert found == pytest.approx(exact, rel=1e-3)  # of the third derivative over 0.01 angstrom
    assert found == attempt_frequency_Hz(relaxer, atoms_at(-1.0), atoms_at(0.0), 0, "hop")  # from the cache


def test_a_minimum_is_no_saddle_point(tmp_path: Path) -> None:
    relaxer = Relaxer(DoubleWell(), "double well", Cells(supercells=((1, 1, 1),)), Cache(tmp_path))
    with pytest.raises(RelaxationFailed, match=r"with 1 atom moving.*exactly one negative are needed"):
        attempt_frequency_Hz(relaxer, atoms_at(-1.0), atoms_at(1.0), 0, "hop")
