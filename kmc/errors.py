"""Errors of the engine that are not bad input."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmc.tables.event_tables import EventTables


class BarrierBelowBound(RuntimeError):
    """A barrier fell below its proven lower bound: a bug, or a parameter file whose tables disagree.

    Clipping it would break detailed balance, so the walk stops; the last checkpoint stays.
    """

    def __init__(self, tables: EventTables, family: int, replica: int, site: int, barrier2: int) -> None:
        super().__init__(
            f"hop {tables.family[family]!r} from site {site} of replica {replica}: barrier {barrier2 / 2e6:.6f} eV "
            f"lies below its bound {int(tables.reference2[family]) / 2e6:.6f} eV; the last checkpoint is kept"
        )


class DisplacementOverflow(RuntimeError):
    """A particle crossed the periodic supercell more often than the image counters hold (about 10^6 times)."""
