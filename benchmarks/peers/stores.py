"""How the peers' stores are set, and what they say of it themselves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

JOURNAL = "WAL"
LEVELS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def is_sqlite(store: str) -> bool:
    """Whether a store is a file."""
    return store.startswith("sqlite:")


def file_of(store: str) -> Path:
    """The file of `sqlite:///PATH`."""
    return Path(store.removeprefix("sqlite:///"))


def set_wal(path: Path) -> None:
    """Give a new file the journal that needs one sync a commit. It stays so; the default one needs several."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={JOURNAL}")
    connection.close()


def sqlite_sync(path: Path, connection: sqlite3.Connection | None = None) -> str:
    """The journal of a file, and the synchronous setting of a connection (without one: what a new one has)."""
    asked = connection or sqlite3.connect(path)
    try:
        (journal,) = asked.execute("PRAGMA journal_mode").fetchone()
        (level,) = asked.execute("PRAGMA synchronous").fetchone()
    finally:
        if connection is None:
            asked.close()
    return f"{journal.upper()}, synchronous={LEVELS[level]}"


def postgres_sync(store: str) -> str:
    """What the server does at a commit of a new connection."""
    import psycopg  # noqa: PLC0415 - only the peers have it

    with psycopg.connect(store) as connection:
        asked = connection.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        fsync, commit = asked.fetchone() or ("?", "?")
    return f"fsync={fsync}, synchronous_commit={commit}"


def sync_of(store: str) -> str:
    """The same of either, for an engine that leaves its connections as they are."""
    return sqlite_sync(file_of(store)) if is_sqlite(store) else postgres_sync(store)
