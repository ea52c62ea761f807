"""Summed displacements of the carriers between the frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kmc.backends import make_walker
from kmc.files.trajectory import read_trajectory
from kmc.measure.msd import summed_positions
from kmc.run import sampling
from kmc.run.engine import frozen_schedule, run
from kmc.run.schedule import window_lengths
from kmc.run.settings import DomainSettings, Hops, Settings
from kmc.state.carrier_sums import CarrierSums
from kmc.state.replicas import unwrapped_grid_positions
from tests.systems import BACKENDS, NOTE, made_up_model, made_up_system, same

BOTH = made_up_model(pairs=[("V_O", "V_O", 1, 0.05)], polarons={"barriers": [{"energy_eV": 0.45, **NOTE}]})


def mixed(**more):
    return made_up_system(BOTH, (3, 2, 2), vacancies=3, electrons=5, replicas=3, seed=5, **more)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a run with several samples in a frame, which are otherwise reserved for long runs."""
    monkeypatch.setattr(sampling, "HOPS", 1)
    monkeypatch.setattr(sampling, "HOPS_OF_REPLICA", 1)
    return Settings(Hops(2.0), Hops(9.0), frames=3)


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("selection", ["rejection", "rejection-free"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_are_those_of_the_positions(backend: str, selection: str, tracked: bool) -> None:
    """Windows walked together end in the same state as one by one, with the same sums, on every backend."""
    if selection == "rejection-free" and not tracked:
        pytest.skip("rejection-free selection needs all ids")
    system = mixed(tracked=tracked)
    start, sums = system.initial_state(), CarrierSums.of(system.tables)
    lengths = window_lengths(system, Settings(), selection, 100)
    together = make_walker(backend, system, start.copy(), selection)
    found = together.advance_windows(4, lengths, sums)
    alone = make_walker("numpy", system, start.copy(), selection)
    for length, expected in zip(lengths.of(0, 4, system.replicas), found, strict=True):
        alone.advance(length)
        positions = unwrapped_grid_positions(system.tables, alone.read())
        np.testing.assert_array_equal(expected, summed_positions(system.tables, positions)[:, sums.codes])
    assert same(alone.read(), together.read())
    assert (np.abs(found[-1] - found[0]).max(axis=(0, 2)) > 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_last_sample_of_a_frame_is_the_frame(backend: str, tmp_path: Path, often: Settings) -> None:
    run(mixed(), often, tmp_path, backend=backend)
    schedule, found = frozen_schedule(tmp_path), read_trajectory(tmp_path / "trajectory.h5")
    assert schedule.samples_per_frame == 3 and schedule.windows_per_frame % 3 == 0
    assert found.carrier_samples is not None and found.carrier_samples.shape == (4, 3, 3, 2, 3)
    names = [record.name for record in found.species]
    carriers = [names.index(name) for name in found.sampled_species]
    assert found.sampled_species == ("V_O", "electron")
    np.testing.assert_array_equal(found.carrier_samples[:, -1], found.summed_displacement[:, :, carriers])
    assert (np.diff(found.carrier_samples[1:], axis=1) != 0).any(axis=(0, 1, 2, 4)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_stopped_between_two_samples_resumes_bit_for_bit(
    backend: str, tmp_path: Path, often: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kmc.run.schedule.longest_window", lambda *_: 12)
    asked = [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] % 5 == 0

    run(mixed(), often, tmp_path / "whole", backend=backend)
    schedule = frozen_schedule(tmp_path / "whole")
    assert schedule.windows_at_once == 1 and schedule.windows_per_frame > schedule.samples_per_frame == 3
    stops = 0
    while not run(mixed(), often, tmp_path / "parts", backend=backend, resume=stops > 0, stop=stop):
        stops += 1
    assert stops > 2
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "parts"))
    np.testing.assert_array_equal(one.carrier_samples, other.carrier_samples)
    np.testing.assert_array_equal(one.second_moment, other.second_moment)


def test_short_frames_domains_and_several_partners_have_no_samples() -> None:
    """The displacements of O and F do not follow from those of the vacancies that exchange with either."""
    system, settings = mixed(), Settings()
    assert sampling.samples_per_frame(system, settings, sampling.HOPS, 100) == 1
    assert sampling.samples_per_frame(system, settings, 50 * sampling.HOPS, 100) == 50
    assert sampling.samples_per_frame(system, settings, 50 * sampling.HOPS, 1) < 50
    assert sampling.samples_per_frame(system.at(replicas=1000), settings, 50 * sampling.HOPS, 100) == 4
    assert sampling.samples_per_frame(system, replace(settings, domains=DomainSettings()), 1000, 100) == 1
    tables = replace(system.tables, partner=np.array([0, 4]), carrier=np.array([1, 1]))
    several = replace(system, tables=replace(tables, carrier_offset=np.array([-1, 0, -1, -1, -1])))
    assert sampling.samples_per_frame(several, settings, 50 * sampling.HOPS, 100) == 1
