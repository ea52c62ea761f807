"""Division of a run file into jobs: temperatures, modes of the electronic carriers, lengths of a domain visit.

Each job is one trajectory in its own folder, described by a run file that repeats it separately.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runs.config import RunConfig
from runs.schema.parallel import DomainsSpec, ParallelSpec
from runs.schema.run_file import PART_STREAMS, PolaronSpec

if TYPE_CHECKING:
    from kmc.state.system import System

VISIT_SHARES = (1.0, 0.5**0.5, 0.5)  # of the length of a visit, where it is extrapolated to zero


def one_temperature(config: RunConfig, number: int) -> tuple[RunConfig, Path]:
    """(run file of temperature `number` of the list, its folder relative to that of the run).

    Run alone, the file gives the same trajectory.
    """
    run = config.run
    update = {
        "temperature_K": [run.temperatures_K[number]],
        "temperature_index": run.temperature_index + number,
    }
    model = config.model
    if model.electronic is not None:
        model = model.model_copy(update={"electronic": model.electronic.at(number)})
    single = config.model_copy(update={"run": run.model_copy(update=update), "model": model})
    several = len(run.temperatures_K) > 1
    return single, Path(_folder_name(run.temperatures_K[number])) if several else Path()


def parts_of(config: RunConfig, system: System) -> list[tuple[RunConfig, Path]]:
    """(run file, folder relative to that of the temperature) of every trajectory of one temperature.

    Domain runs to be extrapolated have folders window1, window2, window3 for their lengths of a visit; electronic
    carriers in mode "auto" have folders named by mode. system: with all true rates. InputError if mode "auto" lacks
    one kind of carrier.
    """
    if config.polarons.mode == "auto":
        return [(_with_mode(config, mode), Path(mode)) for mode in _modes(config, system)]
    domains = config.run.parallel.domains
    if domains is None or not domains.extrapolate:
        return [(config, Path())]
    return [(_with_visit(config, domains, k), Path(f"window{k + 1}")) for k in range(len(VISIT_SHARES))]


def _modes(config: RunConfig, system: System) -> list[str]:
    """The parts of mode "auto", by the names of their folders."""
    from kmc.carriers.coupling import coupled_groups
    from kmc.carriers.polaron_modes import affordable, rate_factors

    rate_factors(system.tables, "auto", config.polarons.scale)  # refuses models that lack a kind of carrier
    groups = [
        {name in system.model.electronic for name in group} for group in coupled_groups(system.model, system.tables)
    ]
    cross = affordable(system.tables) and any(len(kinds) == 2 for kinds in groups)
    return ["scaled", "scaled-half", "frozen-ions", *(["kinetic"] if cross else [])]


def _with_mode(config: RunConfig, part: str) -> RunConfig:
    """The run file of one part of mode "auto", with its own random numbers."""
    from analysis.transport.polaron_modes import MODES

    update = {"temperature_index": config.run.temperature_index + MODES.index(part) * PART_STREAMS}
    scale = config.polarons.scale * (0.5 if part == "scaled-half" else 1.0)
    polarons = PolaronSpec.model_validate({"mode": part.removesuffix("-half"), "scale": scale})
    # Equilibrium does not depend on rates, so one part samples it.
    thermodynamics = config.thermodynamics if part == "scaled" else None
    whole = {"run": config.run.model_copy(update=update), "polarons": polarons, "thermodynamics": thermodynamics}
    return config.model_copy(update=whole)


def _with_visit(config: RunConfig, domains: DomainsSpec, number: int) -> RunConfig:
    """The run file of one length of a visit, with its own random numbers."""
    shorter = DomainsSpec(block=domains.block, hops_per_visit=domains.hops_per_visit * VISIT_SHARES[number])
    update = {
        "parallel": ParallelSpec(domains=shorter),
        "temperature_index": config.run.temperature_index + number * PART_STREAMS,
    }
    return config.model_copy(update={"run": config.run.model_copy(update=update)})


def _folder_name(temperature_K: float) -> str:
    """T0973K, T0973.15K: every digit is kept, so that no two temperatures share a folder."""
    whole, _, decimals = repr(float(temperature_K)).partition(".")
    return f"T{whole:0>4}K" if decimals == "0" else f"T{whole:0>4}.{decimals}K"
