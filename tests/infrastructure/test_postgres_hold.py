"""One writer per store in PostgreSQL: who holds it, what happens when the hold is lost, and who may append then."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from application.ports import StoreHeld, StoreUnavailable
from infrastructure import postgres_connections, postgres_hold
from infrastructure.postgres_address import Address, parse
from infrastructure.postgres_log import PostgresLog, open_log
from tests.contracts.samples import append, must, told
from tests.support import postgres
from tests.support.waiting import until

ELSEWHERE = (
    "import sys; from infrastructure.postgres_address import parse; from infrastructure.postgres_log import open_log;"
    "from tests.contracts.samples import append;"
    "log = open_log(parse(sys.argv[1])); log.append([append('other', 0, 1)]); print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture(autouse=True)
def _lively(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder stirs often, and waits for another one a moment only."""
    monkeypatch.setattr(postgres_hold, "BEAT_S", 0.02)
    monkeypatch.setattr(
        postgres_hold, "HOLDING", postgres_hold.HOLDING._replace(silence_s=0.3, options="-c lock_timeout=200")
    )


@pytest.fixture
def address() -> Iterator[Address]:
    """Where the log is."""
    with postgres.schema() as url:
        yield parse(url)


@pytest.fixture
def log(address: Address) -> Iterator[PostgresLog]:
    """The log, held."""
    log = open_log(address)
    yield log
    log.close()


@contextmanager
def elsewhere(address: Address) -> Iterator[int]:
    """Another process that holds the store; its id."""
    url = f"{address.conninfo}?schema={address.schema}"
    command = [sys.executable, "-c", ELSEWHERE, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process.pid
        finally:
            process.kill()


def trouble(log: PostgresLog) -> str:
    """What is wrong with the log, as far as it knows."""
    try:
        log.check()
    except StoreUnavailable as error:
        return error.message
    return ""


def test_a_second_writer_is_told_who_holds_the_store(log: PostgresLog, address: Address) -> None:
    """By process, machine and time; once the first has let go, the second may."""
    with pytest.raises(StoreHeld, match=rf"process {os.getpid()} on {socket.gethostname()} \(since 20\d\d-") as refusal:
        open_log(address)
    assert refusal.value.details == {"pid": os.getpid(), "host": socket.gethostname()}
    log.append([append("x", 0, 1)])
    log.close()
    open_log(address).close()


def test_a_store_in_another_schema_is_another_store(log: PostgresLog) -> None:
    """Both are written at once."""
    with postgres.schema() as url:
        other = open_log(parse(url))
        other.append([append("x", 0, 1)])
        other.close()
    assert log.position() == 0


def test_a_hold_ends_with_its_process(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """However that died: the next one need not be asked to wait."""
    with elsewhere(address) as pid, pytest.raises(StoreHeld, match=f"process {pid} "):
        open_log(address)
    monkeypatch.setattr(postgres_hold, "HOLDING", postgres_hold.HOLDING._replace(options="-c lock_timeout=5000"))
    log = open_log(address)
    assert told(log.read("other")) == [1]
    log.close()


def test_reading_needs_no_hold(log: PostgresLog, address: Address) -> None:
    """A reader stands beside the server, sees what it records, and can't append."""
    reader = open_log(address, read_only=True)
    try:
        log.append([append("x", 0, 1)])
        assert told(reader.read("x")) == [1]
        reader.check()
        with pytest.raises(StoreUnavailable, match="for reading only"):
            reader.append([append("x", 1, 2)])
    finally:
        reader.close()


def test_a_hold_that_is_interrupted_is_taken_again(log: PostgresLog, address: Address) -> None:
    """By another connection, under the same token; what is appended meanwhile is recorded."""
    for n in range(3):
        until(lambda: len(postgres.backends("holder")) == 1)  # that of whoever was refused is on its way out
        before = postgres.backends("holder")
        assert postgres.terminate("holder") == 1
        must(log.append([append("x", n, n)])[0])
        until(lambda before=before: postgres.backends("holder") not in (before, []))  # type: ignore[misc]
        until(lambda: not trouble(log))
        with pytest.raises(StoreHeld):
            open_log(address)


def test_a_hold_that_somebody_else_took_is_lost_for_good(
    log: PostgresLog, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses appends of the one before, who is told by whom, and stays out when that one has gone."""
    log.append([append("x", 0, 1)])
    connect = threading.Event()
    real = postgres_connections.connect

    def late(*arguments: object) -> object:
        connect.wait(20)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(postgres_hold, "connect", late)
    assert postgres.terminate("holder") == 1
    with elsewhere(address) as pid:
        with pytest.raises(StoreUnavailable, match=f"taken over by {socket.gethostname()}:{pid},"):
            log.append([append("x", 1, 2)])
        connect.set()
        assert f"taken over by {socket.gethostname()}:{pid}," in trouble(log)
        assert told(log.read("x")) == [1]
    until(lambda: not postgres.backends("holder", pid=pid))
    with pytest.raises(StoreUnavailable, match="taken over by"):
        log.append([append("x", 1, 2)])
    assert "taken over by" in trouble(log)
    assert told(log.read("x")) == [1]


def test_a_hold_that_somebody_else_had_meanwhile_is_lost_without_an_append(log: PostgresLog, address: Address) -> None:
    """The one before notices by itself, also when the other one has gone already."""
    with postgres.connected() as other:
        assert postgres.terminate("holder") == 1
        other.execute(f"SELECT {address.schema}.take('there:7')".encode())
        until(lambda: "taken over by there:7," in trouble(log))


def test_what_a_writer_has_under_way_comes_before_the_next_writer(log: PostgresLog, address: Address) -> None:
    """Whoever takes the store waits for it, and sees it."""
    with postgres.connected() as under_way:
        under_way.execute("BEGIN")
        call = (
            f"SELECT {address.schema}.append(%s, 0, '{{x}}', '{{0}}', %s, '{{x}}', '{{1}}', '{{t}}', '{{s}}', '{{h}}')"
        )
        under_way.execute(call.encode(), (log._hold.token if log._hold else 0, [bytes(32)]))
        log.close()
        opened: list[PostgresLog] = []
        opening = threading.Thread(target=lambda: opened.append(open_log(address)))
        opening.start()
        with postgres.connected() as looking:
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE %s"
            until(lambda: looking.execute(waits, (f"%{address.schema}%take%",)).fetchall()[0][0] == 1)
        assert opened == []
        under_way.execute("COMMIT")
        opening.join(20)
    assert opened[0]._position == 1
    opened[0].close()


def test_our_own_dead_connection_does_not_keep_us_away() -> None:
    """When the network fails, the server still believes in the connection that has the lock: it is ended."""
    with postgres.proxied() as (proxy, url):
        log = open_log(parse(url))
        try:
            until(lambda: len(postgres.backends("holder")) == 1)
            before = postgres.backends("holder")
            proxy.freeze()
            until(lambda: "interrupted" in trouble(log))
            proxy.thaw(old=False)
            until(lambda: not trouble(log))
            until(lambda: len(postgres.backends("holder")) == 1)
            assert postgres.backends("holder") != before
            must(log.append([append("x", 0, 1)])[0])
        finally:
            proxy.thaw()
            log.close()
