"""The tables of the views in PostgreSQL: made by whoever holds the store, and anew for every version of what rows mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg.sql import SQL, Identifier

from application.ports import StoreUnavailable
from infrastructure.postgres_connections import connect
from infrastructure.postgres_errors import explained
from infrastructure.postgres_schema import LOOKING, MIGRATING
from infrastructure.view_rows import COLUMNS, INDEXES, PUBLISHED, VERSION

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

    from infrastructure.postgres_address import Address

TYPES: Final = {str: 'text COLLATE "C"', int: "bigint"}


def hashed(workflow_id: str) -> str:
    """The SQL of what stands for a workflow's id in indexes: an id may be longer than an index takes."""
    return f"hashtextextended({workflow_id}, 0)"


def build(address: Address) -> None:
    """Make the tables, empty, unless they are there and of this version; many may ask at once."""
    if _found(address) == VERSION:
        return
    with explained(address), connect(address, MIGRATING) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (address.key("migrate"),))
        if _version(address, connection) != VERSION:
            for statement in _statements():
                connection.execute(_in_schema(address, statement))
            connection.execute(_in_schema(address, "INSERT INTO {}.tracking VALUES (%s, 0)"), (VERSION,))


def check(address: Address) -> None:
    """Raise StoreUnavailable unless there are views of this version."""
    if _found(address) != VERSION:
        raise StoreUnavailable(
            f"There are no views in {address.shown} that this Clew can read. Start a server to build them."
        )


def _found(address: Address) -> int | None:
    with explained(address), connect(address, LOOKING) as connection:
        return _version(address, connection)


def _version(address: Address, connection: Connection[Any]) -> int | None:
    [(there,)] = connection.execute("SELECT to_regclass(%s)", (f"{address.schema}.tracking",)).fetchall()
    if there is None:
        return None
    [(found,)] = connection.execute(_in_schema(address, "SELECT version FROM {}.tracking")).fetchall()
    return int(found)


def _statements() -> list[str]:
    columns = ", ".join(f"{name} {TYPES[kind]}" for name, kind in COLUMNS.items())
    versions = ", ".join(f"{name} {TYPES[kind]} NOT NULL" for name, kind in PUBLISHED.items())
    return [
        *(f"DROP TABLE IF EXISTS {{}}.{name}" for name in ("tracking", "executions", "published")),
        # Much of a row changes often, and mostly nothing that is in an index: room in the page keeps such a change out of
        # the indexes.
        f"CREATE TABLE {{}}.executions ({columns}, PRIMARY KEY (execution_id)) WITH (fillfactor = 70)",
        *(f"CREATE INDEX ON {{}}.executions ({', '.join(map(_indexed, names))})" for names in INDEXES),
        f"CREATE TABLE {{}}.published (digest bytea PRIMARY KEY, {versions})",
        "CREATE TABLE {}.tracking (version integer NOT NULL, position bigint NOT NULL)",
    ]


def _indexed(name: str) -> str:
    return hashed(name) if name == "workflow_id" else name


def _in_schema(address: Address, statement: str) -> Composed:
    return SQL(statement).format(Identifier(address.schema))
