"""The schema of a store in PostgreSQL: made where there is none, changed step by step, each step once."""

from __future__ import annotations

import logging
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.sql import SQL, Identifier

from application.ports import StoreUnavailable
from infrastructure.postgres_connections import Use, connect
from infrastructure.postgres_errors import explained
from infrastructure.postgres_migrations import MIGRATIONS, VERSION, filled

if TYPE_CHECKING:
    from psycopg import Connection

    from infrastructure.postgres_address import Address

LOOKING: Final = Use("schema", statement_s=10.0, silence_s=11.0)
MIGRATING: Final = Use("migrate", statement_s=3_600.0, silence_s=3_601.0, options="-c lock_timeout=60s")
UNSAFE: Final = ("fsync", "full_page_writes")
"""Settings of a server that must be on, or it loses what was acknowledged."""
OLDEST_SERVER: Final = 140_000
"""PostgreSQL 14."""

_logger = logging.getLogger("clew.postgres")


class Migrated(NamedTuple):
    """The versions of the schema before (0: there was none) and after."""

    before: int
    after: int


def migrate(address: Address) -> Migrated:
    """Bring the schema to the version of this Clew, once, however many processes ask at the same time.

    Raises StoreUnavailable when it can't, a server uses what is to be changed, or a newer Clew made it.
    """
    with explained(address), connect(address, MIGRATING) as connection, connection.transaction():
        _refuse_server(address, connection)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (address.key("migrate"),))
        before = _version(address, connection)
        if 0 < before < VERSION:
            _refuse_writer(address, connection)
        if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (address.schema,)).fetchone():
            connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(address.schema)))
        noting = SQL("INSERT INTO {}.migrations (version, clew) VALUES (%s, %s)").format(Identifier(address.schema))
        for number, script in enumerate(MIGRATIONS[before:], before + 1):
            connection.execute(filled(script, address))
            connection.execute(noting, (number, installed_version("clew")))
        return Migrated(before, VERSION)


def prepare(address: Address, *, read_only: bool = False) -> None:
    """Make the schema where there is none at all, unless it is only to be read.

    Raises StoreUnavailable when it is not of this Clew's version. One of an older Clew is left as it is: others may use
    it, and changing it is for a person to decide.
    """
    with explained(address), connect(address, LOOKING) as connection:
        _refuse_server(address, connection)
        found = _version(address, connection)
        if not read_only:
            _warn_of_unsafe(address, connection)
    if found == 0 and read_only:
        raise StoreUnavailable(
            f"There is nothing of Clew in {address.shown}. Start a server on it, or choose another store."
        )
    if 0 < found < VERSION:
        raise StoreUnavailable(
            f"{address.shown} is at version {found} of the schema; this Clew needs {VERSION}. Stop the servers that use "
            "it, make a backup, and run `clew migrate`."
        )
    if found == 0:
        migrate(address)


def _version(address: Address, connection: Connection[Any]) -> int:
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v')",
            (address.schema,),
        )
    ]
    if "migrations" not in tables:
        if tables:
            raise StoreUnavailable(
                f"The schema {address.schema} of {address.shown} has tables that are not Clew's. Name another one with "
                "?schema=NAME behind the store."
            )
        return 0
    newest = SQL("SELECT coalesce(max(version), 0) FROM {}.migrations").format(Identifier(address.schema))
    [(found,)] = connection.execute(newest).fetchall()
    if found > VERSION:
        raise StoreUnavailable(
            f"{address.shown} was written by a newer Clew (schema {found}; this one knows {VERSION}). Use that one, or "
            "choose another store."
        )
    return int(found)


def _refuse_server(address: Address, connection: Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise StoreUnavailable(f"{address.shown} is older than PostgreSQL 14, the oldest that Clew works with.")
    [(encoding,)] = connection.execute("SHOW server_encoding").fetchall()
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"{address.shown} is encoded as {encoding}, and can't keep every text. Make it with UTF8."
        )


def _refuse_writer(address: Address, connection: Connection[Any]) -> None:
    """Keep servers away until the end of the transaction, where none is there already."""
    held = SQL("SELECT pg_try_advisory_xact_lock(%s), holder FROM {}.writer").format(Identifier(address.schema))
    [(free, holder)] = connection.execute(held, (address.key("hold"),)).fetchall()
    if not free:
        raise StoreUnavailable(f"{address.shown} is being written by {holder}. Stop that server, and migrate then.")


def _warn_of_unsafe(address: Address, connection: Connection[Any]) -> None:
    off = "SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = 'off'"
    for (name,) in connection.execute(off, (list(UNSAFE),)):
        _logger.warning("%s runs with %s off: a power failure there loses what was acknowledged.", address.shown, name)
