"""The file that nodes keep their tables in."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from domain.errors import StepFailure
from infrastructure import table_store
from infrastructure.table_records import Records, lookup_key
from infrastructure.table_store import TableStore


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A store of each kind."""
    made = TableStore(tmp_path / "deep" / "tables.db" if request.param == "file" else None)
    yield made
    made.close()


def add(store: TableStore, identity: Any, **fields: Any) -> None:
    """One record in the table t."""
    with store.writing() as connection:
        Records(connection, "t").add({"id": identity, **fields})


def ids(store: TableStore, **query: Any) -> list[Any]:
    """The ids of the records whose top-level fields equal these."""
    with store.reading() as connection:
        return [each.record["id"] for each in Records(connection, "t").where({(k,): v for k, v in query.items()})]


def failure(store: TableStore) -> StepFailure:
    """What a read raises."""
    with pytest.raises(StepFailure) as caught, store.reading():
        pass
    return caught.value


def test_nothing_is_made_before_it_is_used(tmp_path: Path) -> None:
    """A service whose workflows keep nothing leaves no file."""
    store = TableStore(tmp_path / "sub" / "tables.db")
    assert list(tmp_path.iterdir()) == []
    assert ids(store) == []
    assert (tmp_path / "sub" / "tables.db").exists()
    store.close()


def test_records_are_kept_across_stores(tmp_path: Path) -> None:
    """In a file, in the journal mode and with the syncs that lose nothing."""
    path = tmp_path / "tables.db"
    first = TableStore(path)
    add(first, 1)
    with first.writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    first.close()
    again = TableStore(path)
    assert ids(again) == [1]
    again.close()


def test_a_block_that_raises_leaves_nothing(store: TableStore) -> None:
    """And the store goes on."""
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        Records(connection, "t").add({"id": 1})
        raise ZeroDivisionError
    assert ids(store) == []
    add(store, 2)
    assert ids(store) == [2]


def test_what_was_done_once_is_not_done_again(store: TableStore) -> None:
    """The outcome is given again; of what failed nothing is remembered."""
    calls = []

    def work(connection: sqlite3.Connection) -> Any:
        calls.append(1)
        Records(connection, "t").add({"id": len(calls)})
        if len(calls) == 1:
            raise ZeroDivisionError
        return {"calls": len(calls)}

    with pytest.raises(ZeroDivisionError):
        store.once("visit", work)
    assert store.once("visit", work) == {"calls": 2}
    assert store.once("visit", work) == {"calls": 2}
    assert store.once("another", work) == {"calls": 3}
    assert ids(store) == [2, 3]


def test_only_so_many_outcomes_are_remembered(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest."""
    monkeypatch.setattr(table_store, "KEPT_OUTCOMES", 3)
    for number in range(5):
        store.once(str(number), lambda connection: "done")
    with store.reading() as connection:
        kept = [row[0] for row in connection.execute("SELECT visit FROM outcomes ORDER BY seq")]
    assert kept == ["2", "3", "4"]


def test_large_outcomes_push_out_old_ones(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their weight together; the newest always stays."""
    monkeypatch.setattr(table_store, "KEPT_OUTCOME_BYTES", 100)
    monkeypatch.setattr(table_store, "LARGE_OUTCOME_BYTES", 40)
    for visit, size in [("small", 10), ("a", 30), ("b", 50), ("c", 40)]:
        store.once(visit, lambda connection, size=size: "x" * (size - 2))  # type: ignore[misc]
    with store.reading() as connection:
        kept = [row[0] for row in connection.execute("SELECT visit FROM outcomes ORDER BY seq")]
        assert kept == ["b", "c"]
    store.once("huge", lambda connection: "x" * 500)
    with store.reading() as connection:
        assert [row[0] for row in connection.execute("SELECT visit FROM outcomes ORDER BY seq")] == ["huge"]


def test_threads_write_and_read_together(store: TableStore) -> None:
    """Every write is whole and none is lost; a reader never fails meanwhile."""
    wrong: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for number in range(20):
                add(store, f"{worker}/{number}", worker=worker)
                assert len(ids(store, worker=worker)) == number + 1
        except BaseException as error:  # noqa: BLE001 - the test reports it
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert len(ids(store)) == 80


def test_two_visits_in_one_moment_make_one_record(store: TableStore) -> None:
    """A second attempt that begins while the first is still at it waits, and gives the same."""
    outcomes: list[Any] = []
    gate = threading.Barrier(2)

    def work(connection: sqlite3.Connection) -> Any:
        records = Records(connection, "t")
        records.add({"id": sum(1 for _ in records.where({}))})
        return threading.get_ident()

    def attempt() -> None:
        gate.wait(10)
        outcomes.append(store.once("visit", work))

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(outcomes) == 2
    assert outcomes[0] == outcomes[1]
    assert ids(store) == [0]


def test_a_query_by_plain_fields_reads_no_whole_table(store: TableStore) -> None:
    """SQLite goes from the look-ups to the records."""
    with store.reading() as connection:
        sql, parameters = Records(connection, "t")._query({("email",): "a@b.cc", ("n",): 1, ("deep", "er"): 1})
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    searched = [step for step in plan if step.startswith(("SEARCH", "SCAN"))]
    assert [step.split()[:2] for step in searched] == [["SEARCH", "records"], *[["SEARCH", "lookups"]] * 2]
    assert "rowid=?" in searched[0]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (1, "n1"),
        (1.0, "n1"),
        ("1", "n1"),
        (" 1.0 ", "n1"),
        (1.5, "n1.5"),
        (True, "bTrue"),
        ("a", "ta"),
        ("a" * 500, "t" + "a" * 200),
        (2**64 - 1, "n18446744073709551615"),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_equal_values_have_one_key(value: Any, key: str | None) -> None:
    """As JSON values compare."""
    assert lookup_key(value) == key


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """With what to do, and without where it is: a workflow's error is no place for the server's directories."""
    path = tmp_path / "tables.db"
    path.write_text("no database at all, but long enough to be looked at" * 40)
    found = failure(TableStore(path)).error
    assert (found.code, found.type, found.recoverable) == ("TABLES_DAMAGED", "system", True)
    assert "tables.db is not an SQLite database" in found.message
    assert str(tmp_path) not in found.message
    assert found.details is None


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    """And left as it was."""
    path = tmp_path / "tables.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    before = path.read_bytes()
    found = failure(TableStore(path)).error
    assert found.code == "TABLES_UNAVAILABLE"
    assert "not the tables of Clew" in found.message
    assert str(tmp_path) not in found.message
    assert path.read_bytes() == before


def test_tables_of_a_newer_clew_are_refused(tmp_path: Path) -> None:
    """Nothing of them is changed."""
    path = tmp_path / "tables.db"
    store = TableStore(path)
    add(store, 1)
    with store.writing() as connection:
        connection.execute("PRAGMA user_version=99")
    store.close()
    assert "newer Clew" in failure(TableStore(path)).error.message


def test_a_locked_file_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wait; once it is free, the store works again."""
    monkeypatch.setattr("infrastructure.sqlite_files.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "tables.db"
    store = TableStore(path)
    add(store, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StepFailure) as caught:
        add(store, 2)
    assert caught.value.error.code == "TABLES_LOCKED"
    other.execute("ROLLBACK")
    other.close()
    add(store, 2)
    assert ids(store) == [1, 2]
    store.close()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "file").write_text("")
    found = failure(TableStore(tmp_path / "file" / "tables.db")).error
    assert found.code == "TABLES_UNAVAILABLE"
    assert str(tmp_path) not in found.message
