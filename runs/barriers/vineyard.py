"""Attempt frequency of a hop from the vibrations of the hopping ion and its neighbours (partial Hessian).

Vineyard 1957: the product of the frequencies in the minimum over that of the real ones at the saddle point. The atoms
beyond a given distance from the ion are held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runs.barriers.cache import held, key_of
from runs.barriers.relax import RelaxationFailed, Relaxer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

STEP_ANGSTROM = 0.01  # displacement of the finite differences


def attempt_frequency_Hz(relaxer: Relaxer, minimum: Atoms, saddle: Atoms, ion: int, label: str) -> float:
    """Attempt frequency in Hz. RelaxationFailed unless the minimum has no unstable mode and the saddle exactly one."""
    from ase import units

    reach = relaxer.cells.hessian_angstrom
    apart = saddle.get_distances(ion, range(len(saddle)), mic=True)
    moving = [ion, *(int(n) for n in np.flatnonzero(apart <= reach) if n != ion)]
    stable = _squared_frequencies(relaxer, minimum, moving, f"{label}-start-hessian")
    across = _squared_frequencies(relaxer, saddle, moving, f"{label}-saddle-hessian")
    if stable[0] <= 0.0 or not across[0] < 0.0 < across[1]:
        raise RelaxationFailed(
            f"{label}: with {len(moving)} atom{'s' * (len(moving) > 1)} moving, the squared frequencies are "
            f"{_listed(stable)} in the minimum and {_listed(across)} eV/(angstrom2 u) at the saddle; all "
            "positive and exactly one negative are needed: let neighbours move with cells.hessian_angstrom, or give "
            "attempt_frequency_Hz a number"
        )
    ratio = np.exp((np.log(stable).sum() - np.log(across[1:]).sum()) / 2)  # 1/time in ASE's units
    return float(ratio * units.s / (2 * np.pi))


def _squared_frequencies(relaxer: Relaxer, atoms: Atoms, moving: Sequence[int], label: str) -> NDArray[np.float64]:
    """(3 len(moving),) eigenvalues of the mass-weighted partial Hessian in eV/(angstrom2 u), the lowest first."""
    question = {**relaxer.question("hessian"), "moving": str(moving), "step_angstrom": STEP_ANGSTROM}
    key = key_of(atoms, question)
    images = relaxer.cache.read(label, key)
    if images is None:
        images = []
        for index in moving:
            for axis in range(3):
                for sign in (1.0, -1.0):
                    moved = atoms.copy()
                    moved.positions[index, axis] += sign * STEP_ANGSTROM
                    moved.calc = relaxer.calculator
                    images.append(held(moved))
        images = relaxer.cache.write(label, key, images, question)
    modes = 3 * len(moving)
    forces = np.array([image.get_forces()[list(moving)].ravel() for image in images]).reshape(modes, 2, modes)
    hessian = (forces[:, 1] - forces[:, 0]) / (2 * STEP_ANGSTROM)
    weight = np.repeat(atoms.get_masses()[list(moving)], 3) ** -0.5
    weighted = weight[:, None] * (hessian + hessian.T) / 2 * weight
    return np.asarray(np.linalg.eigvalsh(weighted))


def _listed(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.3g}" for value in values[:3]) + (" ..." if len(values) > 3 else "")
