"""Observables: what is measured at every frame of a run, independent of the engine, the file and the checkpoint.

An observable is one class with one entry in `Settings.observers` (or in kmc/run/observers.py, for the
built-in ones). The engine, the trajectory writer and the checkpoint loop over observers and know none by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import Array
from kmc.state.replicas import State
from kmc.tables.event_tables import EventTables
from lattices.errors import InputError

Arrays = Mapping[str, Array]
Positions = NDArray[np.int32]  # (R, M, 3) unwrapped, in units of cell/grid; a CuPy array on a CUDA device


class Observer(ABC):
    """One observable of a run of R replicas with M particles that have an id (every particle on a mobile sublattice,
    or the carriers alone where only they are tracked; `EventTables.first_particle` and `counts` say which is which).

    The engine calls `start` when equilibration is over, `record` for frame 0 (the initial state) and then for every
    frame in turn. In a resumed run `restore` takes the place of `start`. Paths of datasets are relative to the group
    /kmc of the trajectory file. Everything that the file receives must be the same on every backend: use integers.
    """

    name: str  # unique among the observers of a run; names the observer's arrays in the checkpoint

    @abstractmethod
    def start(self, tables: EventTables, live: State) -> None:
        """Allocate what is needed. The arrays of `live` are on the host or on a device."""

    @abstractmethod
    def record(self, frame: int, positions: Positions) -> Arrays:
        """Observe a frame; returns one row on the host for each dataset that grows by one row per frame.

        Every frame must return the same paths, shapes and dtypes. `positions` may be kept but not changed.
        """

    def extend(self, frames: int, frame: int, positions: Positions) -> None:  # noqa: B027  # nothing to do for most
        """Prepare for a run of `frames` frames in all, at frame `frame`; called whenever frames are to follow."""

    def datasets(self) -> Arrays:
        """Totals up to the last frame, on the host, by path; they replace those written before."""
        return {}

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Text attributes of datasets and groups: path -> attribute -> text, for example a unit. h5py reads bytes."""
        return {}

    @abstractmethod
    def state(self) -> Arrays:
        """What a checkpoint must hold so that `restore` can go on; {} where a frame depends on nothing before it."""

    @abstractmethod
    def restore(self, tables: EventTables, live: State, state: Arrays) -> None:
        """Continue from the `state` of a checkpoint, as after the frame at which it was written."""


class Observers:
    """The observers of a run, in the order in which they see a frame. Raises InputError where two share a name."""

    def __init__(self, members: Sequence[Observer]) -> None:
        self._members = tuple(members)
        if len(set(self.names)) != len(self.names):
            raise InputError(f"observers = {', '.join(self.names)}: every observer needs its own name")

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each observer."""
        return tuple(member.name for member in self._members)

    def start(self, tables: EventTables, live: State) -> None:
        """Start every observer."""
        for member in self._members:
            member.start(tables, live)

    def record(self, frame: int, positions: Positions) -> dict[str, Array]:
        """The rows of one frame by path; InputError where two observers write the same dataset."""
        rows: dict[str, Array] = {}
        for member in self._members:
            _merge(rows, member.record(frame, positions), member.name)
        return rows

    def extend(self, frames: int, frame: int, positions: Positions) -> None:
        """Prepare every observer for a run of `frames` frames in all."""
        for member in self._members:
            member.extend(frames, frame, positions)

    def datasets(self) -> dict[str, Array]:
        """The totals of all observers by path; InputError where two observers write the same dataset."""
        totals: dict[str, Array] = {}
        for member in self._members:
            _merge(totals, member.datasets(), member.name)
        return totals

    def attributes(self) -> dict[str, dict[str, str]]:
        """The attributes of all observers by path."""
        merged: dict[str, dict[str, str]] = {}
        for member in self._members:
            for path, texts in member.attributes().items():
                merged.setdefault(path, {}).update(texts)
        return merged

    def state(self) -> dict[str, Arrays]:
        """The state of every observer by its name."""
        return {member.name: member.state() for member in self._members}

    def restore(self, tables: EventTables, live: State, state: Mapping[str, Arrays]) -> None:
        """Continue every observer from its state in a checkpoint."""
        for member in self._members:
            member.restore(tables, live, state.get(member.name, {}))


def _merge(into: dict[str, Array], more: Arrays, name: str) -> None:
    for path, value in more.items():
        if path in into:
            raise InputError(f"observer {name}: another observer writes {path} already")
        into[path] = np.asarray(value)
