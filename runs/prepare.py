"""Prepares everything that precedes the first hop, for `kmc run`, `kmc validate` and `kmc study`.

All checks that a run makes before it starts (except those of its output folder) are made here, so that the three agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattices.errors import InputError
from runs.build import band_of, decided, model_of, resolve, settings_of
from runs.config import RunConfig, naming
from runs.contents import Contents, contents_of
from runs.jobs import one_temperature, parts_of
from runs.notes import with_notes
from runs.precision import check_precision

if TYPE_CHECKING:
    from kmc.model.parameters import Model
    from kmc.run.settings import Settings, Thermodynamics
    from kmc.state.system import System


MOST_SITES_BUILT = 4_000_000  # largest supercell that is filled as a test, or simulated by validate


@dataclass(frozen=True)
class Job:
    """One trajectory.

    config: the resolved run file that repeats it separately. part: its folder, relative to that of the run.
    equilibrated_with: the same particles with the rates of the equilibration; None: the same rates throughout.
    """

    config: RunConfig
    part: Path
    system: System
    settings: Settings
    equilibrated_with: System | None


@dataclass(frozen=True)
class PreparedRun:
    """A run that has passed all checks.

    config: as resolved. backend_reason: why this backend was chosen. systems: one for each temperature, in the mode of
    the run file (true rates for mode "auto"). jobs: every trajectory, in the order in which they are run.
    """

    config: RunConfig
    backend: str
    backend_reason: str
    systems: tuple[System, ...]
    jobs: tuple[Job, ...]


def prepare(config: RunConfig, base: Path) -> PreparedRun:
    """Build the system and settings of every trajectory of a run file, and check them.

    base: folder from which relative paths start. Systems with the same particles and energies share their tables.
    InputError, naming the run file, for everything that the run would refuse.
    """
    from kmc.backends import choose_backend

    with naming(config):
        # What cannot be used is refused first, whatever the run file holds.
        choose_backend(config.run.backend, devices=config.run.devices)
        model = model_of(config, base)
        resolved = resolve(config, base)
        first = _true_rates(one_temperature(resolved, 0)[0], base, model, [])
        resolved, reason = decided(resolved, first)
        systems: list[System] = []
        jobs: list[Job] = []
        for number in range(len(config.run.temperatures_K)):
            single, folder = one_temperature(resolved, number)
            true_rates = _annealed(_true_rates(single, base, model, [first, *systems]), single)
            true_rates = with_notes(true_rates, single)
            systems.append(_in_mode(true_rates, single))
            for part, name in parts_of(single, true_rates):
                jobs.append(_job(part, folder / name, true_rates))
        for job in jobs:
            check(job)
    return PreparedRun(resolved, resolved.run.backend, reason, tuple(systems), tuple(jobs))


def _true_rates(config: RunConfig, base: Path, model: Model, earlier: list[System]) -> System:
    """The system of one temperature with all true rates; its tables are shared with an earlier one where possible."""
    contents = contents_of(config, base, model)
    for system in earlier:
        if _same_energies(system, contents):
            temperature_K, index = config.run.temperatures_K[0], config.run.temperature_index
            shared = system.at(temperature_K=temperature_K, temperature_index=index, mode="kinetic")
            return replace(shared, composition=contents.composition, band=band_of(config, model))
    return _built(config, model, contents)


def _same_energies(system: System, contents: Contents) -> bool:
    """Whether a system's energy tables apply to these contents: equal cell vectors and particle numbers."""
    supercell = system.tables.supercell
    same_cell = np.array_equal(supercell.vectors_angstrom, contents.supercell.vectors_angstrom)
    return same_cell and system.composition.counts == contents.composition.counts


def _built(config: RunConfig, model: Model, contents: Contents) -> System:
    """The system at the first temperature of the run file, with all true rates."""
    from kmc.state.system import build_system

    run = config.run
    return build_system(
        model,
        contents.supercell,
        contents.composition,
        run.temperatures_K[0],
        seed=run.seed,
        temperature_index=run.temperature_index,
        replicas=run.replicas,
        replicas_per_configuration=run.replicas_per_configuration,
        field_V_per_m=run.field_V_per_m,
        tracked=run.track == "all",
        band=band_of(config, model),
    )


def _annealed(system: System, config: RunConfig) -> System:
    """The system with the annealing of its dopants that the run file asks for, which is carried out on first use."""
    from kmc.state.anneal import AnnealSettings
    from kmc.state.annealed_dopants import AnnealedDopants

    spec = config.crystal.anneal
    if spec is None:
        return system
    settings = AnnealSettings(spec.temperature_K, spec.sweeps)
    annealed = AnnealedDopants(system.model, system.tables.supercell, system.composition, settings)
    annealed.check()
    return replace(system, annealed=annealed)


def _in_mode(system: System, config: RunConfig) -> System:
    """The system with the rates of the run file's mode; true rates for mode "auto"."""
    mode = config.polarons.mode
    return system if mode == "auto" else system.at(mode=mode, scale=config.polarons.scale)


def _job(config: RunConfig, part: Path, true_rates: System) -> Job:
    system = _in_mode(true_rates.at(temperature_index=config.run.temperature_index), config)
    before = system.at(mode="scaled") if config.polarons.mode == "frozen-ions" else None
    return Job(config, part, system, settings_of(config, system.model), before)


def check(job: Job) -> None:
    """InputError for a job that cannot be run as specified."""
    from kmc.measure.profile import check_profile
    from kmc.run.schedule import slowest_carrier, start_equilibration
    from kmc.state.domains import build_domains

    tables, settings = job.system.tables, job.settings
    start_equilibration(job.system, settings)
    check_precision(job.system, job.config.run.duration.precision)
    slowest_carrier(tables, np.zeros(tables.n_families, dtype=np.int64))
    if settings.domains:
        build_domains(tables, settings.domains.block)
    if settings.profile:
        check_profile(tables, settings.profile)
    if settings.thermodynamics:
        _check_thermodynamics(job.system, settings.thermodynamics)
    small = tables.supercell.n_sites <= MOST_SITES_BUILT
    if small and any(pair.forbidden for pair in job.system.model.pairs):
        replace(job.system.at(replicas=1), annealed=None).initial_state()  # refuses particles that find no allowed site


def _check_thermodynamics(system: System, wanted: Thermodynamics) -> None:
    """InputError for a scan or waves that the supercell cannot hold."""
    from kmc.carriers.neutral_component import Component
    from kmc.run.relaxation import wave_fractions
    from kmc.state.grand_state import grand_state

    component = system.component
    if not isinstance(component, Component):
        return  # such a run is allowed; its results state why there is no thermodynamic factor
    if system.tables.long_range and component.electronic_family < 0 and system.band:
        raise InputError(
            "[thermodynamics]: model.electronic gives electrons that no Coulomb energy of the model contains, so that "
            "ions cannot be added in a neutral way; leave out the Coulomb energies or [thermodynamics]"
        )
    grand_state(system.tables, component, replace(system.at(replicas=1), annealed=None).initial_state(), 0)
    if wanted.relaxation:
        wave_fractions(system, wanted.relaxation)
