"""Electronic carriers hop far more often than ions: the ways to walk both, stated in the output.

kinetic: all true rates. scaled: rates of electronic carriers lowered until the fastest is `scale` times the fastest
ion's; ions still see equilibrated carriers, electronic figures mean nothing. frozen-ions: electronic carriers at true
rates on ions that stand still, in arrangements taken from a scaled walk in equilibrium; ionic figures mean nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from kmc.tables.barriers import marcus_barrier2
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from lattices.errors import InputError

if TYPE_CHECKING:
    from kmc.tables.event_tables import EventTables

Mode = Literal["kinetic", "scaled", "frozen-ions"]
MOST_AFFORDABLE = 300.0  # electronic over ionic rate of a carrier alone


def bare_rates(tables: EventTables) -> dict[str, float]:
    """Family -> hops per second of one carrier alone, over its lowest barrier."""
    rates = {}
    for f, name in enumerate(tables.family):
        lam = int(tables.marcus_lambda[f])
        allowed = tables.barrier2[f][tables.barrier2[f] >= 0]
        lowest = int(marcus_barrier2(lam, int(tables.marcus_coupling2[f]), 0)) if lam else int(allowed.min())
        above_eV = (lowest - int(tables.reference2[f])) * 0.5e-6
        factor = math.exp(-above_eV / (BOLTZMANN_EV_K * tables.temperature_K))
        rates[name] = float(tables.proposal_rate_per_s[f]) * int(tables.directions[f]) * factor
    return rates


def affordable(tables: EventTables) -> bool:
    """Whether true kinetics of both kinds is worth a walk: electrons not too many times as fast as ions."""
    rates = {f: rate for f, rate in enumerate(bare_rates(tables).values()) if tables.counts[tables.carrier[f]]}
    electronic = {f for f in rates if tables.electronic[tables.carrier[f]]}
    ionic = [rate for f, rate in rates.items() if f not in electronic]
    return max(rates[f] for f in electronic) <= MOST_AFFORDABLE * max(ionic)


def rate_factors(tables: EventTables, mode: Mode | Literal["auto"], scale: float) -> dict[str, float]:
    """Family -> factor on its true rate; empty for all true rates. "auto": as "scaled".

    tables: with all true rates. InputError for a mode that needs both kinds of carrier where one is missing.
    """
    if mode == "kinetic":
        return {}
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for f, name in enumerate(tables.family):
        if tables.counts[tables.carrier[f]]:
            kinds[bool(tables.electronic[tables.carrier[f]])].append(name)
    if not kinds[True] or not kinds[False]:
        raise InputError(
            f'polarons.mode = "{mode}": needs a mobile ion and an electronic carrier; "kinetic" is allowed'
        )
    if mode == "frozen-ions":
        return dict.fromkeys(kinds[False], 0.0)
    rates = bare_rates(tables)
    fastest_ion, fastest = (max(rates[name] for name in kinds[kind]) for kind in (False, True))
    return dict.fromkeys(kinds[True], min(1.0, scale * fastest_ion / fastest))
