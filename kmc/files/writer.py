"""Writes trajectory.h5: H5MD for viewers, and our own integers under /kmc.

/h5md, /particles/trajectory (mobile sublattices of replica 0, vacancies included as particles; the only group there,
because MDAnalysis takes the first by name), /kmc/replicas/NNNN the same for the others (positions = "all"),
/kmc/lattice (the sites that never move, with the dopants of replica 0). /kmc: attributes "description" (what decides,
JSON) and "run" (backend, versions, wall time, JSON), datasets time_s, summed_displacement, trials, accepted by frame,
msd/{lag_frames, windows, second_moment}; where asked for, profile, rho_k/axisN (carriers by plane and frame: planes.py)
with rho_k/fractionsN (where the planes are), grand_canonical (grand_canonical.py) and relaxation (relaxation.py). The
file is open only while frames are appended.
"""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import to_host
from kmc.carriers.coupling import coupled_groups
from kmc.carriers.neutral_component import neutral_component
from kmc.files.trajectory import SCHEMA
from kmc.measure.density_planes import counted, n_planes, plane_fractions
from kmc.measure.msd import Accumulator
from kmc.model.oxygen_gas import relative_mu_eV
from kmc.state.replicas import State
from kmc.state.system import System
from kmc.version import VERSION

NAME = "trajectory.h5"
SPARE_BYTES = 2**22  # room beside the data for what HDF5 keeps of its own
FrameData = dict[str, Any]


def describe(system: System) -> dict[str, Any]:
    """What decides the walk, for the file's description."""
    tables, model = system.tables, system.model
    cell = tables.supercell.crystal.cell_angstrom / tables.supercell.crystal.grid
    mobile = model.mobile - set(model.placeholders)
    return {
        "schema": SCHEMA,
        "model": model.name,
        "seed": system.seed,
        "temperature_index": system.temperature_index,
        "digest": tables.digest,
        "temperature_K": tables.temperature_K,
        "volume_m3": tables.supercell.volume_m3,
        "repeats": list(tables.supercell.repeats),
        "grid": tables.supercell.crystal.grid,
        "field_V_per_m": tables.field_V_per_m.tolist(),
        "configuration": system.configuration,
        "notes": [asdict(note) for note in system.composition.notes],
        "polarons": {"mode": system.mode, "rate_factor": dict(system.rate_factor)},
        "component": _component(system),
        "dopants": system.quenched,
        "coulomb": tables.term("coulomb") is not None,
        "coupled_groups": coupled_groups(model, tables),
        "grid_vectors_m": (cell * 1e-10).tolist(),
        "cubic": system.isotropic,
        "species": [
            {
                "name": name,
                "label": species.label or name,
                "charge_e": species.charge,
                "count": int(tables.counts[code]),
                "mobile": name in mobile,
                "tracked": bool(tables.first_particle[code] >= 0),
                "element": species.element,
                "kind": "electronic" if name in model.electronic else "ion",
            }
            for code, (name, species) in enumerate(model.species.items())
        ],
        "families": [
            {
                "name": hop.name,
                "carrier": hop.carrier,
                "partner": hop.partner,
                "hop_length_m": float(tables.hop_length_angstrom[f]) * 1e-10,
                "reorganisation_energy_eV": getattr(hop.reorganisation_energy_eV, "value", None),
            }
            for f, hop in enumerate(model.hops)
        ],
    }


def _component(system: System) -> dict[str, Any]:
    """The neutral component, with the chemical potential of oxygen at 1 bar where the model tells it."""
    found = neutral_component(system.tables, system.model.vacancies)
    if isinstance(found, str):
        return {"reason": found}
    known = system.model.oxygen_exchange is not None
    zero = relative_mu_eV(system.model, system.tables.temperature_K, 1.0) if known else None
    return found.as_dict() | {"mu_at_1_bar_eV": zero}


class TrajectoryWriter:
    """Appends frames to folder/trajectory.h5.

    positions: which replicas' positions are kept. planes: keep the numbers of carriers by plane.
    """

    def __init__(self, folder: Path, system: System, positions: str, planes: bool = False) -> None:
        self.path = folder / NAME
        self._system = system
        self.planes = planes
        self.shown = {"none": 0, "first": 1, "all": system.replicas}[positions]

    def create(self, state: State) -> None:
        """A new file without frames."""
        import h5py

        system, tables = self._system, self._system.tables
        replicas, families, species = system.replicas, tables.n_families, len(tables.species)
        with h5py.File(self.path, "w") as file:
            _h5md_header(file)
            group = file.create_group("kmc")
            group.attrs["description"] = json.dumps(describe(system))
            group.attrs["run"] = json.dumps({})
            _growing(group, "time_s", (), "f8", "s")
            _growing(group, "summed_displacement", (replicas, species, 3), "i8", "cell/grid")
            _growing(group, "trials", (replicas, families), "i8")
            _growing(group, "accepted", (replicas, families), "i8")
            if self.planes:
                kept = group.create_group("rho_k")
                kept.attrs["species"] = json.dumps([tables.species[code] for code in counted(tables)])
                for axis, n in enumerate(n_planes(tables)):
                    _growing(kept, f"axis{axis}", (replicas, len(counted(tables)), n), "i4")
                    kept[f"fractions{axis}"] = plane_fractions(tables, axis)
            for replica in range(self.shown):
                self._particles(file, replica)
            if self.shown:
                self._lattice(file, state)

    def append(self, frames: list[FrameData], accumulator: Accumulator, run: dict[str, Any]) -> None:
        """Write frames and the accumulators as they stand after the last of them."""
        import h5py

        self._check_room(sum(value.nbytes for frame in frames for value in frame.values()), accumulator)
        with h5py.File(self.path, "r+") as file:
            group = file["kmc"]
            for name in ("time_s", "summed_displacement", "trials", "accepted"):
                _extend(group[name], np.array([frame[name] for frame in frames]))
            for axis in range(3) if self.planes else ():
                _extend(group[f"rho_k/axis{axis}"], np.array([frame[f"planes{axis}"] for frame in frames]))
            for replica in range(self.shown):
                self._append_positions(file[_group_name(replica)], frames, replica)
            moments = {name: getattr(accumulator, name) for name in ("lag_frames", "windows")}
            _replace(group.require_group("msd"), moments | {"second_moment": to_host(accumulator.second_moment)})
            if accumulator.profile:
                _replace(group.require_group("profile"), accumulator.profile.arrays())
            group.attrs["run"] = json.dumps(run)

    def _check_room(self, frames_bytes: int, accumulator: Accumulator) -> None:
        """OSError before anything is touched on a disk that is full: the library would crash in the middle."""
        needed = frames_bytes + 2 * accumulator.second_moment.nbytes + SPARE_BYTES
        if shutil.disk_usage(self.path.parent).free < needed:
            raise OSError(errno.ENOSPC, f"no space left on the disk ({needed / 1e6:.0f} MB are needed)")

    def truncate(self, frames: int) -> None:
        """Drop everything after the first `frames` frames (the initial one included)."""
        import h5py

        with h5py.File(self.path, "r+") as file:
            for name in ("time_s", "summed_displacement", "trials", "accepted"):
                file["kmc"][name].resize(frames, axis=0)
            for axis in range(3) if self.planes else ():
                file[f"kmc/rho_k/axis{axis}"].resize(frames, axis=0)
            for replica in range(self.shown):
                group = file[_group_name(replica)]
                for name in ("step", "time", "value"):
                    group["position"][name].resize(frames, axis=0)
                    if name == "value":
                        group["box/edges"][name].resize(frames, axis=0)

    def add(self, name: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Write a group of datasets: "grand_canonical" or "relaxation"."""
        import h5py

        with h5py.File(self.path, "r+") as file:
            _replace(file["kmc"].require_group(name), arrays)

    def holds(self, name: str) -> bool:
        """Whether the file has that group already."""
        import h5py

        with h5py.File(self.path, "r") as file:
            return f"kmc/{name}" in file

    def _append_positions(self, group: Any, frames: list[FrameData], replica: int) -> None:
        already = len(group["position/step"])
        vectors = self._system.tables.supercell.vectors_angstrom
        scale = self._system.tables.supercell.crystal.cell_angstrom / self._system.tables.supercell.crystal.grid
        _extend(group["position/step"], np.arange(already, already + len(frames)))
        _extend(group["position/time"], np.array([frame["time_s"] * 1e12 for frame in frames]))
        values = np.array([frame["positions"][replica] @ scale for frame in frames], dtype=np.float32)
        _extend(group["position/value"], values)
        _extend(group["box/edges/value"], np.broadcast_to(vectors, (len(frames), 3, 3)))

    def _particles(self, file: Any, replica: int) -> None:
        tables = self._system.tables
        group = file.create_group(_group_name(replica))
        particles = tables.n_particles
        position = group.create_group("position")
        _growing(position, "step", (), "i8")
        _growing(position, "time", (), "f8", "ps")
        _growing(position, "value", (particles, 3), "f4", "Angstrom")
        _box(group)
        edges = group["box"].create_group("edges")
        edges["step"], edges["time"] = position["step"], position["time"]
        _growing(edges, "value", (3, 3), "f8", "Angstrom")
        codes = np.zeros(particles, dtype=np.int32)
        for code in np.flatnonzero(tables.first_particle >= 0):
            first = int(tables.first_particle[code])
            codes[first : first + int(tables.counts[code])] = code
        _species(group, tables.species, codes)

    def _lattice(self, file: Any, state: State) -> None:
        tables = self._system.tables
        static = [s for s in range(len(tables.site_offset)) if tables.site_offset[s] >= tables.n_mobile_sites]
        group = file.create_group("kmc/lattice")
        _box(group)
        group["box/edges"] = tables.supercell.vectors_angstrom
        positions = [tables.supercell.positions_angstrom(s) for s in static] or [np.zeros((0, 3))]
        group["position"] = np.concatenate(positions).astype(np.float32)
        _unit(group["position"], "Angstrom")
        _species(group, tables.species, state.occupants[0, tables.n_mobile_sites :].astype(np.int32))


def _replace(group: Any, arrays: dict[str, Any]) -> None:
    """Datasets anew; those of the same shape are overwritten, since a deleted one leaves its room behind."""
    for name, value in arrays.items():
        if name in group and group[name].shape == value.shape:
            group[name][...] = value
        else:
            if name in group:
                del group[name]
            group[name] = value


def _group_name(replica: int) -> str:
    return "particles/trajectory" if replica == 0 else f"kmc/replicas/{replica:04d}"


def _h5md_header(file: Any) -> None:
    header = file.create_group("h5md")
    header.attrs["version"] = np.array([1, 1])
    header.create_group("author").attrs["name"] = "unknown"
    creator = header.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = "miec-kmc", VERSION


def _box(group: Any) -> None:
    box = group.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = ["periodic"] * 3


def _species(group: Any, names: tuple[str, ...], codes: NDArray[np.int32]) -> None:
    """H5MD species: integers, with their names as an enumeration."""
    import h5py

    kind = h5py.enum_dtype({name: code for code, name in enumerate(names)}, basetype="i4")
    group.create_dataset("species", data=codes, dtype=kind)


def _unit(dataset: Any, unit: str) -> None:
    import h5py

    dataset.attrs.create("unit", unit, dtype=h5py.string_dtype())


def _growing(group: Any, name: str, shape: tuple[int, ...], dtype: str, unit: str = "") -> None:
    dataset = group.create_dataset(
        name, (0, *shape), maxshape=(None, *shape), dtype=dtype, chunks=(1, *shape) if shape else True
    )
    if unit:
        _unit(dataset, unit)


def _extend(dataset: Any, values: NDArray[Any]) -> None:
    before = len(dataset)
    dataset.resize(before + len(values), axis=0)
    dataset[before:] = values
