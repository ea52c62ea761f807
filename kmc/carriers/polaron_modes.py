"""Treatments of electronic carriers, which hop far more often than ions.

kinetic: all rates are the true ones. scaled: the rates of electronic carriers are lowered until the fastest is `scale`
times that of the fastest ion; ions still see equilibrated carriers, and electronic coefficients are not reported.
frozen-ions: electronic carriers hop at their true rates among immobile ions, in arrangements taken from a scaled run in
equilibrium; ionic coefficients are not reported. The results state which treatment was used.
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
MOST_AFFORDABLE = 300.0  # ratio of the electronic to the ionic hop rate of isolated carriers


def bare_rates(tables: EventTables) -> dict[str, float]:
    """Family -> hops per second of one isolated carrier over its lowest barrier."""
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
    """Whether both kinds can be simulated at their true rates: electrons are at most 300 times as fast as ions."""
    rates = {f: rate for f, rate in enumerate(bare_rates(tables).values()) if tables.counts[tables.carrier[f]]}
    electronic = {f for f in rates if tables.electronic[tables.carrier[f]]}
    ionic = [rate for f, rate in rates.items() if f not in electronic]
    return max(rates[f] for f in electronic) <= MOST_AFFORDABLE * max(ionic)


def rate_factors(tables: EventTables, mode: Mode | Literal["auto"], scale: float) -> dict[str, float]:
    """Family -> factor on its true rate; empty if all rates are the true ones. "auto" is treated as "scaled".

    tables: those with the true rates. InputError for a mode that needs both kinds of carrier where one is missing.
    """
    if mode == "kinetic":
        return {}
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for f, name in enumerate(tables.family):
        if tables.counts[tables.carrier[f]]:
            kinds[bool(tables.electronic[tables.carrier[f]])].append(name)
    if not kinds[True] or not kinds[False]:
        raise InputError(
            f'polarons.mode = "{mode}": needs mobile ions and electronic carriers, as crystal.vacancies and '
            'crystal.carriers give them; "kinetic" is allowed'
        )
    if mode == "frozen-ions":
        return dict.fromkeys(kinds[False], 0.0)
    rates = bare_rates(tables)
    fastest_ion, fastest = (max(rates[name] for name in kinds[kind]) for kind in (False, True))
    return dict.fromkeys(kinds[True], min(1.0, scale * fastest_ion / fastest))
