"""Names of streams as the tables of PostgreSQL have them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Identifier

from infrastructure.postgres_arrays import texts_array
from infrastructure.postgres_text import is_long, key, restored, stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infrastructure.postgres_address import Address
    from infrastructure.postgres_connections import Connection, Connections


class StreamNames:
    """Gives streams keys, and keys their streams. Few names are so long that this asks the database. Thread-safe."""

    def __init__(self, address: Address, readers: Connections) -> None:
        schema = Identifier(address.schema)
        self._keep = SQL(
            "INSERT INTO {}.long_names SELECT * FROM unnest(%b, %b) ON CONFLICT (originator_id) DO NOTHING"
        ).format(schema)
        self._find = SQL("SELECT name FROM {}.long_names WHERE originator_id = %s").format(schema).as_bytes()
        self._readers = readers
        self._long = lru_cache(maxsize=1_000)(self._found)

    def key(self, stream: str) -> str:
        """What stands for a stream."""
        return key(stored(stream))

    def keep(self, connection: Connection, streams: Iterable[str]) -> None:
        """Make sure that the streams can be told by their keys, before anything is recorded under those."""
        names = {name_key: name for name in map(stored, streams) if is_long(name_key := key(name))}
        if names:
            connection.execute(self._keep, (texts_array(names), texts_array(names.values())))

    def stream(self, name_key: str) -> str:
        """The stream of a key."""
        return self._long(name_key) if is_long(name_key) else restored(name_key)

    def _found(self, name_key: str) -> str:
        [(name,)] = self._readers.rows(self._find, (name_key,))
        return restored(name)
