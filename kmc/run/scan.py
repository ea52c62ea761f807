"""A grand-canonical scan after a canonical run: the number of carriers as a function of the chemical potential.

A scan simulates all replicas at each of several chemical potentials of the neutral component, starting from the final
state of the canonical run with its dopants. It keeps the histogram of the number of ion carriers by replica and time
block, from which analysis computes <N>, Var N and the thermodynamic factor. The centre of the scan is found by a search
that uses integer counts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kmc.backends import GrandWalker, make_grand_walker
from kmc.carriers.neutral_component import Component
from kmc.files.records import Scan
from kmc.run.limits import longest_stretch
from kmc.run.progress import Advance, Stop
from kmc.run.settings import Thermodynamics
from kmc.state.grand_state import GrandState, grand_state
from kmc.state.replicas import State
from kmc.state.system import System
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

SEARCH_STEPS = 60
SEARCH_STAGE = 2**16  # random numbers of the search; smaller stages belong to the points of the scan
SEARCH_TRIALS = 20  # per ion carrier and step
MOST_STEP_KT = 3.0  # largest step of the search, in kT
BLOCKS = 16  # smallest product of time blocks and replicas
HALF_UNITS = 2_000_000  # per eV
EQUILIBRATION_SHARE = 0.25  # equilibration trials before those of a point, as a fraction of their number


def scan(
    system: System,
    settings: Thermodynamics,
    state: State,
    backend: str,
    report: Advance = lambda done, total: None,
    stop: Stop = lambda: False,
) -> Scan | None:
    """Walk the scan from `state`; None if asked to stop.

    report: receives `done` of `total` chemical potentials. Raises InputError where the system has no neutral component.
    """
    component = system.component
    if isinstance(component, str):
        raise InputError(f"[thermodynamics]: {component}")
    kt = BOLTZMANN_EV_K * system.tables.temperature_K
    carriers = max(int(system.tables.counts[system.tables.carrier[component.ion_family]]), 1)
    found = True
    if settings.mu_eV:
        potentials = np.array(settings.mu_eV)
    else:
        searched = _search(system, component, state, backend, carriers, stop)
        if searched is None:
            return None
        middle, found = searched
        potentials = middle + (np.arange(settings.points) - (settings.points - 1) / 2) * settings.step_kT * kt
    trials = max(int(settings.trials_per_carrier * carriers), 64)
    blocks = max(-(-BLOCKS // system.replicas), 2)
    histograms, counters = [], []
    capacity = np.zeros(system.replicas, dtype=np.int64)
    for point, mu in enumerate(potentials.tolist()):
        grand = grand_state(system.tables, component, state, _field2(system.tables, component, mu))
        capacity = _capacity(grand)
        walker = make_grand_walker(backend, system, grand)
        if not _walk(walker, int(EQUILIBRATION_SHARE * trials), point, stop):
            return None
        kept = []
        for _ in range(blocks):
            walker.clear()
            if not _walk(walker, -(-trials // blocks), point, stop):
                return None
            kept.append(walker.read().histogram.copy())
        histograms.append(np.array(kept))
        counters.append(grand.counters.copy())
        report(point + 1, len(potentials))
        del walker  # its memory on a device is free before the next one is made
    return _trimmed(potentials, np.array(histograms), np.array(counters), capacity, found)


def _walk(walker: GrandWalker, trials: int, stage: int, stop: Stop) -> bool:
    """Walk `trials` trials of each replica; False if asked to stop meanwhile."""
    longest = longest_stretch(walker.read().replicas)
    for begin in range(0, trials, longest):
        walker.advance(min(trials - begin, longest), stage)
        if stop():
            return False
    return True


def _field2(tables: EventTables, component: Component, mu_eV: float) -> int:
    """Energy of an ion carrier in a reservoir at the chemical potential mu, in half microelectronvolts.

    The self-corrections of the energy terms are part of it: with Coulomb energies, the periodic images of the charges
    that come and go.
    """
    exchanged = [(component.ion_family, 1), (component.electronic_family, component.electronic)]
    own = sum(
        number * term.self_correction(f)
        for f, number in (exchanged if component.electronic else exchanged[:1])
        for term in tables.terms
    )
    return own - component.per_carrier * round(mu_eV * HALF_UNITS)


def _capacity(grand: GrandState) -> NDArray[np.int64]:
    """(R,) largest number of ion carriers that neutral moves can reach."""
    ions, both, electrons, all_electronic = grand.number.T
    if grand.component.electronic == 0:
        return np.asarray(both)
    per = abs(grand.component.electronic)
    room = (all_electronic - electrons) // per if grand.component.electronic > 0 else electrons // per
    return np.asarray(np.minimum(both, ions + room))


def _search(
    system: System, component: Component, state: State, backend: str, carriers: int, stop: Stop
) -> tuple[float, bool] | None:
    """(chemical potential in eV whose mean number of carriers is that of the run, whether it was found).

    None if asked to stop.

    Damped Newton steps on <N>(mu), whose slope is the variance of N over kT, starting from the ideal solution.
    """
    kt = BOLTZMANN_EV_K * system.tables.temperature_K
    grand = grand_state(system.tables, component, state, 0)
    wanted = grand.number[:, 0].copy()
    walker = make_grand_walker(backend, system, grand)
    mu = component.per_carrier * kt * _ideal(grand)
    best = (math.inf, mu)
    trials = max(SEARCH_TRIALS * carriers, 256)
    for step in range(SEARCH_STEPS):
        grand.field2[:] = _field2(system.tables, component, mu)
        walker.clear()
        if not _walk(walker, trials, SEARCH_STAGE + step, stop):
            return None
        mean, variance = _moments(walker.read().histogram)
        off = float((mean - wanted).mean())
        scale = math.sqrt(max(float(variance.mean()), 0.25))
        best = min(best, (abs(off) / scale, mu))
        if abs(off) < 0.2 * scale and step >= 3:
            return mu, True
        change = max(-MOST_STEP_KT, min(MOST_STEP_KT, off / max(float(variance.mean()), 0.25)))
        mu -= component.per_carrier * kt * change * (1.0 if step < 10 else 0.5)
    return best[1], best[0] < 1.0


def _ideal(grand: GrandState) -> float:
    """ln(reverse moves/forward moves) at the composition of the run: -(energy of a carrier in the reservoir)/kT."""
    ions, both, electrons, all_electronic = (float(x) + 0.5 for x in grand.number[0])
    ratio = math.log(ions / max(both - ions, 0.5))
    if grand.component.electronic:
        ratio += grand.component.electronic * math.log(electrons / max(all_electronic - electrons, 0.5))
    return ratio


def _moments(histogram: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R,) means and (R,) variances of the (R, n) histograms."""
    n = np.arange(histogram.shape[1], dtype=np.float64)
    total = histogram.sum(axis=1)
    mean = histogram @ n / total
    return mean, histogram @ n**2 / total - mean**2


def _trimmed(
    potentials: NDArray[np.float64],
    histogram: NDArray[np.int64],
    counters: NDArray[np.int64],
    capacity: NDArray[np.int64],
    found: bool,
) -> Scan:
    """The scan without the leading and trailing columns that no replica visited."""
    seen = np.flatnonzero(histogram.any(axis=(0, 1, 2)))
    first, last = int(seen[0]), int(seen[-1])
    return Scan(potentials, first, histogram[..., first : last + 1].copy(), counters, capacity, found)
