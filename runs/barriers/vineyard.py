"""Attempt frequency of a hop from the vibrations of the hopping ion (partial Hessian).

Vineyard 1957: the product of the frequencies in the minimum over that of the real ones at the saddle point. All other
atoms are held, so that only the three modes of the ion that moves are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runs.barriers.cache import held, key_of
from runs.barriers.relax import RelaxationFailed, Relaxer

if TYPE_CHECKING:
    from ase import Atoms

STEP_ANGSTROM = 0.01  # displacement of the finite differences


def attempt_frequency_Hz(relaxer: Relaxer, minimum: Atoms, saddle: Atoms, ion: int, label: str) -> float:
    """Attempt frequency in Hz. RelaxationFailed unless the minimum has no unstable mode and the saddle exactly one."""
    stable = _curvatures(relaxer, minimum, ion, f"{label}-start-hessian")
    across = _curvatures(relaxer, saddle, ion, f"{label}-saddle-hessian")
    if stable[0] <= 0.0 or not across[0] < 0.0 < across[1]:
        raise RelaxationFailed(
            f"{label}: the hopping ion has curvatures {_listed(stable)} in the minimum and {_listed(across)} "
            "eV/angstrom2 at the saddle point; all positive and exactly one negative are needed"
        )
    from ase import units

    mass = minimum.get_masses()[ion]
    ratio = np.sqrt(np.prod(stable / mass) / np.prod(across[1:] / mass))  # 1/time in ASE's units
    return float(ratio * units.s / (2 * np.pi))


def _curvatures(relaxer: Relaxer, atoms: Atoms, ion: int, label: str) -> NDArray[np.float64]:
    """(3,) eigenvalues in eV/angstrom2 of the Hessian of one atom, the lowest first."""
    question = {**relaxer.question("hessian"), "ion": ion, "step_angstrom": STEP_ANGSTROM}
    key = key_of(atoms, question)
    images = relaxer.cache.read(label, key)
    if images is None:
        images = []
        for axis in range(3):
            for sign in (1.0, -1.0):
                moved = atoms.copy()
                moved.positions[ion, axis] += sign * STEP_ANGSTROM
                moved.calc = relaxer.calculator
                images.append(held(moved))
        images = relaxer.cache.write(label, key, images, question)
    forces = np.array([image.get_forces()[ion] for image in images]).reshape(3, 2, 3)
    hessian = (forces[:, 1] - forces[:, 0]) / (2 * STEP_ANGSTROM)
    return np.asarray(np.linalg.eigvalsh((hessian + hessian.T) / 2))


def _listed(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
