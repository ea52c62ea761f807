"""Tables of neighbour shells, for choosing the hops and pairs of a model, and warnings about ambiguous shells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Crystal
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.pair_kinds import symmetry_kinds
from lattices.site_pairs import SAME_SITE_ANGSTROM, SitePairs, nearest_distances, pairs_up_to, smallest_width
from lattices.space_group_table import SpaceGroup
from lattices.stencils import shells_of_pairs
from lattices.symmetry import crystal_space_group

STRICTER = 0.1  # part of the tolerance at which a shell should still hold together
LOOSER = 2.0  # multiple of it at which two shells should still be apart
BESIDE = 1.1  # sites up to this times the nearest distance from a bond's middle are listed as being next to it
SAME_DISTANCE_ANGSTROM = 0.02  # distances from a bond's middle that are listed together
MIDDLE_REACH = 1.5  # sublattices whose nearest site is farther than this times the nearest of all are left out


@dataclass(frozen=True)
class ShellRow:
    """One shell of one pair of sublattices.

    neighbours: (fewest, most) of a site of `origin`. distinct_bonds: bonds that no symmetry operation of the crystal
    maps onto each other, a bond and its reverse counting once. middle: the sites nearest to the middle of the bonds,
    as "2 cation at 1.913 angstrom"; one entry for each kind of bond, in the order of the kinds of pair energies.
    """

    origin: str
    target: str
    shell: int
    shortest_angstrom: float
    longest_angstrom: float
    neighbours: tuple[int, int]
    distinct_bonds: int
    middle: tuple[str, ...]


def shell_table(crystal: Crystal, count: int = 4) -> list[ShellRow]:
    """The first `count` shells of every pair of sublattices; each pair is listed once.

    A pair whose distances continue without a gap is listed as far as its shells can be distinguished.
    """
    group = crystal_space_group(crystal)
    rows: list[ShellRow] = []
    for origin in range(len(crystal.sublattices)):
        for target in range(origin, len(crystal.sublattices)):
            pairs, ranges = _shells_as_far_as_possible(crystal, origin, target, count)
            for number, (low, high) in enumerate(ranges, start=1):
                chosen = pairs.where((pairs.lengths_angstrom >= low) & (pairs.lengths_angstrom <= high))
                rows.append(_row(crystal, group, origin, target, number, chosen))
    return rows


def shell_warnings(crystal: Crystal, origin: int, target: int, neighbours: Neighbours) -> list[str]:
    """One line for each shell given by number that a tenth of the tolerance, or twice the tolerance, would change."""
    tolerance, warnings = crystal.shell_tolerance, []
    _, ranges = shells_of_pairs(crystal, origin, target, max(neighbours.shells))
    for low, high in (ranges[number - 1] for number in neighbours.shells):
        lengths = np.sort(pairs_up_to(crystal, origin, target, high / (1.0 - LOOSER * tolerance)).lengths_angstrom)
        inside, beyond = lengths[(lengths >= low) & (lengths <= high)], lengths[lengths > high]
        gap = float((np.diff(inside) / inside[1:]).max()) if len(inside) > 1 else 0.0
        if gap > STRICTER * tolerance:
            warnings.append(
                f"a shell joins distances from {low:.4f} to {high:.4f} angstrom, which a tenth of the shell tolerance "
                f"({tolerance:g}) would split"
            )
        if len(beyond):
            warnings.append(
                f"a shell ends at {high:.4f} angstrom and the next begins at {beyond[0]:.4f}: twice the shell "
                f"tolerance ({tolerance:g}) would join them"
            )
    return warnings


def _shells_as_far_as_possible(
    crystal: Crystal, origin: int, target: int, count: int
) -> tuple[SitePairs, list[tuple[float, float]]]:
    for number in range(count, 0, -1):
        try:
            return shells_of_pairs(crystal, origin, target, number)
        except InputError:
            continue
    reach = 1.5 * float(nearest_distances(crystal, origin, target).max())
    return pairs_up_to(crystal, origin, target, reach), []


def _row(crystal: Crystal, group: SpaceGroup, origin: int, target: int, number: int, pairs: SitePairs) -> ShellRow:
    counts = np.bincount(pairs.origin, minlength=crystal.sublattices[origin].n_basis)
    kinds = symmetry_kinds(crystal, group, origin, target, pairs)
    middles = [_beside_middle(crystal, origin, target, kind.pairs) for kind in kinds]
    return ShellRow(
        crystal.sublattices[origin].name,
        crystal.sublattices[target].name,
        number,
        float(pairs.lengths_angstrom.min()),
        float(pairs.lengths_angstrom.max()),
        (int(counts.min()), int(counts.max())),
        len(kinds),
        tuple(dict.fromkeys(middles)),
    )


def _beside_middle(crystal: Crystal, origin: int, target: int, bond: SitePairs) -> str:
    """The sites nearest to the middle of one bond, without its two ends."""
    half = bond.vectors_angstrom[0] / 2
    middle = crystal.sublattices[origin].basis[bond.origin[0]] @ crystal.cell_angstrom + half
    found = []
    for s, sublattice in enumerate(crystal.sublattices):
        vectors = _vectors_to_sites(crystal, s, middle, 2.0 * float(np.linalg.norm(half)) + 1.0)
        for end in [v for v, home in ((half, target), (-half, origin)) if s == home]:
            vectors = vectors[np.linalg.norm(vectors - end, axis=1) > SAME_SITE_ANGSTROM]
        lengths = np.sort(np.linalg.norm(vectors, axis=1))
        if len(lengths):
            beside = int((lengths <= BESIDE * lengths[0] + SAME_DISTANCE_ANGSTROM).sum())
            found.append((float(lengths[0]), f"{beside} {sublattice.name} at {lengths[0]:.3f} angstrom"))
    closest = min((distance for distance, _ in found), default=0.0)
    return ", ".join(text for distance, text in sorted(found) if distance <= MIDDLE_REACH * closest + 0.1) or "nothing"


def _vectors_to_sites(
    crystal: Crystal, sublattice: int, point_angstrom: NDArray[np.float64], radius_angstrom: float
) -> NDArray[np.float64]:
    """(n, 3) vectors in angstrom from a point to all sites of a sublattice within a radius."""
    point = np.linalg.solve(crystal.cell_angstrom.T, point_angstrom) % 1.0
    reach = int(np.ceil(radius_angstrom / smallest_width(crystal.cell_angstrom)))
    span = np.arange(-reach, reach + 1)
    cells = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    vectors = ((crystal.sublattices[sublattice].basis - point + cells) @ crystal.cell_angstrom).reshape(-1, 3)
    return vectors[np.linalg.norm(vectors, axis=1) <= radius_angstrom]
