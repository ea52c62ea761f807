"""A lock on a folder while a run writes there. It is released when the process ends, for any reason."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lattices.errors import InputError

UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` inside the block and remove it afterwards; its folder must exist.

    InputError, with the number of the other process, if the lock is held already. Raises OSError for a
    read-only folder. A file system without locks (some network mounts) does not protect the folder.
    """
    descriptor = _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is still locked: nobody else can have taken it
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor, path)
            if _is_still(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise InputError(
            f"{path.parent}: a run is being carried out there by process {holder}; wait until it has ended, or stop it"
        ) from error
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one at this path: the process before may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
