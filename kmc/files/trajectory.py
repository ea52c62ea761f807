"""The trajectory file as analysis reads it; its layout is documented in writer.py."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kmc.arrays import Array
from kmc.carriers.band import BandConduction
from kmc.files.hdf5 import reading
from kmc.files.header import FamilyRecord, Header, RunFacts, SpeciesRecord
from kmc.files.outcome import read_outcome
from kmc.files.records import Scan, Wave
from kmc.measure.carrier_samples import DATASET
from kmc.measure.profile import Profile
from kmc.state.short_range_order import ShortRangeOrder
from lattices.errors import InputError
from lattices.notes import Note

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class Trajectory:
    """T frames after the initial one, R replicas, S species, F families, K lags, B time blocks.

    grid_vectors_m: (3, 3); an integer displacement (a row) times it is in metres.
    time_s: (T + 1,), uniform from 0. summed_displacement: (T + 1, R, S, 3) int64, sum over the particles of a species
    of the unwrapped displacement since frame 0. lag_frames: (K,). msd_windows: (K, B) consecutive windows that ended in
    each time block. second_moment: (K, B, R, S, 6) int64, sums over particles and windows of the products
    xx yy zz xy xz yz. trials, accepted: (T + 1, R, F) int64 since frame 0. configuration: (R,) equal for replicas that
    share their dopants. cubic: every second-rank tensor is isotropic by symmetry. space_group: symbol
    and number. rotations: (n, 3, 3) the point group in Cartesian axes. planned_frames: frames requested at
    first; a run that was extended for precision has more. None: not extended. hops_per_visit: of domains.
    polaron_mode: of kmc/carriers/polaron_modes.py; where it is not "kinetic" one kind of carrier has no true motion.
    repeats, grid: of the supercell. component: the neutral component as in kmc/carriers/neutral_component.py, or
    {"reason": ...} where there is none. planes: for each axis (T + 1, R, C, P) int32, numbers of the carriers
    `plane_species` by plane (kmc/measure/density_planes.py), or empty. plane_fractions: for each axis (P,) positions of
    the planes in units of the supercell's edge. dopants: quenched disorder, immobile ions that affect the energies or
    the sites of carriers. coupled_groups: carriers that are coupled by the model (kmc/carriers/coupling.py). notes: for
    the reader, warnings among them. carrier_samples: (T + 1, K, R, C, 3) int64 displacements of the carriers
    `sampled_species`, at K equal steps up to each frame (kmc/measure/carrier_samples.py); None: at the frames alone.
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
    space_group: str = "P1 (1)"
    rotations: NDArray[np.float64] = field(default_factory=lambda: np.eye(3)[None])
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
    band: BandConduction | None = None
    short_range_order: tuple[ShortRangeOrder, ...] = ()
    coupled_groups: tuple[tuple[str, ...], ...] = ()
    notes: tuple[Note, ...] = ()
    carrier_samples: NDArray[np.int64] | None = None
    sampled_species: tuple[str, ...] = ()

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
    with reading(path) as file:
        return _read(file)


def _read(file: h5py.File) -> Trajectory:
    group = file["kmc"]
    header = Header.from_json(group.attrs["description"])
    facts = RunFacts.from_json(group.attrs["run"])
    frames = len(group["time_s"])
    arrays = {name: group[name][()] for name in ("time_s", "summed_displacement", "trials", "accepted")}
    if frames < 2 or any(len(value) != frames for value in arrays.values()):
        raise ValueError("it holds no complete frame after the initial one")
    if not np.allclose(arrays["time_s"], np.arange(frames) * arrays["time_s"][1], rtol=1e-9, atol=0.0):
        raise ValueError("the times of its frames do not rise evenly from 0")
    return Trajectory(
        temperature_K=header.temperature_K,
        volume_m3=header.volume_m3,
        field_V_per_m=np.array(header.field_V_per_m),
        species=header.species,
        families=header.families,
        configuration=np.array(header.configuration, dtype=np.int64),
        grid_vectors_m=np.array(header.grid_vectors_m),
        lag_frames=group["msd/lag_frames"][()],
        msd_windows=group["msd/windows"][()],
        second_moment=group["msd/second_moment"][()],
        backend=facts.backend,
        wall_s=facts.wall_s,
        seed=header.seed,
        model=header.model,
        digest=header.digest,
        versions=facts.versions,
        cubic=header.cubic,
        space_group=header.space_group,
        rotations=np.array(header.rotations),
        planned_frames=facts.planned_frames,
        polaron_mode=header.polarons.mode,
        hops_per_visit=facts.hops_per_visit,
        repeats=header.repeats,
        grid=header.grid,
        component=header.component,
        dopants=header.dopants,
        coulomb=header.coulomb,
        band=header.band,
        short_range_order=header.short_range_order,
        coupled_groups=header.coupled_groups,
        notes=(*header.notes, *read_outcome(group)),
        **_optional(group),
        **arrays,
    )


def _optional(group: h5py.Group) -> dict[str, Any]:
    """The parts that only some runs write."""
    found: dict[str, Any] = {}
    if "profile" in group:
        found["profile"] = Profile.from_arrays(_arrays(group["profile"]))
    if "rho_k" in group:
        planes = group["rho_k"]
        found["plane_species"] = tuple(json.loads(planes.attrs["species"]))
        found["planes"] = tuple(planes[f"axis{axis}"][()] for axis in range(3))
        found["plane_fractions"] = tuple(planes[f"fractions{axis}"][()] for axis in range(3))
    if DATASET in group:
        found["carrier_samples"] = group[DATASET][()]
        found["sampled_species"] = tuple(json.loads(group[DATASET].attrs["species"]))
    if "grand_canonical" in group:
        found["scan"] = Scan.from_arrays(_arrays(group["grand_canonical"]))
    if "relaxation" in group:
        found["wave"] = Wave.from_arrays(_arrays(group["relaxation"]))
    return found


def _arrays(group: h5py.Group) -> dict[str, Array]:
    return {name: group[name][()] for name in group}


def read_dataset(path: Path | str, name: str) -> Array:
    """A dataset under /kmc of a trajectory file, such as one of a user's own observer; InputError if there is none."""
    import h5py

    with reading(path) as file:
        if not isinstance(file.get(f"kmc/{name}"), h5py.Dataset):
            raise InputError(f"{path}: it holds no dataset {name}")
        return np.asarray(file[f"kmc/{name}"][()])
