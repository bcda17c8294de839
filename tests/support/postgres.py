"""Stores in PostgreSQL for tests: a schema of each one's own, dropped afterwards."""

from __future__ import annotations

import functools
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.support.proxy import Proxy

URL = os.environ.get("CLEW_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
"""The database for tests; they make schemas in it, and leave nothing behind."""


def connected(url: str = URL) -> psycopg.Connection[Any]:
    """A connection beside those of the code under test."""
    return psycopg.connect(url.partition("?")[0], autocommit=True, connect_timeout=2)


@functools.cache
def missing() -> str | None:
    """Why there is no database for tests, or None."""
    try:
        connected().close()
    except psycopg.Error as error:
        return f"no PostgreSQL at CLEW_TEST_POSTGRES: {str(error).strip().splitlines()[0]}"
    return None


def require() -> None:
    """Skip the test where there is no database; fail it if services must be there (CLEW_REQUIRE_SERVICES=1)."""
    reason = missing()
    if reason is not None and os.environ.get("CLEW_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)


@contextmanager
def schema(url: str = URL) -> Iterator[str]:
    """The URL of a store of its own, which is not there yet."""
    require()
    name = f"clew_test_{secrets.token_hex(6)}"
    try:
        yield f"{url}{'&' if '?' in url else '?'}schema={name}"
    finally:
        with connected() as connection:
            connection.execute("SET lock_timeout = '5s'")
            connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@contextmanager
def proxied() -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of the database, and the URL of a store of its own behind it."""
    require()
    with connected() as connection:
        proxy = Proxy(connection.info.hostaddr or connection.info.host, connection.info.port)
    try:
        with schema(f"{URL.partition('?')[0]}?host=127.0.0.1&port={proxy.port}") as url:
            yield proxy, url
    finally:
        proxy.close()


def backends(use: str, *, pid: int | None = None) -> list[int]:
    """The backends of a process (this one) that serve a use, such as `writer`."""
    name = f"clew {use} {socket.gethostname()}:{pid or os.getpid()}"
    with connected() as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", (name[:63],))
        return [row[0] for row in found]


def terminate(use: str, *, pid: int | None = None) -> int:
    """End those backends; how many there were."""
    found = backends(use, pid=pid)
    with connected() as connection:
        for backend in found:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    return len(found)
