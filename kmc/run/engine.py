"""The loop: equilibrate, freeze the schedule, walk frame by frame, write frames and checkpoints."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kmc.arrays import to_host
from kmc.backends import Walker, choose_backend, make_walker
from kmc.files.checkpoint import has_checkpoint, read_checkpoint, write_checkpoint
from kmc.files.writer import NAME, FrameData, TrajectoryWriter
from kmc.measure.density_planes import plane_numbers
from kmc.measure.msd import Accumulator, lags_of, new_accumulator
from kmc.run.progress import Phase, Progress, Report, Stop
from kmc.run.schedule import (
    Equilibration,
    Schedule,
    advance_window,
    decide_selection,
    equilibrated,
    freeze,
    start_equilibration,
    sweep_trials,
)
from kmc.run.settings import Settings
from kmc.run.thermodynamics import afterwards
from kmc.state.replicas import State, check_images, unwrapped_grid_positions
from kmc.state.system import System
from kmc.version import VERSION
from lattices.errors import InputError


def run(
    system: System,
    settings: Settings,
    folder: Path | str,
    *,
    backend: str = "auto",
    resume: bool = False,
    extend_to_frames: int | None = None,
    prepare: System | None = None,
    report: Report | None = None,
    stop: Stop | None = None,
) -> bool:
    """Walk and write folder/trajectory.h5; True when finished, False when `stop` asked for an end.

    resume continues from the checkpoint; extend_to_frames makes a finished run longer, at the same frame interval.
    prepare: the same particles with other rates, equilibrated first (without checkpoints) for the run to begin from.
    Raises InputError if the folder holds a run already and resume is False, if the checkpoint belongs to another
    run, or if the folder cannot be written.
    """
    folder, backend = Path(folder), choose_backend(backend)[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not resume and (has_checkpoint(folder) or (folder / NAME).exists()):
            raise InputError(f"{folder} already holds a run; resume it or choose another folder")
        report, stop = report or (lambda _: None), stop or (lambda: False)
        state = None
        if prepare is not None and not resume:
            state = _prepared(prepare, settings, backend, report, stop)
            if state is None:
                return False
        begin = _resumed if resume else partial(_fresh, state=state)
        walk = begin(system, settings, folder, backend)
        walk.report, walk.stop = report, stop
        return walk.go(extend_to_frames or settings.frames)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written: {error.strerror or error}; frames up to the last checkpoint are kept"
        ) from error


def frozen_schedule(folder: Path | str) -> dict[str, Any]:
    """The production schedule of the run in a folder; InputError before equilibration is over."""
    meta = read_checkpoint(Path(folder))[1]
    if meta["schedule"] is None:
        raise InputError(f"{folder}: still in equilibration")
    return {**meta["schedule"], "frames": meta["frames"]}


@dataclass
class _Walk:
    """A run in progress."""

    system: System
    settings: Settings
    folder: Path
    walker: Walker
    writer: TrajectoryWriter
    equilibration: Equilibration
    half_accepted: list[int]
    schedule: Schedule | None = None
    accumulator: Accumulator | None = None
    frame: int = 0
    start_trials: Any = None  # (R, F) counters at frame 0
    start_accepted: Any = None
    wall_s: float = 0.0
    report: Report = lambda _: None
    stop: Stop = lambda: False

    def go(self, frames: int) -> bool:
        """Everything that is left to do up to frame `frames`."""
        self._clock = time.monotonic()
        self._pending: list[FrameData] = []
        if self.schedule is None and not self._equilibrate():
            return False
        assert self.schedule is not None and self.accumulator is not None
        self.accumulator.extend(frames, unwrapped_grid_positions(self.system.tables, self.walker.live()), self.frame)
        last_written = time.monotonic()
        while self.frame < frames:
            self._walk_frame()
            finished = self.frame >= frames
            due = time.monotonic() - last_written > self.settings.checkpoint_every_s
            self._tell("production", self.frame, frames)
            asked = self.stop()
            if finished or due or asked:
                self._save()
                last_written = time.monotonic()
            if asked and not finished:
                return False
        what = (self.system, self.settings, self.schedule)
        return afterwards(*what, self.walker.read(), self.walker.name, self.writer, self._tell, self.stop)

    def _equilibrate(self) -> bool:
        """Walk until the wanted hops, then freeze the schedule and begin the file; False if asked to stop."""
        progress, last_written = self.equilibration, time.monotonic()
        over = False
        while not over:
            over = self.equilibrate_on()
            asked = self.stop() and not over
            if asked or time.monotonic() - last_written > self.settings.checkpoint_every_s:
                self._save()
                last_written = time.monotonic()
            if asked:
                return False
        state = self.walker.read()
        self.schedule = freeze(
            self.system, self.settings, np.array(self.half_accepted), state.accepted.sum(axis=0), progress
        )
        self._begin_production(state)
        return True

    def equilibrate_on(self) -> bool:
        """One window of equilibration; whether it was the last."""
        progress = self.equilibration
        self._window(progress.mean, progress.sweep)
        progress.windows += 1
        progress.elapsed += progress.mean * self.system.replicas
        unmarked = progress.half_elapsed < 0
        accepted = self.walker.counters()[1].sum(axis=0)
        progress.sweep = sweep_trials(self.system, self.settings, accepted, progress.elapsed)
        over, share = equilibrated(self.system, self.settings, accepted, progress)
        if unmarked and progress.half_elapsed >= 0:
            self.half_accepted = accepted.tolist()
        self._decide_selection(int(accepted.sum()), over)
        self._tell("equilibration", int(1000 * share), 1000)
        return over

    def _decide_selection(self, hops: int, over: bool) -> None:
        """Settle what "auto" left open as soon as the counts allow it."""
        progress = self.equilibration
        if progress.selection:
            return
        progress.selection = decide_selection(self.system.tables, self.settings, hops, progress.elapsed, over)
        if progress.selection == "rejection-free":
            self.walker = _walker(self.walker.name, self.system, self.settings, self.walker.read(), progress.selection)

    def _begin_production(self, state: State) -> None:
        live = self.walker.live()
        self.accumulator = new_accumulator(self.system.tables, live, self.settings.frames, self.settings.profile)
        self.start_trials, self.start_accepted = state.trials.copy(), state.accepted.copy()
        self.writer.create(state)
        positions = unwrapped_grid_positions(self.system.tables, live)
        summed = np.zeros((self.system.replicas, len(self.system.tables.species), 3), dtype=np.int64)
        self._keep(positions, summed)
        self._save()

    def _window(self, mean: int, sweep: int) -> None:
        advance_window(self.walker, self.system, self.settings, self.equilibration.selection, mean, sweep)

    def _walk_frame(self) -> None:
        assert self.schedule is not None and self.accumulator is not None
        for _ in range(self.schedule.windows_per_frame):
            self._window(self.schedule.mean, self.schedule.sweep)
        live = self.walker.live()
        check_images(live)
        self.frame += 1
        positions = unwrapped_grid_positions(self.system.tables, live)
        self._keep(positions, self.accumulator.record(self.system.tables, positions, self.frame))

    def _keep(self, positions: Any, summed: Any) -> None:
        """Hold a frame for the file: counters, summed displacements and the shown replicas, nothing else."""
        assert self.schedule is not None
        trials, accepted = self.walker.counters()
        planes = plane_numbers(self.system.tables, positions) if self.writer.planes else []
        self._pending.append(
            {f"planes{axis}": numbers for axis, numbers in enumerate(planes)}
            | {
                "time_s": np.float64(self.frame * self.schedule.frame_interval_s),
                "summed_displacement": to_host(summed),
                "trials": trials - self.start_trials,
                "accepted": accepted - self.start_accepted,
                "positions": to_host(positions[: self.writer.shown].copy()),
            }
        )

    def _save(self) -> None:
        """Append the frames since the last time, then the checkpoint that goes with them."""
        now = time.monotonic()
        self.wall_s, self._clock = self.wall_s + now - self._clock, now
        if self.accumulator is not None and self._pending:
            self.writer.append(
                self._pending, self.accumulator, run_facts(self.walker.name, self.wall_s, self.settings, self.schedule)
            )
            self._pending = []
        arrays = {f"state_{k}": v for k, v in self.walker.read().arrays().items()}
        if self.accumulator is not None:
            arrays |= {f"accumulator_{k}": v for k, v in self.accumulator.arrays().items()}
            arrays |= {"start_trials": self.start_trials, "start_accepted": self.start_accepted}
        write_checkpoint(self.folder, arrays, self._meta())

    def _meta(self) -> dict[str, Any]:
        return {
            "digest": self.system.tables.digest,
            "seed": self.system.seed,
            "temperature_index": self.system.temperature_index,
            "replicas": self.system.replicas,
            "window": self.walker.window,
            "frame": self.frame,
            "frames": self.settings.frames,
            "domains": asdict(self.settings.domains) if self.settings.domains else None,
            "block_frames": self.accumulator.block_frames if self.accumulator else None,
            "equilibration": asdict(self.equilibration),
            "half_accepted": self.half_accepted,
            "schedule": self.schedule.as_dict() if self.schedule else None,
            "wall_s": self.wall_s,
        }

    def _tell(self, phase: Phase, done: int, total: int) -> None:
        interval = self.schedule.frame_interval_s if self.schedule else 0.0
        accepted = int(self.walker.counters()[1].sum())
        wall = self.wall_s + time.monotonic() - self._clock
        self.report(Progress(phase, done, total, accepted, wall, self.frame * interval))


def _walker(backend: str, system: System, settings: Settings, state: State, selection: str) -> Walker:
    block = settings.domains.block if settings.domains else None
    lags = len(lags_of(settings.frames))
    return make_walker(backend, system, state, selection or "rejection", lags=lags, block=block)


def _prepared(system: System, settings: Settings, backend: str, report: Report, stop: Stop) -> State | None:
    """The state after equilibration with the rates of `system`, counters at zero; None if asked to stop."""
    equilibration = start_equilibration(system, settings)
    walker = _walker(backend, system, settings, system.initial_state(), equilibration.selection)
    writer = TrajectoryWriter(Path(), system, "none")  # never created
    walk = _Walk(system, settings, Path(), walker, writer, equilibration, [0] * system.tables.n_families)
    walk.report, walk.stop, walk._clock = report, stop, time.monotonic()
    while not walk.equilibrate_on():
        if stop():
            return None
    state = walk.walker.read().copy()
    state.trials[:] = state.accepted[:] = 0
    state.image[:] = 0
    return state


def _fresh(system: System, settings: Settings, folder: Path, backend: str, state: State | None = None) -> _Walk:
    equilibration = start_equilibration(system, settings)
    walker = _walker(backend, system, settings, state or system.initial_state(), equilibration.selection)
    writer = TrajectoryWriter(folder, system, settings.positions, settings.thermodynamics is not None)
    return _Walk(system, settings, folder, walker, writer, equilibration, [0] * system.tables.n_families)


def _resumed(system: System, settings: Settings, folder: Path, backend: str) -> _Walk:
    """The walk as its checkpoint left it; frames written after the checkpoint are dropped."""
    arrays, meta = read_checkpoint(folder)
    here = {"digest": system.tables.digest, "seed": system.seed, "replicas": system.replicas}
    here |= {"temperature_index": system.temperature_index, "frames": settings.frames}
    here |= {"domains": asdict(settings.domains) if settings.domains else None}
    for name, value in here.items():
        if meta[name] != value:
            raise InputError(
                f"{folder}: the checkpoint belongs to another run: its {name} is {meta[name]}, not {value}"
            )
    state = State(
        **{k.removeprefix("state_"): v for k, v in arrays.items() if k.startswith("state_")}, window=meta["window"]
    )
    equilibration = Equilibration(**meta["equilibration"])
    walker = _walker(backend, system, settings, state, equilibration.selection)
    writer = TrajectoryWriter(folder, system, settings.positions, settings.thermodynamics is not None)
    walk = _Walk(system, settings, folder, walker, writer, equilibration, meta["half_accepted"])
    walk.wall_s = meta["wall_s"]
    if meta["schedule"] is not None:
        kept = {k.removeprefix("accumulator_"): v for k, v in arrays.items() if k.startswith("accumulator_")}
        walk.schedule = Schedule(**meta["schedule"])
        walk.accumulator = Accumulator.from_arrays(kept, meta["block_frames"])
        walk.accumulator.move_beside(walker.live().image)
        walk.frame = meta["frame"]
        walk.start_trials, walk.start_accepted = arrays["start_trials"], arrays["start_accepted"]
        writer.truncate(walk.frame + 1)
    return walk


def run_facts(backend: str, wall_s: float, settings: Settings, schedule: Schedule | None) -> dict[str, Any]:
    """What did the walk, for the file: backend, wall time, versions."""
    versions = {"miec-kmc": VERSION, "numpy": np.__version__, "python": platform.python_version()}
    visit = settings.domains.hops_per_visit * schedule.visit_share if settings.domains and schedule else None
    facts = {"backend": backend, "wall_s": wall_s, "planned_frames": settings.frames, "versions": versions}
    return facts | {"hops_per_visit": visit}
