"""Writes trajectory.h5: H5MD for viewers, and our own integers under /kmc.

/h5md and /particles/trajectory (mobile sublattices of replica 0, vacancies included as particles; the only group there,
because MDAnalysis takes the first by name); /kmc/replicas/NNNN holds the same for the other replicas (positions =
"all"), /kmc/lattice the sites that never move, with the dopants of replica 0. /kmc has the attributes "description" and
"run" (header.py), the datasets time_s, trials and accepted by frame, and the datasets of the observers (kmc/measure):
growing datasets with one row per frame, and totals that are replaced. Afterwards a run may add grand_canonical and
relaxation (records.py). The file is open only while something is written, and never locked: a concurrent reader neither
stops the run nor sees an incomplete change.

Positions and boxes of a cell whose first vector is not along x, or whose second is not in the plane of x and y, are
rotated into that orientation (orientation.py): the particle groups then have the attribute "rotation", R (3, 3), with
position = position in the crystal @ R. All data in /kmc other than the lattice are in the crystal's own orientation.
"""

from __future__ import annotations

import errno
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import Array
from kmc.files.hdf5 import (
    changing,
    checked_attribute,
    creating,
    extend,
    fixed,
    growing,
    reading,
    refuse_foreign_storage,
    replace,
    rows_crc,
    text_attribute,
)
from kmc.files.header import RunFacts, header_of
from kmc.files.orientation import rotated, viewer_rotation
from kmc.measure.observer import Arrays
from kmc.state.replicas import State
from kmc.state.system import System
from kmc.version import VERSION
from lattices.errors import InputError

if TYPE_CHECKING:
    import h5py


NAME = "trajectory.h5"
SPARE_BYTES = 2**22  # space for the metadata of HDF5 in addition to the data
RESERVED = ("time_s", "trials", "accepted", "lattice", "replicas", "grand_canonical", "relaxation")


@dataclass(frozen=True)
class Frame:
    """One frame of the file. R replicas, F hop families, M particles.

    trials, accepted: (R, F) int64 since frame 0. positions: (shown replicas, M, 3) int32 unwrapped, in units of
    cell/grid. observed: the rows of the observers by path.
    """

    time_s: float
    trials: NDArray[np.int64]
    accepted: NDArray[np.int64]
    positions: NDArray[np.int32]
    observed: Arrays

    def rows(self) -> dict[str, Array]:
        """The row of every growing dataset of /kmc by path."""
        counters = {"time_s": np.float64(self.time_s), "trials": self.trials, "accepted": self.accepted}
        return {path: np.asarray(value) for path, value in (*counters.items(), *self.observed.items())}

    @property
    def nbytes(self) -> int:
        """Size in the file, roughly."""
        return self.positions.nbytes + sum(value.nbytes for value in self.rows().values())


class TrajectoryWriter:
    """Appends frames to folder/trajectory.h5. positions: whether those of no, the first or all replicas are kept."""

    def __init__(self, folder: Path, system: System, positions: str) -> None:
        self.path = folder / NAME
        self._system = system
        self._rotation = viewer_rotation(system.tables.supercell.crystal.cell_angstrom)
        self.shown = {"none": 0, "first": 1, "all": system.replicas}[positions]
        self.crc: dict[str, int] = {}  # CRC-32 of all rows of each growing dataset of /kmc by path, for the checkpoint

    def create(self, state: State) -> None:
        """A new file without frames."""
        with creating(self.path) as file:
            _h5md_header(file)
            checked_attribute(file.create_group("kmc"), "description", header_of(self._system).to_json())
            for replica in range(self.shown):
                self._particles(file, replica)
            if self.shown:
                self._lattice(file, state)

    def append(
        self,
        first: int,
        frames: Sequence[Frame],
        totals: Arrays,
        attributes: Mapping[str, Mapping[str, str]],
        facts: RunFacts,
    ) -> None:
        """Write frames `first`, first + 1, ..., and the observers' totals after the last of them.

        Raises InputError where an observer uses a path of the file's own or the file does not end before frame `first`,
        OSError where the disk is full; the file is then unchanged.
        """
        self._check_room(sum(frame.nbytes for frame in frames), totals)
        _check_paths(frames, totals)
        crc = dict(self.crc)
        with changing(self.path) as file:
            group = file["kmc"]
            there = len(group["time_s"]) if "time_s" in group else 0
            if there != first:
                raise InputError(f"{self.path}: holds {there} frames in place of {first}: another program changed it")
            for path, row in frames[0].rows().items():
                if path not in group:
                    growing(group, path, row.shape, row.dtype.str, "s" if path == "time_s" else "")
                rows = np.array([frame.rows()[path] for frame in frames])
                extend(group[path], rows)
                crc[path] = zlib.crc32(rows.data, crc.get(path, 0))
            for replica in range(self.shown):
                self._append_positions(file[_group_name(replica)], frames, replica)
            replace(group, totals)
            for path, texts in attributes.items():
                for name, text in texts.items():
                    checked_attribute(group[path], name, text)
            checked_attribute(group, "run", facts.to_json())
        self.crc = crc

    def _check_room(self, frames_bytes: int, totals: Arrays) -> None:
        """OSError before anything is written to a full disk, because the library would crash during the write."""
        needed = frames_bytes + 2 * sum(value.nbytes for value in totals.values()) + SPARE_BYTES
        if shutil.disk_usage(self.path.parent).free < needed:
            raise OSError(errno.ENOSPC, f"no space left on the disk ({needed / 1e6:.0f} MB are needed)")

    def resume(self, frames: int, crc: Mapping[str, int]) -> None:
        """Drop everything after the first `frames` frames (the initial one included) from every growing dataset.

        crc: of a checkpoint; InputError where the file does not hold the rows that it describes.
        """
        import h5py

        def shorten(_: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and item.maxshape and item.maxshape[0] is None:
                item.resize(frames, axis=0)

        if not self.path.is_file():
            raise InputError(f"{self.path}: is missing; the checkpoint next to it cannot continue the run without it")
        with reading(self.path) as file:  # checked before anything is changed
            file.visititems(lambda _, item: refuse_foreign_storage(item) if isinstance(item, h5py.Dataset) else None)
            group = file["kmc"]
            for path, expected in crc.items():
                if len(group[path]) < frames or rows_crc(group[path], frames) != expected:
                    raise InputError(
                        f"{self.path}: {path} does not match the checkpoint: it is damaged or belongs to another run"
                    )
        with changing(self.path) as file:
            file.visititems(shorten)  # hard links to one dataset are visited once
        self.crc = dict(crc)

    def add(self, name: str, arrays: Arrays) -> None:
        """Write a group of datasets: "grand_canonical" or "relaxation"."""
        with changing(self.path) as file:
            replace(file["kmc"].require_group(name), arrays)

    def drop(self, names: Sequence[str]) -> None:
        """Delete the groups of those names that the file has."""
        if any(self.holds(name) for name in names):
            with changing(self.path) as file:
                for name in names:
                    file["kmc"].pop(name, None)

    def holds(self, name: str) -> bool:
        """Whether the file has that group already."""
        with reading(self.path) as file:
            return f"kmc/{name}" in file

    def _append_positions(self, group: h5py.Group, frames: Sequence[Frame], replica: int) -> None:
        already = len(group["position/step"])
        vectors = rotated(self._system.tables.supercell.vectors_angstrom, self._rotation)
        crystal = self._system.tables.supercell.crystal
        scale = rotated(crystal.cell_angstrom / crystal.grid, self._rotation)
        extend(group["position/step"], np.arange(already, already + len(frames)))
        extend(group["position/time"], np.array([frame.time_s * 1e12 for frame in frames]))
        values = group["position/value"]
        values.resize(already + len(frames), axis=0)
        for k, frame in enumerate(frames):  # one at a time: in float64 they need twice the memory
            values[already + k] = frame.positions[replica] @ scale
        extend(group["box/edges/value"], np.broadcast_to(vectors, (len(frames), 3, 3)))

    def _particles(self, file: h5py.Group, replica: int) -> None:
        tables = self._system.tables
        group = file.create_group(_group_name(replica))
        if self._rotation is not None:
            group.attrs["rotation"] = self._rotation
        particles = tables.n_particles
        position = group.create_group("position")
        growing(position, "step", (), "i8")
        growing(position, "time", (), "f8", "ps")
        growing(position, "value", (particles, 3), "f4", "Angstrom")
        _box(group)
        edges = group["box"].create_group("edges")
        edges["step"], edges["time"] = position["step"], position["time"]
        growing(edges, "value", (3, 3), "f8", "Angstrom")
        codes = np.zeros(particles, dtype=np.int32)
        for code in np.flatnonzero(tables.first_particle >= 0):
            first = int(tables.first_particle[code])
            codes[first : first + int(tables.counts[code])] = code
        _species(group, tables.species, codes)

    def _lattice(self, file: h5py.Group, state: State) -> None:
        tables = self._system.tables
        static = [s for s in range(len(tables.site_offset)) if tables.site_offset[s] >= tables.n_mobile_sites]
        group = file.create_group("kmc/lattice")
        _box(group)
        fixed(group, "box/edges", rotated(tables.supercell.vectors_angstrom, self._rotation))
        positions = [tables.supercell.positions_angstrom(s) for s in static] or [np.zeros((0, 3))]
        fixed(group, "position", rotated(np.concatenate(positions), self._rotation).astype(np.float32))
        text_attribute(group["position"], "unit", "Angstrom")
        _species(group, tables.species, state.occupants[0, tables.n_mobile_sites :].astype(np.int32))


def _check_paths(frames: Sequence[Frame], totals: Arrays) -> None:
    """InputError where an observer's dataset would replace another one."""
    for path in (*frames[0].observed, *totals):
        if path.split("/")[0] in RESERVED or (path in totals and path in frames[0].observed):
            raise InputError(f"observers: the dataset {path} of the trajectory file has another use; choose another")


def _group_name(replica: int) -> str:
    return "particles/trajectory" if replica == 0 else f"kmc/replicas/{replica:04d}"


def _h5md_header(file: h5py.Group) -> None:
    header = file.create_group("h5md")
    header.attrs["version"] = np.array([1, 1])
    header.create_group("author").attrs["name"] = "unknown"
    creator = header.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = "miec-kmc", VERSION


def _box(group: h5py.Group) -> None:
    box = group.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = ["periodic"] * 3


def _species(group: h5py.Group, names: tuple[str, ...], codes: NDArray[np.int32]) -> None:
    """H5MD species: integers, with their names as an enumeration."""
    import h5py

    kind = h5py.enum_dtype({name: code for code, name in enumerate(names)}, basetype="i4")
    fixed(group, "species", codes, kind)
