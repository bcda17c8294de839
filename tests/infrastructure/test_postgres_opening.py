"""Making, changing and opening stores in PostgreSQL; addresses, and what is said when one can't be used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from application.ports import StoreUnavailable
from infrastructure import postgres_migrations, postgres_schema
from infrastructure.postgres_address import Address, parse
from infrastructure.postgres_log import open_log
from infrastructure.postgres_schema import Migrated, migrate
from infrastructure.postgres_views import open_views
from interfaces.embedded import Engine
from interfaces.settings import Settings
from tests.cli.running import COUNTING, clew, written
from tests.contracts.samples import append, told
from tests.support import postgres


@pytest.fixture
def url() -> Iterator[str]:
    """A store that is not there yet."""
    with postgres.schema() as url:
        yield url


@pytest.fixture
def address(url: str) -> Address:
    """Where it is."""
    return parse(url)


def rows(address: Address, statement: str) -> list[tuple[Any, ...]]:
    """What another program sees."""
    with postgres.connected() as connection:
        return connection.execute(statement.format(schema=address.schema).encode()).fetchall()


def change(address: Address, *statements: str) -> None:
    """What another program does."""
    with postgres.connected() as connection:
        for statement in statements:
            connection.execute(statement.format(schema=address.schema).encode())


def test_a_server_makes_what_is_missing(address: Address) -> None:
    """Log and views; opened again, they are as they were."""
    log = open_log(address)
    log.append([append("x", 0, 1)])
    views = open_views(address)
    assert views.position() == 0
    views.close()
    log.close()
    assert [row[0] for row in rows(address, "SELECT version FROM {schema}.migrations")] == [postgres_migrations.VERSION]
    log = open_log(address)
    assert told(log.read("x")) == [1]
    log.close()


def test_an_empty_schema_is_taken(address: Address) -> None:
    """Somebody with more rights may have made it."""
    change(address, "CREATE SCHEMA {schema}")
    assert migrate(address) == Migrated(0, postgres_migrations.VERSION)


def test_migrating_twice_does_nothing(address: Address) -> None:
    """And says so."""
    assert migrate(address) == Migrated(0, postgres_migrations.VERSION)
    before = rows(address, "SELECT * FROM {schema}.migrations")
    assert migrate(address) == Migrated(postgres_migrations.VERSION, postgres_migrations.VERSION)
    assert rows(address, "SELECT * FROM {schema}.migrations") == before


def test_many_migrate_at_once(address: Address) -> None:
    """Each step is taken once, and all are told that it is done."""
    barrier = Barrier(8)

    def one(_: int) -> Migrated:
        barrier.wait()
        return migrate(address)

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(one, range(8)))
    assert sorted(migrated.before for migrated in done) == [0, *[postgres_migrations.VERSION] * 7]
    assert rows(address, "SELECT count(*) FROM {schema}.migrations") == [(postgres_migrations.VERSION,)]


def test_many_processes_migrate_at_once(url: str, address: Address) -> None:
    """By `clew migrate`, which says what was done."""
    command = [sys.executable, "-m", "clew", "migrate", "--store", url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert sum("now (it was not there)" in out for out, _ in said) == 1
    assert sum("already" in out for out, _ in said) == 3


@contextmanager
def a_newer_clew(monkeypatch: pytest.MonkeyPatch, script: str) -> Iterator[None]:
    """Clew with one more step."""
    with monkeypatch.context() as newer:
        newer.setattr(postgres_schema, "MIGRATIONS", (*postgres_migrations.MIGRATIONS, script))
        newer.setattr(postgres_schema, "VERSION", postgres_migrations.VERSION + 1)
        yield


def test_a_schema_of_an_older_clew_is_for_a_person_to_change(
    url: str, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server and a reader say what to do; `clew migrate` does it, and what was recorded is there."""
    log = open_log(address)
    log.append([append("x", 0, 1)])
    log.close()
    with a_newer_clew(monkeypatch, "ALTER TABLE {schema}.writer ADD COLUMN note text;"):
        for read_only in (False, True):
            for opened in (open_log, open_views):
                with pytest.raises(StoreUnavailable, match=r"version 1 of the schema.*`clew migrate`"):
                    opened(address, read_only=read_only)
        assert "is at version 2 of the schema now (it was 1)" in clew("migrate", "--store", url).out
        assert rows(address, "SELECT version FROM {schema}.migrations ORDER BY 1") == [(1,), (2,)]
        log = open_log(address)
        assert told(log.read("x")) == [1]
        log.close()


def test_tables_that_a_server_uses_are_not_changed_under_it(
    url: str, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever migrates is told which server to stop; where there is nothing to change, nobody needs to stop."""
    log = open_log(address)
    try:
        assert migrate(address) == Migrated(1, 1)
        with a_newer_clew(monkeypatch, "ALTER TABLE {schema}.writer ADD COLUMN note text;"):
            ran = clew("migrate", "--store", url)
            assert ran.code == 7
            assert f"is being written by {socket.gethostname()}:{os.getpid()}. Stop that server" in ran.err
            log.close()
            assert migrate(address) == Migrated(1, 2)
    finally:
        log.close()


def test_a_schema_of_a_newer_clew_is_left_alone(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """By everyone."""
    with a_newer_clew(monkeypatch, "SELECT 1"):
        migrate(address)
    for attempt in (migrate, open_log, open_views, lambda where: open_log(where, read_only=True)):
        with pytest.raises(StoreUnavailable, match="newer Clew"):
            attempt(address)


def test_a_step_that_fails_changes_nothing(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the table nor the version; the error says what the database said."""
    migrate(address)
    with (
        a_newer_clew(monkeypatch, "CREATE TABLE {schema}.half (n int); SELECT 1 / 0;"),
        pytest.raises(StoreUnavailable, match="division by zero"),
    ):
        migrate(address)
    assert rows(address, "SELECT max(version) FROM {schema}.migrations") == [(1,)]
    assert rows(address, "SELECT to_regclass('{schema}.half')") == [(None,)]


def test_a_schema_of_somebody_else_is_left_alone(address: Address) -> None:
    """It has tables, and none of them is ours."""
    change(address, "CREATE SCHEMA {schema}", "CREATE TABLE {schema}.stored_events (n int)")
    for attempt in (migrate, open_log, lambda where: open_log(where, read_only=True)):
        with pytest.raises(StoreUnavailable, match=r"not Clew's.*schema=NAME"):
            attempt(address)
    assert rows(address, "SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'") == [(1,)]


def test_reading_makes_nothing(url: str, address: Address) -> None:
    """Where there is no log, readers say so."""
    for opened in (open_log, open_views):
        with pytest.raises(StoreUnavailable, match="Start a server"):
            opened(address, read_only=True)
    ran = clew("ls", "--store", url)
    assert (ran.code, ran.out) == (7, "")
    assert rows(address, "SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'") == [(0,)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("postgresql://root:s3cret@127.0.0.1:1/test", "can't be reached.*refused"),
        ("{url}&dbname=no_such_database", "refuses the connection.*no_such_database"),
        ("{url}&options=-c%20default_transaction_read_only%3Don", "can only be read"),
    ],
)
def test_a_database_that_can_not_be_used(url: str, wrong: str, said: str) -> None:
    """The message says what to do, and repeats no password."""
    migrate(parse(url))
    with pytest.raises(StoreUnavailable, match=said) as refusal:
        open_log(parse(wrong.format(url=url)))
    assert "s3cret" not in refusal.value.message


@pytest.mark.parametrize(
    ("url", "conninfo", "schema", "shown"),
    [
        ("postgresql://u@h:5/db", "postgresql://u@h:5/db", "clew", "postgresql://h:5/db"),
        ("postgres://u:s3cret@h/db?schema=a_1", "postgres://u:s3cret@h/db", "a_1", "postgresql://h/db?schema=a_1"),
        ("postgresql:///db?host=/run&schema=x&port=7", "postgresql:///db?host=/run&port=7", "x", None),
        ("postgresql://h/db?password=s3cret", "postgresql://h/db?password=s3cret", "clew", "postgresql://h/db"),
    ],
)
def test_addresses(url: str, conninfo: str, schema: str, shown: str | None) -> None:
    """All but the schema is libpq's; no password is shown."""
    address = parse(url)
    assert (address.conninfo, address.schema) == (conninfo, schema)
    assert shown is None or address.shown == shown


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://h/db", "postgresql://"),
        ("postgresql://h/db?nope=1", "nope"),
        ("postgresql://u:s3cret%zz@h/db", "libpq can't read it"),
        ("postgresql://h/db?schema=Upper", "'Upper' is not a name"),
        ("postgresql://h/db?schema=x%3Bdrop", "is not a name"),
        ("postgresql://h/db?schema=pg_catalog", "is not a name"),
        ("postgresql://h/db?schema=", "is not a name"),
    ],
)
def test_bad_addresses(url: str, why: str) -> None:
    """Say what is wrong, and repeat no password."""
    with pytest.raises(ValueError, match=why) as refusal:
        parse(url)
    assert "s3cret" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_locks_of_two_schemas_are_apart() -> None:
    """And so are those of two purposes; each is a number that fits."""
    one, two = parse("postgresql://h/db?schema=one"), parse("postgresql://h/db?schema=two")
    keys = {address.key(purpose) for address in (one, two) for purpose in ("append", "hold", "migrate")}
    assert len(keys) == 6
    assert all(-(2**63) <= key < 2**63 for key in keys)


WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
from interfaces.cli.main import cli
cli(sys.argv[1:])
"""


def test_the_driver_is_an_extra(tmp_path: Path) -> None:
    """Without it other stores work, and one in PostgreSQL says what to install."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_DRIVER, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    definition = written(tmp_path, COUNTING)
    assert run("run", definition, "--store", "sqlite:///log.db").returncode == 0
    for command in (["run", definition], ["ls"], ["serve", "--port", "0"], ["migrate"]):
        refused = run(*command, "--store", "postgresql://127.0.0.1:1/test")
        assert refused.returncode != 0
        assert "pip install 'clew[postgres]'" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_an_engine_in_process(url: str, tmp_path: Path) -> None:
    """Goes on with what the one before left in the store; what nodes keep is in the file that was named."""
    settings = Settings(store=url, home=tmp_path)
    keeping = {"database": {"operation": "insert", "table": "t", "data": {"n": 1}}}
    steps = [keeping, {"signal": {"name": "go"}}]
    with Engine(settings=settings) as engine:
        parked = engine.run({"id": "p", "name": "P", "version": "1.0.0", "workflow": steps})
        assert parked["status"] == "suspended", parked
    assert list(tmp_path.glob("*-tables.db")) == [settings.companion("tables")]
    with Engine(settings=settings) as engine:
        assert engine.signal(parked["executionId"], "go")
        assert engine.wait(parked["executionId"])
        assert engine.execution(parked["executionId"])["status"] == "completed"
