"""A lock on a folder while a run writes there. It is released when the process ends, for any reason."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lattices.errors import InputError

UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
ATTEMPTS, PAUSE_S = 4, 0.05  # `is_locked` of another process holds a lock for an instant


@contextmanager
def locked(path: Path, *, shared: bool = False, what: str = "run") -> Iterator[None]:
    """Hold the lock file `path` inside the block and remove it afterwards; its folder must exist.

    shared: with other shared holders, while nobody can hold it alone. what: named in the message. InputError, with the
    number of the other process, if the lock is held already. Raises OSError for a read-only folder. A file system
    without locks (some network mounts) does not protect the folder.
    """
    descriptor = _acquire(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, what)
    try:
        yield
    finally:
        if not shared or _alone(descriptor):
            path.unlink(missing_ok=True)  # while it is still locked: nobody else can have taken it
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file; false where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _acquire(path: Path, kind: int, what: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor, path, kind, what)
            if _is_still(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path, kind: int, what: str) -> None:
    for attempt in range(ATTEMPTS):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if attempt < ATTEMPTS - 1:
                time.sleep(PAUSE_S)
                continue
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise InputError(
                f"{path.parent}: a {what} is being carried out there by process {holder}; wait until it has ended, or "
                "stop it"
            ) from error
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            return


def _alone(descriptor: int) -> bool:
    """Whether a shared holder was the last one: its lock is then made its own."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one at this path: the process before may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
