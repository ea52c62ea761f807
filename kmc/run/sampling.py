"""How often the summed displacements of the carriers are sampled between two frames.

The interval is a fixed number of hops, so that the error of a collective diffusivity falls as one over the square root
of the length of a run with any number of frames. A sample costs about as much as a quarter of a hop for every carrier
without energies, and a fiftieth of one with energies; the intervals below keep it below 2 % of the walk (measured on
the compiled CPU backend).
"""

from __future__ import annotations

import math
from fractions import Fraction

from kmc.run.settings import Settings
from kmc.state.system import System
from kmc.tables.event_tables import EventTables

HOPS, HOPS_OF_REPLICA = 5, 64  # per carrier of the slowest species, and per replica, between two samples
FREE_HOPS, FREE_HOPS_OF_REPLICA = 10, 1024  # where every hop of a family has the same rate
MOST_SAMPLES = 2**9  # per frame
MOST_OF_REPLICAS = 2**12  # per frame, of all replicas together


def samples_per_frame(system: System, settings: Settings, hops: Fraction, particles: int) -> int:
    """Samples in a frame in which each of the `particles` slowest carriers makes `hops` hops; 1: at the frame only."""
    if settings.domains or not _known_from_carriers(system.tables):
        return 1
    free = bool(system.tables.single_barrier.all())
    each, together = (FREE_HOPS, FREE_HOPS_OF_REPLICA) if free else (HOPS, HOPS_OF_REPLICA)
    interval = max(Fraction(each), Fraction(together, particles))
    most = min(MOST_SAMPLES, max(1, MOST_OF_REPLICAS // system.replicas))
    return max(1, min(math.ceil(hops / interval), most))


def _known_from_carriers(tables: EventTables) -> bool:
    """Whether the carriers alone determine the displacement of every species.

    Species that exchange with one another have displacements that add up to zero: one that is no carrier follows.
    """
    groups: list[set[int]] = []
    for pair in zip(tables.carrier.tolist(), tables.partner.tolist(), strict=True):
        joined = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in joined] + [set(pair).union(*joined)]
    others = [[c for c in group if tables.counts[c] and tables.carrier_offset[c] < 0] for group in groups]
    return all(len(codes) <= 1 for codes in others)
