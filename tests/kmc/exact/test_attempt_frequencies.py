"""Attempt frequencies by environment, against rates written by hand and the exact solution of a small cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmc.carriers.polaron_modes import bare_rates
from kmc.exact.markov_chain import diffusivity
from kmc.exact.master_equation import enumerate_cell
from kmc.state.system import System
from kmc.tables.boltzmann import BOLTZMANN_EV_K
from tests.systems import NOTE, made_up_model, made_up_system

ENERGY = {("M",): 0.45, ("D",): 0.52}
FREQUENCY = {("M",): 3e12, ("D",): 4e13}
PAIRS = [("V_O", "V_O", 1, 0.1), ("V_O", "D", 1, -0.15)]


def system_of(energy: dict[tuple[str, ...], float], frequency: dict[tuple[str, ...], float], **more: Any) -> System:
    barriers = [
        {"gate": list(gate), "energy_eV": energy[gate], **NOTE}
        | ({"attempt_frequency_Hz": {"value": frequency[gate], **NOTE}} if gate in frequency else {})
        for gate in energy
    ]
    model = made_up_model("perovskite", pairs=PAIRS, vacancy_hop={"gate": ["B"], "barriers": barriers})
    return made_up_system(model, (2, 2, 2), vacancies=2, dopants=3, seed=3, **more)


def test_rates_are_those_written_by_hand() -> None:
    """nu exp(-(E0 + dE/2)/kT) of every hop between two states, from frequencies and energies alone."""
    system = system_of(ENERGY, FREQUENCY)
    cell = enumerate_cell(system.tables, system.initial_state().occupants[0])
    kt = BOLTZMANN_EV_K * system.tables.temperature_K
    rate = {(s, t): r for s, t, r in zip(cell.source.tolist(), cell.target.tolist(), cell.rate.tolist(), strict=True)}
    expected = {nu * np.exp(-ENERGY[gate] / kt) for gate, nu in FREQUENCY.items()}
    found = set()
    for (s, t), forward in rate.items():
        symmetric = np.sqrt(forward * rate[t, s])  # dE cancels
        found.add(min(expected, key=lambda value: abs(value / symmetric - 1)))
        assert min(abs(value / symmetric - 1) for value in expected) < 1e-5
    assert found == expected


def test_detailed_balance_is_kept() -> None:
    """Frequencies change no equilibrium: the stationary distribution is that of the same energies without them."""
    solved = []
    for frequency in (FREQUENCY, {}):
        system = system_of(ENERGY, frequency)
        solved.append(enumerate_cell(system.tables, system.initial_state().occupants[0]))
    np.testing.assert_array_equal(solved[0].occupants, solved[1].occupants)
    np.testing.assert_allclose(solved[0].stationary(), solved[1].stationary(), rtol=1e-9)
    flow = {(s, t): solved[0].stationary()[s] * r for s, t, r in zip(*_hops(solved[0]), strict=True)}
    assert all(value == pytest.approx(flow[t, s], rel=1e-9) for (s, t), value in flow.items())


def _hops(cell: Any) -> tuple[list[int], list[int], list[float]]:
    return cell.source.tolist(), cell.target.tolist(), cell.rate.tolist()


def test_the_exact_diffusivity_is_that_of_barriers_shifted_by_hand() -> None:
    """E0 + kT ln(nu_max/nu) at the highest frequency: equal D* and L within the rounding of the integers."""
    kt = BOLTZMANN_EV_K * 1200.0
    highest = max(FREQUENCY.values())
    shifted = {gate: ENERGY[gate] + kt * np.log(highest / nu) for gate, nu in FREQUENCY.items()}
    values = []
    for system in (system_of(ENERGY, FREQUENCY), system_of(shifted, dict.fromkeys(FREQUENCY, highest))):
        cell = enumerate_cell(system.tables, system.initial_state().occupants[0])
        values.append((diffusivity(cell.collective("V_O")), cell.hop_rate()))
    np.testing.assert_allclose(values[0][0], values[1][0], rtol=2e-5, atol=1e-20)
    np.testing.assert_allclose(values[0][1], values[1][1], rtol=2e-5)


def test_another_temperature_gives_the_tables_that_are_built_for_it() -> None:
    fresh = system_of(ENERGY, FREQUENCY, temperature_K=700.0)
    moved = system_of(ENERGY, FREQUENCY).at(temperature_K=700.0)
    assert moved.tables.digest == fresh.tables.digest
    assert moved.tables.digest != system_of(ENERGY, FREQUENCY).tables.digest


def test_one_frequency_everywhere_is_the_hop_s_own() -> None:
    """A frequency that no environment uses does not enter; equal ones leave the tables as they were."""
    same = system_of(ENERGY, dict.fromkeys(ENERGY, 1e13))
    assert same.tables.frequencies is None
    assert same.tables.digest == system_of(ENERGY, {}).tables.digest


def test_the_rate_of_an_isolated_carrier_is_the_fastest() -> None:
    system = system_of({("M",): 0.45, ("D",): 0.45}, {("M",): 1e12, ("D",): 1e13})
    kt = BOLTZMANN_EV_K * system.tables.temperature_K
    assert bare_rates(system.tables)["vacancy"] == pytest.approx(8 * 1e13 * np.exp(-0.45 / kt), rel=1e-5)
    assert not system.tables.single_barrier[0]
