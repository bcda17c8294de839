"""A database of its own for a run on PostgreSQL, made and dropped by a process that has psycopg.

python -m benchmarks.peers.database create|drop URL NAME
"""

from __future__ import annotations

import sys

import psycopg
from psycopg import sql

TEXTS = {
    "create": sql.SQL("CREATE DATABASE {}"),
    "drop": sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"),
}
CONNECT_S = 5


def main() -> None:
    """Do the one or the other."""
    action, url, name = sys.argv[1:]
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S) as connection:
        connection.execute(TEXTS[action].format(sql.Identifier(name)))


if __name__ == "__main__":
    main()
