"""Connections to PostgreSQL: how many there are, what becomes of those that fail, and how long anyone waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest

from application.ports import StoreUnavailable
from infrastructure import postgres_connections
from infrastructure.postgres_address import Address, parse
from infrastructure.postgres_connections import Connections, Use
from infrastructure.postgres_errors import ConnectionLost
from tests.support import postgres
from tests.support.waiting import until

TEST = Use("test", statement_s=0.5, silence_s=2.0)


@pytest.fixture
def address() -> Address:
    """The database; nothing is made in it."""
    postgres.require()
    return parse(postgres.URL)


@pytest.fixture
def connections(address: Address) -> Iterator[Connections]:
    """Two at most."""
    connections = Connections(address, TEST, size=2)
    yield connections
    connections.close()
    until(lambda: postgres.backends("test") == [])


def backend(connections: Connections) -> int:
    """The backend that answers."""
    return int(connections.rows(b"SELECT pg_backend_pid()")[0][0])


def test_connections_are_made_when_needed_and_used_again(connections: Connections) -> None:
    """One after the other needs one, two at once two."""
    assert postgres.backends("test") == []
    assert {backend(connections) for _ in range(5)} == set(postgres.backends("test"))
    with connections.borrow(), connections.borrow():
        assert len(postgres.backends("test")) == 2
    assert len(postgres.backends("test")) == 2


def test_whoever_comes_when_all_are_busy_waits_a_while(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And then is told so; once one is free, it is theirs."""
    monkeypatch.setattr(postgres_connections, "FREE_S", 0.05)
    with connections.borrow(), connections.borrow():
        with pytest.raises(StoreUnavailable, match=r"All 2 connections .* are busy"):
            backend(connections)
        monkeypatch.setattr(postgres_connections, "FREE_S", 20.0)
        answers: list[int] = []
        waiting = threading.Thread(target=lambda: answers.append(backend(connections)))
        waiting.start()
    waiting.join(20)
    assert len(answers) == 1


def test_an_error_of_a_statement_leaves_the_connection_as_it_was(connections: Connections) -> None:
    """It is used again."""
    before = backend(connections)
    with pytest.raises(StoreUnavailable, match=r"can't be used.*division by zero"):
        connections.rows(b"SELECT 1 / 0")
    assert backend(connections) == before


def test_a_statement_that_takes_too_long_is_ended_by_the_server(connections: Connections) -> None:
    """The message says so, and the connection is used again."""
    before = backend(connections)
    with pytest.raises(StoreUnavailable, match="did not finish in time"):
        connections.rows(b"SELECT pg_sleep(20)")
    assert backend(connections) == before


def test_a_long_answer_is_no_silence(address: Address) -> None:
    """What counts is the time between signs of life, not that of the whole."""
    patient = Connections(address, TEST._replace(statement_s=20.0, silence_s=0.3), size=1)
    try:
        slow = b"SELECT repeat('x', 20000), pg_sleep(0.02) FROM generate_series(1, 50)"
        began = monotonic()
        assert len(patient.rows(slow)) == 50
        assert monotonic() - began > 0.6
        with pytest.raises(StoreUnavailable, match=r"no answer within 0.3 s"):
            patient.rows(b"SELECT pg_sleep(2)")
    finally:
        patient.close()
        until(lambda: postgres.backends("test") == [])


def test_a_lost_connection_takes_the_idle_ones_with_it(connections: Connections) -> None:
    """Whatever killed one has killed them all, mostly: nobody meets a dead one twice."""
    with connections.borrow(), connections.borrow():
        pass
    assert postgres.terminate("test") == 2
    with pytest.raises(ConnectionLost), connections.borrow() as dead:
        dead.execute("SELECT 1")
    with connections.borrow() as alive:
        alive.execute("SELECT 1")


def test_whoever_fails_with_one_costs_one(connections: Connections) -> None:
    """An error that is not the database's leaves nobody knows what: the connection is closed, the next one is new."""
    before = backend(connections)
    with pytest.raises(KeyError), connections.borrow():
        raise KeyError("a mistake")
    assert backend(connections) != before
    until(lambda: len(postgres.backends("test")) == 1)


def test_closing_waits_for_who_is_at_work(connections: Connections) -> None:
    """And refuses everyone afterwards."""
    begun, go, done = threading.Event(), threading.Event(), []

    def work() -> None:
        with connections.borrow() as connection:
            begun.set()
            go.wait(20)
            done.append(connection.execute("SELECT 7").fetchall())

    working = threading.Thread(target=work)
    working.start()
    begun.wait(20)
    closing = threading.Thread(target=connections.close)
    closing.start()
    with pytest.raises(StoreUnavailable, match="was closed"):
        while True:
            connections.check()
    go.set()
    closing.join(20)
    working.join(20)
    assert done == [[(7,)]]
    with pytest.raises(StoreUnavailable, match="was closed"):
        backend(connections)


def test_only_one_looks_whether_the_database_is_back(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks meanwhile is refused at once; the reason is that of the newest attempt."""
    monkeypatch.setattr(postgres_connections, "PROBE_S", 0.01)
    real, attempts, tried = postgres_connections.connect, [], threading.Event()

    def refuse(*_: Any) -> Any:
        attempts.append(threading.current_thread().name)
        if len(attempts) == 5:
            tried.set()
        raise psycopg.OperationalError(f"FATAL:  attempt {min(len(attempts), 3)}")

    with monkeypatch.context() as gone:
        gone.setattr(postgres_connections, "connect", refuse)
        for _ in range(20):
            with pytest.raises(StoreUnavailable, match="refuses the connection"):
                backend(connections)
        assert tried.wait(20)
        with pytest.raises(StoreUnavailable, match="attempt 3"):
            backend(connections)
        assert attempts[0] == threading.current_thread().name
        assert set(attempts[1:]) == {"clew-probe-test"}
    assert postgres_connections.connect is real
    until(lambda: is_back(connections))


def is_back(connections: Connections) -> bool:
    """Whether it answers again."""
    try:
        return backend(connections) > 0
    except StoreUnavailable:
        return False
