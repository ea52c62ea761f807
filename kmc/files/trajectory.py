"""The trajectory file as analysis sees it. Written by writer.py; layout in the documentation of that file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmc.files.records import Scan, Wave
from kmc.measure.profile import Profile
from kmc.model.parameters import Kind
from lattices.errors import InputError
from lattices.notes import Note

SCHEMA = 1


@dataclass(frozen=True)
class SpeciesRecord:
    """A species of the run. count: particles per replica. tracked: its displacements were followed.

    kind: whether it carries ionic or electronic current.
    """

    name: str
    label: str
    charge_e: int
    count: int
    mobile: bool
    element: str
    tracked: bool = True
    kind: Kind = "ion"


@dataclass(frozen=True)
class FamilyRecord:
    """A hop family of the run. reorganisation_energy_eV: of Marcus rates."""

    name: str
    carrier: str
    partner: str
    hop_length_m: float
    reorganisation_energy_eV: float | None = None


@dataclass(frozen=True)
class Trajectory:
    """T frames after the initial one, R replicas, S species, F families, K lags, B time blocks.

    grid_vectors_m: (3, 3); an integer displacement (row) times it is in metres.
    time_s: (T + 1,), uniform from 0. summed_displacement: (T + 1, R, S, 3) int64, sum over the particles of a species
    of the unwrapped displacement since frame 0. lag_frames: (K,). msd_windows: (K, B) windows, one after another, that
    ended in time block b. second_moment: (K, B, R, S, 6) int64, sums over particles and windows of the products
    xx yy zz xy xz yz. trials, accepted: (T + 1, R, F) int64 since frame 0. configuration: (R,) equal for replicas that
    share their dopants. cubic: every second-rank tensor is isotropic by symmetry. planned_frames: frames asked for at
    first; a run that was extended for precision has more. None: not extended. hops_per_visit: of domains.
    polaron_mode: of kmc/carriers/polaron_modes.py; where it is not "kinetic" one kind of carrier has no true motion.
    repeats, grid: of the supercell. component: the neutral one as in component.py, or {"reason": ...} without.
    planes: for each axis (T + 1, R, C, P) int32 numbers of the carriers `plane_species` by plane (planes.py), or none.
    plane_fractions: for each axis (P,) where its planes lie, in units of the supercell's edge.
    dopants: ions stand still at random and shape where carriers stand. coupled_groups: carriers that feel one another
    (coupling.py); empty where the file does not say. notes: for the reader, warnings among them.
    """

    temperature_K: float
    volume_m3: float
    field_V_per_m: NDArray[np.float64]
    species: tuple[SpeciesRecord, ...]
    families: tuple[FamilyRecord, ...]
    configuration: NDArray[np.int64]
    grid_vectors_m: NDArray[np.float64]
    time_s: NDArray[np.float64]
    summed_displacement: NDArray[np.int64]
    lag_frames: NDArray[np.int64]
    msd_windows: NDArray[np.int64]
    second_moment: NDArray[np.int64]
    trials: NDArray[np.int64]
    accepted: NDArray[np.int64]
    backend: str
    wall_s: float
    seed: int
    model: str
    digest: str
    versions: dict[str, str]
    cubic: bool
    planned_frames: int | None = None
    polaron_mode: str = "kinetic"
    hops_per_visit: float | None = None
    repeats: tuple[int, ...] = ()
    grid: int = 1
    profile: Profile | None = None
    component: dict[str, Any] = field(default_factory=dict)
    plane_species: tuple[str, ...] = ()
    planes: tuple[NDArray[np.int32], ...] = ()
    plane_fractions: tuple[NDArray[np.float64], ...] = ()
    scan: Scan | None = None
    wave: Wave | None = None
    dopants: bool = True
    coulomb: bool = False
    coupled_groups: tuple[tuple[str, ...], ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def electronic(self) -> frozenset[str]:
        """Species that carry the electronic current."""
        return frozenset(record.name for record in self.species if record.kind == "electronic")

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return int(self.summed_displacement.shape[1])

    @property
    def n_frames(self) -> int:
        """Frames after the initial one."""
        return len(self.time_s) - 1


def read_trajectory(path: Path | str) -> Trajectory:
    """Read a trajectory.h5; InputError (one line) for a missing, truncated or foreign file."""
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no trajectory file there")
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a complete trajectory file of this program: {reason}") from error


def _read(file: object) -> Trajectory:
    group = file["kmc"]  # type: ignore[index]  # h5py has no type hints
    meta = json.loads(group.attrs["description"])
    if meta["schema"] != SCHEMA:
        raise ValueError(f"schema {meta['schema']}, this version reads {SCHEMA}")
    run = json.loads(group.attrs["run"])
    frames = len(group["time_s"])
    arrays = {name: group[name][()] for name in ("time_s", "summed_displacement", "trials", "accepted")}
    if frames < 2 or any(len(value) != frames for value in arrays.values()):
        raise ValueError("it holds no complete frame after the initial one")
    return Trajectory(
        temperature_K=meta["temperature_K"],
        volume_m3=meta["volume_m3"],
        field_V_per_m=np.array(meta["field_V_per_m"]),
        species=tuple(SpeciesRecord(**entry) for entry in meta["species"]),
        families=tuple(FamilyRecord(**entry) for entry in meta["families"]),
        configuration=np.array(meta["configuration"], dtype=np.int64),
        grid_vectors_m=np.array(meta["grid_vectors_m"]),
        lag_frames=group["msd/lag_frames"][()],
        msd_windows=group["msd/windows"][()],
        second_moment=group["msd/second_moment"][()],
        backend=run["backend"],
        wall_s=run["wall_s"],
        seed=meta["seed"],
        model=meta["model"],
        digest=meta["digest"],
        versions=run["versions"],
        cubic=meta["cubic"],
        planned_frames=run["planned_frames"],
        polaron_mode=meta.get("polarons", {}).get("mode", "kinetic"),
        hops_per_visit=run.get("hops_per_visit"),
        repeats=tuple(meta["repeats"]),
        grid=meta.get("grid", 1),
        profile=_profile(group["profile"]) if "profile" in group else None,
        component=meta.get("component", {}),
        plane_species=tuple(json.loads(group["rho_k"].attrs["species"])) if "rho_k" in group else (),
        planes=tuple(group[f"rho_k/axis{axis}"][()] for axis in range(3)) if "rho_k" in group else (),
        plane_fractions=tuple(_places(group["rho_k"], f"axis{n}", f"fractions{n}") for n in range(3))
        if "rho_k" in group
        else (),
        wave=_wave(group["relaxation"]) if "relaxation" in group else None,
        coulomb=meta.get("coulomb", False),
        notes=tuple(Note(**note) for note in meta.get("notes", [])),
        coupled_groups=tuple(tuple(group) for group in meta.get("coupled_groups", [])),
        dopants=meta.get("dopants", True),
        scan=_scan(group["grand_canonical"]) if "grand_canonical" in group else None,
        **arrays,
    )


def _scan(group: Any) -> Scan:
    arrays = {name: group[name][()] for name in group}
    return Scan(first=int(arrays.pop("first")), found=bool(arrays.pop("found")), **arrays)


def _wave(group: Any) -> Wave:
    places = _places(group, "planes", "fractions")
    return Wave(int(group["axis"][()]), group["planes"][()], places, group["dispersion"][()])


def _places(group: Any, numbers: str, fractions: str) -> NDArray[np.float64]:
    """(P,) where planes lie; a file without has every plane of the position grid, evenly spaced."""
    if fractions in group:
        return np.asarray(group[fractions][()], dtype=np.float64)
    planes = group[numbers].shape[-1]
    return np.asarray(np.arange(planes) / planes)


def _profile(group: Any) -> Profile:
    arrays = {name: group[name][()] for name in group}
    return Profile(axis=int(arrays.pop("axis")), **arrays)
