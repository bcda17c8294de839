"""The log on PostgreSQL: its settings, its order, and what it does when connections die or the database is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest

from application.ports import Append, StoreUnavailable, VersionConflict
from infrastructure import postgres_connections, postgres_hold, postgres_recorder
from infrastructure.chain import broken_link
from infrastructure.postgres_address import Address, parse
from infrastructure.postgres_arrays import bytes_array, texts_array
from infrastructure.postgres_log import PostgresLog, open_log
from tests.contracts.samples import append, must, said, told
from tests.support import postgres
from tests.support.proxy import Proxy
from tests.support.waiting import until

QUICK_S = 1.0
"""What refusing may take while the database is known to be gone."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, locks and probes take a fraction of a second; the hold does not stir by itself."""
    monkeypatch.setattr(postgres_recorder, "WRITING", postgres_recorder.WRITING._replace(silence_s=0.3))
    monkeypatch.setattr(postgres_recorder, "READING", postgres_recorder.READING._replace(silence_s=0.3))
    monkeypatch.setattr(postgres_connections, "LOCK_S", 0.2)
    monkeypatch.setattr(postgres_connections, "PROBE_S", 0.02)
    monkeypatch.setattr(postgres_hold, "BEAT_S", 60.0)


@pytest.fixture
def address() -> Iterator[Address]:
    """Where the log is."""
    with postgres.schema() as url:
        yield parse(url)


@pytest.fixture
def log(address: Address) -> Iterator[PostgresLog]:
    """An empty log."""
    log = open_log(address)
    yield log
    log.close()


@pytest.fixture
def behind_proxy() -> Iterator[tuple[Proxy, PostgresLog]]:
    """An empty log with a proxy in front of it."""
    with postgres.proxied() as (proxy, url):
        log = open_log(parse(url))
        try:
            yield proxy, log
        finally:
            proxy.thaw()
            log.close()


def behind_its_back(address: Address, statement: str) -> int:
    """Have another program change something; the number of rows."""
    with postgres.connected() as connection:
        return connection.execute(statement.format(schema=address.schema).encode()).rowcount


def refusal(ask: Callable[[], Any]) -> str:
    """The message of a refusal, which must come at once."""
    began = monotonic()
    with pytest.raises(StoreUnavailable) as refused:
        ask()
    assert monotonic() - began < QUICK_S
    return refused.value.message


def is_back(log: PostgresLog) -> bool:
    """Whether everything can be asked of the log again."""
    try:
        log.check()
    except StoreUnavailable:
        return False
    return True


def test_the_writer_waits_for_the_disk_whatever_the_url_says(address: Address) -> None:
    """And each of its transactions sees what was committed before it; other options of the URL are kept."""
    options = "options=-c%20synchronous_commit%3Doff%20-c%20application_name%3Dx%20-c%20work_mem%3D5MB"
    log = open_log(address._replace(conninfo=f"{address.conninfo}?{options}"))
    try:
        with log._recorder.writers.borrow() as connection:
            found = {
                name: connection.execute(f"SHOW {name}".encode()).fetchall()[0][0]
                for name in ("synchronous_commit", "transaction_isolation", "statement_timeout", "work_mem")
            }
    finally:
        log.close()
    assert found == {
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
        "statement_timeout": "4s",
        "work_mem": "5MB",
    }


def test_positions_are_never_given_twice(log: PostgresLog, address: Address) -> None:
    """Not even when the newest rows were removed behind the log's back; nor when the sequence was set back."""
    log.append([append("x", 0, 1), append("y", 0, 2)])
    assert behind_its_back(address, "DELETE FROM {schema}.stored_events WHERE originator_id = 'y'") == 1
    assert must(log.append([append("y", 0, 3)])[0])[0].position == 3
    behind_its_back(address, "SELECT setval('{schema}.positions', 1)")
    assert must(log.append([append("y", 1, 4)])[0])[0].position == 4


def test_what_was_remembered_of_heads_is_corrected_by_the_database(log: PostgresLog, address: Address) -> None:
    """The next append is decided on what is in the table."""
    log.append([append("x", 0, 1, 2), append("y", 0, 1)])
    behind_its_back(address, "DELETE FROM {schema}.stored_events WHERE originator_version = 2")
    refused, fits = log.append([append("x", 2, 3), append("y", 1, 2)])
    assert isinstance(refused, VersionConflict)
    assert refused.details == {"stream": "x", "after": 2, "version": 1}
    assert must(fits)[0].version == 2
    assert must(log.append([append("x", 1, "again")])[0])[0].version == 2
    assert broken_link(log.rows("x")) is None


def test_an_append_to_a_stream_that_is_not_remembered(log: PostgresLog, address: Address) -> None:
    """Goes on with its chain: after a restart, and in a batch with others."""
    log.append([append("x", 0, 1, 2)])
    log.close()
    again = open_log(address)
    try:
        first, conflict, new = again.append([append("x", 2, 3), append("x", 2, "late"), append("z", 0, 1)])
        assert must(first)[0].version == 3
        assert isinstance(conflict, VersionConflict)
        assert must(new)[0].position == 4
        assert broken_link(again.rows("x")) is None
    finally:
        again.close()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE {schema}.stored_events SET state = state || '\\x20' WHERE originator_version = 3",
        "UPDATE {schema}.stored_events SET topic = 'completed' WHERE originator_version = 3",
        "UPDATE {schema}.stored_events SET hash = '\\x00' WHERE originator_version = 3",
        "DELETE FROM {schema}.stored_events WHERE originator_version = 3",
        "UPDATE {schema}.stored_events SET originator_version = 30 WHERE originator_version = 3",
    ],
)
def test_an_edited_history_is_found(log: PostgresLog, address: Address, edit: str) -> None:
    """The chain names the first version that doesn't follow from those before."""
    log.append([append("x", 0, 1, 2, 3, 4, 5)])
    assert broken_link(log.rows("x")) is None
    assert behind_its_back(address, edit) == 1
    assert broken_link(log.rows("x")) == 3


def test_a_history_with_another_end_is_not_gone_on_with(log: PostgresLog, address: Address) -> None:
    """An append is chained to what the table has, not to what is remembered."""
    log.append([append("x", 0, 1, 2)])
    behind_its_back(address, "UPDATE {schema}.stored_events SET hash = sha256('x') WHERE originator_version = 2")
    log.append([append("x", 2, 3)])
    with postgres.connected() as connection:
        statement = f"SELECT hash FROM {address.schema}.stored_events ORDER BY originator_version"
        hashes = [row[0] for row in connection.execute(statement.encode())]
    assert broken_link(log.rows("x")) == 2
    assert len(set(hashes)) == 3


def test_a_batch_that_fails_records_nothing_and_passes(log: PostgresLog, address: Address) -> None:
    """A full disk: the message says what to do, and when there is room again the log goes on."""
    log.append([append("x", 0, 1)])
    behind_its_back(
        address,
        "CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file'; END$$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON {schema}.stored_events FOR EACH ROW WHEN (new.topic = 'signal_received') "
        "EXECUTE FUNCTION {schema}.refuse()",
    )
    with pytest.raises(StoreUnavailable, match=r"full disk.*could not extend file"):
        log.append([append("x", 1, 2), append("y", 0, 1)])
    assert told(log.follow(0, 10)) == [1]
    behind_its_back(address, "DROP TRIGGER refuse ON {schema}.stored_events")
    recorded = [must(answer)[0] for answer in log.append([append("x", 1, 2), append("y", 0, 1)])]
    assert [each.version for each in recorded] == [2, 1]
    assert recorded == log.follow(1, 10)
    assert broken_link(log.rows("x")) is None


def test_a_lock_that_is_held_too_long_is_told(log: PostgresLog, address: Address) -> None:
    """Nothing is recorded, the message says so within the time for locks, and it passes."""
    with postgres.connected() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (address.key("append"),))
        assert "did not finish in time" in refusal(lambda: log.append([append("x", 0, 1)]))
    assert must(log.append([append("x", 0, 1)])[0])[0].version == 1


def test_an_event_that_is_not_json_spoils_nothing(log: PostgresLog) -> None:
    """It is refused before the transaction begins."""
    with pytest.raises(TypeError):
        log.append([append("x", 0, 1), Append(stream="y", after=0, events=(said(object()),))])
    assert log.position() == 0
    assert must(log.append([append("x", 0, 1)])[0])[0].position == 1


def test_an_event_of_a_newer_clew_is_named(log: PostgresLog, address: Address) -> None:
    """Reading it says which event of which stream, and to use the newer one."""
    log.append([append("x", 0, 1, 2), append("y", 0, 3)])
    behind_its_back(address, "UPDATE {schema}.stored_events SET topic = 'teleported' WHERE notification_id = 2")
    with pytest.raises(StoreUnavailable, match=r"Version 2 of x .* 'teleported'. A newer Clew"):
        log.read("x")
    assert told(log.read("y")) == [3]


def test_no_query_scans_or_sorts_the_table(log: PostgresLog) -> None:
    """Not even while the table is so new that the planner knows nothing of it."""
    recorder = log._recorder
    queries: list[tuple[bytes, tuple[Any, ...]]] = [
        (recorder._oldest, ("x", 0, 9, 9)),
        (recorder._newest, ("x", 0, 9, 1)),
        (recorder._notifications, (0, 9)),
        (recorder._last, ()),
        (recorder._hash_at, ("x", 1)),
        *(
            (recorder._searching(2, desc), ("x", 0, 9, texts_array(["a"]), *[bytes_array([b"b", b"c"])] * 2, 1))
            for desc in (False, True)
        ),
    ]
    for statement, parameters in queries:
        plan = "\n".join(row[0] for row in recorder.readers.rows(b"EXPLAIN " + statement, parameters))
        assert "Index" in plan, plan
        assert "Seq Scan" not in plan
        assert "Sort" not in plan


def test_a_follower_of_interrupted_writers_passes_nothing(log: PostgresLog, address: Address) -> None:
    """Appends that are rolled back leave gaps, in which nothing ever appears; the newest is passed last."""
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        while not done.is_set() or log.position() > (seen[-1] if seen else 0):
            seen.extend(recorded.position for recorded in log.follow(seen[-1] if seen else 0, 3))

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        for n in range(60):
            must(log.append([append(f"s{n % 7}", n // 7, n)])[0])
            if n % 10 == 3:
                behind_its_back(address, "SELECT nextval('{schema}.positions')")
            if n % 20 == 7:
                assert postgres.terminate("writer") == 1
    finally:
        done.set()
        follower.join(20)
    assert seen == [recorded.position for recorded in log.follow(0, 1_000)]
    assert len(seen) == 60
    assert seen[-1] > 60


def test_connections_that_die_are_replaced(log: PostgresLog) -> None:
    """Nobody who asks afterwards notices."""
    log.append([append("x", 0, 1)])
    assert told(log.read("x")) == [1]
    assert postgres.terminate("writer") == 1
    assert postgres.terminate("reader") == 1
    assert must(log.append([append("x", 1, 2)])[0])[0].version == 2
    assert told(log.read("x")) == [1, 2]
    log.check()


@pytest.mark.parametrize("done", [True, False])
def test_a_commit_of_unknown_outcome_is_looked_up(behind_proxy: tuple[Proxy, PostgresLog], done: bool) -> None:
    """Whether or not it was done: the events are in the log once, and are answered as recorded."""
    proxy, log = behind_proxy
    log.append([append("x", 0, 1)])
    (proxy.lose_an_answer if done else proxy.lose_a_question)()
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
    behind_proxy: tuple[Proxy, PostgresLog], monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """The same append, tried again when the store is back, is recorded once; another one sees the conflict."""
    proxy, log = behind_proxy
    log.append([append("w", 0, 1)])
    (proxy.lose_an_answer if done else proxy.lose_a_question)()
    with monkeypatch.context() as away:
        away.setattr(postgres_connections, "connect", refuse)
        with pytest.raises(StoreUnavailable, match="refused"):
            log.append([append("x", 0, 1)])
    until(lambda: is_back(log))
    assert told(log.read("x")) == ([1] if done else [])
    assert told(list(must(log.append([append("x", 0, 1)])[0]))) == [1]
    assert isinstance(log.append([append("x", 0, 2)])[0], VersionConflict)
    assert told(log.read("x")) == [1]


def refuse(*_: object) -> None:
    """As connecting to a port that nobody listens on does."""
    raise psycopg.OperationalError("Connection refused")


def test_a_database_that_is_gone_is_told_at_once_and_found_again(behind_proxy: tuple[Proxy, PostgresLog]) -> None:
    """Appends, reads and the look at its health fail quickly, with the reason; everything goes on by itself."""
    proxy, log = behind_proxy
    log.append([append("x", 0, 1)])
    proxy.cut()
    for _ in range(3):
        assert "can't be reached" in refusal(lambda: log.append([append("x", 1, 2)]))
        assert "refused" in refusal(lambda: log.read("x"))
        assert "can't be reached" in refusal(log.check)
    proxy.mend()
    until(lambda: is_back(log))
    assert told(log.read("x")) == [1]
    assert must(log.append([append("x", 1, 2)])[0])[0].version == 2


def test_a_database_that_falls_silent(behind_proxy: tuple[Proxy, PostgresLog]) -> None:
    """Is gone, too, after a moment, and is refused at once from then on.

    What it was asked may reach it late: the append that comes after it then is decided on that.
    """
    proxy, log = behind_proxy
    log.append([append("x", 0, 1)])
    proxy.freeze()
    for _ in range(3):
        assert "no answer within 0.3 s" in refusal(lambda: log.append([append("x", 1, "late")]))
    proxy.thaw()
    until(lambda: is_back(log))
    until(lambda: log.version("x") == 2)
    assert isinstance(log.append([append("x", 1, "other")])[0], VersionConflict)
    assert told(list(must(log.append([append("x", 1, "late")])[0]))) == ["late"]
    assert told(log.read("x")) == [1, "late"]
    assert broken_link(log.rows("x")) is None


def test_closing_ends_every_connection(log: PostgresLog) -> None:
    """Nothing of it stays in the database."""
    log.append([append("x", 0, 1)])
    log.read("x")
    uses = ("writer", "reader", "holder")
    assert [len(postgres.backends(use)) for use in uses] == [1, 1, 1]
    log.close()
    until(lambda: not any(postgres.backends(use) for use in uses))
