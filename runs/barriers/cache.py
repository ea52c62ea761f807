"""Relaxed images on disk: one extended XYZ file each, named by what was asked for, so that none is computed twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattices.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Facts = Mapping[str, str | float | int | bool]


def key_of(atoms: Atoms, question: Facts) -> str:
    """A short digest of atoms and of everything else that decides a result, such as the calculator and its version."""
    text = json.dumps(
        {
            "numbers": atoms.numbers.tolist(),
            "positions": np.round(atoms.positions, 6).tolist(),
            "cell": np.round(np.asarray(atoms.cell[:]), 6).tolist(),
            **question,
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Cache:
    """A folder of relaxed images."""

    folder: Path

    def path(self, label: str, key: str) -> Path:
        """The file of one result; label: for people, such as "vacancy-Ce-Gd-start"."""
        return self.folder / f"{label}-{key}.xyz"

    def read(self, label: str, key: str) -> list[Atoms] | None:
        """The images of a result with their energies and forces, or None where it is not there yet."""
        path = self.path(label, key)
        if not path.is_file():
            return None
        from ase.io import read

        try:
            images = read(path, index=":", format="extxyz")
        except Exception as error:  # ASE raises many kinds for a damaged file
            raise InputError(f"{path}: cannot be read ({error}); remove it to compute it again") from error
        assert isinstance(images, list)
        return images

    def write(self, label: str, key: str, images: list[Atoms], facts: Facts) -> list[Atoms]:
        """Write images (with calculators that hold energies and forces) and read them back.

        What is returned is what a resumed job reads, to the last digit. facts: written into every image's header.
        InputError where the folder cannot be written.
        """
        from ase.io import write

        plain = [held(image) for image in images]
        for image in plain:
            image.info = dict(facts)
        path = self.path(label, key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            write(part, plain, format="extxyz")
            os.replace(part, path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        found = self.read(label, key)
        assert found is not None
        return found


def held(image: Atoms) -> Atoms:
    """A copy that holds the energy and the forces which the calculator of `image` gives now."""
    from ase.calculators.singlepoint import SinglePointCalculator

    copy = image.copy()
    copy.calc = SinglePointCalculator(copy, energy=image.get_potential_energy(), forces=image.get_forces())
    return copy
