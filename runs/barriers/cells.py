"""Supercells with species on their sites, as atoms; where each atom belongs; the two ends of a hop and its middle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kmc.model.entries import Species
from lattices.crystal import Crystal, Supercell
from lattices.distinct_hops import COINCIDE_ANGSTROM, DistinctHop
from lattices.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from runs.barriers.schema import CrystalEntry

Contents = tuple[str, ...]  # the species on every site of a supercell, in site order


def crystal_of(entry: CrystalEntry, base: Path, scale: float = 1.0) -> Crystal:
    """The unit cell of a crystal file, its vectors multiplied by `scale`. InputError for a crystal that is refused."""
    from lattices.from_atoms import crystal_from_file
    from lattices.prototypes import crystal_of_prototype

    if entry.file is not None:
        crystal = crystal_from_file(base / entry.file, entry.sublattices)
    else:
        crystal = crystal_of_prototype(str(entry.prototype), entry.host, entry.lattice_parameter_angstrom or 0.0)
    if any(sublattice.contents for sublattice in crystal.sublattices):
        raise InputError("crystal.file: its sites are shared or partly vacant; a crystal of the hosts alone is needed")
    if entry.shell_tolerance is not None:
        crystal = replace(crystal, shell_tolerance=entry.shell_tolerance)
    return replace(crystal, cell_angstrom=crystal.cell_angstrom * scale)


def host_contents(supercell: Supercell, species: Mapping[str, Species]) -> list[str]:
    """The host species on every site. InputError for a sublattice whose element is no species of the file."""
    held: list[str] = []
    for s, sublattice in enumerate(supercell.crystal.sublattices):
        hosts = [
            name
            for name, one in species.items()
            if (one.sublattice, one.element) == (sublattice.name, sublattice.element)
        ]
        if len(hosts) != 1:
            raise InputError(
                f"species: sublattice {sublattice.name!r} has the host {sublattice.element}, and exactly one species "
                f"of that element must be on it; there are {len(hosts)}"
            )
        held += hosts * supercell.n_sites_of(s)
    return held


def site_positions(supercell: Supercell) -> NDArray[np.float64]:
    """(n_sites, 3) float64: positions in angstrom in site order, without rounding to the grid of the engine."""
    found = []
    for s, sublattice in enumerate(supercell.crystal.sublattices):
        where = supercell.coordinates_of(s, np.arange(supercell.n_sites_of(s), dtype=np.int64)).astype(np.int64)
        found.append((where[:, :3] + sublattice.basis[where[:, 3]]) @ supercell.crystal.cell_angstrom)
    return np.concatenate(found)


def shortest(supercell: Supercell, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) the shortest periodic images of vectors in angstrom."""
    from ase.geometry import find_mic

    flat = vectors.reshape(-1, 3)
    return np.asarray(find_mic(flat, supercell.vectors_angstrom)[0]).reshape(vectors.shape)


def atoms_of(supercell: Supercell, species: Mapping[str, Species], contents: Contents) -> Atoms:
    """Atoms on their sites without the vacant ones; the array "site" holds the site of each atom."""
    from ase import Atoms

    occupied = np.array([site for site, name in enumerate(contents) if species[name].element != "X"])
    atoms = Atoms(
        [species[contents[site]].element for site in occupied],
        positions=site_positions(supercell)[occupied],
        cell=supercell.vectors_angstrom,
        pbc=True,
    )
    atoms.set_array("site", occupied)
    return atoms


def astray(supercell: Supercell, atoms: Atoms) -> list[str]:
    """Atoms that have left their site, being nearer to another one, after the drift of all atoms is taken out."""
    sites = site_positions(supercell)
    home = atoms.arrays["site"]
    away = shortest(supercell, atoms.positions - sites[home])
    places = atoms.positions - away.mean(axis=0)
    found = []
    for index, place in enumerate(places):
        apart = np.linalg.norm(shortest(supercell, sites - place), axis=1)
        nearest = int(apart.argmin())
        if nearest != home[index] and apart[home[index]] > apart[nearest] + COINCIDE_ANGSTROM:
            found.append(f"{atoms.symbols[index]} of site {home[index]} is at site {nearest}")
    return found


@dataclass(frozen=True)
class HopCell:
    """A hop in a supercell.

    contents: before the hop; the carrier is on site `carrier_site`, its partner on `partner_site`. vector_angstrom:
    from the first to the second. One of the two is vacant; the other is the ion that moves.
    """

    supercell: Supercell
    contents: Contents
    carrier_site: int
    partner_site: int
    vector_angstrom: NDArray[np.float64]
    ion_is_carrier: bool

    @property
    def ion_site(self) -> int:
        """Where the moving ion is before the hop."""
        return self.carrier_site if self.ion_is_carrier else self.partner_site

    @property
    def displacement_angstrom(self) -> NDArray[np.float64]:
        """(3,) from the ion's first to its last position."""
        return self.vector_angstrom if self.ion_is_carrier else -self.vector_angstrom

    @property
    def final_contents(self) -> Contents:
        """The species after the hop."""
        held = list(self.contents)
        a, b = self.carrier_site, self.partner_site
        held[a], held[b] = held[b], held[a]
        return tuple(held)

    def start(self, species: Mapping[str, Species]) -> tuple[Atoms, int]:
        """Atoms before the hop, and the index of the ion that moves."""
        atoms = atoms_of(self.supercell, species, self.contents)
        return atoms, int(np.flatnonzero(atoms.arrays["site"] == self.ion_site)[0])

    def end(self, species: Mapping[str, Species]) -> Atoms:
        """The atoms after the hop, in the same order."""
        atoms, ion = self.start(species)
        atoms.positions[ion] += self.displacement_angstrom
        atoms.arrays["site"][ion] = self.partner_site if self.ion_is_carrier else self.carrier_site
        return atoms

    def symmetric(self, species: Mapping[str, Species]) -> bool:
        """Whether a symmetry operation of the decorated supercell exchanges the two ends of the hop."""
        from lattices.space_group_table import space_group

        held = [*self.contents, "middle of the hop"]
        held[self.carrier_site] = held[self.partner_site] = "end of the hop"
        names = list(dict.fromkeys(held))
        positions = site_positions(self.supercell)
        middle = positions[self.carrier_site] + self.vector_angstrom / 2
        cell = self.supercell.vectors_angstrom
        scaled = np.linalg.solve(cell.T, np.vstack([positions, middle]).T).T
        found = space_group(cell, scaled % 1.0, np.array([names.index(name) + 1 for name in held]))
        one, other = scaled[self.carrier_site], scaled[self.partner_site]
        for rotation, translation in zip(found.rotations, found.translations, strict=True):
            away = rotation @ one + translation - other
            if np.linalg.norm((away - np.rint(away)) @ cell) < COINCIDE_ANGSTROM:
                return True
        return False


def hop_cell(
    supercell: Supercell,
    species: Mapping[str, Species],
    hop: DistinctHop,
    sublattice: int,
    ends: tuple[str, str],
    occupation: tuple[str, ...],
    more: Mapping[str, int],
) -> HopCell:
    """The supercell of one hop with one occupation of its environment.

    sublattice: of the hop. ends: carrier and partner. more: wanted numbers of other species in the cell; those that
    the environment holds already count, and the rest is placed far from the hop and from each other, where possible at
    equal distances from both ends of the hop. InputError where the environment meets its own periodic image.
    """
    held = host_contents(supercell, species)
    first = supercell.site_index(sublattice, (0, 0, 0), hop.origin)
    second = supercell.site_index(sublattice, hop.end[:3], hop.end[3])
    gate = [supercell.site_index(s, site[:3], site[3]) for s, site in hop.sites]
    taken = [first, second, *gate]
    if len(set(taken)) != len(taken):
        raise InputError(
            f"cells.supercells: {list(supercell.repeats)} is too small: a hop or its environment meets its own "
            "periodic image; use more cells"
        )
    held[first], held[second] = ends
    for site, name in zip(gate, occupation, strict=True):
        held[site] = name
    for name, number in more.items():
        for _ in range(number - held.count(name)):
            site = _farthest(supercell, species[name], held, taken)
            held[site] = name
            taken.append(site)
    vacant = [species[name].element == "X" for name in ends]
    return HopCell(supercell, tuple(held), first, second, hop.vector_angstrom, ion_is_carrier=vacant[1])


def _farthest(supercell: Supercell, species: Species, held: list[str], taken: list[int]) -> int:
    """The free site of a species' sublattice that is farthest from the sites taken; taken[:2] are the ends of a hop."""
    sublattice = supercell.crystal.index(species.sublattice)
    offset, number = supercell.offset_of(sublattice), supercell.n_sites_of(sublattice)
    candidates = np.array([site for site in range(offset, offset + number) if site not in taken])
    if not len(candidates):
        raise InputError(f"cells.hop_contents: no site of {species.sublattice!r} is left for {species.element}")
    positions = site_positions(supercell)
    apart = np.array(
        [np.linalg.norm(shortest(supercell, positions[candidates] - positions[site]), axis=1) for site in taken]
    )
    even = np.abs(apart[0] - apart[1]) < COINCIDE_ANGSTROM
    nearest = np.round(apart.min(axis=0), 3) + 1000.0 * (even if even.any() else 0.0)
    return int(candidates[nearest.argmax()])
