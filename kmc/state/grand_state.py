"""The state of a grand-canonical simulation: the sites of carriers, in lists that grow and shrink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kmc.carriers.neutral_component import Component
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

MAX_WEIGHT = 2**62  # of a move: products of numbers of sites stay below the sign bit of an int64


@dataclass
class GrandState:
    """R replicas. Arrays are changed in place.

    occupants: (R, N) uint8 and potential: (R, P) int32 as in State. ion_order: (R, A) int32 sites of the ion's
    sublattice, numbered from its first site: carriers first, then partners, then all others. electronic_order: (R, E)
    int32 likewise; (R, 1) if there are no electronic carriers. number: (R, 4) int64 ion carriers, ion carriers plus
    partners, and the same for the electronic carriers. field2: (R,) int64 energy of an ion carrier in the reservoir,
    in half microelectronvolts. histogram: (R, A + 1) int64 trials that ended with each number of ion carriers.
    counters: (R, 2) int64 trials and accepted moves. window: index of the next window.
    """

    component: Component
    occupants: NDArray[np.uint8]
    potential: NDArray[np.int32]
    ion_order: NDArray[np.int32]
    electronic_order: NDArray[np.int32]
    number: NDArray[np.int64]
    field2: NDArray[np.int64]
    histogram: NDArray[np.int64]
    counters: NDArray[np.int64]
    window: int = 0

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return len(self.occupants)

    def clear(self) -> None:
        """Reset the histogram."""
        self.histogram[:] = 0


def grand_state(tables: EventTables, component: Component, state: State, field2: int) -> GrandState:
    """The state of a grand-canonical simulation that starts from the arrangement of `state` (copied).

    field2: as in GrandState, the same for all replicas. InputError for a supercell with too many sites: the number of
    choices of a move must stay below 2^62.
    """
    ions, number = _site_order(tables, state, component.ion_family)
    electrons, other = np.zeros((state.replicas, 1), dtype=np.int32), np.zeros((state.replicas, 2), dtype=np.int64)
    if component.electronic_family >= 0:
        electrons, other = _site_order(tables, state, component.electronic_family)
    weight = (int(number[:, 1].max()) + 1) * (int(other[:, 1].max()) + 1) ** abs(component.electronic)
    if weight > MAX_WEIGHT:
        raise InputError(
            f"[thermodynamics]: the number of possible neutral insertions ({weight:.1e}) exceeds 2^62; use a smaller "
            "supercell"
        )
    replicas = state.replicas
    return GrandState(
        component=component,
        occupants=state.occupants.copy(),
        potential=state.potential.copy(),
        ion_order=ions,
        electronic_order=electrons,
        number=np.ascontiguousarray(np.concatenate([number, other], axis=1)),
        field2=np.full(replicas, field2, dtype=np.int64),
        histogram=np.zeros((replicas, ions.shape[1] + 1), dtype=np.int64),
        counters=np.zeros((replicas, 2), dtype=np.int64),
    )


def _site_order(tables: EventTables, state: State, family: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(sites of a family's sublattice, carriers first, then partners; numbers of carriers, and of both)."""
    s = int(tables.sublattice[family])
    first = int(tables.site_offset[s])
    here = state.occupants[:, first : first + tables.supercell.n_sites_of(s)]
    carrier, partner = here == tables.carrier[family], here == tables.partner[family]
    rank = np.where(carrier, 0, np.where(partner, 1, 2))
    order = np.argsort(rank, axis=1, kind="stable").astype(np.int32)
    carriers = carrier.sum(axis=1)
    return order, np.stack([carriers, carriers + partner.sum(axis=1)], axis=1).astype(np.int64)
