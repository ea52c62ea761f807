"""Selects the sites that a dopant occupies: at random, as given, or in layers or gradients along an axis.

Numbers are exact: a fraction is rounded once to whole dopants (layer by layer where it varies), and that many sites are
drawn without replacement, in the order of one random 64-bit key per site. The caller supplies the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lattices.crystal import Supercell
from lattices.errors import InputError

Keys = Callable[[int], NDArray[np.uint64]]


@dataclass(frozen=True)
class DopingProfile:
    """A site fraction that varies along a lattice vector (axis 0, 1 or 2), taken at the centre of each layer of cells.

    "linear": the fractions hold at equally spaced points from one end to the other; "step": in zones of equal width.
    """

    axis: int
    fractions: tuple[float, ...]
    interpolation: Literal["linear", "step"] = "step"

    def at_layers(self, supercell: Supercell) -> NDArray[np.float64]:
        """(repeats[axis],) site fraction of every layer."""
        n = supercell.repeats[self.axis]
        centre = (np.arange(n) + 0.5) / n
        if self.interpolation == "linear" and len(self.fractions) > 1:
            return np.interp(centre, np.linspace(0.0, 1.0, len(self.fractions)), self.fractions)
        zone = np.minimum((centre * len(self.fractions)).astype(int), len(self.fractions) - 1)
        return np.asarray(self.fractions, dtype=float)[zone]


@dataclass(frozen=True)
class Doping:
    """Number and positions of the sites that a species occupies. Exactly one of the four is given.

    sites: indices counted from the sublattice's first site.
    """

    fraction: float | None = None
    number: int | None = None
    sites: tuple[int, ...] | None = None
    profile: DopingProfile | None = None


def check_doping(supercell: Supercell, sublattice: int, doping: Doping, what: str) -> None:
    """InputError for a fraction outside 0 to 1, more dopants than sites, or a repeated or missing site."""
    available = supercell.n_sites_of(sublattice)
    fractions: Sequence[float] = () if doping.fraction is None else (doping.fraction,)
    if doping.profile is not None:
        fractions = doping.profile.fractions
        if not fractions or doping.profile.axis not in (0, 1, 2):
            raise InputError(f"{what}: a profile needs an axis 0, 1 or 2 and at least one fraction")
    for value in fractions:
        if not 0.0 <= value <= 1.0:
            raise InputError(f"{what} = {value}: a site fraction from 0 to 1 is needed")
    if doping.number is not None and not 0 <= doping.number <= available:
        raise InputError(f"{what} = {doping.number}: the sublattice has {available} sites")
    if doping.sites is not None:
        chosen = {int(site) for site in doping.sites}  # of any size: a user may ask for 2^70
        if any(not 0 <= site < available for site in chosen) or len(chosen) != len(doping.sites):
            raise InputError(f"{what}: site indices must be different and lie from 0 to {available - 1}")


def number_of(supercell: Supercell, sublattice: int, doping: Doping) -> int:
    """Number of dopants, rounded half up (layer by layer for a profile, remainders carried over)."""
    return int(sum(numbers_by_layer(supercell, sublattice, doping)))


def numbers_by_layer(supercell: Supercell, sublattice: int, doping: Doping) -> list[int]:
    """Number of dopants in each layer of a profile; one entry for the other forms of doping."""
    if doping.number is not None:
        return [doping.number]
    if doping.sites is not None:
        return [len(doping.sites)]
    if doping.fraction is not None:
        return [int(np.floor(doping.fraction * supercell.n_sites_of(sublattice) + 0.5))]
    if doping.profile is None:
        raise InputError("a doping needs a fraction, a number, sites or a profile")
    fractions = doping.profile.at_layers(supercell)
    per_layer = supercell.n_sites_of(sublattice) // len(fractions)
    reached = np.floor(np.cumsum(fractions * per_layer) + 0.5).astype(np.int64)
    numbers = np.diff(reached, prepend=0)
    return [int(n) for n in np.minimum(numbers, per_layer)]


def place(
    supercell: Supercell, sublattice: int, doping: Doping, free: NDArray[np.bool_], keys: Keys
) -> NDArray[np.int64]:
    """Indices (from the sublattice's first site) of the dopants, among the sites where `free` is True.

    keys(n) returns n random uint64. InputError if a layer has fewer free sites than dopants.
    """
    if doping.sites is not None:
        sites = np.asarray(doping.sites, dtype=np.int64)
        if not free[sites].all():
            raise InputError("doping by sites: one of the given sites is already occupied by another dopant")
        return sites
    order = keys(len(free))
    numbers = numbers_by_layer(supercell, sublattice, doping)
    if len(numbers) == 1:
        return draw(np.flatnonzero(free), order, numbers[0])
    axis = doping.profile.axis if doping.profile else 0
    local = np.arange(len(free), dtype=np.int64)
    layer = supercell.coordinates_of(sublattice, local)[:, axis]
    chosen = [draw(np.flatnonzero(free & (layer == k)), order, n) for k, n in enumerate(numbers)]
    return np.concatenate(chosen)


def draw(sites: NDArray[np.int64], keys: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """The `count` sites with the smallest keys (ties by site index); InputError if there are too few."""
    if count > len(sites):
        raise InputError(f"{count} particles were to be placed on {len(sites)} free sites")
    return sites[np.argsort(keys[sites], kind="stable")[:count]]
