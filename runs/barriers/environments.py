"""The occupations of a hop's environment that are computed: all distinct ones, or a sample for a cluster expansion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kmc.model.entries import Species
from lattices.crystal import Crystal
from lattices.distinct_hops import DistinctHop, distinct_occupations
from lattices.errors import InputError
from lattices.stencils import Stencil
from runs.barriers.cluster_terms import ClusterTerms, cluster_terms
from runs.barriers.fit import SPARE
from runs.barriers.schema import HopEntry

MOST_ENVIRONMENTS = 64  # distinct occupations of one hop's environment that are computed one by one
MOST_LISTED = 20_000  # occupations that are enumerated at all
CANDIDATES = 20  # random occupations or configurations drawn for each one that is kept
PER_UNKNOWN = 3  # samples for each term, where the file does not say how many

Occupation = tuple[str, ...]


def species_choices(species: Mapping[str, Species], crystal: Crystal, hop: DistinctHop) -> list[list[str]]:
    """The species that each environment site can hold, the host first."""
    found = []
    for s, _ in hop.sites:
        sublattice = crystal.sublattices[s]
        names = [name for name, one in species.items() if one.sublattice == sublattice.name]
        found.append(sorted(names, key=lambda name: species[name].element != sublattice.element))
    return found


def terms_of(
    entry: HopEntry, crystal: Crystal, bonds: Stencil, hop: DistinctHop, choices: list[list[str]]
) -> ClusterTerms:
    """The terms of the hop's cluster expansion. InputError for an environment without any."""
    assert entry.cluster_expansion is not None
    terms = cluster_terms(crystal, bonds, entry.environment_rule, hop, choices, entry.cluster_expansion.pairs)
    if not terms.names:
        raise InputError(f"hop {entry.name!r}: cluster_expansion needs gate, sublattices with more than one species")
    return terms


def occupations_of(
    entry: HopEntry, hop: DistinctHop, choices: list[list[str]], terms: ClusterTerms | None, seed: int
) -> list[tuple[Occupation, int]]:
    """The occupations to compute, each with the number of equivalent ones. InputError for too many or too few."""
    number = math.prod(len(row) for row in choices)
    if terms is not None and entry.cluster_expansion is not None:
        wanted = entry.cluster_expansion.samples or PER_UNKNOWN * len(terms.names)
        least = len(terms.names) + 1 + SPARE
        found = _sample(hop, choices, terms, max(wanted, 1), seed)
        if len(found) < least:
            raise InputError(
                f"hop {entry.name!r}: cluster_expansion.samples: {len(found)} distinct occupations for "
                f"{len(terms.names)} terms and a constant; at least {least} are needed"
                + ("" if wanted < least else ", and the environment has no more: leave cluster_expansion out")
            )
        return [(occupation, 1) for occupation in found]
    distinct = distinct_occupations(hop, choices) if number <= MOST_LISTED else []
    if not 0 < len(distinct) <= MOST_ENVIRONMENTS:
        raise InputError(
            f"hop {entry.name!r}: its environment of {len(hop.sites)} sites has {number} occupations, "
            f"{len(distinct) or 'very many'} of them distinct; at most {MOST_ENVIRONMENTS} are computed one by one: "
            "give cluster_expansion = { samples = ... }, or narrow the environment with gate_distance_angstrom"
        )
    return distinct


def by_leverage(rows: NDArray[np.float64], number: int) -> list[int]:
    """Up to `number` of (m, n) rows of a design, chosen one by one for the largest leverage.

    The leverage of a row x is its variance under the fit to those chosen before, x (X'X)^-1 x', as in D-optimal
    designs.
    """
    inverse = np.eye(rows.shape[1]) / 1e-3  # a weak prior, so that the first choices are defined
    chosen: list[int] = []
    for _ in range(min(number, len(rows))):
        leverage = np.einsum("ij,jk,ik->i", rows, inverse, rows)
        leverage[chosen] = -1.0
        best = int(leverage.argmax())
        chosen.append(best)
        column = inverse @ rows[best]
        inverse -= np.outer(column, column) / (1.0 + rows[best] @ column)  # Sherman and Morrison
    return chosen


def _sample(
    hop: DistinctHop, choices: Sequence[Sequence[str]], terms: ClusterTerms, number: int, seed: int
) -> list[Occupation]:
    """Up to `number` random occupations, no two equivalent, that tell the terms apart best."""
    generator = np.random.default_rng(seed)
    distinct: dict[Occupation, None] = {}
    for _ in range(CANDIDATES * number):
        share = generator.random()  # occupations with few and with many hosts are equally likely
        drawn = [row[0] if generator.random() < share else row[int(generator.integers(len(row)))] for row in choices]
        images = [tuple(drawn[p.index(g)] for g in range(len(p))) for p in hop.permutations]
        distinct.setdefault(min(images))
    candidates = list(distinct)
    rows = np.array([[*terms.counts(one), 1] for one in candidates], dtype=float)
    return [candidates[index] for index in by_leverage(rows, number)]
