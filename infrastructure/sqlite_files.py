"""SQLite files as Clew keeps them: made whole or not at all, told apart by identity, clear about what is wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

from eventsourcing.persistence import PersistenceError

from application.ports import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BUSY_TIMEOUT_S: Final = 5.0
"""How long to wait for another program (a backup, a browser of databases) to let go of the file."""
LARGEST_WAL_BYTES: Final = 64 * 1024 * 1024
"""Writing over WAL pages is 1.5 times faster than growing the file, so it is cut only after an unusual surge."""
CHUNK_BYTES: Final = 1024 * 1024
COMPANIONS: Final = ("", "-wal", "-shm", "-journal")

LOCKED: Final = "is locked by another program. Close what has it open (a backup, a database browser), and try again."
ADVICE: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "is on a full disk. Free some space, and try again.",
    sqlite3.SQLITE_READONLY: "can't be written. Give the user that runs Clew the right to write the file and its "
    "directory, or choose another store.",
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_IOERR: "can't be read or written. Look at the disk and the system's log, then try again.",
    sqlite3.SQLITE_CANTOPEN: "can't be opened. Check that it is a file, and that the user that runs Clew may read and "
    "write it and its directory.",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database. Choose another store.",
    sqlite3.SQLITE_CORRUPT: "is damaged. Restore it from a backup; a file of views can simply be deleted.",
    sqlite3.SQLITE_NOMEM: "can't be read: there is not enough memory. Free some, and try again.",
}
"""What to say and do for each kind of failure, by SQLite's primary result code."""


class Identity(NamedTuple):
    """What a file says it is, in its header: the application, and the version of its schema."""

    what: str
    application_id: int
    schema_version: int


class Header(NamedTuple):
    """What was found in the header of a file."""

    application_id: int
    schema_version: int
    empty: bool


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of an error, 0 when it has none. The persistence layer wraps SQLite's own errors."""
    if isinstance(error, PersistenceError) and error.__cause__ is not None:
        error = error.__cause__
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def unavailable(path: Path, error: BaseException) -> StoreUnavailable:
    """The error to raise for what SQLite or the system reported about a file."""
    advice = ADVICE.get(primary_code(error), "can't be used as a store. Check the path, the disk and your rights.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        advice = ADVICE[sqlite3.SQLITE_FULL]
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        advice = ADVICE[sqlite3.SQLITE_READONLY]
    if isinstance(error, OSError) and error.errno == errno.EIO:
        advice = ADVICE[sqlite3.SQLITE_IOERR]
    reason = error.strerror if isinstance(error, OSError) else error
    return StoreUnavailable(f"{path} {advice} ({reason})", details={"path": str(path)})


def uri(path: Path, mode: str) -> str:
    """The file as SQLite's URI. Mode `rw` never makes one: a file that was removed isn't replaced by an empty one."""
    return f"{path.as_uri()}?mode={mode}"


def prepare(connection: sqlite3.Connection, *, synchronous: int) -> None:
    """Make a connection one that writes and checkpoints; raises StoreUnavailable where the file doesn't take to it.

    `synchronous` is 2 (FULL: a commit is on the disk), 1 (NORMAL: a power failure may lose the last commits) or 0 (OFF:
    it may tear the file, too).
    """
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    connection.execute(f"PRAGMA synchronous={synchronous:d}")
    connection.execute(f"PRAGMA journal_size_limit={LARGEST_WAL_BYTES:d}")
    connection.execute("PRAGMA trusted_schema=OFF")
    found = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (mode, found) != ("wal", synchronous):
        raise StoreUnavailable(
            f"This file system doesn't allow what keeps the store safe (journal_mode={mode}, synchronous={found}). "
            "Choose a store on a local disk."
        )


def prepare_reader(connection: sqlite3.Connection) -> None:
    """Make a connection one that can't write."""
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA trusted_schema=OFF")


def read_header(path: Path, identity: Identity, *, mode: str = "rw") -> Header:
    """What the file says it is. Raises StoreUnavailable when that is something else's."""
    with contextlib.closing(sqlite3.connect(uri(path, mode), uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        schema_version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    found = Header(application_id, schema_version, tables == 0)
    if application_id != identity.application_id and not (found.empty and application_id == 0):
        raise StoreUnavailable(f"{path} is a database, but not {identity.what} of Clew. Choose another store.")
    return found


def refuse_newer(path: Path, found: Header, identity: Identity) -> None:
    """Raise StoreUnavailable for a schema that this Clew doesn't know yet."""
    if found.schema_version > identity.schema_version:
        raise StoreUnavailable(
            f"{path} was written by a newer Clew (schema {found.schema_version}; this one knows "
            f"{identity.schema_version}). Use that one, or choose another store."
        )


def settle(path: Path) -> None:
    """Put on the disk what is in the write-ahead log beside a file, before anything is read from it and built on.

    The kernel takes for clean what a failed sync could not write, and forgets to write it: it can be read, later syncs
    succeed without it, and after a power failure it is a hole. SQLite reads a write-ahead log up to its first hole, and
    lays what is before it over pages that were copied from behind it: the file is damaged. What is written again is
    written. (https://lwn.net/Articles/752063)

    Nobody may be writing the file. It is not opened with SQLite for this, which copies from what it finds as it closes.
    """
    try:
        descriptor = os.open(path.with_name(path.name + "-wal"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        at = 0
        while chunk := os.pread(descriptor, CHUNK_BYTES, at):
            at += os.pwrite(descriptor, chunk, at)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def directories(directory: Path) -> Iterator[None]:
    """Make the missing directories, and take them away again if the block fails."""
    made: list[Path] = []
    try:
        _make_directories(directory, made)
        yield
    except BaseException:
        for new in reversed(made):
            with contextlib.suppress(OSError):  # something of somebody else's is in it by now
                new.rmdir()
        raise


@contextlib.contextmanager
def file(path: Path) -> Iterator[None]:
    """Make an empty file if there is none, and take it away again if the block fails. The store's lock must be held."""
    existed = path.exists()
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
        yield
    except BaseException:
        if not existed:
            with contextlib.suppress(OSError):  # what can't be removed was never made
                remove(path)
        raise


def remove(path: Path) -> None:
    """Delete a database with the files that SQLite keeps beside it, which would spoil the next one of that name."""
    for suffix in reversed(COMPANIONS):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise what SQLite and the system report inside the block as StoreUnavailable, in words."""
    try:
        yield
    except (OSError, sqlite3.Error, PersistenceError) as error:
        raise unavailable(path, error) from error


def _make_directories(directory: Path, made: list[Path]) -> None:
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for new in reversed(missing):
        new.mkdir()
        made.append(new)
        _sync_directory(new.parent)


def _sync_directory(directory: Path) -> None:
    """A new directory is there after a power failure only when the one that names it is on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
