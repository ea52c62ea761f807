"""Device memory of a run of replicas, and whether it fits."""

from __future__ import annotations

from kmc.arrays import CHUNK
from kmc.backends.layout import ERROR_WORDS, WORD
from kmc.state.rejection_free import RateBounds
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

SCRATCH_BYTES = 200 * CHUNK  # temporaries of the accumulators, a chunk of replicas at a time
POOL_SHARE = 0.9  # of the free memory; the rest is left to CuPy's pool
POSITION_BYTES = 12  # three int32


def bytes_per_replica(tables: EventTables, lags: int = 0, bounds: RateBounds | None = None) -> int:
    """Memory of one replica: state, error record and trials of the walk, and positions of `lags` + 2 frames.

    lags: number of position snapshots, 0 for none. bounds: of a rejection-free walk.
    """
    particles = 8 * tables.n_particles + (4 * tables.n_mobile_sites if tables.tracked else 0)
    carriers = tables.n_carriers * 8
    state = tables.supercell.n_sites + particles + carriers + 4 * tables.n_potential + 16 * tables.n_families
    walk = state + WORD * (ERROR_WORDS + 1)
    if bounds is not None:
        directions = tables.bond_basis.shape[-1]
        walk += 4 * bounds.base2.shape[1] + 8 * (bounds.n_entries * directions + bounds.n_tree)
    return walk + POSITION_BYTES * tables.n_particles * (lags + 2 if lags else 0)


def largest_replicas(tables: EventTables, free_bytes: int, lags: int = 0, bounds: RateBounds | None = None) -> int:
    """How many replicas fit into the free memory."""
    available = int(POOL_SHARE * free_bytes - SCRATCH_BYTES)
    return max(available // bytes_per_replica(tables, lags, bounds), 0)


def check_memory(
    tables: EventTables, replicas: int, free_bytes: int, lags: int = 0, bounds: RateBounds | None = None
) -> None:
    """InputError with the largest number of replicas that fits, if these do not."""
    each, most = bytes_per_replica(tables, lags, bounds), largest_replicas(tables, free_bytes, lags, bounds)
    if replicas > most:
        raise InputError(
            f"run.replicas = {replicas}: they need {replicas * each / 1e9:.2f} GB of device memory, "
            f"{free_bytes / 1e9:.2f} GB are free; at most {most} replicas fit"
        )
