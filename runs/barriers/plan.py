"""What has to be relaxed: every distinct hop in every supercell, and the configurations for the pair energies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lattices.crystal import Crystal, Supercell
from lattices.distinct_hops import DistinctHop, distinct_hops
from lattices.errors import InputError
from lattices.stencils import check_fits, stencil_of
from runs.barriers.cells import Contents, HopCell, hop_cell
from runs.barriers.cluster_terms import ClusterTerms
from runs.barriers.configurations import Unknown, choose_configurations, unknowns_of
from runs.barriers.environments import PER_UNKNOWN, occupations_of, species_choices, terms_of
from runs.barriers.fit import SPARE
from runs.barriers.schema import CrystalFile, HopEntry


@dataclass(frozen=True)
class HopTask:
    """One hop in one supercell.

    occupation: of its environment, standing for `weight` equivalent ones. method: "neb", or "mid-plane" where symmetry
    allows it. terms: of the cluster expansion, None for a hop with a list of barriers.
    """

    label: str
    entry: HopEntry
    occupation: tuple[str, ...]
    weight: int
    cell: HopCell
    method: str
    terms: ClusterTerms | None

    @property
    def supercell(self) -> Supercell:
        """That holds the hop."""
        return self.cell.supercell

    @property
    def repeats(self) -> tuple[int, int, int]:
        """Of the supercell."""
        return self.supercell.repeats


@dataclass(frozen=True)
class ConfigurationTask:
    """One configuration of the fit of pair energies."""

    label: str
    supercell: Supercell
    contents: Contents


@dataclass(frozen=True)
class Plan:
    """All tasks for one crystal at the calculator's lattice parameter."""

    crystal: Crystal
    hops: tuple[HopTask, ...]
    configurations: tuple[ConfigurationTask, ...]
    unknowns: tuple[Unknown, ...]


def plan_of(file: CrystalFile, crystal: Crystal) -> Plan:
    """The tasks of a crystal file. InputError for what cannot be computed, before anything is relaxed."""
    supercells = [Supercell(crystal, (x, y, z)) for x, y, z in file.cells.supercells]
    unknowns = unknowns_of(supercells[0], file.species, file.pairs)
    hops = [task for hop in file.hops for task in _hop_tasks(file, hop, supercells)]
    return Plan(crystal, tuple(hops), tuple(_configurations(file, supercells[0], unknowns)), tuple(unknowns))


def _hop_tasks(file: CrystalFile, entry: HopEntry, supercells: list[Supercell]) -> list[HopTask]:
    crystal = supercells[0].crystal
    home = crystal.index(file.species[entry.carrier].sublattice)
    bonds = stencil_of(crystal, home, home, entry.neighbours)
    for supercell in supercells:
        try:
            check_fits(supercell, bonds, f"hop {entry.name!r}")
        except InputError as error:
            raise InputError(str(error).replace("crystal.repeats", "cells.supercells")) from error
    kinds = distinct_hops(crystal, bonds, [crystal.index(name) for name in entry.gate], entry.environment_rule)
    hop = _only(entry, kinds)
    choices = species_choices(file.species, crystal, hop)
    terms = terms_of(entry, crystal, bonds, hop, choices) if entry.cluster_expansion else None
    occupations = occupations_of(entry, hop, choices, terms, file.cells.seed)
    return [
        HopTask(
            "-".join([entry.name, *(occupation or ("any",)), f"{number}", "x".join(map(str, supercell.repeats))]),
            entry,
            occupation,
            weight,
            hop_cell(
                supercell,
                file.species,
                hop,
                home,
                (entry.carrier, entry.partner),
                occupation,
                file.cells.hop_contents,
            ),
            entry.saddle if supercell is supercells[0] else "mid-plane",
            terms,
        )
        for supercell in supercells
        for number, (occupation, weight) in enumerate(occupations, start=1)
    ]


def _only(entry: HopEntry, kinds: list[DistinctHop]) -> DistinctHop:
    """The single kind of bond of a family. InputError for several, which need barriers of their own."""
    if len(kinds) > 1:
        lengths = ", ".join(f"{kind.length_angstrom:.4f}" for kind in kinds)
        raise InputError(
            f"hop {entry.name!r}: no symmetry operation maps its {len(kinds)} kinds of bonds onto each other (lengths "
            f"{lengths} angstrom), so each needs a barrier of its own: list one hop for each with kind = 1, kind = 2 "
            "and so on"
        )
    return kinds[0]


def _configurations(file: CrystalFile, supercell: Supercell, unknowns: list[Unknown]) -> list[ConfigurationTask]:
    if not unknowns:
        return []
    compositions = len(file.cells.contents)
    least = -(-(len(unknowns) + compositions + SPARE) // compositions)
    number = file.cells.configurations or -(-PER_UNKNOWN * len(unknowns) // compositions)
    if number < least:
        raise InputError(
            f"cells.configurations = {number}: {len(unknowns)} pair energies and {compositions} compositions need at "
            f"least {least} for each of the contents, and three times as many are better"
        )
    tasks = []
    for contents in file.cells.contents:
        chosen = choose_configurations(supercell, file.species, unknowns, contents, number, file.cells.seed)
        name = "-".join(f"{name}{count}" for name, count in contents.items())
        tasks += [ConfigurationTask(f"{name}-{m}", supercell, one) for m, one in enumerate(chosen, start=1)]
    return tasks


def composition_of(contents: Contents) -> tuple[tuple[str, int], ...]:
    """Number of each species in a configuration; configurations of equal composition share one constant of the fit."""
    return tuple(sorted(Counter(contents).items()))
