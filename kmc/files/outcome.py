"""What ended a run, as notes that are added to its trajectory file after the last frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kmc.files.hdf5 import changing, checked_attribute, reading
from lattices.notes import Note

if TYPE_CHECKING:
    import h5py

OUTCOME = "outcome"  # attribute of /kmc


def write_outcome(path: Path, notes: Sequence[Note]) -> None:
    """Replace the notes on the end of a run; nothing changes in a file that has and gets none."""
    if not notes and not _has_outcome(path):
        return
    with changing(path) as file:
        checked_attribute(file["kmc"], OUTCOME, json.dumps([asdict(note) for note in notes]))


def read_outcome(group: h5py.Group) -> tuple[Note, ...]:
    """The notes in the group /kmc."""
    return tuple(Note(**note) for note in json.loads(group.attrs[OUTCOME])) if OUTCOME in group.attrs else ()


def _has_outcome(path: Path) -> bool:
    with reading(path) as file:
        return OUTCOME in file["kmc"].attrs
