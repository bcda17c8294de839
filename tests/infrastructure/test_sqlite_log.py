"""The log on SQLite: its settings, its file, and what it does when the disk or somebody else interferes."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
import sys
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from application.ports import Append, StoreUnavailable, VersionConflict
from infrastructure import heads
from infrastructure.chain import broken_link
from infrastructure.sqlite_log import SqliteLog, open_log
from infrastructure.sqlite_recorder import LogConnection, LogConnectionPool, LogRecorder
from tests.contracts.samples import append, must, said, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    """An empty log."""
    log = open_log(path)
    yield log
    log.close()


@contextlib.contextmanager
def behind_its_back(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that writes the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


@contextlib.contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """A real limit of the system: writing beyond it fails like a failing disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_writer_waits_for_the_disk(log: SqliteLog) -> None:
    """WAL with synchronous=FULL, and a WAL file that is written over rather than cut."""
    with log._datastore.transaction(commit=True) as cursor:
        found = {}
        for name in ("journal_mode", "synchronous", "journal_size_limit", "wal_autocheckpoint"):
            cursor.execute(f"PRAGMA {name}")
            found[name] = cursor.fetchone()[0]
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "journal_size_limit": 64 * 1024 * 1024,
        "wal_autocheckpoint": 4_000,
    }


def test_a_file_system_without_wal_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are asserted, not hoped for, and nothing is left behind."""
    real = sqlite3.connect

    class Stubborn(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            return super().execute("SELECT 'delete'" if sql == "PRAGMA journal_mode=WAL" else sql, *parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: real(*args, factory=Stubborn, **kwargs))
    with pytest.raises(StoreUnavailable, match="local disk"):
        open_log(path)
    assert list(path.parent.iterdir()) == []


def test_readers_can_not_write(log: SqliteLog) -> None:
    """Whatever a reading connection is asked to do."""
    with pytest.raises(sqlite3.OperationalError, match="readonly"), log._datastore.transaction(commit=False) as cursor:
        cursor.execute("DELETE FROM stored_events")


def test_positions_are_never_given_twice(log: SqliteLog, path: Path) -> None:
    """Not even when the newest rows were removed behind the log's back."""
    log.append([append("x", 0, 1), append("y", 0, 2)])
    with behind_its_back(path) as other:
        other.execute("DELETE FROM stored_events WHERE originator_id = 'y'")
    assert must(log.append([append("y", 0, 3)])[0])[0].position == 3


def test_what_was_remembered_of_heads_is_forgotten_when_somebody_else_writes(log: SqliteLog, path: Path) -> None:
    """The next append is decided on what is in the file."""
    log.append([append("x", 0, 1, 2)])
    with behind_its_back(path) as other:
        other.execute("DELETE FROM stored_events WHERE originator_version = 2")
    assert isinstance(log.append([append("x", 2, 3)])[0], VersionConflict)
    assert must(log.append([append("x", 1, "again")])[0])[0].version == 2
    assert broken_link(log.rows("x")) is None


def test_no_more_heads_are_remembered_than_the_bound(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that fell out of memory is looked up again."""
    monkeypatch.setattr(heads, "MAX_HEADS", 3)
    for n in range(6):
        log.append([append(f"s{n}", 0, n)])
    assert len(log._heads._heads) == 3
    assert must(log.append([append("s0", 1, "next")])[0])[0].version == 2


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE stored_events SET state = replace(state, '3', '4') WHERE originator_version = 3",
        "UPDATE stored_events SET state = CAST(replace(state, '3', '4') AS BLOB) WHERE originator_version = 3",
        "UPDATE stored_events SET topic = 'completed' WHERE originator_version = 3",
        "UPDATE stored_events SET hash = zeroblob(32) WHERE originator_version = 3",
        "DELETE FROM stored_events WHERE originator_version = 3",
        "UPDATE stored_events SET originator_version = 30 WHERE originator_version = 3",
    ],
)
def test_an_edited_history_is_found(log: SqliteLog, path: Path, edit: str) -> None:
    """The chain names the first version that doesn't follow from those before."""
    log.append([append("x", 0, 1, 2, 3, 4, 5)])
    assert broken_link(log.rows("x")) is None
    with behind_its_back(path) as other:
        assert other.execute(edit).rowcount == 1
    assert broken_link(log.rows("x")) == 3


def test_a_history_moved_to_another_stream_is_found(log: SqliteLog, path: Path) -> None:
    """Rows belong to their stream."""
    log.append([append("x", 0, 1, 2)])
    with behind_its_back(path) as other:
        other.execute("UPDATE stored_events SET originator_id = 'y'")
    assert broken_link(log.rows("y")) == 1


def test_a_full_disk_records_nothing_and_passes(log: SqliteLog) -> None:
    """The message says what to do, and when there is room again the log goes on."""
    log.append([append("x", 0, 1)])
    with log._datastore.get_connection(commit=True) as connection:
        connection.cursor().execute("PRAGMA max_page_count=1")
    with pytest.raises(StoreUnavailable, match="full disk"):
        log.append([append("x", 1, "y" * 100_000)])
    assert told(log.read("x")) == [1]
    assert must(log.append([append("x", 1, 2)])[0])[0].version == 2
    assert broken_link(log.rows("x")) is None


def test_a_disk_too_full_to_open_the_log_anew_passes(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no writing connection can be made every append says so at once; when one can, the log goes on."""
    log.append([append("x", 0, 1)])

    def refuse(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as full:
        full.setattr(LogConnectionPool, "_prepare", refuse)
        full.setattr(LogRecorder, "insert", refuse)
        began = monotonic()
        for _ in range(4):
            with pytest.raises(StoreUnavailable, match="full disk"):
                log.append([append("x", 1, 2)])
        assert monotonic() - began < 10
    assert must(log.append([append("x", 1, 2)])[0])[0].version == 2
    assert told(log.read("x")) == [1, 2]


def test_an_input_output_error_records_nothing_and_the_file_is_opened_anew(log: SqliteLog, path: Path) -> None:
    """A write that the system refuses at commit; the connection that saw it is not used again."""
    log.append([append("x", 0, 1)])
    with log._datastore.get_connection(commit=True) as connection:
        before = connection
    with no_file_longer_than(200_000), pytest.raises(StoreUnavailable, match=r"log\.db can't be read or written"):
        log.append([append("x", 1, "y" * 300_000)])
    assert before.closed
    assert told(log.read("x")) == [1]
    assert must(log.append([append("x", 1, 2)])[0])[0].version == 2
    assert broken_link(log.rows("x")) is None


def test_a_locked_file_says_who_might_hold_it(log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program in a transaction: nothing is recorded, and the message says to close it."""
    with log._datastore.get_connection(commit=True) as connection:
        connection.cursor().execute("PRAGMA busy_timeout=10")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked by another program"):
            log.append([append("x", 0, 1)])
    assert must(log.append([append("x", 0, 1)])[0])[0].version == 1


def test_a_file_that_is_gone_records_nothing_until_it_is_back(log: SqliteLog, path: Path) -> None:
    """Nor does one that another has taken the place of: what is written to a file without a name is lost at the end."""
    log.append([append("x", 0, 1)])
    away = path.with_name("away.db")
    path.rename(away)
    for _ in range(2):
        for ask in (lambda: log.append([append("x", 1, 2)]), log.position, log.probe):
            with pytest.raises(StoreUnavailable, match="is gone, or another file is in its place"):
                ask()
        path.touch()
    away.replace(path)
    log.probe()
    assert must(log.append([append("x", 1, 2)])[0])[0].version == 2
    assert told(log.read("x")) == [1, 2]


def test_a_probe_finds_out_whether_something_could_be_recorded(log: SqliteLog) -> None:
    """It writes and waits for the disk as a commit does, records nothing, and what is known of the heads stays true."""
    log.append([append("x", 0, 1)])
    log.probe()
    with no_file_longer_than(0), pytest.raises(StoreUnavailable, match=r"log\.db can't be read or written"):
        log.probe()
    log.probe()
    assert (log.position(), told(log.read("x"))) == (1, [1])
    assert must(log.append([append("x", 1, 2)])[0])[0].position == 2
    assert broken_link(log.rows("x")) is None


class Doubt:
    """Commits that are reported as failed, after or before they were done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, done: bool, times: int = 1) -> None:
        self.left = times
        real = LogConnection.commit

        def commit(connection: LogConnection) -> None:
            if not self.left:
                real(connection)
                return
            self.left -= 1
            if done:
                real(connection)
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(LogConnection, "commit", commit)


@pytest.mark.parametrize("done", [True, False])
def test_a_commit_of_unknown_outcome_is_looked_up(log: SqliteLog, monkeypatch: pytest.MonkeyPatch, done: bool) -> None:
    """Whether or not it was done: the events are in the log once, and are answered as recorded."""
    log.append([append("x", 0, 1)])
    Doubt(monkeypatch, done=done)
    first, conflict, second, third = log.append(
        [append("x", 1, 2, 3), append("x", 1, "late"), append("y", 0, 4), append("x", 3, 5)]
    )
    assert isinstance(conflict, VersionConflict)
    assert list(must(first)) == log.read("x", after=1, upto=3)
    assert list(must(second)) == log.read("y")
    assert list(must(third)) == log.read("x", after=3)
    assert told(log.follow(0, 10)) == [1, 2, 3, 4, 5]
    assert broken_link(log.rows("x")) is None


@pytest.mark.parametrize("done", [True, False])
def test_a_store_that_stays_away_is_unavailable_and_may_be_asked_again(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """The same append, tried again when the store is back, is recorded once; another one sees the conflict."""
    Doubt(monkeypatch, done=done, times=2)
    with pytest.raises(StoreUnavailable):
        log.append([append("x", 0, 1)])
    assert told(list(must(log.append([append("x", 0, 1)])[0]))) == [1]
    assert isinstance(log.append([append("x", 0, 2)])[0], VersionConflict)
    assert told(log.read("x")) == [1]


def test_an_event_that_is_not_json_spoils_nothing(log: SqliteLog) -> None:
    """It is refused before the transaction begins."""
    with pytest.raises(TypeError):
        log.append([append("x", 0, 1), Append(stream="y", after=0, events=(said(object()),))])
    assert log.position() == 0
    assert must(log.append([append("x", 0, 1)])[0])[0].position == 1


def test_an_event_of_a_newer_clew_is_named(log: SqliteLog, path: Path) -> None:
    """Reading it says which event of which stream, and to use the newer one; other streams are read as ever."""
    log.append([append("x", 0, 1, 2), append("y", 0, 3)])
    with behind_its_back(path) as other:
        other.execute(
            "UPDATE stored_events SET topic = 'teleported' WHERE originator_id = 'x' AND originator_version = 2",
        )
    with pytest.raises(StoreUnavailable, match=r"Version 2 of x .* 'teleported'. A newer Clew"):
        log.read("x")
    assert told(log.read("x", upto=1)) == [1]
    assert told(log.read("y")) == [3]


def test_what_a_killed_process_had_committed_is_there(path: Path) -> None:
    """SIGKILL right after an append: the events are read, the lock is free, the chain is whole."""
    script = (
        "import os, signal, sys; from pathlib import Path; from infrastructure.sqlite_log import open_log;"
        "from tests.contracts.samples import append;"
        "log = open_log(Path(sys.argv[1])); log.append([append('x', 0, 1, 2)]); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=30).returncode == -9
    log = open_log(path)
    try:
        assert told(log.read("x")) == [1, 2]
        assert broken_link(log.rows("x")) is None
        assert must(log.append([append("x", 2, 3)])[0])[0].position == 3
    finally:
        log.close()
