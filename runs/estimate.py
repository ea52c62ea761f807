"""Requirements and expected properties of a run, for `kmc validate` and the first lines of `kmc run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runs.config import RunConfig
from runs.notes import describe_system, further_notes
from runs.prepare import MOST_SITES_BUILT, Job, PreparedRun, prepare

if TYPE_CHECKING:
    from kmc.model.composition import Composition
    from kmc.state.replicas import State
    from kmc.state.system import System

TRIAL_WALK = 2000  # trials per replica of the simulation that estimates the acceptance
TRIAL_REPLICAS = 8
NUMBERS_PER_CHUNK = 1024  # of a dataset with one number per frame
CHUNK_BYTES = 24  # checksum and index of a chunk
HEADER_BYTES = 20_000  # description of the run, object headers
PROGRAM_BYTES = 115_000_000  # Python and its libraries


@dataclass(frozen=True)
class Facts:
    """The output of `kmc validate`. Names carry units; lists over temperatures are in the order of the run file.

    summary: lines for people. barrier_eV: lowest and highest of the model, None without fixed barriers.
    proven_lowest_barrier_eV: bound of each hop family. trajectory_MB: all trajectory files together;
    checkpoints_MB likewise, two for each trajectory. memory_MB: of this process at its peak.
    """

    summary: list[str]
    sites: int
    carriers: dict[str, int]
    temperature_K: list[float]
    backend: str
    barrier_eV: list[float] | None
    proven_lowest_barrier_eV: list[float]
    largest_energy_change_eV: float
    memory_MB: float
    device_memory_MB: str
    trajectory_MB: float
    checkpoints_MB: float
    expected_acceptance: list[float]
    acceptance_from: str

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def format(self) -> str:
        """Lines for people."""
        return "\n".join(
            [*self.summary, *(f"{key}: {_plain(v)}" for key, v in self.as_dict().items() if key != "summary")]
        )


def validate(config: RunConfig, base: Path) -> Facts:
    """Everything that is known before a run; the acceptance is estimated by a short simulation from random states.

    base: folder from which relative paths start. InputError for everything that `kmc run` would refuse before it starts
    (its output folder aside).
    """
    from kmc.tables.pair_energies import MICRO

    prepared = prepare(config, base)
    system, *others = prepared.systems
    further = [(each.tables.temperature_K, note) for each in others for note in further_notes(each, system)]
    tables, run = system.tables, config.run
    barriers = tables.barrier2[tables.barrier2 >= 0] / (2 * MICRO)
    walked = tables.supercell.n_sites <= MOST_SITES_BUILT
    replicas = max(1, min(TRIAL_REPLICAS, MOST_SITES_BUILT // tables.supercell.n_sites))
    return Facts(
        summary=[
            *describe_system(system, prepared.config),
            *(f"{temperature_K:g} K: {note.line}" for temperature_K, note in further),
        ],
        sites=tables.supercell.n_sites,
        carriers={tables.species[int(c)]: int(tables.counts[c]) for c in tables.carrier},
        temperature_K=run.temperatures_K,
        backend=f"{prepared.backend}: {prepared.backend_reason}",
        barrier_eV=[float(barriers.min()), float(barriers.max())] if len(barriers) else None,
        proven_lowest_barrier_eV=(tables.reference2 / (2 * MICRO)).tolist(),
        largest_energy_change_eV=_largest_energy_change(system) / MICRO,
        memory_MB=max(memory_bytes(job) for job in prepared.jobs) / 1e6,
        device_memory_MB=device_plan(prepared.jobs[0]),
        trajectory_MB=trajectory_bytes(prepared) / 1e6,
        checkpoints_MB=sum(checkpoint_bytes(job) for job in prepared.jobs) / 1e6,
        expected_acceptance=_acceptances(prepared.systems, replicas) if walked else [],
        acceptance_from=f"{TRIAL_WALK} trials in each of {replicas} replicas that start from random arrangements"
        if walked
        else f"nothing: supercells of more than {MOST_SITES_BUILT} sites are not simulated",
    )


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(entry) for entry in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def trajectory_bytes(prepared: PreparedRun) -> int:
    """Size of all trajectory files together without compression; a requested precision may need more frames."""
    return sum(file_bytes(job) for job in prepared.jobs)


def file_bytes(job: Job) -> int:
    """Size of trajectory.h5: every dataset of kmc/files/writer.py with its chunks and their index."""
    from kmc.measure.lag_windows import LagWindows

    system, settings, tables = job.system, job.settings, job.system.tables
    shown, frames = _shown(job), settings.frames + 1
    species, families, replicas = len(tables.species), tables.n_families, system.replicas
    rows = [24 * replicas * species, *2 * [8 * replicas * families], *_plane_rows(job)]
    rows += shown * [12 * tables.n_particles, 72]
    rows += [size] if (size := _sampled_row(job)) else []
    numbers = (1 + 2 * shown) * -(-frames // NUMBERS_PER_CHUNK) * 8 * NUMBERS_PER_CHUNK
    lags, blocks = LagWindows(settings.frames, replicas).shape
    totals = 48 * lags * blocks * replicas * species
    if settings.profile:
        totals += 8 * settings.profile.bins * species * (1 + replicas * (1 + blocks * (1 + 4 * lags)))
    if settings.thermodynamics:
        totals += _afterwards(job)
    fixed = 16 * (tables.supercell.n_sites - tables.n_mobile_sites) * bool(shown) + 4 * shown * tables.n_particles
    return frames * (sum(rows) + CHUNK_BYTES * len(rows)) + numbers + totals + fixed + HEADER_BYTES + 3000 * shown


def _sampled_row(job: Job) -> int:
    """Bytes per frame of displacements between the frames; 0 where the run has none, or its length is a time."""
    from kmc.run.sampling import samples_per_frame
    from kmc.run.settings import Hops
    from kmc.state.carrier_sums import CarrierSums

    length, system = job.settings.scheduled_duration, job.system
    if not isinstance(length, Hops):
        return 0
    counts = CarrierSums.of(system.tables).count
    hops = Fraction(length.per_carrier) / job.settings.frames
    samples = samples_per_frame(system, job.settings, hops, int(counts.min()))
    return 24 * system.replicas * len(counts) * samples if samples > 1 else 0


def _shown(job: Job) -> int:
    """Number of replicas whose positions are written."""
    return {"none": 0, "first": 1, "all": job.system.replicas}[job.settings.positions]


def _plane_rows(job: Job) -> list[int]:
    """Bytes per frame of the numbers of carriers in each plane, by axis."""
    from kmc.measure.density_planes import counted, n_planes

    tables = job.system.tables
    each = 4 * job.system.replicas * len(counted(tables))
    return [each * planes for planes in n_planes(tables)] if job.settings.thermodynamics else []


def _afterwards(job: Job) -> int:
    """Bytes of relaxation waves; those of the scan are few."""
    from kmc.run.relaxation import FEWEST_FRAMES

    wave = job.settings.thermodynamics and job.settings.thermodynamics.relaxation
    if not wave:
        return 0
    return wave.waves * (max(job.settings.frames // wave.waves, FEWEST_FRAMES) + 1) * _plane_rows(job)[wave.axis]


def checkpoint_bytes(job: Job) -> int:
    """Size of the two checkpoints that a run keeps: the state, and the positions where the windows of lags began."""
    from kmc.backends.cuda_memory import POSITION_BYTES, bytes_per_replica
    from kmc.measure.lag_windows import lags_of

    tables, lags = job.system.tables, len(lags_of(job.settings.frames))
    each = bytes_per_replica(tables) + POSITION_BYTES * tables.n_particles * lags
    return 2 * (job.system.replicas * each + HEADER_BYTES)


def memory_bytes(job: Job) -> int:
    """Memory on the host at the peak of one trajectory: the program, the state, snapshots, and frames to be written."""
    from kmc.backends.cuda_memory import POSITION_BYTES, bytes_per_replica
    from kmc.measure.lag_windows import lags_of
    from kmc.run.limits import MOST_PENDING_BYTES

    tables, frames = job.system.tables, job.settings.frames
    frame = POSITION_BYTES * tables.n_particles * _shown(job)
    pending = min((frames + 1) * frame, MOST_PENDING_BYTES + frame)
    converted = 4 * POSITION_BYTES * tables.n_particles * bool(frame)  # one replica in float64, then in float32
    state = job.system.replicas * bytes_per_replica(tables, len(lags_of(frames)))
    return PROGRAM_BYTES + state + pending + converted


def device_plan(job: Job) -> str:
    """Device memory of a run, and how many replicas fit: on the device that is present, or on two common sizes."""
    from kmc.backends import cuda_device, cuda_memory
    from kmc.run.device_plan import DevicePlan

    needed = DevicePlan(job.system, job.settings, job.settings.frames).bytes
    free = (
        {"80 GB": 80e9, "141 GB": 141e9} if cuda_device.problem() else {"this device": float(cuda_device.free_bytes())}
    )
    fit = [f"{cuda_memory.largest_replicas(needed, int(size))} on {name}" for name, size in free.items()]
    return f"{needed(job.system.replicas) / 1e6:.4g} (replicas that fit: {', '.join(fit)})"


def _acceptances(systems: Sequence[System], replicas: int) -> list[float]:
    """Fraction of accepted trials of each system in a short simulation on the host.

    Systems with the same particles start from the same random arrangements.
    """
    from kmc.backends import backend_named, make_walker

    host = "numpy" if backend_named("cpu").problem() else "cpu"
    found: list[float] = []
    start: tuple[Composition, State] | None = None
    for system in (each.at(replicas=replicas) for each in systems):
        if start is None or start[0].counts != system.composition.counts:
            start = system.composition, system.initial_state()
        walker = make_walker(host, system, start[1].copy())
        walker.advance(np.full(replicas, TRIAL_WALK, dtype=np.int64))
        trials, accepted = walker.counters()
        found.append(float(accepted.sum() / trials.sum()))
    return found


def _largest_energy_change(system: System) -> int:
    """Bound of |dE| of any hop without field work, over every arrangement, in microelectronvolts."""
    tables = system.tables
    terms = [term for term in tables.terms if term.name != "field"]
    lowest = 0
    for f in range(tables.n_families):
        for b, d in np.argwhere(tables.bond_basis[f] >= 0).tolist():
            bond = (b, *tables.bond_cell[f, b, d].tolist(), int(tables.bond_basis[f, b, d]))
            lowest = min(lowest, sum(term.lowest_d_energy(f, bond) for term in terms))
    return -lowest
