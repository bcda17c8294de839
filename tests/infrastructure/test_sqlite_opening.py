"""Opening stores: beside a server, twice, and on all that can't be a store; nothing is left behind by a failure."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from application.ports import StoreHeld, StoreUnavailable
from infrastructure import sqlite_files
from infrastructure.locking import StoreLock
from infrastructure.sqlite_log import open_log
from infrastructure.sqlite_views import open_views
from interfaces import bootstrap
from interfaces.settings import Settings
from tests.contracts.samples import append, told

if TYPE_CHECKING:
    from collections.abc import Callable

OPENERS = [open_log, open_views]


def contents(directory: Path) -> list[str]:
    """Every name below a directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_missing_directories_are_made(tmp_path: Path) -> None:
    """And a clean close leaves the one file."""
    log = open_log(tmp_path / "a" / "b" / "log.db")
    log.append([append("x", 0, 1)])
    log.close()
    assert contents(tmp_path) == ["a", "a/b", "a/b/log.db"]


def test_a_name_may_have_any_characters(tmp_path: Path) -> None:
    """Those too that mean something in a URI."""
    path = tmp_path / "a b?mode=memory#ž%20:memory:.db"
    log = open_log(path)
    log.append([append("x", 0, 1)])
    log.close()
    assert contents(tmp_path) == [path.name]


def test_a_second_writer_is_told_who_holds_the_store(tmp_path: Path) -> None:
    """By process id; once the first has let go, the second may."""
    path = tmp_path / "log.db"
    first = open_log(path)
    with pytest.raises(StoreHeld, match=f"process {os.getpid()}") as refusal:
        open_log(path)
    assert refusal.value.details == {"pid": os.getpid()}
    first.append([append("x", 0, 1)])
    first.close()
    open_log(path).close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """However that died; the file it leaves behind holds nobody up."""
    path = tmp_path / "log.db"
    script = (
        "import os, sys; from pathlib import Path; from infrastructure.locking import StoreLock;"
        "lock = StoreLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreHeld, match=f"process {holder.pid}"):
            StoreLock(path)
        holder.kill()
        holder.wait(10)
    assert contents(tmp_path) == ["log.db.lock"]
    lock = StoreLock(path)
    lock.release()
    lock.release()
    assert contents(tmp_path) == []


def test_a_reader_stands_beside_a_writer(tmp_path: Path) -> None:
    """It sees what is committed, also after it opened, and can't append."""
    path = tmp_path / "log.db"
    writer = open_log(path)
    reader = open_log(path, read_only=True)
    try:
        writer.append([append("x", 0, 1)])
        assert told(reader.read("x")) == [1]
        assert (reader.version("x"), reader.position()) == (1, 1)
        with pytest.raises(StoreUnavailable, match="for reading only"):
            reader.append([append("x", 1, 2)])
    finally:
        reader.close()
        writer.close()


def test_a_reader_reads_without_a_writer(tmp_path: Path) -> None:
    """What a server that has gone left."""
    path = tmp_path / "log.db"
    writer = open_log(path)
    writer.append([append("x", 0, 1)])
    writer.close()
    reader = open_log(path, read_only=True)
    try:
        assert told(reader.read("x")) == [1]
    finally:
        reader.close()


def test_readers_of_views_are_the_same(tmp_path: Path) -> None:
    """They read beside the writer, and put nothing."""
    writer = open_views(tmp_path / "views.db")
    reader = open_views(tmp_path / "views.db", read_only=True)
    try:
        writer.put([], 7)
        assert reader.position() == 7
        with pytest.raises(StoreUnavailable, match="for reading only"):
            reader.put([], 8)
    finally:
        reader.close()
        writer.close()


@pytest.mark.parametrize("open_store", OPENERS)
def test_reading_makes_no_store(tmp_path: Path, open_store: Callable[..., object]) -> None:
    """What is not there, or empty, is said to be so."""
    with pytest.raises(StoreUnavailable, match=r"There (is|are) no"):
        open_store(tmp_path / "a" / "x.db", read_only=True)
    assert contents(tmp_path) == []
    (tmp_path / "x.db").touch()
    with pytest.raises(StoreUnavailable, match=r"There (is|are) no"):
        open_store(tmp_path / "x.db", read_only=True)


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_file_in_the_way_of_a_directory(tmp_path: Path, open_store: Callable[..., object]) -> None:
    """The parent, or one above it, is a file."""
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file" / "x.db", tmp_path / "file" / "deeper" / "x.db"):
        with pytest.raises(StoreUnavailable, match="Not a directory"):
            open_store(path)
    assert contents(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_directory_in_the_way_of_the_file(tmp_path: Path, open_store: Callable[..., object]) -> None:
    """The store itself is a directory."""
    (tmp_path / "x.db").mkdir()
    with pytest.raises(StoreUnavailable, match="Is a directory"):
        open_store(tmp_path / "x.db")
    assert contents(tmp_path) == ["x.db"]


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_file_that_is_no_database(tmp_path: Path, open_store: Callable[..., object]) -> None:
    """It is left as it was."""
    (tmp_path / "x.db").write_text("dear diary, " * 100)
    with pytest.raises(StoreUnavailable, match="not an SQLite database"):
        open_store(tmp_path / "x.db")
    assert contents(tmp_path) == ["x.db"]
    assert (tmp_path / "x.db").read_text() == "dear diary, " * 100


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_database_of_something_else(tmp_path: Path, open_store: Callable[..., object]) -> None:
    """No table of ours is put into it."""
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as other:
        other.execute("CREATE TABLE recipes (name)")
    before = (tmp_path / "x.db").read_bytes()
    with pytest.raises(StoreUnavailable, match=r"is a database, but not the (log|views) of Clew"):
        open_store(tmp_path / "x.db")
    assert contents(tmp_path) == ["x.db"]
    assert (tmp_path / "x.db").read_bytes() == before


def test_a_log_is_not_taken_for_views(tmp_path: Path) -> None:
    """Nor thrown away as if it were."""
    open_log(tmp_path / "x.db").close()
    with pytest.raises(StoreUnavailable, match="not the views of Clew"):
        open_views(tmp_path / "x.db")
    open_log(tmp_path / "x.db").close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_log_of_a_newer_clew(tmp_path: Path, read_only: bool) -> None:
    """It is refused, unchanged, with both versions named."""
    open_log(tmp_path / "log.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as other:
        other.execute("PRAGMA user_version=2")
    with pytest.raises(StoreUnavailable, match=r"newer Clew \(schema 2; this one knows 1\)"):
        open_log(tmp_path / "log.db", read_only=read_only)


@pytest.mark.parametrize("version", [0, 99])
def test_views_of_another_schema_are_made_anew(tmp_path: Path, version: int) -> None:
    """Older or newer: they can be built again, so nobody is asked."""
    views = open_views(tmp_path / "views.db")
    views.put([], 7)
    views.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "views.db")) as other:
        other.execute(f"PRAGMA user_version={version}")
    views = open_views(tmp_path / "views.db")
    assert views.position() == 0
    views.close()


@pytest.mark.parametrize("open_store", OPENERS)
@pytest.mark.parametrize("room", [0, 20_000])
def test_no_room_at_start(tmp_path: Path, open_store: Callable[..., object], room: int) -> None:
    """One clear message, and no file, lock or directory that was made on the way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(StoreUnavailable, match=r"x\.db"):
            open_store(tmp_path / "new" / "deeper" / "x.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == []


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_directory_that_can_not_be_written(open_store: Callable[..., object]) -> None:
    """A part of the system where nobody may make files, the superuser included."""
    with pytest.raises(StoreUnavailable, match=r"/proc/clew.* \((No such file or directory|Permission denied)\)"):
        open_store(Path("/proc/clew/x.db"))


def test_what_a_crash_left_is_written_again_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose write-ahead log can't be put on the disk is not opened; when it can, everything is there."""
    log = open_log(tmp_path / "log.db")
    log.append([append("x", 0, 1)])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("log.db", "log.db-wal"):
        (crashed / name).write_bytes((tmp_path / name).read_bytes())
    log.close()
    left = (crashed / "log.db-wal").read_bytes()
    assert left

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(StoreUnavailable, match="Look at the disk"):
            open_log(crashed / "log.db")
    assert (crashed / "log.db-wal").read_bytes() == left
    again = open_log(crashed / "log.db")
    assert again.version("x") == 1
    again.close()


def test_why_a_store_can_not_be_used_is_told_though_it_can_not_be_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that takes neither the views nor the removal of the log that was just made."""

    def refused(path: Path, *, read_only: bool) -> None:
        raise StoreUnavailable("The views can't be written.")

    def failing(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(bootstrap, "open_views", refused)
    monkeypatch.setattr(sqlite_files, "remove", failing)
    with pytest.raises(StoreUnavailable, match="The views can't be written"):
        bootstrap.make_service(Settings(store=f"sqlite:///{tmp_path / 'log.db'}", home=tmp_path))
