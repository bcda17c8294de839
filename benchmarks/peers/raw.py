"""The limit of the disk: bare commits one after the other, on SQLite of three rows, on PostgreSQL of one.

Every engine measures it just before and after its W1, since a disk that others use too is not the same a minute later.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from time import perf_counter

from benchmarks.peers.figures import Figures
from benchmarks.peers.stores import is_sqlite, postgres_sync, set_wal, sqlite_sync

BODY = b"x" * 150
ROWS = 3
WARM = 20
BESIDE_S, ALONE_S = 0.4, 1.0

Commits = Iterator[tuple[Callable[[], object], str]]


def main() -> None:
    """Print the rate of commits as W1."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure"])
    parser.add_argument("--store", required=True)
    parser.add_argument("--home", required=True, type=Path)
    asked = parser.parse_args()
    rows = f"{ROWS} rows" if is_sqlite(asked.store) else "1 row"
    with _bare(asked.store, asked.home) as (commit, sync):
        rate, count = _rate(commit, ALONE_S)
    Figures(name=f"bare commits of {rows}", sync=sync, w1=rate, w1_steps=count, raw=rate).tell()


def raw_rate(store: str, home: Path) -> float:
    """Commits a second now, on the same disk or server."""
    with _bare(store, home) as (commit, _):
        return _rate(commit, BESIDE_S)[0]


def _bare(store: str, home: Path) -> AbstractContextManager[tuple[Callable[[], object], str]]:
    return _sqlite(home / "raw.db") if is_sqlite(store) else _postgres(store)


@contextmanager
def _sqlite(path: Path) -> Commits:
    set_wal(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body BLOB)")

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO rows (body) VALUES (?)", [(BODY,)] * ROWS)
            connection.execute("COMMIT")

        yield commit, sqlite_sync(path, connection)


@contextmanager
def _postgres(store: str) -> Commits:
    import psycopg  # noqa: PLC0415 - only with a server

    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS rows (id BIGSERIAL PRIMARY KEY, body BYTEA)")

        def commit() -> object:
            return connection.execute("INSERT INTO rows (body) VALUES (%s)", (BODY,), prepare=True)

        yield commit, postgres_sync(store)


def _rate(commit: Callable[[], object], seconds: float) -> tuple[float, int]:
    for _ in range(WARM):
        commit()
    count, begun = 0, perf_counter()
    until = begun + seconds
    while perf_counter() < until:
        commit()
        count += 1
    return count / (perf_counter() - begun), count


if __name__ == "__main__":
    main()
