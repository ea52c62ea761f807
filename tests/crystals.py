"""Crystals as in users' files: coordinates with four decimals, distorted cells, several symmetries.

Every function returns ASE Atoms with coordinates rounded as in a published refinement. The structures are idealised
representatives of their types (space group, free parameters close to measured ones), not particular data sets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal as by_space_group

from lattices.crystal import Crystal
from lattices.from_atoms import crystal_from_atoms

DECIMALS = 4


def rounded(atoms: Atoms) -> Atoms:
    """The structure with lengths and fractional coordinates rounded to four decimals."""
    cell = np.round(atoms.cell[:], DECIMALS)
    places = np.round(atoms.get_scaled_positions(wrap=True), DECIMALS)
    return Atoms(atoms.get_chemical_symbols(), scaled_positions=places, cell=cell, pbc=True)


def ceria() -> Atoms:
    """Fluorite in P1, conventional cell."""
    return rounded(bulk("CeO2", "fluorite", a=5.4113, cubic=True))


def ceria_primitive() -> Atoms:
    """Fluorite, primitive rhombohedral cell, whose vectors do not lie along x, y and z."""
    return rounded(bulk("CeO2", "fluorite", a=5.4113))


def tetragonal_perovskite() -> Atoms:
    """Perovskite with c/a = 1.0008."""
    places = [(0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5), (0, 0, 0), (0.5, 0.5, 0.5)]
    return rounded(Atoms("OOOFeLa", scaled_positions=places, cell=[3.9, 3.9, 3.9 * 1.0008], pbc=True))


def pnma_perovskite() -> Atoms:
    """Orthorhombic perovskite (GdFeO3 type) with tilted octahedra, four formula units."""
    sites = [(0.0285, 0.25, 0.9929), (0, 0, 0.5), (0.4879, 0.25, 0.0710), (0.2812, 0.0391, 0.7226)]
    return rounded(by_space_group("LaFeOO", sites, spacegroup=62, cellpar=[5.5647, 7.8551, 5.5560, 90, 90, 90]))


def rhombohedral_perovskite() -> Atoms:
    """R-3c perovskite, hexagonal setting, six formula units."""
    sites = [(0, 0, 0.25), (0, 0, 0), (0.4510, 0, 0.25)]
    return rounded(by_space_group("LaCoO", sites, spacegroup=167, cellpar=[5.4437, 5.4437, 13.0957, 90, 90, 120]))


def k2nif4() -> Atoms:
    """Layered perovskite A2BO4 (I4/mmm), two formula units; the equatorial oxygens are N here."""
    sites = [(0, 0, 0.3611), (0, 0, 0), (0, 0, 0.1713), (0, 0.5, 0)]
    return rounded(by_space_group("LaNiON", sites, spacegroup=139, cellpar=[3.8617, 3.8617, 12.6825, 90, 90, 90]))


def hcp() -> Atoms:
    """Hexagonal close packing, c/a = 1.6236: in-plane and out-of-plane bonds differ by 0.4 %."""
    return rounded(bulk("Mg", "hcp", a=3.2094, c=5.2108))


def garnet() -> Atoms:
    """Garnet-type oxide (Ia-3d), 160 atoms: every oxygen has oxygen neighbours at different distances."""
    sites = [(0.125, 0, 0.25), (0, 0, 0), (0.375, 0, 0.25), (0.9694, 0.0512, 0.1500)]
    return rounded(by_space_group("YAlAlO", sites, spacegroup=230, cellpar=[12.0, 12.0, 12.0, 90, 90, 90]))


def pyrochlore() -> Atoms:
    """Pyrochlore A2B2O7 (Fd-3m), 88 atoms; O on 48f, N on 8b."""
    sites = [(0.5, 0.5, 0.5), (0, 0, 0), (0.3312, 0.125, 0.125), (0.375, 0.375, 0.375)]
    return rounded(
        by_space_group("GdTiON", sites, spacegroup=227, setting=2, cellpar=[10.1852, 10.1852, 10.1852, 90, 90, 90])
    )


def strained_ceria(seed: int = 1) -> Atoms:
    """Fluorite under a random strain whose principal values lie within 1 %: a triclinic cell."""
    atoms = bulk("CeO2", "fluorite", a=5.4113, cubic=True)
    return rounded(strained(atoms, random_strain(np.random.default_rng(seed), 0.01)))


def orthorhombic_metal() -> Atoms:
    """One atom in a cell of 4.0000, 4.0008, 4.0016 angstrom."""
    return Atoms("Na", cell=[4, 4.0008, 4.0016], pbc=True)


def rutile() -> Atoms:
    """Rutile-type MO2 (P4_2/mnm): octahedron edges of three lengths."""
    return rounded(
        by_space_group(
            "TiO", [(0, 0, 0), (0.3053, 0.3053, 0)], spacegroup=136, cellpar=[4.5937, 4.5937, 2.9587] + [90] * 3
        )
    )


def random_strain(generator: np.random.Generator, largest: float) -> np.ndarray:
    """(3, 3) symmetric strain with random axes and principal values from -largest to largest."""
    axes, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return axes @ np.diag(generator.uniform(-largest, largest, 3)) @ axes.T


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """The structure with cell and atoms strained homogeneously."""
    cell = atoms.cell[:] @ (np.eye(3) + strain)
    return Atoms(atoms.get_chemical_symbols(), scaled_positions=atoms.get_scaled_positions(), cell=cell, pbc=True)


def by_element(atoms: Atoms) -> Crystal:
    """The crystal with one sublattice per element, named after it, in order of first appearance."""
    symbols = list(dict.fromkeys(atoms.get_chemical_symbols()))
    return crystal_from_atoms(atoms, {symbol: symbol for symbol in symbols})


MEASURED: dict[str, Callable[[], Atoms]] = {
    "fluorite": ceria,
    "fluorite, primitive cell": ceria_primitive,
    "tetragonal perovskite, c/a = 1.0008": tetragonal_perovskite,
    "Pnma perovskite": pnma_perovskite,
    "R-3c perovskite": rhombohedral_perovskite,
    "K2NiF4 type": k2nif4,
    "hcp": hcp,
    "garnet": garnet,
    "pyrochlore": pyrochlore,
    "strained fluorite": strained_ceria,
    "orthorhombic metal": orthorhombic_metal,
    "rutile": rutile,
}
