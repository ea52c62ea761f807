"""Configurations for the fit of pair energies: of many random ones, those that tell the energies apart best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.model.entries import Species
from lattices.crystal import Supercell
from lattices.errors import InputError
from lattices.neighbours import Neighbours
from lattices.pair_kinds import PairKind, count_pairs, pair_kinds
from lattices.stencils import check_fits, stencil_of, stencil_pairs
from runs.barriers.cells import Contents, host_contents, shortest, site_positions
from runs.barriers.environments import CANDIDATES, by_leverage
from runs.barriers.schema import PairEntry


@dataclass(frozen=True)
class Unknown:
    """One pair energy to be fitted. kind_number counts the kinds of the shell from 1; kinds is their number."""

    species: tuple[str, str]
    shell: int
    kind_number: int
    kinds: int
    kind: PairKind
    write: bool

    def __str__(self) -> str:
        """The pair in tables and messages."""
        which = f", kind {self.kind_number} of {self.kinds}" if self.kinds > 1 else ""
        return f"{self.species[0]} - {self.species[1]}, shell {self.shell}{which}"


def unknowns_of(supercell: Supercell, species: Mapping[str, Species], pairs: Sequence[PairEntry]) -> list[Unknown]:
    """The pair energies to be fitted. InputError for a shell in which a pair meets its own image in the supercell."""
    crystal, found = supercell.crystal, []
    for pair in pairs:
        origin, target = (crystal.index(species[name].sublattice) for name in pair.species)
        for shell in pair.shells:
            stencil = stencil_of(crystal, origin, target, Neighbours((shell,)))
            try:
                check_fits(supercell, stencil, f"the pair {' - '.join(pair.species)}, shell {shell},")
            except InputError as error:
                raise InputError(str(error).replace("crystal.repeats", "cells.supercells")) from error
            kinds = pair_kinds(crystal, origin, target, stencil_pairs(stencil))
            found += [
                Unknown(pair.species, shell, number, len(kinds), kind, pair.write)
                for number, kind in enumerate(kinds, start=1)
            ]
    return found


def pair_counts(supercell: Supercell, unknowns: Sequence[Unknown], contents: Contents) -> NDArray[np.int64]:
    """(len(unknowns),) number of pairs of each kind in a configuration, each pair once."""
    held = np.array(contents)
    return np.array(
        [count_pairs(supercell, one.kind, held == one.species[0], held == one.species[1]) for one in unknowns],
        dtype=np.int64,
    )


def choose_configurations(
    supercell: Supercell,
    species: Mapping[str, Species],
    unknowns: Sequence[Unknown],
    contents: Mapping[str, int],
    number: int,
    seed: int,
) -> list[Contents]:
    """Up to `number` random configurations of the given contents, those that tell the unknowns apart best.

    Configurations with the same distances between all their defects count as one, so that there may be fewer
    than `number`. InputError for more particles than sites.
    """
    generator = np.random.default_rng(seed)
    distinct: dict[tuple[object, ...], Contents] = {}
    for _ in range(CANDIDATES * number):
        drawn = _random(supercell, species, contents, generator)
        distinct.setdefault(_distances(supercell, species, drawn), drawn)
    candidates = list(distinct.values())
    counts = np.array([pair_counts(supercell, unknowns, one) for one in candidates], dtype=float)
    rows = np.hstack([counts, np.ones((len(counts), 1))])
    return [candidates[index] for index in by_leverage(rows, number)]


def _distances(supercell: Supercell, species: Mapping[str, Species], contents: Contents) -> tuple[object, ...]:
    """The distances between the sites that hold no host, with the species on them, sorted."""
    hosts = host_contents(supercell, species)
    sites = [site for site, (name, host) in enumerate(zip(contents, hosts, strict=True)) if name != host]
    positions = site_positions(supercell)[sites]
    apart = np.linalg.norm(shortest(supercell, positions[:, None] - positions[None]), axis=-1).round(3)
    names = [contents[site] for site in sites]
    return tuple(
        sorted(
            (*sorted((names[i], names[j])), float(apart[i, j])) for i in range(len(sites)) for j in range(i, len(sites))
        )
    )


def _random(
    supercell: Supercell, species: Mapping[str, Species], contents: Mapping[str, int], generator: np.random.Generator
) -> Contents:
    """One random configuration."""
    held = host_contents(supercell, species)
    hosts = tuple(held)
    for name, number in contents.items():
        sublattice = supercell.crystal.index(species[name].sublattice)
        offset, sites = supercell.offset_of(sublattice), supercell.n_sites_of(sublattice)
        free = [site for site in range(offset, offset + sites) if held[site] == hosts[site]]
        if number > len(free):
            raise InputError(f"cells.contents: {number} {name} do not fit on {len(free)} sites")
        for site in generator.choice(free, size=number, replace=False).tolist():
            held[site] = name
    return tuple(held)
