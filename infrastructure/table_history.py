"""What was seen before, over all runs, as digests within a scope."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

DIGESTS_PER_QUERY: Final = 500
"""Parameters in one query; SQLite before 3.32 takes 999."""


def seen(connection: sqlite3.Connection, scope: str, digests: Sequence[bytes]) -> set[bytes]:
    """Those of the digests that the scope remembers."""
    found: set[bytes] = set()
    for start in range(0, len(digests), DIGESTS_PER_QUERY):
        asked = digests[start : start + DIGESTS_PER_QUERY]
        sql = f"SELECT digest FROM history WHERE scope = ? AND digest IN ({','.join('?' * len(asked))})"  # noqa: S608 - marks
        found.update(bytes(row[0]) for row in connection.execute(sql, (scope, *asked)))
    return found


def remember(connection: sqlite3.Connection, scope: str, digests: Sequence[bytes], *, size: int) -> None:
    """Remember the digests as the last ones seen, and of the scope the `size` last ones seen."""
    connection.executemany(
        "INSERT OR REPLACE INTO history (scope, digest) VALUES (?, ?)", [(scope, digest) for digest in digests[-size:]]
    )
    oldest_kept = "SELECT seq FROM history WHERE scope = ? ORDER BY seq DESC LIMIT 1 OFFSET ?"
    connection.execute(f"DELETE FROM history WHERE scope = ? AND seq <= ({oldest_kept})", (scope, scope, size))  # noqa: S608 - constants


def clear(connection: sqlite3.Connection, scope: str) -> int:
    """Forget the scope; how many digests it had."""
    return connection.execute("DELETE FROM history WHERE scope = ?", (scope,)).rowcount
