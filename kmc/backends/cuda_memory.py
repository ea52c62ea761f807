"""Device memory of the parts of a run, and whether they fit.

Every array is counted once here. The plan of a whole run adds them up (kmc/run/device_plan.py), and a test compares it
with the peak of the stand-in for CuPy in every kind of run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kmc.backends.layout import ERROR_WORDS, frame_values, table_values
from kmc.backends.structs import WORD
from kmc.state.rejection_free import bound_sizes
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

POOL_SHARE = 0.95  # of the free memory that a plan may take; the rest is lost between blocks of CuPy's pool
POSITION_BYTES = 12  # three int32
SMALL_BYTES = 2**13  # structs, numbers of trials, addresses, tables of Poisson numbers
MOST_REPLICAS = 2**31


def bytes_per_replica(tables: EventTables, lags: int = 0, rejection_free: bool = False) -> int:
    """Memory of one replica: state, error record and trials of the walk, and positions of `lags` + 2 frames.

    lags: number of position snapshots, 0 for none.
    """
    particles = 8 * tables.n_particles + (4 * tables.n_mobile_sites if tables.tracked else 0)
    carriers = tables.n_carriers * 8
    state = tables.supercell.n_sites + particles + carriers + 4 * tables.n_potential + 16 * tables.n_families
    walk = state + WORD * (ERROR_WORDS + 1) + (_bound_bytes(tables) if rejection_free else 0)
    return walk + POSITION_BYTES * tables.n_particles * (lags + 2 if lags else 0)


def _bound_bytes(tables: EventTables) -> int:
    """base2, weight and tree of the rejection-free selection."""
    bonds, entries, nodes = bound_sizes(tables)
    return 4 * sum(bonds) + WORD * (sum(entries) * tables.bond_basis.shape[-1] + sum(nodes))


def table_bytes(tables: EventTables) -> int:
    """Memory of the event tables, whatever the number of replicas."""
    values = [*table_values(tables).values(), *frame_values(tables).values()]
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray)) + SMALL_BYTES


def grand_bytes_per_replica(tables: EventTables, ion_sites: int, electronic_sites: int) -> int:
    """Memory of one replica of a grand-canonical walk: sites, potentials, lists, histogram, counters, reservoir."""
    lists = 4 * (ion_sites + max(electronic_sites, 1)) + WORD * (ion_sites + 1)
    return tables.supercell.n_sites + 4 * tables.n_potential + lists + WORD * (4 + 2 + 1)


def largest_replicas(needed: Callable[[int], int], free_bytes: int) -> int:
    """How many replicas fit into the free memory. needed: bytes of a number of replicas."""
    fits, too_many = 0, MOST_REPLICAS
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        fits, too_many = (middle, too_many) if needed(middle) <= POOL_SHARE * free_bytes else (fits, middle)
    return fits


def check_memory(needed: Callable[[int], int], replicas: int, free_bytes: int) -> None:
    """InputError with the largest number of replicas that fits, if these do not. needed: bytes of a number of them."""
    if needed(replicas) > POOL_SHARE * free_bytes:
        raise InputError(
            f"run.replicas = {replicas}: they need {needed(replicas) / 1e9:.2f} GB of device memory, "
            f"{free_bytes / 1e9:.2f} GB are free; at most {largest_replicas(needed, free_bytes)} replicas fit"
        )
