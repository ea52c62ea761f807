"""Checkpoint files: arrays and JSON metadata, written so that an interruption at any moment loses nothing.

kmc/run/saved_run.py defines the contents of a run's checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kmc.arrays import Array
from lattices.errors import InputError

SCHEMA = 3
NAME, PREVIOUS = "checkpoint.npz", "checkpoint.previous.npz"


def write_checkpoint(folder: Path, arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
    """Write folder/checkpoint.npz and keep the previous one. Raises OSError for a full or read-only disk.

    The new file is complete on the disk before it replaces the old one. meta: anything that JSON can represent.
    """
    text = json.dumps({**meta, "schema": SCHEMA, "checksum": _checksum(arrays)})
    temporary = folder / (NAME + ".new")
    with open(temporary, "wb") as handle:
        everything: dict[str, Any] = {"meta": np.array(text), **arrays}
        np.savez(handle, **everything)
        handle.flush()
        os.fsync(handle.fileno())
    current = folder / NAME
    if current.exists():
        os.replace(current, folder / PREVIOUS)
    os.replace(temporary, current)


def read_checkpoint(folder: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and metadata of the newest intact checkpoint; InputError if there is none."""
    problems = []
    for name in (NAME, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        try:
            return _read(path)
        except Exception as error:  # a flipped bit makes zipfile and NumPy raise nearly anything
            problems.append(f"{path}: damaged checkpoint: {str(error).splitlines()[0] if str(error) else error!r}")
    raise InputError(problems[0] if problems else f"{folder}: no checkpoint to resume from")


def has_checkpoint(folder: Path) -> bool:
    """Whether a folder holds any checkpoint."""
    return (folder / NAME).exists() or (folder / PREVIOUS).exists()


def _read(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    # a file that np.load opens itself stays open if it cannot be read
    with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "meta"}
        meta = json.loads(str(stored["meta"]))
    if meta.get("schema") != SCHEMA:
        raise ValueError(f"schema {meta.get('schema')}, this version reads {SCHEMA}")
    if meta.get("checksum") != _checksum(arrays):
        raise ValueError("the checksum does not match: the file is damaged")
    return arrays, meta


def _checksum(arrays: Mapping[str, Array]) -> str:
    state = hashlib.sha256()
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        state.update(f"{name}{value.dtype.str}{value.shape}".encode())
        state.update(value.data if value.size else b"")
    return state.hexdigest()
