"""One writer per store: an advisory lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final

from application.ports import StoreHeld, StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

MAX_ATTEMPTS: Final = 100
"""Bounds the race with holders that remove their lock file as they leave."""


class StoreLock:
    """Exclusive hold on a store file, by `flock` on `<file>.lock`, which names the holder's process."""

    def __init__(self, store: Path) -> None:
        """Take the lock. Raises StoreHeld, naming the holder, and StoreUnavailable where no lock file can be."""
        self._store = store
        self._path = store.with_name(store.name + ".lock")
        self._descriptor: int | None = None
        try:
            self._descriptor = self._acquire()
        except OSError as error:
            raise StoreUnavailable(
                f"{self._path}, which keeps a second writer away, can't be made ({error.strerror}). "
                "Make room there, give the user that runs Clew the right to write, or choose another store."
            ) from error

    def release(self) -> None:
        """Let go of the store; doing it twice does nothing."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        with contextlib.suppress(OSError):  # closing is what releases; a lock file left behind holds nobody up
            self._path.unlink()
        os.close(descriptor)

    def _acquire(self) -> int:
        for _ in range(MAX_ATTEMPTS):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if self._locked(descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise OSError(errno.EAGAIN, "the lock file keeps changing")

    def _locked(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._held(descriptor) from error
        # The holder before may have removed the file between our open and our lock: then this lock guards nothing.
        if not _is_same_file(self._path, descriptor):
            return False
        try:
            _write_pid(descriptor)
        except OSError:
            self._path.unlink()  # nobody else can hold it now
            raise
        return True

    def _held(self, descriptor: int) -> StoreHeld:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        who = f"process {holder}" if holder.isdecimal() else "another process"
        return StoreHeld(
            f"{self._store} is being written by {who}. Stop that one first, or ask it instead of opening its store.",
            details={"pid": int(holder) if holder.isdecimal() else None},
        )


def _write_pid(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
