"""Domains: one large supercell simulated in parallel, block by block.

The supercell is divided into blocks of cells, an even number along every axis; the parities of a block define one of
eight colours. In a sweep the colours are visited in random order, from a random origin, and the blocks of one colour
are simulated at the same time. A bond belongs to the block that holds the componentwise minimum of the cells of its two
ends. It can be used in both directions while its block is active, so that detailed balance holds, and is active once
per sweep. No carrier can leave the block and its rim of one bond length during a visit, so that the carriers of a visit
are a fixed list and its trial rate is constant.

The division leaves a bias that grows with the square of the length of a visit; see `expected_bias`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kmc.rng.philox import STREAM_DOMAINS, high64, stream_key, words64
from kmc.rng.poisson import poisson_table
from kmc.tables.event_tables import EventTables, unpack_image
from lattices.errors import InputError

Ints = NDArray[np.int64]
COLOURS = 8
MAX_FAMILIES = 8  # arrays of this length in kernels/domain.cuh
LARGEST_TABLE = 2**16  # mean of a Poisson table; larger numbers are sums
WEIGHT_UNIT = 2**36
BIAS = 0.034  # see `expected_bias`
MOST_BIAS = 0.002  # of blocks that are chosen automatically: below the statistical error of nearly any run
MEAN_UNIT = 2**32  # the mean number of trials of a carrier is a multiple of one over this


@dataclass(frozen=True)
class Domains:
    """The division of a supercell into blocks.

    blocks: (3,) number along each axis. rim: (3,) cells that bonds reach beyond a block. smallest: (3,) smallest edge
    that keeps blocks of one colour independent. back: (F, B, Z, 3) cells that each bond reaches back. capacity: largest
    number of carriers in a visit.
    """

    blocks: Ints
    rim: Ints
    smallest: Ints
    back: Ints
    capacity: int

    @property
    def per_colour(self) -> int:
        """Blocks of one colour."""
        return int(self.blocks.prod()) // COLOURS

    def begins(self, axis: int, repeats: int) -> Ints:
        """(blocks + 1,) first cell of each block along an axis, from the origin; the last one is the end."""
        count = int(self.blocks[axis])
        return np.arange(count + 1, dtype=np.int64) * repeats // count


def build_domains(tables: EventTables, block: int) -> Domains:
    """Blocks with edges of at least `block` cells.

    InputError for a block too small for the interactions, a supercell too small for eight colours, a model whose
    carriers exchange with one another, or a run that tracks only the carriers.
    """
    rim, back, smallest = _reach(tables)
    repeats = np.asarray(tables.supercell.repeats, dtype=np.int64)
    if block < smallest.max():
        raise InputError(
            f"run.parallel.domains.block = {block}: bonds and interactions of this model need {smallest.max()} cells "
            "or more"
        )
    if (repeats < 2 * block).any():
        raise InputError(
            f"crystal.repeats = {repeats.tolist()}: too small for eight colours, two blocks of {block} cells along "
            'every axis; use more cells, smaller blocks, or parallel = "replicas"'
        )
    blocks = 2 * (repeats // (2 * block))
    edges = -(-repeats // blocks) + rim
    cells = int(edges.prod())
    carriers = [int(code) for code in np.flatnonzero(tables.carrier_offset >= 0)]
    room = [min(cells * int(tables.n_basis[tables.sublattice_of[c]]), int(tables.counts[c])) for c in carriers]
    return Domains(blocks, rim, smallest, back, sum(room))


def smallest_block(tables: EventTables, hops_per_visit: float) -> int:
    """Smallest edge in cells whose expected bias is at most MOST_BIAS; the largest possible one where none is.

    Many small blocks are what a GPU needs. InputError as in `build_domains`.
    """
    first = int(_reach(tables)[2].max())
    last = max(first, min(tables.supercell.repeats) // 2)
    for block in range(first, last):
        domains = build_domains(tables, block)
        if abs(expected_bias(hops_per_visit, edge_in_hops(tables, domains))) <= MOST_BIAS:
            return block
    return last


def _reach(tables: EventTables) -> tuple[Ints, Ints, Ints]:
    """(rim, back, smallest) of `Domains`; InputError for a model or a run that cannot be divided."""
    if not tables.tracked:
        raise InputError('run.parallel = domains needs run.track = "all"')
    if tables.n_families > MAX_FAMILIES:
        raise InputError(
            f"run.parallel = domains: the model has {tables.n_families} hops; at most {MAX_FAMILIES} are allowed"
        )
    for f in range(tables.n_families):
        if tables.carrier_offset[tables.partner[f]] >= 0:
            raise InputError(f"run.parallel = domains: hop {tables.family[f]!r} exchanges two carriers; use replicas")
    repeats = np.asarray(tables.supercell.repeats, dtype=np.int64)
    there = tables.bond_basis >= 0
    bond = (tables.bond_cell + unpack_image(tables.bond_image) * repeats) * there[..., None]
    rim = np.abs(bond).max(axis=(0, 1, 2))
    reach = np.maximum(
        2 * _range(tables.influence_cell, tables.influence_basis, repeats),
        _range(tables.environment_cell, tables.environment_basis, repeats),
    )
    return rim, np.maximum(-bond, 0), rim + np.maximum(reach, 1)


def _range(cell: NDArray[np.int16], basis: NDArray[np.int16], repeats: Ints) -> Ints:
    """(3,) largest distance in cells among wrapped offsets."""
    signed = (cell.astype(np.int64) + repeats // 2) % repeats - repeats // 2
    signed = np.abs(signed[basis >= 0]).reshape(-1, 3)
    return np.asarray(signed.max(axis=0, initial=0))


def owned(local: Ints, edge: Ints, back: Ints) -> NDArray[np.bool_]:
    """Whether blocks own bonds.

    local: (..., 3) cell of the end with the carrier, from the start of the block. edge: (..., 3) cells of the block.
    back: (..., 3) cells that the bond reaches back.
    """
    return np.asarray(((local >= back) & (local < edge + back)).all(axis=-1))


def sweep_plan(tables: EventTables, seed: int, temperature_index: int, window: int, sweeps: int) -> tuple[Ints, Ints]:
    """((sweeps, 3) first cell of block 0, (sweeps, 8) order of the colours) of consecutive windows."""
    key = stream_key(seed, temperature_index, STREAM_DOMAINS)
    windows = window + np.arange(sweeps, dtype=np.uint64)[:, None]
    words = np.concatenate(words64((np.arange(5, dtype=np.uint64)[None, :], windows, 0, 0), key), axis=1)
    repeats = np.asarray(tables.supercell.repeats, dtype=np.uint64)
    origin = high64(words[:, :3], repeats).astype(np.int64)
    colours = np.tile(np.arange(COLOURS, dtype=np.int64), (sweeps, 1))
    rows = np.arange(sweeps)
    for last in range(COLOURS - 1, 0, -1):  # Fisher and Yates
        other = high64(words[:, 2 + last], np.uint64(last + 1)).astype(np.int64)
        colours[rows, last], colours[rows, other] = colours[rows, other], colours[rows, last]
    return origin, colours


@dataclass(frozen=True)
class VisitTables:
    """Poisson tables of the number of trials in a visit. F families, N tables each, for 1, 2, 4, ... carriers.

    first_count: (F, N) first count of each table. row: (F, N + 1) begin of each table in `cumulative`, and the end of
    the last one. cumulative: probabilities in units of 2^-64. weight: (F,) relative number of trials of one carrier.
    """

    n_levels: int
    first_count: Ints
    row: Ints
    cumulative: NDArray[np.uint64]
    weight: NDArray[np.uint64]


def visit_tables(tables: EventTables, domains: Domains, trials_per_sweep: Fraction) -> VisitTables:
    """Tables for sweeps with a mean number of trials in the whole supercell, as counted with replicas."""
    rates = [float(r) * int(z) for r, z in zip(tables.proposal_rate_per_s, tables.directions, strict=True)]
    return _visit_tables(tuple(rates), tables.total_rate_per_s, domains.capacity, trials_per_sweep)


@lru_cache(maxsize=4)
def _visit_tables(rates: tuple[float, ...], total: float, capacity: int, trials: Fraction) -> VisitTables:
    means = [Fraction(round(trials * Fraction(rate) / Fraction(total) * MEAN_UNIT), MEAN_UNIT) for rate in rates]
    levels = 1
    while 2**levels <= capacity and max(means) * 2**levels <= LARGEST_TABLE:
        levels += 1
    first, rows, parts, filled = [], [], [], 0
    for mean in means:
        begins = []
        for level in range(levels):
            count, cumulative = poisson_table(mean * 2**level)
            first.append(count)
            begins.append(filled)
            parts.append(cumulative)
            filled += len(cumulative)
        rows.append([*begins, filled])
    weight = [round(WEIGHT_UNIT * mean / max(max(means), Fraction(1, MEAN_UNIT))) for mean in means]
    return VisitTables(
        n_levels=levels,
        first_count=np.array(first, dtype=np.int64).reshape(len(means), levels),
        row=np.array(rows, dtype=np.int64),
        cumulative=np.concatenate(parts),
        weight=np.array(weight, dtype=np.uint64),
    )


def edge_in_hops(tables: EventTables, domains: Domains) -> float:
    """Smallest edge of a block divided by the length of the longest hop."""
    cells = np.asarray(tables.supercell.repeats) // domains.blocks
    lengths = np.linalg.norm(tables.supercell.crystal.cell_angstrom, axis=1)
    return float((cells * lengths).min() / tables.hop_length_angstrom.max())


def expected_bias(hops_per_visit: float, edge: float) -> float:
    """Expected relative error of D*: -3.4 % h^2/edge, with the edge in hop lengths; an estimate of its magnitude.

    hops_per_visit: h, accepted hops of a carrier in a visit. A simple-cubic lattice gas with 5 % vacancies (four
    replicas of 24^3 cells) gave errors of f of the ions of -0.5(2) and -1.3(1) % at h = 1 and 1.5 in blocks of edge 6,
    and of -0.4(1) and -0.6(1) % in blocks of edge 12. Beyond h = 2 the error grows more slowly.
    """
    return -BIAS * hops_per_visit**2 / edge
