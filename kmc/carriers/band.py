"""A band-like electronic conductivity that the user gives, in place of hopping electronic carriers."""

from __future__ import annotations

from dataclasses import dataclass

BAND = "band"  # name of the electronic carrier of a model that has none of its own


@dataclass(frozen=True)
class BandConduction:
    """An electronic conductivity from a measurement or a calculation, isotropic and uncoupled from the ions.

    conductivity_S_m: at the temperature and composition of the run. source: where it is from.
    """

    conductivity_S_m: float
    source: str
