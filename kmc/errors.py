"""Errors of the engine that are not bad input."""

from __future__ import annotations


class BarrierBelowBound(RuntimeError):
    """A barrier fell below its proven lower bound, which is a fault of the program.

    Clipping it would break detailed balance, so the run stops; the last checkpoint is kept.
    """

    def __init__(self, hop: str, replica: int, site: int, barrier_eV: float, bound_eV: float) -> None:
        super().__init__(
            f"hop {hop!r} from site {site} of replica {replica}: barrier {barrier_eV:.6f} eV "
            f"lies below its bound {bound_eV:.6f} eV; the last checkpoint is kept"
        )


class DisplacementOverflow(RuntimeError):
    """Particles have moved farther than the integers for periodic images, positions or squared displacements hold."""
