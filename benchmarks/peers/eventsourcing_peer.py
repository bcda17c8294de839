"""The bare `eventsourcing` library: an aggregate whose every step is one event, saved before the next.

There is no engine in it: nothing routes, retries or resumes. It shows what its log alone costs.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.sqlite import SQLiteFactory

from benchmarks.peers.figures import (
    CONCURRENT_S,
    FEWEST_RUN_STEPS,
    RUN_STEPS,
    RUNS,
    SEQUENTIAL_S,
    STEPS,
    WARM_STEPS,
    Figures,
    fitting,
)
from benchmarks.peers.raw import raw_rate
from benchmarks.peers.stores import file_of, is_sqlite, postgres_sync, sqlite_sync

THREADS = 8
POOL_TIMEOUT_S = 60


class Run(Aggregate):
    """How many steps are done."""

    class Stepped(Aggregate.Event):
        """A step is done."""

        number: int

        def apply(self, aggregate: Aggregate) -> None:
            """Count it."""
            assert isinstance(aggregate, Run)
            aggregate.done = self.number + 1

    def __init__(self) -> None:
        self.done = 0

    def step(self, number: int) -> None:
        """One more."""
        self.trigger_event(self.Stepped, number=number)


def settings_of(store: str) -> dict[str, str]:
    """The library's settings of a store: its own otherwise."""
    if is_sqlite(store):
        path = str(file_of(store))
        return {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": path,
            "SQLITE_LOCK_TIMEOUT": str(POOL_TIMEOUT_S),
            "SQLITE_POOL_TIMEOUT": str(POOL_TIMEOUT_S),
        }
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - only with a server

    where = conninfo_to_dict(store)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(where["dbname"]),
        "POSTGRES_HOST": str(where.get("host", "127.0.0.1")),
        "POSTGRES_PORT": str(where.get("port", 5432)),
        "POSTGRES_USER": str(where.get("user", "")),
        "POSTGRES_PASSWORD": str(where.get("password", "")),
        "POSTGRES_POOL_TIMEOUT": str(POOL_TIMEOUT_S),
    }


def main() -> None:
    """Print what it does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["measure"])
    parser.add_argument("--store", required=True)
    parser.add_argument("--home", required=True, type=Path)
    asked = parser.parse_args()
    application = Application[UUID](env=settings_of(asked.store))
    try:
        measure(application, asked.store, asked.home).tell()
    finally:
        application.close()


def measure(application: Application[UUID], store: str, home: Path) -> Figures:
    """One aggregate after the other, then many beside one another."""

    def run(steps: int) -> None:
        aggregate = Run()
        application.save(aggregate)
        for number in range(steps):
            aggregate.step(number)
            application.save(aggregate)

    steps = fitting(_rate(run, WARM_STEPS), SEQUENTIAL_S, most=STEPS, least=100)
    before = raw_rate(store, home)
    sequential = _rate(run, steps)
    raw = (before + raw_rate(store, home)) / 2
    each = fitting(sequential, CONCURRENT_S / RUNS, most=RUN_STEPS, least=FEWEST_RUN_STEPS)
    begun = perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(run, [each] * RUNS))
    concurrent = RUNS * each / (perf_counter() - begun)
    return Figures(
        name=f"eventsourcing {version('eventsourcing')}, bare",
        sync=sync_of(application, store),
        w1=sequential,
        w1_steps=steps,
        raw=raw,
        w2=concurrent,
        w2_steps=RUNS * each,
        note=f"no engine: 1 event a step; W2 on {THREADS} threads",
    )


def _rate(run: Callable[[int], None], steps: int) -> float:
    begun = perf_counter()
    run(steps)
    return steps / (perf_counter() - begun)


def sync_of(application: Application[UUID], store: str) -> str:
    """What a connection that it made itself says."""
    factory = application.factory
    if not isinstance(factory, SQLiteFactory):
        return postgres_sync(store)
    with factory.datastore.get_connection(commit=True) as connection:
        asked = connection.cursor().sqlite_cursor.connection
        assert isinstance(asked, sqlite3.Connection)
        asked.row_factory = None
        return sqlite_sync(file_of(store), asked)


if __name__ == "__main__":
    main()
