"""Saddle points of a hop: the climbing-image nudged elastic band, and the mid-plane where symmetry puts them there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from runs.barriers.cache import key_of
from runs.barriers.cells import shortest
from runs.barriers.relax import RelaxationFailed, Relaxer, rattled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from kmc.model.entries import Species
    from runs.barriers.cells import HopCell

ROUGH_FMAX = 5.0  # multiple of fmax at which the band starts to climb
EQUAL_ENDS_EV = 0.02  # largest difference of two energies that symmetry makes equal
SAME_SADDLE_EV = 0.03  # largest difference of the two methods that is not reported as a disagreement


@dataclass(frozen=True)
class HopEnergies:
    """Energies of one hop in one supercell, in eV, relative to its start.

    end_eV: after the hop. saddle_eV: the one that counts. neb_eV, mid_plane_eV: from each method, None where it was not
    used. symmetric: whether a symmetry operation exchanges the two ends. attempt_frequency_Hz: Vineyard's, or None.
    """

    end_eV: float
    saddle_eV: float
    neb_eV: float | None
    mid_plane_eV: float | None
    symmetric: bool
    attempt_frequency_Hz: float | None = None

    @property
    def forward_eV(self) -> float:
        """Barrier of the hop."""
        return self.saddle_eV

    @property
    def backward_eV(self) -> float:
        """Barrier of the reverse hop: the forward one minus the energy difference."""
        return self.saddle_eV - self.end_eV

    @property
    def kra_eV(self) -> float:
        """E0 of the model: the barrier without the energy difference of the two ends."""
        return self.saddle_eV - self.end_eV / 2


def mid_plane(relaxer: Relaxer, hop: HopCell, species: Mapping[str, Species], label: str) -> Atoms:
    """Atoms relaxed with the ion held on the plane half-way between the ends, where symmetry puts the saddle point."""
    from ase.constraints import FixedPlane

    atoms, ion = hop.start(species)
    atoms.positions[ion] += hop.displacement_angstrom / 2
    question = relaxer.question("mid-plane")
    key = key_of(atoms, question)
    found = relaxer.cache.read(f"{label}-mid-plane", key)
    if found is None:
        relaxed = rattled(atoms, relaxer.cells.rattle_angstrom, relaxer.cells.seed)
        relaxed.positions[ion] = atoms.positions[ion]
        relaxed.set_constraint(FixedPlane(ion, hop.displacement_angstrom))
        relaxer.run(relaxed, f"{label}, mid-plane")
        relaxed.set_constraint()
        found = relaxer.cache.write(f"{label}-mid-plane", key, [relaxed], question)
    return found[0]


def nudged_elastic_band(
    relaxer: Relaxer, hop: HopCell, ends: tuple[Atoms, Atoms], middle: Atoms | None, label: str
) -> list[Atoms]:
    """The relaxed images of the band, its ends included.

    middle: relaxed atoms near the saddle point, for the first guess. RelaxationFailed where the forces stay too large.
    """
    from ase.mep import NEB
    from ase.optimize import FIRE

    first, last = ends
    question = {**relaxer.question("neb"), "images": relaxer.cells.images}
    key = key_of(first, {**question, "end": key_of(last, {})})
    found = relaxer.cache.read(f"{label}-neb", key)
    if found is not None:
        return found
    images = [image.copy() for image in _guess(hop, first, last, middle, relaxer.cells.images)]
    for image in images:
        image.calc = relaxer.calculator
    fmax, done = relaxer.cells.fmax_eV_angstrom, False
    for climb, limit in ((False, ROUGH_FMAX * fmax), (True, fmax)):
        band = NEB(images, k=1.0, climb=climb, method="improvedtangent", allow_shared_calculator=True)
        done = FIRE(band, logfile=None).run(fmax=limit, steps=relaxer.cells.steps)
    if not done:
        raise RelaxationFailed(
            f"{label}, NEB: forces above {fmax:g} eV/angstrom after {relaxer.cells.steps} steps; raise cells.steps"
        )
    return relaxer.cache.write(f"{label}-neb", key, images, question)


def _guess(hop: HopCell, first: Atoms, last: Atoms, middle: Atoms | None, count: int) -> list[Atoms]:
    """Ends and `count` images between them, on straight lines through the middle if there is one."""
    anchors = [first, last] if middle is None else [first, middle, last]
    places = [0.0, 1.0] if middle is None else [0.0, 0.5, 1.0]
    positions = [first.positions]
    for one, other in itertools.pairwise(anchors):
        positions.append(positions[-1] + shortest(hop.supercell, other.positions - one.positions))
    images = []
    for share in np.linspace(0.0, 1.0, count + 2):
        image = first.copy()
        image.positions = np.array(
            [[np.interp(share, places, column) for column in atom] for atom in np.stack(positions, axis=-1)]
        )
        images.append(image)
    return images


def hop_energies(
    relaxer: Relaxer, hop: HopCell, species: Mapping[str, Species], label: str, method: str, vineyard: bool
) -> HopEnergies:
    """All energies of one hop. method: "neb", or "mid-plane" where symmetry allows it.

    RelaxationFailed: a relaxation that did not converge, atoms astray, ends that symmetry makes equal but that are not,
    a band whose highest image is one of its ends, or two methods that disagree although symmetry makes them equal.
    """
    from runs.barriers.vineyard import attempt_frequency_Hz

    first, last, ion = relaxer.ends(hop, species, label)
    zero = first.get_potential_energy()
    end = last.get_potential_energy() - zero
    symmetric = hop.symmetric(species)
    if symmetric and abs(end) > EQUAL_ENDS_EV:
        raise RelaxationFailed(
            f"{label}: symmetry makes the two ends equal, but their relaxed energies differ by {end:+.3f} eV: the "
            "relaxations ended in different minima"
        )
    middle = mid_plane(relaxer, hop, species, label) if symmetric else None
    plane = None if middle is None else middle.get_potential_energy() - zero
    band, saddle = None, middle
    if method == "neb" or saddle is None:
        images = nudged_elastic_band(relaxer, hop, (first, last), middle, label)
        energies = [image.get_potential_energy() - zero for image in images]
        top = int(np.argmax(energies))
        if top in (0, len(images) - 1):
            raise RelaxationFailed(f"{label}, NEB: the highest image is an end: there is no barrier between the two")
        band, saddle = energies[top], images[top]
    if band is not None and plane is not None and abs(band - plane) > SAME_SADDLE_EV:
        raise RelaxationFailed(
            f"{label}: NEB gives a saddle point at {band:.3f} eV and the mid-plane one at {plane:.3f} eV, which "
            "symmetry makes equal"
        )
    height = band if band is not None else plane
    assert height is not None and saddle is not None
    frequency = attempt_frequency_Hz(relaxer, first, saddle, ion, label) if vineyard else None
    return HopEnergies(end, height, band, plane, symmetric, frequency)
