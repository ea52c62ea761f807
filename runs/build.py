"""From a run file to the model, the supercell and the settings that the engine needs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kmc.model.entries import CoulombSpec, Sourced
from kmc.model.parameters import Model, load_model, shipped_models
from lattices.errors import InputError
from runs.config import RunConfig, naming
from runs.schema.parallel import ParallelSpec

if TYPE_CHECKING:
    from kmc.carriers.band import BandConduction
    from kmc.run.settings import Hops, Seconds, Settings, Thermodynamics
    from kmc.state.system import System
    from lattices.crystal import Crystal, Supercell
    from runs.schema.lengths import DurationSpec, EquilibrationSpec


def resolve(config: RunConfig, base: Path) -> RunConfig:
    """The run file with defaults filled in and absolute paths; `decided` chooses the backend and the blocks."""
    parameters = config.model.parameters
    if parameters not in shipped_models() or os.path.isfile(base / parameters):
        parameters = str((base / parameters).resolve())
    crystal: dict[str, str | float] = {}
    if config.crystal.file is not None:
        crystal["file"] = str((base / config.crystal.file).resolve())
    else:
        with naming(config):
            crystal["lattice_parameter_angstrom"] = lattice_parameter(config, model_of(config, base))
    return config.model_copy(
        update={
            "crystal": config.crystal.model_copy(update=crystal),
            "model": config.model.model_copy(update={"parameters": parameters}),
        }
    )


def decided(config: RunConfig, system: System) -> tuple[RunConfig, str]:
    """(the resolved run file with its blocks and its backend chosen, why that backend). system: of any temperature."""
    from kmc.backends import choose_backend, too_little_work
    from kmc.run.schedule import work_of
    from kmc.state.domains import smallest_block

    run = config.run
    if run.parallel.domains and run.parallel.domains.block == "auto":
        block = smallest_block(system.tables, run.parallel.domains.hops_per_visit)
        parallel = ParallelSpec(domains=run.parallel.domains.model_copy(update={"block": block}))
        run = run.model_copy(update={"parallel": parallel})
    work = work_of(system, settings_of(config.model_copy(update={"run": run}), system.model))
    backend, reason = choose_backend(run.backend, work, run.devices)
    if run.backend != "auto" and (doubt := too_little_work(backend, work)):
        reason = f'{reason}; warning: {doubt}: backend = "auto" would take another one'
    return config.model_copy(update={"run": run.model_copy(update={"backend": backend})}), reason


def model_of(config: RunConfig, base: Path) -> Model:
    """The model of the run file, with the relative permittivity of the run file if it gives one.

    A relative path starts from `base`.
    """
    beside = base / config.model.parameters
    model = load_model(beside if os.path.isfile(beside) else config.model.parameters)
    permittivity = config.model.relative_permittivity
    if permittivity is None:
        return model
    value = Sourced(value=permittivity, source="given in the run file", mark="derived")
    return model.model_copy(update={"coulomb": CoulombSpec(relative_permittivity=value)})


def band_of(config: RunConfig, model: Model) -> BandConduction | None:
    """The electronic conductivity that the run file gives for its first temperature, or None.

    InputError for a model with several electronic carriers, which a single conductivity cannot replace.
    """
    from kmc.carriers.band import BandConduction

    given = config.model.electronic
    if given is None:
        return None
    hopping = sorted({hop.carrier for hop in model.hops if hop.carrier in model.electronic})
    if len(hopping) > 1:
        raise InputError(
            f"model.electronic: model {model.name!r} has the electronic carriers {', '.join(hopping)}; it can replace "
            "the hops of one at most"
        )
    if all(hop.carrier in model.electronic for hop in model.hops):
        raise InputError(f"model.electronic: model {model.name!r} has no mobile ion beside the given conductivity")
    return BandConduction(given.conductivity_S_m[0], given.source)


def crystal_of(config: RunConfig, base: Path, model: Model) -> Crystal:
    """The unit cell of a structure file or a prototype, with the layers and proton sites of the model."""
    from lattices.from_atoms import crystal_from_file
    from lattices.prototypes import crystal_of_prototype

    spec = config.crystal
    if spec.file is not None:
        crystal = crystal_from_file(base / spec.file, spec.sublattices)
    elif model.prototype is not None and model.prototype != spec.prototype:
        raise InputError(f"crystal.prototype = {spec.prototype!r}: model {model.name!r} is for {model.prototype}")
    else:
        crystal = crystal_of_prototype(str(spec.prototype), spec.host, lattice_parameter(config, model))
    if spec.shell_tolerance is not None:
        crystal = replace(crystal, shell_tolerance=spec.shell_tolerance)
    return _with_added_sites(crystal, model)


def _with_added_sites(crystal: Crystal, model: Model) -> Crystal:
    """The crystal with the layers and proton sites of a model."""
    from lattices.crystal import with_layers
    from lattices.protons import with_protons

    crystal = with_layers(crystal, model.layers)
    if model.proton_sites is None:
        return crystal
    sites = model.proton_sites
    return with_protons(crystal, sites.sublattice, sites.oxygen, sites.cation, sites.displacement.value)


def lattice_parameter(config: RunConfig, model: Model) -> float:
    """The lattice parameter in angstrom: that of the run file, or else that of the model."""
    if config.crystal.lattice_parameter_angstrom is not None:
        return config.crystal.lattice_parameter_angstrom
    if model.lattice_parameter_angstrom is None:
        raise InputError(f"crystal.lattice_parameter_angstrom is missing, and model {model.name!r} gives none")
    return model.lattice_parameter_angstrom.value


def supercell_of(config: RunConfig, base: Path, model: Model) -> Supercell:
    """The supercell, before any expansion."""
    from lattices.crystal import Supercell

    nx, ny, nz = config.crystal.repeats
    return Supercell(crystal_of(config, base, model), (nx, ny, nz))


def settings_of(config: RunConfig, model: Model) -> Settings:
    """The engine's settings for the first temperature of the run file. InputError for values out of range."""
    from kmc.measure.profile import ProfileSettings
    from kmc.run.settings import DomainSettings, Precision, Settings

    run, domains = config.run, config.run.parallel.domains
    wanted = run.duration.precision
    return Settings(
        equilibration=_length(run.equilibration),
        duration=Precision(wanted, run.duration.most_wall_s) if wanted else _length(run.duration),
        frames=run.frames,
        positions=run.positions,
        checkpoint_every_s=run.checkpoint_every_s,
        selection=run.selection,
        profile=ProfileSettings(**run.profile.model_dump()) if run.profile else None,
        domains=DomainSettings(domains.cells, domains.hops_per_visit) if domains else None,
        thermodynamics=_thermodynamics(config, model),
    )


def _length(spec: EquilibrationSpec | DurationSpec) -> Hops | Seconds:
    """The duration that the run file gives, in hops per carrier or seconds."""
    from kmc.run.settings import Hops, Seconds

    return Hops(spec.hops_per_carrier) if spec.hops_per_carrier is not None else Seconds(spec.time_s or 0.0)


def _thermodynamics(config: RunConfig, model: Model) -> Thermodynamics | None:
    from kmc.model.oxygen_gas import relative_mu_eV
    from kmc.run.settings import Relaxation, Thermodynamics

    spec = config.thermodynamics
    if spec is None:
        return None
    pressures = [relative_mu_eV(model, config.run.temperatures_K[0], pressure) for pressure in spec.pO2_bar]
    wave = Relaxation(**spec.relaxation.model_dump()) if spec.relaxation else None
    return Thermodynamics(spec.points, spec.step_kT, tuple(pressures) or spec.mu_eV, spec.trials_per_carrier, wave)
