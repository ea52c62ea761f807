"""Atomic changes of a file: an interruption leaves either the old or the new content.

Bytes beyond the old end of the file are written immediately; bytes that replace others are kept in memory. `commit`
writes the latter to a journal next to the file, then to the file itself, and removes the journal. Until the journal is
complete the old content is valid; from then on `recover` can complete the change.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

PAGE = 4096  # bytes that are kept, and journaled, together
MAGIC = b"kmc journal 1\n"
ENTRY = struct.Struct(
    "<QQ"
)  # place and length of a page; first of all the new size of the file and the number of pages

Pages = dict[int, bytearray]  # place in the file in units of PAGE -> content


class JournaledFile:
    """A binary file object for h5py. Errors of the disk are kept for `commit`: HDF5 does not survive them everywhere.

    If the file has a journal, a read-only object shows the content that `recover` would produce.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self._path = path
        self._descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        self._kept = self._size = os.fstat(self._descriptor).st_size  # bytes before _kept stay until the commit
        self._at = 0
        self._pages: Pages = {}
        self._error: OSError | None = None
        self._committed = False
        if not writable and (pending := _read_journal(journal_of(path))) is not None:
            self._size, self._pages = pending

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As for any file object."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """As for any file object."""
        return self._at

    def flush(self) -> None:
        """Nothing happens before the commit."""

    def read(self, n: int = -1) -> bytes:
        """As for any file object."""
        buffer = bytearray(max(self._size - self._at, 0) if n < 0 else n)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """As for any file object."""
        view = memoryview(buffer).cast("B")
        view = view[: max(min(len(view), self._size - self._at), 0)]
        _pread(self._descriptor, view, self._at)
        for page, inside, of_view in _pages_of(self._at, len(view)) if self._pages else ():
            if page in self._pages:
                kept = memoryview(self._pages[page])[inside]
                view[of_view.start : of_view.start + len(kept)] = kept
        self._at += len(view)
        return len(view)

    def write(self, data: bytes | memoryview) -> int:
        """As for any file object, except for errors."""
        view = memoryview(data).cast("B")
        below = max(min(len(view), self._kept - self._at), 0)
        for page, inside, of_view in _pages_of(self._at, below):
            self._page(page)[inside] = view[of_view]
        if below < len(view):
            self._attempt(lambda: _pwrite(self._descriptor, view[below:], self._at + below))
        self._at += len(view)
        self._size = max(self._size, self._at)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """As for any file object, except for errors."""
        self._size = self._at if size is None else size
        if self._size >= self._kept:
            self._attempt(lambda: os.ftruncate(self._descriptor, self._size))
        return self._size

    def commit(self) -> None:
        """Write every change to the disk. After an OSError nothing has changed, or `recover` completes the change."""
        if self._error is not None:
            raise self._error
        os.fsync(self._descriptor)
        if self._pages or self._size < self._kept:
            journal = journal_of(self._path)
            try:
                _write_journal(journal, self._size, self._pages)
            except OSError:
                journal.unlink(missing_ok=True)
                raise
            self._committed = True
            _apply(self._descriptor, self._size, self._pages)
            journal.unlink()
        self._committed = True

    def close(self) -> None:
        """Undo uncommitted changes."""
        try:
            if not self._committed and os.fstat(self._descriptor).st_size > self._kept:
                self._attempt(lambda: os.ftruncate(self._descriptor, self._kept))
        finally:
            os.close(self._descriptor)

    def _page(self, page: int) -> bytearray:
        if page not in self._pages:
            self._pages[page] = bytearray(min(PAGE, self._kept - page * PAGE))
            _pread(self._descriptor, memoryview(self._pages[page]), page * PAGE)
        return self._pages[page]

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self._error = self._error or error


def journal_of(path: Path) -> Path:
    """The journal of a file."""
    return path.with_name(path.name + ".journal")


def recover(path: Path) -> None:
    """Complete a change whose journal is complete, and drop an incomplete journal."""
    journal = journal_of(path)
    if not journal.exists():
        return
    pending = _read_journal(journal)
    if pending is not None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _apply(descriptor, *pending)
        finally:
            os.close(descriptor)
    journal.unlink()


def _pages_of(at: int, n: int) -> Iterable[tuple[int, slice, slice]]:
    """(page, part of the page, part of the bytes) of n bytes at a place of the file."""
    done = 0
    while done < n:
        page, inside = divmod(at + done, PAGE)
        length = min(PAGE - inside, n - done)
        yield page, slice(inside, inside + length), slice(done, done + length)
        done += length


def _pread(descriptor: int, view: memoryview, at: int) -> None:
    """Read as much of the file as exists; bytes beyond its end are zero."""
    done = 0
    while done < len(view) and (got := os.preadv(descriptor, [view[done:]], at + done)):
        done += got
    view[done:] = bytes(len(view) - done)


def _pwrite(descriptor: int, data: bytes | bytearray | memoryview, at: int) -> None:
    view = memoryview(data)
    while len(view):
        done = os.pwrite(descriptor, view, at)
        view, at = view[done:], at + done


def _apply(descriptor: int, size: int, pages: Pages) -> None:
    for page, content in pages.items():
        _pwrite(descriptor, content, page * PAGE)
    os.ftruncate(descriptor, size)
    os.fsync(descriptor)


def _write_journal(journal: Path, size: int, pages: Pages) -> None:
    parts: list[bytes | bytearray] = [ENTRY.pack(size, len(pages))]
    for page, content in pages.items():
        parts += [ENTRY.pack(page, len(content)), content]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    with open(journal, "wb") as handle:
        handle.writelines([MAGIC, checksum.digest(), *parts])
        handle.flush()
        os.fsync(handle.fileno())
    folder = os.open(journal.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # after a power cut the journal must be found
    finally:
        os.close(folder)


def _read_journal(journal: Path) -> tuple[int, Pages] | None:
    """(size of the file, pages) of a complete journal; None if it is missing or incomplete."""
    try:
        text = journal.read_bytes()
    except FileNotFoundError:
        return None
    body = text[len(MAGIC) + 32 :]
    if text[: len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != text[len(MAGIC) : len(MAGIC) + 32]:
        return None
    size, number = ENTRY.unpack_from(body)
    at, pages = ENTRY.size, {}
    for _ in range(number):
        page, length = ENTRY.unpack_from(body, at)
        at += ENTRY.size
        pages[page] = bytearray(body[at : at + length])
        at += length
    return size, pages
