"""What a run will need and do, before it starts: for `kmc validate` and the head of `kmc run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattices.notes import Note
from runs.build import system_of
from runs.config import RunConfig
from runs.jobs import jobs_of
from runs.minority import minority_notes
from runs.networks import network_notes

if TYPE_CHECKING:
    from kmc.state.system import System

TRIAL_WALK = 2000  # trials per replica of the walk that estimates the acceptance
TRIAL_REPLICAS = 8
TRIAL_SITES = 4_000_000  # most sites of all replicas of that walk
AUTO = "polarons.mode = auto: each figure from the mode that can give it, the parts in sub-folders"
WORST_ROUNDING = 0.01  # of the work per hop in a field, before a warning


def with_notes(system: System, config: RunConfig) -> System:
    """The system with all that is told of its composition and field as its notes, which go into the file."""
    more = [*balance_notes(system), *field_notes(system, config.run.field_V_per_m)]
    more += network_notes(system, config.run.allow_localised_carriers)
    if config.gas is None:
        more += minority_notes(system)
    notes = (*system.composition.notes, *more)
    return replace(system, composition=replace(system.composition, notes=notes))


def describe_system(system: System, config: RunConfig) -> list[str]:
    """Sites, particles, charge balance and field of a system with its notes, a line each."""
    tables, composition = system.tables, system.composition
    parts = [f"{name} {n}" for name, n in composition.counts.items() if n]
    return [
        f"{system.model.name}: {tables.supercell.n_sites} sites, {system.replicas} replicas: {', '.join(parts)}",
        *(note.line for note in composition.notes),
        *domain_lines(system, config),
        *(mode_lines(system) if config.polarons.mode != "auto" else [AUTO]),
    ]


def further_notes(system: System, first: System) -> list[Note]:
    """What is told of another temperature's composition and not of the first one's."""
    return [note for note in system.composition.notes if note not in first.composition.notes]


def mode_lines(system: System) -> list[str]:
    """The mode of electronic carriers beside ions, and the factors on rates."""
    if system.mode == "kinetic":
        kinds = {
            hop.carrier in system.model.electronic
            for hop in system.model.hops
            if system.composition.counts[hop.carrier]
        }
        return ["polarons.mode = kinetic: all true rates"] if len(kinds) == 2 else []
    factors = ", ".join(f"{name} x {factor:.3g}" for name, factor in system.rate_factor.items())
    return [f"polarons.mode = {system.mode}: rates of {factors}"]


def balance_notes(system: System) -> list[Note]:
    """delta, mean oxidation state and electronic carriers per cation, where the model knows oxidation states."""
    model, counts = system.model, system.composition.counts
    charged = {name: s for name, s in model.species.items() if s.oxidation_state is not None}
    empty = model.vacancies
    if not charged or len(empty) != 1:
        return []
    sublattice = next(iter(charged.values())).sublattice
    cations = system.tables.supercell.n_sites_of(system.tables.supercell.crystal.index(sublattice))
    ions = sum(counts[name] for name in charged)
    mean = sum((s.oxidation_state or 0) * counts[name] for name, s in charged.items()) / ions
    element = next(iter(charged.values())).element
    net = sum(model.species[name].charge * counts[name] for name in model.electronic & set(charged))
    fixed = sum(
        s.charge * counts[name] for name, s in model.species.items() if name not in model.electronic | set(empty)
    )
    text = (
        f"delta = {counts[empty[0]] / cations:.4f}; mean oxidation state of {element} = {mean:.4f}; "
        f"p - n = {net / cations:.4f} per {sublattice} site (neutrality: {-fixed / cations:.4f} - 2 delta)"
    )
    return [Note(text)]


def domain_lines(system: System, config: RunConfig) -> list[str]:
    """The blocks and the bias to expect; InputError where the supercell cannot be cut as asked."""
    asked = config.run.parallel.domains
    if asked is None:
        return []
    from kmc.state.domains import build_domains, edge_in_hops, expected_bias

    domains = build_domains(system.tables, asked.block)
    edge = edge_in_hops(system.tables, domains)
    bias = expected_bias(asked.hops_per_visit, edge)
    return [
        f"domains: {' x '.join(str(n) for n in domains.blocks)} blocks in eight colours, {asked.hops_per_visit:g} hops "
        f"of the fastest carrier per visit; expected bias of D* {bias:+.2%} (-3.4 % h^2/edge, edge {edge:.1f} hops)"
    ]


def file_bytes(system: System, config: RunConfig) -> int:
    """Size of trajectory.h5 without compression."""
    from kmc.measure.density_planes import counted, n_planes

    frames, positions = config.run.frames, config.run.positions
    tables = system.tables
    shown = {"none": 0, "first": 1, "all": system.replicas}[positions]
    per_frame = shown * (12 * tables.n_particles + 100)
    per_frame += system.replicas * (24 * len(tables.species) + 16 * tables.n_families) + 8
    if config.thermodynamics:
        per_frame += 4 * system.replicas * len(counted(tables)) * sum(n_planes(tables))
    return frames * per_frame + system.replicas * 48 * len(tables.species) * 16


def memory_bytes(system: System, frames: int) -> int:
    """Memory of the state and of the accumulators of one temperature on the host."""
    from kmc.backends.cuda_memory import bytes_per_replica
    from kmc.measure.lag_windows import lags_of

    return system.replicas * bytes_per_replica(system.tables, len(lags_of(frames)))


def device_plan(system: System, frames: int) -> str:
    """Device memory of a run, and how many replicas fit: on the device that is there, else on two common sizes."""
    from kmc.backends import cuda_device, cuda_memory
    from kmc.measure.lag_windows import lags_of

    lags = len(lags_of(frames))
    each = cuda_memory.bytes_per_replica(system.tables, lags)
    free = (
        {"80 GB": 80e9, "141 GB": 141e9} if cuda_device.problem() else {"this device": float(cuda_device.free_bytes())}
    )
    fit = [f"{cuda_memory.largest_replicas(system.tables, int(size), lags)} on {name}" for name, size in free.items()]
    total = system.replicas * each + cuda_memory.SCRATCH_BYTES
    return f"{total / 1e6:.4g} ({each / 1e6:.4g} a replica; at most {', '.join(fit)})"


def validate(config: RunConfig, base: Path) -> dict[str, Any]:
    """Everything that can be said without running; the acceptance comes from a short walk of random arrangements.

    InputError for whatever `kmc run` would refuse before it starts (the output folder aside).
    """
    from kmc.backends import choose_backend
    from kmc.tables.pair_energies import MICRO

    jobs_of(config, base, base)  # refuses what a mode or an extrapolation cannot do
    systems = [with_notes(system_of(config, base, k), config) for k in range(len(config.run.temperatures_K))]
    system = systems[0]
    more = [
        f"{each.tables.temperature_K:g} K: {note.line}" for each in systems[1:] for note in further_notes(each, system)
    ]
    tables, run = system.tables, config.run
    barriers = tables.barrier2[tables.barrier2 >= 0] / (2 * MICRO)
    replicas = _trial_replicas(system)
    return {
        "summary": [*describe_system(system, config), *more],
        "sites": tables.supercell.n_sites,
        "carriers": {tables.species[int(c)]: int(tables.counts[c]) for c in tables.carrier},
        "temperature_K": run.temperatures_K,
        "backend": ": ".join(choose_backend(run.backend)),
        "barrier_eV": [float(barriers.min()), float(barriers.max())] if len(barriers) else None,
        "proven_lowest_barrier_eV": (tables.reference2 / (2 * MICRO)).tolist(),
        "largest_energy_change_eV": _largest_energy_change(system) / MICRO,
        "memory_MB": memory_bytes(system, run.frames) / 1e6,
        "device_memory_MB": device_plan(system, run.frames),
        "trajectory_MB": sum(file_bytes(each, config) for each in systems) / 1e6,
        "expected_acceptance": [_acceptance(config, base, k, replicas) for k in range(len(systems))],
        "acceptance_from": f"{TRIAL_WALK} trials in each of {replicas} replicas that start at random",
    }


def format_facts(facts: dict[str, Any]) -> str:
    """Lines for people."""
    return "\n".join([*facts["summary"], *(f"{key}: {_plain(v)}" for key, v in facts.items() if key != "summary")])


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(entry) for entry in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _trial_replicas(system: System) -> int:
    return max(1, min(TRIAL_REPLICAS, TRIAL_SITES // system.tables.supercell.n_sites))


def _acceptance(config: RunConfig, base: Path, number: int, replicas: int) -> float:
    """Accepted over tried in a short walk."""
    from kmc.backends.numpy_walk import NumpyWalker

    few = config.model_copy(update={"run": config.run.model_copy(update={"replicas": replicas})})
    system = system_of(few, base, number)
    walker = NumpyWalker(system.tables, system.initial_state(), system.seed)
    walker.advance(np.full(replicas, TRIAL_WALK, dtype=np.int64))
    trials, accepted = walker.counters()
    return float(accepted.sum() / trials.sum())


def _largest_energy_change(system: System) -> int:
    """Bound of |dE| of any hop without field work, over every arrangement, in microelectronvolt."""
    tables = system.tables
    terms = [term for term in tables.terms if term.name != "field"]
    lowest = 0
    for f in range(tables.n_families):
        for b, d in np.argwhere(tables.bond_basis[f] >= 0).tolist():
            bond = (b, *tables.bond_cell[f, b, d].tolist(), int(tables.bond_basis[f, b, d]))
            lowest = min(lowest, sum(term.lowest_d_energy(f, bond) for term in terms))
    return -lowest


def field_notes(system: System, wanted: tuple[float, float, float]) -> list[Note]:
    """The field really applied, and a warning where rounding changes the work of a hop by more than 1 %."""
    if not any(wanted):
        return []
    error = work_rounding(system, wanted)
    notes = [Note(f"field applied: {[float(f'{value:.6g}') for value in system.tables.field_V_per_m]} V/m")]
    if error > WORST_ROUNDING:
        text = (
            f"rounding to whole microelectronvolts changes the work per hop by up to {error:.1%}; take a stronger field"
        )
        notes.append(Note(text, warning=True))
    return notes


def work_rounding(system: System, wanted: tuple[float, float, float]) -> float:
    """Largest error of a hop's work in the field over the largest work of a hop, both without and with rounding."""
    from kmc.tables.build import field_work

    model, supercell = system.model, system.tables.supercell
    worst = largest = 0.0
    for hop, (stencil, work) in zip(model.hops, field_work(model, supercell, wanted), strict=True):
        charge = model.species[hop.carrier].charge - model.species[hop.partner].charge
        exact = -charge * (stencil.vectors_angstrom @ np.asarray(wanted)) * 1e-10 * 1e6
        worst = max(worst, float(np.abs(work - exact).max()))
        largest = max(largest, float(np.abs(exact).max()))
    return worst / largest if largest else 0.0
