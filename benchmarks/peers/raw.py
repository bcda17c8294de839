"""The limit of the disk: bare commits one after the other, on SQLite of three rows, on PostgreSQL of one."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

from benchmarks.peers.figures import SEQUENTIAL_S, Figures, fitting
from benchmarks.peers.stores import file_of, is_sqlite, postgres_sync, set_wal, sqlite_sync

BODY = b"x" * 150
ROWS = 3
WARM, MOST = 200, 10_000


def main() -> None:
    """Print the rate of commits as W1."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure"])
    parser.add_argument("--store", required=True)
    parser.add_argument("--home", required=True, type=Path)
    asked = parser.parse_args()
    (_sqlite if is_sqlite(asked.store) else _postgres)(asked.store).tell()


def _sqlite(store: str) -> Figures:
    set_wal(file_of(store))
    with closing(sqlite3.connect(file_of(store), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO rows (body) VALUES (?)", [(BODY,)] * ROWS)
            connection.execute("COMMIT")

        name = f"bare commits of {ROWS} rows"
        return _figures(name, sqlite_sync(file_of(store), connection), commit)


def _postgres(store: str) -> Figures:
    import psycopg  # noqa: PLC0415 - only the peers have it

    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("CREATE TABLE rows (id BIGSERIAL PRIMARY KEY, body BYTEA)")

        def commit() -> None:
            connection.execute("INSERT INTO rows (body) VALUES (%s)", (BODY,), prepare=True)

        return _figures("bare commits of 1 row", postgres_sync(store), commit)


def _figures(name: str, sync: str, commit: Callable[[], None]) -> Figures:
    count = fitting(_rate(commit, WARM), SEQUENTIAL_S, most=MOST, least=WARM)
    return Figures(name=name, sync=sync, w1=_rate(commit, count), w1_steps=count, note="the limit of the disk")


def _rate(commit: Callable[[], None], count: int) -> float:
    begun = perf_counter()
    for _ in range(count):
        commit()
    return count / (perf_counter() - begun)


if __name__ == "__main__":
    main()
