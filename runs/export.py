"""`kmc export`: the trajectory for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattices.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

FORMATS = ("extxyz", "traj", "h5md")


def export(folder: Path | str, form: str, output: Path | str | None = None) -> Path:
    """Write replica 0 of folder/trajectory.h5 as extxyz, ASE traj or plain H5MD; returns the file.

    extxyz and traj hold the atoms (mobile and fixed) of every frame with time_ps in `info`; vacancies are left out.
    InputError for another format, or a run without positions.
    """
    if form not in FORMATS:
        raise InputError(f"--format {form}: {', '.join(FORMATS)} are allowed")
    folder = Path(folder)
    source = folder / "trajectory.h5"
    target = Path(output) if output else folder / f"trajectory.{'h5md' if form == 'h5md' else form}"
    from kmc.trajectory import read_trajectory

    read_trajectory(source)  # refuses what is not a complete run
    try:
        if form == "h5md":
            _copy_h5md(source, target)
        else:
            from ase.io import write

            write(str(target), list(_frames(source)), format=form)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def _copy_h5md(source: Path, target: Path) -> None:
    import h5py

    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:
        _check_positions(old, source)
        for name in ("h5md", "particles"):
            old.copy(name, new)


def _check_positions(file: Any, source: Path) -> None:
    if "particles/trajectory" not in file:
        raise InputError(f'{source}: the run kept no positions; set run.positions = "first"')


def _frames(source: Path) -> list[Atoms]:
    """ASE Atoms of every frame."""
    import json

    import h5py
    from ase import Atoms

    with h5py.File(source, "r") as file:
        _check_positions(file, source)
        elements = [entry["element"] for entry in json.loads(file["kmc"].attrs["description"])["species"]]
        moving, fixed = file["particles/trajectory"], file["particles/lattice"]
        symbols = [elements[c] for c in moving["species"][()]] + [elements[c] for c in fixed["species"][()]]
        atoms_only = np.array([symbol != "X" for symbol in symbols])
        kept = [symbol for symbol in symbols if symbol != "X"]
        frames = []
        for k, time_ps in enumerate(moving["position/time"][()]):
            positions = np.concatenate([moving["position/value"][k], fixed["position"][()]])[atoms_only]
            cell = moving["box/edges/value"][k]
            frames.append(Atoms(kept, positions=positions, cell=cell, pbc=True, info={"time_ps": float(time_ps)}))
    return frames
