"""The walks of a run file: every temperature, mode of the electronic carriers and length of a visit in its folder."""

from __future__ import annotations

from pathlib import Path

from runs.build import system_of
from runs.config import RunConfig, naming
from runs.schema.run_file import PART_STREAMS, DomainsSpec, ParallelSpec, PolaronSpec

WINDOW_SHARES = (1.0, 0.5**0.5, 0.5)  # of the length of a visit, where it is extrapolated to zero


def jobs_of(config: RunConfig, base: Path, folder: Path) -> list[tuple[RunConfig, Path]]:
    """(run file, folder) of every walk.

    One temperature has the run's own folder, a list sub-folders T0773K ...; runs of domains that are to be
    extrapolated have sub-folders window1, window2, window3 of it for their lengths of a visit; electronic carriers in
    mode "auto" have sub-folders named by mode.
    """
    temperatures, jobs = config.run.temperatures_K, []
    for number, temperature in enumerate(temperatures):
        part = folder if len(temperatures) == 1 else folder / _folder_name(temperature)
        single, domains = _single(config, number), config.run.parallel.domains
        if config.polarons.mode == "auto":
            jobs += [(_with_mode(single, mode), part / mode) for mode in _modes(single, base)]
            continue
        if domains is None or not domains.extrapolate:
            jobs.append((single, part))
            continue
        for k in range(len(WINDOW_SHARES)):
            jobs.append((_with_visit(single, domains, k), part / f"window{k + 1}"))
    return jobs


def _modes(config: RunConfig, base: Path) -> list[str]:
    """The parts that mode "auto" walks, by the names of their folders."""
    from kmc.carriers.coupling import coupled_groups
    from kmc.carriers.polaron_modes import affordable, rate_factors

    system = system_of(config, base, 0, "kinetic")
    with naming(config):
        rate_factors(system.tables, "auto", config.polarons.scale)  # refuses what lacks a kind of carrier
    groups = [
        {name in system.model.electronic for name in group} for group in coupled_groups(system.model, system.tables)
    ]
    cross = affordable(system.tables) and any(len(kinds) == 2 for kinds in groups)
    return ["scaled", "scaled-half", "frozen-ions", *(["kinetic"] if cross else [])]


def _with_mode(config: RunConfig, part: str) -> RunConfig:
    """The run file of one part of mode "auto", with random numbers of its own."""
    from analysis.transport.polaron_modes import MODES

    update = {"temperature_index": config.run.temperature_index + MODES.index(part) * PART_STREAMS}
    scale = config.polarons.scale * (0.5 if part == "scaled-half" else 1.0)
    polarons = PolaronSpec.model_validate({"mode": part.removesuffix("-half"), "scale": scale})
    # Equilibrium does not depend on rates: sampled once is enough.
    sampled = config.thermodynamics if part == "scaled" else None
    whole = {"run": config.run.model_copy(update=update), "polarons": polarons, "thermodynamics": sampled}
    return config.model_copy(update=whole)


def _with_visit(config: RunConfig, asked: DomainsSpec, number: int) -> RunConfig:
    """The run file of one length of a visit, with random numbers of its own."""
    run = config.run
    domains = DomainsSpec(block=asked.block, hops_per_visit=asked.hops_per_visit * WINDOW_SHARES[number])
    update = {
        "parallel": ParallelSpec(domains=domains),
        "temperature_index": run.temperature_index + number * PART_STREAMS,
    }
    return config.model_copy(update={"run": run.model_copy(update=update)})


def _single(config: RunConfig, number: int) -> RunConfig:
    """The run file of one temperature of the list; run alone it gives the same walk."""
    run = config.run
    update = {
        "temperature_K": [run.temperatures_K[number]],
        "temperature_index": run.temperature_index + number,
    }
    return config.model_copy(update={"run": run.model_copy(update=update)})


def _folder_name(temperature_K: float) -> str:
    whole = f"{temperature_K:04.0f}" if float(temperature_K).is_integer() else f"{temperature_K:08.3f}".rstrip("0")
    return f"T{whole}K"
