"""The checkpoints on SQLite: made when there is one to keep, and made anew whatever becomes of the file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from application.ports import Checkpoints, StoreUnavailable
from infrastructure.sqlite_checkpoints import BY_TIME, BY_VERSION, CHECKPOINTS, SqliteCheckpoints, open_checkpoints
from infrastructure.sqlite_log import open_log
from tests.contracts.checkpoints import FORMAT, checkpoint, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is, or will be."""
    return tmp_path / "log-checkpoints.db"


@contextlib.contextmanager
def opened(path: Path, format_: str = FORMAT, *, read_only: bool = False) -> Iterator[SqliteCheckpoints]:
    """The store, closed at the end."""
    store = open_checkpoints(path, format_, read_only=read_only)
    try:
        yield store
    finally:
        store.close()


def holds(store: Checkpoints) -> list[int | None]:
    """The version of the newest, after one more is put: it works."""
    store.put([checkpoint(7)])
    return [version_of(store.nearest("e", upto=6)), version_of(store.nearest("e"))]


def test_there_is_no_file_before_there_is_a_checkpoint(path: Path) -> None:
    """Most executions are short. Whoever only reads makes none either."""
    with opened(path) as store, opened(path, read_only=True) as reader:
        assert (store.nearest("e"), reader.nearest("e")) == (None, None)
        assert not path.exists()
        store.put([checkpoint(1)])
        assert path.exists()
        assert version_of(reader.nearest("e")) == 1
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


def test_nobody_waits_for_the_disk(path: Path) -> None:
    """What a power failure takes or tears is folded again."""
    with opened(path) as store, store._write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 0


def test_a_checkpoint_is_found_along_an_index(path: Path) -> None:
    """By version and by time, without sorting."""
    with opened(path) as store, store._write() as connection:
        for sql, parameters in ((BY_VERSION, ("e", 1)), (BY_TIME, ("e", 1, 1))):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
            assert len(plan) == 1
            assert plan[0].startswith("SEARCH checkpoints USING INDEX")


@pytest.mark.parametrize("damage", ["garbage", "header", "cut", "middle", "empty"])
@pytest.mark.parametrize("when", ["closed", "open"])
def test_a_damaged_file_is_made_anew(path: Path, damage: str, when: str) -> None:
    """Found damaged at the start or in the middle of work: at worst the first question is not answered."""
    with opened(path) as store:
        store.put([checkpoint(each, fold=bytes(3_000)) for each in range(1, 60)])
    with contextlib.ExitStack() as ending:
        if when == "closed":
            _damage(path, damage)
        store = ending.enter_context(opened(path))
        if when == "open":
            store.close()
            store = ending.enter_context(opened(path))
            _damage(path, damage)
        for _ in range(3):
            with contextlib.suppress(StoreUnavailable):
                store.nearest("e", upto=30)
                store.put([checkpoint(each) for each in range(1, 60)])
        assert version_of(store.nearest("e", upto=30)) == 30
        store.forget("e")
        assert holds(store) == [None, 7]


def _damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    match how:
        case "garbage":
            data = bytearray(os.urandom(50_000))
        case "header":
            data[:100] = bytes(100)
        case "cut":
            del data[len(data) // 3 :]
        case "middle":
            data[4096:40_960] = os.urandom(36_864)
        case _:
            data = bytearray()
    path.write_bytes(data)


def test_a_file_that_is_deleted_is_made_anew_at_the_next_start(path: Path) -> None:
    """Until then nothing fails."""
    with opened(path) as store:
        store.put([checkpoint(1)])
        path.unlink()
        store.put([checkpoint(2)])
        assert version_of(store.nearest("e")) in (None, 2)
    with opened(path) as store:
        assert holds(store) in ([None, 7], [2, 7])


def test_a_file_of_another_schema_is_made_anew_but_a_newer_one_is_left_alone(path: Path) -> None:
    """Whoever goes back to the newer Clew finds its file as it was."""
    with opened(path) as store:
        store.put([checkpoint(1)])
    _set(path, "user_version", CHECKPOINTS.schema_version - 1)
    with opened(path) as store:
        assert holds(store) == [None, 7]
    _set(path, "user_version", CHECKPOINTS.schema_version + 1)
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreUnavailable, match="newer Clew"):
            open_checkpoints(path, FORMAT, read_only=read_only)
    assert path.read_bytes() == before


def test_what_is_not_ours_is_left_alone(path: Path) -> None:
    """Another program's database, or our own log."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE precious (x)")
    with pytest.raises(StoreUnavailable, match="not the checkpoints of Clew"):
        open_checkpoints(path, FORMAT)
    log_path = path.with_name("log.db")
    open_log(log_path).close()
    with pytest.raises(StoreUnavailable, match="not the checkpoints of Clew"):
        open_checkpoints(log_path, FORMAT)


def test_a_reader_does_not_replace_what_it_can_not_use(path: Path) -> None:
    """It says so, and whoever asked does without."""
    with opened(path, "another") as store:
        store.put([checkpoint(1)])
    with pytest.raises(StoreUnavailable, match="another Clew"):
        open_checkpoints(path, FORMAT, read_only=True)
    with opened(path, "another", read_only=True) as reader:
        assert version_of(reader.nearest("e")) == 1
        with pytest.raises(StoreUnavailable, match="reading only"):
            reader.put([checkpoint(2)])
        _damage(path, "garbage")
        with pytest.raises(StoreUnavailable):
            reader.forget("e")
        assert path.exists()


def test_a_failed_write_leaves_what_there_was(path: Path) -> None:
    """And the next one works."""
    with opened(path) as store:
        store.put([checkpoint(1)])
        with store._write() as connection:
            connection.execute("PRAGMA query_only=ON")
        with pytest.raises(StoreUnavailable, match="can't be written"):
            store.put([checkpoint(2)])
        assert version_of(store.nearest("e")) == 1
        assert holds(store) == [1, 7]


def test_a_row_that_no_clew_wrote_is_none(path: Path) -> None:
    """SQLite keeps anything in any column."""
    with opened(path) as store:
        store.put([checkpoint(1)])
        with store._write() as connection:
            connection.execute("UPDATE checkpoints SET fold = 'text'")
        assert store.nearest("e") is None


def _set(path: Path, pragma: str, value: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {pragma}={value:d}")
