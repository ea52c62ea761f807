"""Opening, changing and creating HDF5 files so that nothing is lost, and their datasets with checksums.

Every dataset has a Fletcher-32 checksum, or lies in the object header if it is a scalar; the format of HDF5 1.10 has
checksums on headers and indices. Reading damaged data therefore raises an error instead of returning wrong numbers.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kmc.arrays import Array
from kmc.files.journal import JournaledFile, journal_of, recover
from lattices.errors import InputError

if TYPE_CHECKING:
    import h5py

FORMAT = ("v110", "v110")
BLOCK_BYTES = 2**24  # of a chunk of a dataset of fixed shape, and read at a time when a growing one is checked


@contextmanager
def reading(path: Path | str) -> Iterator[h5py.File]:
    """An HDF5 file open for reading, without a lock; every error inside the block becomes an InputError that names it.

    h5py gets a file object, so that it does not matter whether this process or another has opened the file already.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no trajectory file there")
    try:
        stored = JournaledFile(path, writable=False)
        with _closing(stored), h5py.File(stored, "r") as file:
            refuse_links(file)
            yield file
    except InputError:
        raise
    except Exception as error:  # a damaged file makes HDF5, h5py and NumPy raise nearly anything
        raise InputError(f"{path}: not a complete trajectory file of this program: {first_line(error)}") from error


@contextmanager
def changing(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file open for atomic changes (journal.py).

    Raises OSError for a disk error and InputError for a damaged file.
    """
    import h5py

    recover(path)
    stored = JournaledFile(path)
    with _closing(stored):
        try:
            with h5py.File(stored, "r+", libver=FORMAT) as file:
                yield file
        except InputError:
            raise
        except (KeyError, RuntimeError, ValueError, TypeError, OSError) as error:
            raise InputError(f"{path}: damaged, or not of this program: {first_line(error)}") from error
        stored.commit()


@contextmanager
def creating(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file, which appears under its name, replacing any earlier file, when it is complete."""
    import h5py

    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(b"")
    stored = JournaledFile(temporary)
    with _closing(stored):
        with h5py.File(stored, "w", libver=FORMAT) as file:
            yield file
        stored.commit()
    journal_of(path).unlink(missing_ok=True)
    os.replace(temporary, path)


@contextmanager
def _closing(stored: JournaledFile) -> Iterator[None]:
    try:
        yield
    finally:
        stored.close()


def first_line(error: BaseException) -> str:
    """The text of an error on one line."""
    return str(error).splitlines()[0] if str(error) else repr(error)


def refuse_links(file: h5py.File) -> None:
    """InputError where a file contains soft links or refers to other files; this program writes no such links."""
    import h5py

    def soft(name: bytes, info: h5py.h5l.LinkInfo) -> bytes | None:
        return None if info.type == h5py.h5l.TYPE_HARD else name

    found = file.id.links.visit(soft, info=True)
    if found is not None:
        raise InputError(f"{file.filename}: {found.decode(errors='replace')} is a link; a trajectory file has none")


def refuse_foreign_storage(dataset: h5py.Dataset) -> None:
    """InputError where the data of a dataset lie in other files."""
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{dataset.file.filename}: the data of {dataset.name} lie in another file")


def growing(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str, unit: str = "") -> None:
    """A new dataset of rows of a shape, without any."""
    chunks = (1, *shape) if all(shape) and shape else True
    maxshape = (None, *shape)
    dataset = group.create_dataset(name, (0, *shape), maxshape=maxshape, dtype=dtype, chunks=chunks, fletcher32=True)
    if unit:
        text_attribute(dataset, "unit", unit)


def extend(dataset: h5py.Dataset, values: Array) -> None:
    """Add rows."""
    before = len(dataset)
    dataset.resize(before + len(values), axis=0)
    dataset[before:] = values


def fixed(group: h5py.Group, name: str, value: Array, dtype: np.dtype | None = None) -> h5py.Dataset:
    """A new dataset of fixed shape."""
    value = np.asarray(value)
    if value.ndim and value.size:
        rows = max(1, min(len(value), BLOCK_BYTES * len(value) // value.nbytes))
        chunks = (rows, *value.shape[1:])
        return group.create_dataset(name, data=value, dtype=dtype, chunks=chunks, fletcher32=True)
    if value.ndim:
        return group.create_dataset(name, data=value, dtype=dtype)
    return _scalar(group, name, value)


def _scalar(group: h5py.Group, name: str, value: Array) -> h5py.Dataset:
    """A new dataset inside the object header; h5py offers no other way to request it."""
    import h5py

    folder, _, own = name.rpartition("/")
    parent = group.require_group(folder) if folder else group
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.COMPACT)
    kind, space = h5py.h5t.py_create(value.dtype, logical=True), h5py.h5s.create(h5py.h5s.SCALAR)
    dataset = h5py.Dataset(h5py.h5d.create(parent.id, own.encode(), kind, space, layout))
    dataset[()] = value
    return dataset


def replace(group: h5py.Group, arrays: Mapping[str, Array]) -> None:
    """Write datasets; those of the same shape are overwritten, because the space of a deleted one is not reused."""
    for name, value in arrays.items():
        if name in group and group[name].shape == value.shape:
            group[name][...] = value
        else:
            if name in group:
                del group[name]
            fixed(group, name, value)


def text_attribute(item: h5py.Group | h5py.Dataset, name: str, text: str) -> None:
    """A text attribute as a string of variable length, as H5MD requires for units. It has no checksum."""
    import h5py

    item.attrs.create(name, text, dtype=h5py.string_dtype())


def checked_attribute(item: h5py.Group, name: str, text: str) -> None:
    """A text attribute as a string of fixed length: h5py reads bytes. It has the checksum of the header it lies in."""
    item.attrs[name] = np.bytes_(text.encode("utf-8"))


def rows_crc(dataset: h5py.Dataset, rows: int) -> int:
    """CRC-32 of the first rows of a dataset."""
    each = max(1, BLOCK_BYTES // max(dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])), 1))
    crc = 0
    for begin in range(0, rows, each):
        crc = zlib.crc32(np.ascontiguousarray(dataset[begin : min(begin + each, rows)]).data, crc)
    return crc
