"""The tables and functions of a store in PostgreSQL, made and changed step by step, each step once."""

from __future__ import annotations

import logging
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.sql import SQL, Identifier

from application.ports import StoreUnavailable
from infrastructure.postgres_connections import Use, connect
from infrastructure.postgres_errors import explained

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

_TABLES: Final = """
CREATE TABLE {schema}.migrations (
    version integer PRIMARY KEY,
    clew text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Columns are called as the eventsourcing package calls them. Whatever is unique has the stream in it, so that the table
-- can be partitioned by stream; positions are unique because they are given out under a lock.
CREATE TABLE {schema}.stored_events (
    notification_id bigint NOT NULL,
    originator_version bigint NOT NULL,
    originator_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE INDEX stored_events_by_position ON {schema}.stored_events (notification_id);

-- Streams whose names are longer than an index takes, and what stands for them elsewhere.
CREATE TABLE {schema}.long_names (
    originator_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL
);

-- A position is never given twice, not even when the newest rows were removed.
CREATE SEQUENCE {schema}.positions;

-- The one that may append: whoever has the newest token.
CREATE TABLE {schema}.writer (
    token bigint NOT NULL,
    holder text NOT NULL,
    since timestamptz NOT NULL
);
INSERT INTO {schema}.writer VALUES (0, '', now());
"""

_LAST_POSITION: Final = """
CREATE FUNCTION {schema}.last_position() RETURNS bigint LANGUAGE sql AS $$
    SELECT greatest(
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {schema}.positions),
        (SELECT max(notification_id) FROM {schema}.stored_events)
    )
$$;
"""

_TAKE: Final = """
-- Makes the caller the one that may append, and answers with its token and the position that the log ends at. The lock
-- lets what the writer before has under way come to its end; nothing of it can come afterwards.
CREATE FUNCTION {schema}.take(new_holder text, OUT new_token bigint, OUT last_position bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({append_key});
    UPDATE {schema}.writer SET token = token + 1, holder = new_holder, since = clock_timestamp()
        RETURNING token INTO new_token;
    last_position := {schema}.last_position();
END
$$;
"""

_APPEND: Final = """
-- Inserts rows behind a position if the streams end where the caller believes, and the log does; else it inserts nothing,
-- and answers with the true end of each stream that ends elsewhere, and (without a stream) of the log.
-- The lock is held until the commit: whoever comes next sees these rows, and positions are committed in their order, so
-- that no follower passes one that is still to come.
CREATE FUNCTION {schema}.append(
    writer_token bigint, last_position bigint,
    streams text[], versions bigint[], hashes bytea[],
    row_streams text[], row_versions bigint[], row_topics text[], row_states bytea[], row_hashes bytea[]
) RETURNS TABLE (stream text, version bigint, hash bytea) LANGUAGE plpgsql AS $$
DECLARE
    fits boolean := true;
    found_position bigint;
BEGIN
    PERFORM pg_advisory_xact_lock({append_key});
    IF NOT EXISTS (SELECT FROM {schema}.writer AS w WHERE w.token = writer_token) THEN
        RAISE EXCEPTION USING ERRCODE = '{fenced}', MESSAGE = (SELECT w.holder FROM {schema}.writer AS w);
    END IF;
    FOR i IN 1 .. cardinality(streams) LOOP
        SELECT e.originator_version, e.hash INTO version, hash FROM {schema}.stored_events AS e
            WHERE e.originator_id = streams[i] ORDER BY e.originator_version DESC LIMIT 1;
        IF NOT FOUND THEN
            version := 0;
            hash := '{genesis}'::bytea;
        END IF;
        IF version <> versions[i] OR hash <> hashes[i] THEN
            fits := false;
            stream := streams[i];
            RETURN NEXT;
        END IF;
    END LOOP;
    SELECT CASE WHEN p.is_called THEN p.last_value ELSE 0 END INTO found_position FROM {schema}.positions AS p;
    -- The sequence may lag behind the table: logical replication leaves it out.
    IF found_position <> last_position AND {schema}.last_position() <> last_position THEN
        fits := false;
        stream := NULL;
        version := {schema}.last_position();
        hash := NULL;
        RETURN NEXT;
    END IF;
    IF fits AND cardinality(row_streams) > 0 THEN
        PERFORM setval('{schema}.positions', last_position + cardinality(row_streams));
        INSERT INTO {schema}.stored_events (notification_id, originator_version, originator_id, topic, hash, state)
            SELECT last_position + r.n, r.version, r.stream, r.topic, r.hash, r.state
            FROM unnest(row_streams, row_versions, row_topics, row_states, row_hashes)
                WITH ORDINALITY AS r (stream, version, topic, state, hash, n);
    END IF;
END
$$;
"""

FENCED: Final = "CLW01"
"""The SQLSTATE of an append by somebody who is not the writer any more."""
GENESIS: Final = "\\x" + bytes(32).hex()
MIGRATIONS: Final = (_TABLES + _LAST_POSITION + _TAKE + _APPEND,)
"""What each version of the schema adds to the one before. Entries are only ever added."""
VERSION: Final = len(MIGRATIONS)


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
            connection.execute(_filled(script, address))
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


def _filled(script: str, address: Address) -> bytes:
    filled = script.format(schema=address.schema, append_key=address.key("append"), fenced=FENCED, genesis=GENESIS)
    return filled.encode()
