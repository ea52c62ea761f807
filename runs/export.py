"""`kmc export`: trajectories for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattices.errors import InputError
from lattices.suggestions import did_you_mean

if TYPE_CHECKING:
    from ase import Atoms

FORMATS = ("extxyz", "traj", "h5md")


def export(folder: Path | str, form: str, output: Path | str | None = None) -> list[Path]:
    """Write replica 0 of every trajectory in a run folder as extxyz, ASE traj or plain H5MD; returns the files.

    extxyz and traj hold the atoms (mobile and fixed) of every frame with unwrapped positions in angstrom, and time_ps
    and frame in `info`; vacancies are left out. H5MD keeps vacancies as particles of their own species and has
    the trajectory's orientation of the cell (kmc/files/orientation.py). A PDB file next to it has the names and
    elements of the particles, which H5MD cannot store: MDAnalysis opens the two with Universe(pdb, h5md).
    InputError for another format, a folder without a run, or a run without positions. (With run.positions =
    "all" the file holds the other replicas too, but the dopants of replica 0 only.)
    """
    from analysis.folders import mode_folders, temperature_folders, visit_folders

    folder = Path(folder)
    if form not in FORMATS:
        raise InputError(f"--format {form}: {', '.join(FORMATS)} are allowed{did_you_mean(form, FORMATS)}")
    parts = [folder] if (folder / "trajectory.h5").exists() else temperature_folders(folder) or [folder]
    parts = [inner for part in parts for inner in visit_folders(part) or mode_folders(part) or [part]]
    parts = [part for part in parts if (part / "trajectory.h5").exists()]
    if not parts:
        raise InputError(f"{folder}: neither a trajectory.h5 nor sub-folders T...K with one")
    if output is not None and len(parts) > 1:
        raise InputError(f"--output {output}: {folder} holds {len(parts)} trajectories; name one of them")
    return [path for part in parts for path in _export_one(part, form, Path(output) if output else None)]


def _export_one(folder: Path, form: str, output: Path | None) -> list[Path]:
    from kmc.files.trajectory import read_trajectory

    source, target = folder / "trajectory.h5", output or folder / f"trajectory.{form}"
    read_trajectory(source)  # refuses what is not a complete run
    if target.resolve() == source.resolve():
        raise InputError(f"--output {target}: this is the trajectory itself; name another file")
    try:
        if form == "h5md":
            _write_h5md(source, target)
            return [target, _write_topology(source, target.with_suffix(".pdb"))]
        if form == "traj":
            from ase.io.trajectory import TrajectoryWriter

            with TrajectoryWriter(str(target), "w") as writer:
                for atoms in frames(source):
                    writer.write(atoms)
        else:
            from ase.io.extxyz import write_extxyz

            with open(target, "w", encoding="utf-8") as handle:
                for atoms in frames(source):
                    write_extxyz(handle, atoms, columns=["symbols", "positions"])
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from error
    return [target]


def frames(source: Path) -> Iterator[Atoms]:
    """ASE Atoms of every frame of a trajectory.h5, one at a time."""
    from ase import Atoms

    from kmc.files.hdf5 import reading

    with reading(source) as file:
        moving, fixed = _group(file, source), file["kmc/lattice"]
        elements = [entry["element"] for entry in json.loads(file["kmc"].attrs["description"])["species"]]
        codes = np.concatenate([moving["species"][()], fixed["species"][()]])
        symbols = np.array(elements)[codes]
        shown = symbols != "X"
        for k, time_ps in enumerate(moving["position/time"][()]):
            positions = np.concatenate([moving["position/value"][k], fixed["position"][()]])[shown].astype(float)
            facts = {"time_ps": float(time_ps), "frame": int(moving["position/step"][k])}
            cell = moving["box/edges/value"][k]
            if "rotation" in moving.attrs:  # back into the orientation of the crystal
                positions, cell = (vectors @ moving.attrs["rotation"].T for vectors in (positions, cell))
            yield Atoms(symbols[shown].tolist(), positions=positions, cell=cell, pbc=True, info=facts)


def _group(file: Any, source: Path) -> Any:
    """The H5MD particle group of replica 0."""
    if "particles/trajectory" not in file:
        raise InputError(f'{source}: the run kept no positions; it needs run.positions = "first" or "all"')
    return file["particles/trajectory"]


def _write_h5md(source: Path, target: Path) -> None:
    """Header and particles, without the datasets of this program."""
    import h5py

    from kmc.files.hdf5 import reading

    with reading(source) as old:
        _group(old, source)
        with h5py.File(target, "w") as new:
            for name in ("h5md", "particles"):
                old.copy(name, new)


def _write_topology(source: Path, target: Path) -> Path:
    """A PDB file with the species (first four letters) and element of each particle; a vacancy has no element."""
    from kmc.files.hdf5 import reading

    with reading(source) as file, open(target, "w", encoding="ascii", errors="replace") as handle:
        group = _group(file, source)
        species = json.loads(file["kmc"].attrs["description"])["species"]
        positions = group["position/value"][0]
        for n, (code, (x, y, z)) in enumerate(zip(group["species"][()], positions.tolist(), strict=True), start=1):
            name, element = species[code]["name"][:4], species[code]["element"].replace("X", "")
            handle.write(
                f"HETATM{n % 100_000:5d} {name:<4s} {name[:3]:>3s} A   1    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}{1.0:6.2f}{0.0:6.2f}{'':10s}{element:>2s}\n"
            )
        handle.write("END\n")
    return target
