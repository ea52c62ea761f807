"""The checkpoint of a run as a typed record: written and read here, and compared here with the run to be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import Array
from kmc.files.checkpoint import read_checkpoint, write_checkpoint
from kmc.measure.observer import Arrays
from kmc.run.observers import observers_of
from kmc.run.schedule import Equilibration, Schedule
from kmc.run.settings import Hops, Precision, Seconds, Settings
from kmc.state.replicas import State
from kmc.state.system import System
from lattices.errors import InputError


@dataclass(frozen=True)
class Identity:
    """Properties that a run shares with the checkpoint from which it is resumed, as texts and numbers of JSON."""

    digest: str
    seed: int
    temperature_index: int
    replicas: int
    equilibration: str
    duration: str
    frames: int
    positions: str
    selection: str
    domains: str
    profile: str
    observers: str


@dataclass(frozen=True)
class SavedProduction:
    """Production up to a frame, and `windows` windows beyond it.

    start_trials, start_accepted: (R, F) int64 counters at frame 0. observers: the state of every observer by its name.
    crc: CRC-32 of what trajectory.h5 holds up to this frame, by growing dataset.
    """

    schedule: Schedule
    frame: int
    windows: int
    start_trials: NDArray[np.int64]
    start_accepted: NDArray[np.int64]
    observers: Mapping[str, Arrays]
    crc: Mapping[str, int]


@dataclass(frozen=True)
class SavedRun:
    """A run at its last checkpoint. phase: progress of the equilibration or of the production."""

    identity: Identity
    wall_s: float
    state: State
    phase: Equilibration | SavedProduction

    def write(self, folder: Path) -> None:
        """Write the checkpoint of a folder. Raises OSError for a full or read-only disk."""
        arrays = {f"state/{name}": value for name, value in self.state.arrays().items()}
        meta: dict[str, Any] = {
            "identity": asdict(self.identity),
            "wall_s": self.wall_s,
            "window": self.state.window,
            "equilibration": None,
            "production": None,
        }
        if isinstance(self.phase, Equilibration):
            meta["equilibration"] = asdict(self.phase)
        else:
            schedule, frame, crc = asdict(self.phase.schedule), self.phase.frame, dict(self.phase.crc)
            meta["production"] = {"schedule": schedule, "frame": frame, "windows": self.phase.windows, "crc": crc}
            arrays |= {"start/trials": self.phase.start_trials, "start/accepted": self.phase.start_accepted}
            for observer, kept in self.phase.observers.items():
                arrays |= {f"observers/{observer}/{name}": np.asarray(value) for name, value in kept.items()}
        write_checkpoint(folder, arrays, meta)

    @classmethod
    def read(cls, folder: Path) -> SavedRun:
        """The newest intact checkpoint of a folder; InputError if there is none."""
        arrays, meta = read_checkpoint(folder)
        state = State(**_below("state", arrays), window=meta["window"])
        phase: Equilibration | SavedProduction
        if meta["production"] is None:
            phase = Equilibration(**meta["equilibration"])
        else:
            observers: dict[str, dict[str, Array]] = {}
            for path, value in _below("observers", arrays).items():
                observer, name = path.split("/", 1)
                observers.setdefault(observer, {})[name] = value
            production = meta["production"]
            schedule, start = Schedule(**production["schedule"]), (arrays["start/trials"], arrays["start/accepted"])
            reached = production["frame"], production["windows"]
            phase = SavedProduction(schedule, *reached, *start, observers, production["crc"])
        return cls(Identity(**meta["identity"]), meta["wall_s"], state, phase)

    @property
    def frame(self) -> int:
        """The last frame; 0 during equilibration."""
        return self.phase.frame if isinstance(self.phase, SavedProduction) else 0

    def check(self, here: Identity, folder: Path) -> None:
        """InputError that names the first thing in which the run `here` differs from the checkpoint."""
        for name, value in asdict(here).items():
            there = getattr(self.identity, name)
            if there != value:
                raise InputError(f"{folder}: the checkpoint belongs to another run: its {name} is {there}, not {value}")


def identity_of(system: System, settings: Settings) -> Identity:
    """The identity that the checkpoints of this run record."""
    domains, profile = settings.domains, settings.profile
    return Identity(
        digest=system.tables.digest,
        seed=system.seed,
        temperature_index=system.temperature_index,
        replicas=system.replicas,
        equilibration=_length(settings.equilibration),
        duration=_length(settings.duration),
        frames=settings.frames,
        positions=settings.positions,
        selection=settings.selection,
        domains=f"block {domains.block}, {float(domains.hops_per_visit)!r} hops per visit" if domains else "none",
        profile=f"axis {profile.axis}, {profile.bins} bins" if profile else "none",
        observers=", ".join(observers_of(system, settings).names),
    )


def _length(duration: Hops | Seconds | Precision) -> str:
    match duration:
        case Hops(per_carrier):
            return f"{float(per_carrier)!r} hops per carrier"
        case Seconds(value):
            return f"{float(value)!r} s"
        case Precision(errors):
            if isinstance(errors, Mapping):
                return ", ".join(f"a relative error of {name} of {errors[name]!r}" for name in sorted(errors))
            return f"a relative error of {float(errors)!r}"


def _below(group: str, arrays: Arrays) -> dict[str, Array]:
    """The arrays of a group by the rest of their names."""
    return {name.removeprefix(f"{group}/"): value for name, value in arrays.items() if name.startswith(f"{group}/")}
