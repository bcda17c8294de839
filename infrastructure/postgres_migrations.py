"""The tables and functions of a log in PostgreSQL, as the scripts that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infrastructure.chain import GENESIS

if TYPE_CHECKING:
    from infrastructure.postgres_address import Address

FENCED: Final = "CLW01"
"""The SQLSTATE of an append by somebody who is not the writer any more."""

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

MIGRATIONS: Final = (_TABLES + _LAST_POSITION + _TAKE + _APPEND,)
"""What each version of the schema adds to the one before. Entries are only ever added."""
VERSION: Final = len(MIGRATIONS)


def filled(script: str, address: Address) -> bytes:
    """A script for a schema."""
    names = {"schema": address.schema, "append_key": address.key("append"), "fenced": FENCED}
    return script.format(genesis=f"\\x{GENESIS.hex()}", **names).encode()
